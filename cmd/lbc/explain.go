package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/explain"
	"github.com/k8s-lbc/lbc/internal/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/world"
)

const explainHelp = `Explain an Ingress or Service: its load balancer field by field, with the annotation or class parameter that set each (← …; no arrow
means a default, or that it was found out), the listeners with all their rules in the order in which they are tried and the
Ingress that each comes from, the target groups, and what is wrong.

With --request, tell which rule of an Ingress's load balancer a request gets: each rule that is tried and the first of its
conditions that does not hold, the rule that wins, its action, and the health of the targets behind it if the load balancer
exists. Other Ingresses of the same group take part as they do in the cluster.

` + inputHelp + `

Exit status: 0 explained; 1 something failed; 2 the object is invalid, and its diagnostics are in the output.`

const explainExample = `  lbc explain ingress shop -f shop.yaml
  lbc explain ingress shop -n web --kubeconfig ~/.kube/config --cluster-name prod

  # Why does this request not reach my Service?
  lbc explain ingress shop -f shop.yaml --request 'GET https://shop.example.com/cart?x=1' -H 'X-Env: dev'`

type explainOptions struct {
	inputs
	outputs
	request string
	headers []string
	from    string
}

// explained are the kinds that can be explained, by what people write.
var explained = map[string]world.Kind{
	"ingress": world.Ingress, "ingresses": world.Ingress, "ing": world.Ingress,
	"service": world.Service, "services": world.Service, "svc": world.Service,
}

func explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:     "explain (ingress|service) NAME [--request 'METHOD URL']",
		Short:   "Tell where each setting comes from, and which rule a request gets",
		Long:    explainHelp,
		Example: explainExample,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return o.complete(cmd, args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml")
	f := cmd.Flags()
	f.StringVar(&o.request, "request", "", "request to walk through the rules, such as 'GET https://shop.example.com/cart'")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header of the request, 'Name: value'; may be repeated")
	f.StringVar(&o.from, "from", "198.51.100.7", "address of the client, for source-ip conditions and security groups")
	return cmd
}

// complete offers kinds, then the names of objects.
func (o *explainOptions) complete(cmd *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return []string{"ingress", "service"}
	}
	kind, ok := explained[args[0]]
	if !ok || len(args) > 1 {
		return nil
	}
	src, err := o.open(cmd.Context(), io.Discard, strings.NewReader(""))
	if err != nil {
		return nil
	}
	defer src.close()
	var out []string
	for _, x := range src.snapshot.List(kind, o.namespace) {
		out = append(out, x.GetName())
	}
	slices.Sort(out)
	return out
}

// subject reads "ingress NAME" or "ingress/NAME"; NAME may be namespace/name.
func (o *explainOptions) subject(args []string) (kind world.Kind, namespace, name string, err error) {
	if len(args) == 1 {
		before, after, ok := strings.Cut(args[0], "/")
		if !ok {
			return "", "", "", fmt.Errorf("%q: name the kind and the object, as in: lbc explain ingress shop", args[0])
		}
		args = []string{before, after}
	}
	kind, ok := explained[strings.ToLower(args[0])]
	if !ok {
		return "", "", "", fmt.Errorf("%q cannot be explained: write ingress or service", args[0])
	}
	namespace, name = o.namespace, args[1]
	if before, after, ok := strings.Cut(name, "/"); ok {
		namespace, name = before, after
	}
	return kind, namespace, name, nil
}

func (o *explainOptions) run(ctx context.Context, args []string, out, errOut io.Writer, in io.Reader) error {
	if err := o.validate(); err != nil {
		return err
	}
	kind, namespace, name, err := o.subject(args)
	if err != nil {
		return err
	}
	from, err := netip.ParseAddr(o.from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	src, err := o.open(ctx, errOut, in)
	if err != nil {
		return err
	}
	defer src.close()
	object, ok := src.snapshot.Get(kind, namespace, name)
	if !ok {
		return missing(src.snapshot, kind, namespace, name)
	}
	r, err := o.one(ctx, src, object)
	if err != nil {
		return err
	}
	input := o.input(ctx, src, kind, object, r, errOut)
	e := explain.Explain(input)
	if o.request != "" {
		if err := o.ask(&e, input, from); err != nil {
			return err
		}
	}
	if o.format != "text" {
		err = o.encode(out, e)
	} else {
		text := e.Text(o.colored(out))
		if e.Request != nil {
			text = e.Request.Text(o.colored(out))
		}
		_, err = io.WriteString(out, text)
	}
	if err == nil && input.Diagnostics.HasErrors() {
		return exitInvalid
	}
	return err
}

func (o *explainOptions) ask(e *explain.Explanation, input explain.Input, from netip.Addr) error {
	request, err := explain.ParseRequest(o.request, o.headers, from)
	if err != nil {
		return fmt.Errorf("--request: %w", err)
	}
	if input.Stack == nil {
		return fmt.Errorf("%s cannot be built as it is, so no request reaches it: %s", input.Object, first(input.Diagnostics))
	}
	if input.Object.Kind != string(world.Ingress) {
		return errors.New("--request: a network load balancer has no rules; leave the flag out")
	}
	w := explain.Ask(input, request)
	e.Request = &w
	return nil
}

func first(l diag.List) string {
	for _, d := range l {
		if d.Class != diag.Note {
			return d.Message()
		}
	}
	return "its diagnostics tell why"
}

// missing tells what there is instead.
func missing(s world.Snapshot, kind world.Kind, namespace, name string) error {
	var there []string
	for _, x := range s.List(kind, "") {
		there = append(there, x.GetNamespace()+"/"+x.GetName())
	}
	slices.Sort(there)
	hint := fmt.Sprintf("there is no %s at all; name a file with -f or a cluster with --kubeconfig", kind)
	if len(there) > 0 {
		hint = "there is " + strings.Join(there[:min(len(there), 8)], ", ") + "; -n chooses the namespace"
	}
	return fmt.Errorf("%s %s/%s is not found: %s", kind, namespace, name, hint)
}

// one plans the stack that an object is in now.
func (o *explainOptions) one(ctx context.Context, src *source, object metav1.Object) (offline.Result, error) {
	v := world.New(src.reader)
	key, d, ok := offline.KeyOf(v, &o.config, object)
	switch {
	case d != nil:
		return offline.Result{}, fmt.Errorf("%s: %s", d.Object, d.Message())
	case !ok:
		return offline.Result{}, fmt.Errorf("%s/%s is not ours: an Ingress needs class alb (or one of its controller), a Service spec.loadBalancerClass: service.k8s.aws/nlb",
			object.GetNamespace(), object.GetName())
	}
	got, err := offline.Plans(ctx, v, offline.Only(key), src.inventory, &o.config, src.bindings(o.config.Kubeconfig))
	if err != nil {
		return offline.Result{}, err
	}
	if len(got.Stacks) != 1 {
		return offline.Result{}, fmt.Errorf("%s asks for no load balancer", key)
	}
	return got.Stacks[0], nil
}

func (o *explainOptions) input(ctx context.Context, src *source, kind world.Kind, object metav1.Object, r offline.Result, errOut io.Writer) explain.Input {
	input := explain.Input{
		Object: diag.Object{Kind: string(kind), Namespace: object.GetNamespace(), Name: object.GetName(), UID: string(object.GetUID())},
		Stack:  r.Compiled.Stack, Origins: r.Compiled.Origins, Observed: r.Observed, Diagnostics: r.Diagnostics,
		Annotations: func(x diag.Object) map[string]string {
			if a, ok := src.snapshot.Get(world.Kind(x.Kind), x.Namespace, x.Name); ok {
				return a.GetAnnotations()
			}
			return nil
		},
	}
	for _, m := range r.Wish.Entrance.Members {
		input.Members = append(input.Members, m.Object)
	}
	var err error
	if input.Targets, err = healthOf(ctx, src, r.Observed); err != nil {
		fmt.Fprintf(errOut, "lbc: the health of targets is not known: %v\n", err) //nolint:errcheck // a hint
	}
	return input
}

// healthOf asks for the targets of the target groups that exist.
func healthOf(ctx context.Context, src *source, o plan.Observed) (map[string][]explain.Target, error) {
	out := map[string][]explain.Target{}
	for _, tg := range o.TargetGroups {
		got, err := src.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(tg.ARN)})
		if err != nil {
			return out, fmt.Errorf("describing targets of %s: %w", tg.Name, err)
		}
		targets := []explain.Target{}
		for _, d := range got.TargetHealthDescriptions {
			t := explain.Target{}
			if d.Target != nil {
				t.ID, t.Port = aws.ToString(d.Target.Id), aws.ToInt32(d.Target.Port)
			}
			if d.TargetHealth != nil {
				t.Health, t.Reason = string(d.TargetHealth.State), string(d.TargetHealth.Reason)
			}
			targets = append(targets, t)
		}
		out[tg.ARN] = targets
	}
	return out, nil
}
