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

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

const explainHelp = `Explain an object and its load balancer:

  Ingress, Service, Gateway  the fields of the load balancer, each with the annotation or class
                             parameter that sets it (← …), or its flag, default or discovery (in
                             parentheses); the listeners with all rules in the order of evaluation,
                             and the object of each rule; the target groups; the findings
  Gateway                    also the listeners of the Gateway and its ListenerSets, the routes that
                             attach to each, and why other routes do not
  route, listenerset         for each Gateway that it names: where it attaches or why not, its rules
                             among all others, and their target groups. Kinds of routes are
                             httproute, grpcroute, tcproute, udproute and tlsroute
  GlobalAccelerator          the accelerator with its listeners, endpoint groups and endpoints, each
                             endpoint with the load balancer of its object and with AWS's health
  TargetGroupBinding         the path from its Service to the targets in AWS: which endpoints are
                             targets, why others are not, their health, other registered targets,
                             the security group rules of its networking, and its owner

If the newest version of the object is not in effect in the cluster, standard error says so; lbc wait waits for it.
For a deleted object that still exists, lbc shows the cause and the remaining steps in AWS.

You can omit the name if there is only one object. Without a namespace, lbc looks in the namespace
of -n, then in all files.

With --request, lbc shows which rule a request matches: each evaluated rule with its first condition
that does not match, the matching rule with its action, and the health of the targets if the load
balancer exists. Other Ingresses of the group come from the cluster. -L follows redirects as long as
they stay on the load balancer, and detects loops.

` + inputHelp + `

Exit status: 0 success; 1 error; 2 the object is invalid (not only another of its group), and its
diagnostics are in the output.`

const explainExample = `  lbc explain ingress shop -f shop.yaml
  lbc explain ingress shop -n web

  # Why does this request not reach my Service?
  lbc explain ingress shop -f shop.yaml --request 'GET https://shop.example.com/cart?x=1' -H 'X-Env: dev'

  lbc explain gateway web -f gateway.yaml
  lbc explain httproute front -f gateway.yaml --request https://shop.example.com/cart

  lbc explain globalaccelerator shop -n edge

  # Why is this pod no target?
  lbc explain targetgroupbinding shop -n web

  # Where does it end up?
  lbc explain ingress shop -f shop.yaml --request http://shop.example.com/ -L`

type explainOptions struct {
	inputs
	outputs
	request string
	headers []string
	from    string
	follow  bool
}

func explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:     "explain [KIND [NAMESPACE/]NAME] [--request 'METHOD URL' [-L]]",
		Short:   "Show where each setting comes from, and which rule a request matches",
		Long:    explainHelp,
		Example: explainExample,
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return o.complete(cmd, args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	o.withCluster = true
	o.inputs.flags(cmd)
	o.allFlag(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml")
	f := cmd.Flags()
	f.StringVar(&o.request, "request", "", "request to match against the rules, such as 'GET "+
		"https://shop.example.com/cart'")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header of the request, 'Name: value'; may be repeated")
	f.BoolVarP(&o.follow, "follow", "L", false, fmt.Sprintf("follow redirects of the request, at most %d",
		explain.MaxRedirects))
	f.StringVar(&o.from, "from", "198.51.100.7", "address of the client, for source-ip conditions and security groups")
	return cmd
}

func (o *explainOptions) run(ctx context.Context, args []string, out, errOut io.Writer, in io.Reader) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.request == "" && (o.follow || len(o.headers) > 0) {
		return errors.New("--follow and --header need a request: add --request 'GET https://shop.example.com/path'")
	}
	from, err := netip.ParseAddr(o.from)
	if err != nil {
		return fmt.Errorf("--from %q is not an IP address; write one such as 198.51.100.7", o.from)
	}
	src, err := o.open(ctx, errOut, in)
	if err != nil {
		return err
	}
	defer src.close()
	hint(errOut, src.assumedClasses)
	src.sayBroken(errOut)
	kind, object, err := o.subject(src, args)
	if err != nil {
		return err
	}
	o.sayVersion(ctx, src, kind, object, errOut)
	if ga, ok := object.(*agav1beta1.GlobalAccelerator); ok {
		return o.showAccelerator(ctx, src, ga, out)
	}
	if b, ok := object.(*v1beta1.TargetGroupBinding); ok {
		return o.showBinding(ctx, src, b, out)
	}
	if object.GetDeletionTimestamp() != nil && !isPart(kind) && o.request == "" {
		return o.showDeletion(ctx, src, kind, object, out)
	}
	results, err := o.results(ctx, src, kind, object)
	if err != nil {
		return err
	}
	explained := diag.Object{Kind: string(kind), Namespace: object.GetNamespace(), Name: object.GetName(),
		UID: string(object.GetUID())}
	doc := explain.Part{Object: owner.Object(object).String(), Gateways: []explain.Explanation{}}
	invalid := false
	for _, r := range results {
		input := o.input(ctx, src, explained, r, errOut)
		e := explain.Explain(input)
		if o.request != "" {
			if err := o.ask(&e, input, from); err != nil {
				return err
			}
		}
		invalid = invalid || e.Invalid() || (!isPart(kind) || input.Stack == nil) && concerned(input)
		doc.Gateways = append(doc.Gateways, e)
	}
	if err := o.show(out, kind, doc); err != nil {
		return err
	}
	if invalid {
		o.noteQuarantine(errOut)
		return exitInvalid
	}
	return nil
}

// concerned reports whether an error is about the explained object or one of its parts: not about another
// member of its group, of which the load balancer does without.
func concerned(in explain.Input) bool {
	same := func(a, b diag.Object) bool { return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name }
	return slices.ContainsFunc(in.Diagnostics, func(d diag.Diagnostic) bool {
		other := in.Stack != nil && !same(d.Object, in.Object) && slices.ContainsFunc(in.Members,
			func(m diag.Object) bool { return same(m, d.Object) })
		return !other && diag.List{d}.HasErrors()
	})
}

// show prints the explanation of an object: of a part of Gateways one for each of them.
func (o *explainOptions) show(out io.Writer, kind objects.Kind, doc explain.Part) error {
	switch {
	case o.format != "text" && isPart(kind):
		return o.encode(out, routeExplanationKind, doc)
	case o.format != "text":
		return o.encode(out, explanationKind, doc.Gateways[0])
	}
	for i := range doc.Gateways {
		e := &doc.Gateways[i]
		text := e.Text(o.colored(out))
		if e.Request != nil {
			text = e.Request.Text(o.colored(out))
			if len(doc.Gateways) > 1 {
				text = e.Gateway.Name + ":\n" + text
			}
		}
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	return nil
}

// results are the plans of the load balancers that an object belongs to: one, or of a route those of the Gateways that
// it names.
func (o *explainOptions) results(ctx context.Context, src *source, kind objects.Kind, object metav1.Object) (
	[]offline.Result, error) {
	if !isPart(kind) {
		r, err := o.one(ctx, src, object)
		return []offline.Result{r}, err
	}
	v := objects.New(src.reader)
	var out []offline.Result
	var others []string
	for _, ref := range offline.GatewaysOf(v, object) {
		g, ok := src.snapshot.Get(ref.Kind, ref.Namespace, ref.Name)
		if !ok {
			others = append(others, ref.Namespace+"/"+ref.Name+" does not exist")
			continue
		}
		r, err := o.one(ctx, src, g)
		if err != nil {
			others = append(others, err.Error())
			continue
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		why := "it names none in parentRefs"
		if len(others) > 0 {
			why = strings.Join(others, "; ")
		}
		return nil, fmt.Errorf("%s belongs to no Gateway of the controller: %s", owner.Object(object), why)
	}
	return out, nil
}

func (o *explainOptions) ask(e *explain.Explanation, input explain.Input, from netip.Addr) error {
	request, err := explain.ParseRequest(o.request, o.headers, from)
	if err != nil {
		return fmt.Errorf("--request: %w", err)
	}
	if input.Stack == nil {
		return fmt.Errorf("the load balancer of %s cannot be built, so no request reaches it: %s", input.Object,
			explain.Reason(input.Diagnostics))
	}
	if !slices.ContainsFunc(input.Stack.LoadBalancers, func(lb stack.LoadBalancer) bool {
		return lb.Type == stack.Application
	}) {
		return errors.New("--request: a network load balancer has no rules; leave the flag out")
	}
	walk := explain.Ask
	if o.follow {
		walk = explain.Follow
	}
	w := walk(input, request)
	e.Request = &w
	return nil
}

// unmanaged is what an object without a class of the controller is, with what to do.
const unmanaged = "not managed by the controller: set a class of the controller (ingressClassName, " +
	"loadBalancerClass or gatewayClassName), or for a Service, annotation " + string(annotation.ServiceType)

// one plans the stack that an object belongs to.
func (o *explainOptions) one(ctx context.Context, src *source, object metav1.Object) (offline.Result, error) {
	v := objects.New(src.reader)
	key, d, ok := offline.KeyOf(v, &o.config, object)
	switch {
	case d != nil:
		return offline.Result{}, fmt.Errorf("%s: %s", d.Object, d.Message())
	case !ok:
		return offline.Result{},
			fmt.Errorf("%s is %s", owner.Object(object), unmanaged)
	}
	got, err := o.planner(src).Plans(ctx, v, func(k stack.Key) bool { return front.ShardKey(k, 0) == key })
	if err != nil {
		return offline.Result{}, err
	}
	if len(got.Stacks) == 0 {
		return offline.Result{}, fmt.Errorf("%s declares no load balancer", key)
	}
	on := front.ShardKey(key, got.Stacks[0].Input.ShardOf(object, o.requestHost()))
	for _, r := range got.Stacks {
		if r.Key == on {
			return r, nil
		}
	}
	return got.Stacks[0], nil
}

// requestHost is the host of the request; empty = there is no request, or it is malformed, which is reported later.
func (o *explainOptions) requestHost() string {
	_, target, _ := strings.Cut(o.request, "://")
	host, _, _ := strings.Cut(target, "/")
	host, _, _ = strings.Cut(host, ":")
	return host
}

// explained is what is explained of a plan, from the point of view of an object.
func (i *inputs) explained(src *source, object diag.Object, r offline.Result) explain.Input {
	input := explain.Input{
		Object: object, DefaultTags: i.config.DefaultTags,
		Stack: r.Compiled.Stack, Keep: r.Compiled.Keep, Origins: r.Compiled.Origins, Observed: r.Observed,
		Diagnostics: r.Diagnostics,
	}
	return input.WithObjects(objects.New(src.reader), settings.Ingress(&i.config).Config, r.Input.Decisions)
}

// input is what is explained of a plan, with its members and the health of its targets.
func (o *explainOptions) input(ctx context.Context, src *source, object diag.Object, r offline.Result,
	errOut io.Writer) explain.Input {
	input := o.explained(src, object, r)
	for _, m := range r.Input.LoadBalancer.Members {
		input.Members = append(input.Members, m.Object)
	}
	var err error
	if input.Targets, err = healthOf(ctx, src, r.Observed); err != nil {
		fmt.Fprintf(errOut, "lbc: cannot read the health of targets: %v\n", err)
	}
	return input
}

// healthOf reads the targets of the target groups that exist.
func healthOf(ctx context.Context, src *source, o awsop.Observed) (map[string][]explain.Target, error) {
	out := map[string][]explain.Target{}
	for _, tg := range o.TargetGroups {
		got, err := src.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
			TargetGroupArn: aws.String(tg.ARN)})
		if err != nil {
			return out, fmt.Errorf("AWS did not return the targets of target group %s: %w", tg.Name, err)
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
