package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

const planHelp = `Show what the controller would create (+), change (~), replace (±) and delete (-) in AWS, and why.
The plan covers load balancers, the targets and security group rules of TargetGroupBindings, and,
with feature gate GlobalAcceleratorController, accelerators.

For one load balancer, or for all with --details, the plan also shows the settings of new resources:
scheme, subnets, certificates, health checks and others. Each has the place that declares it (← …),
or its flag, default or discovery.

` + inputHelp + `

With files and a cluster, only the load balancers that the files concern are planned; with a cluster
alone, those of one namespace, or with -A of all. Annotation dry-run is ignored.

Targets are the endpoints in the cluster, or those of EndpointSlices, Pods and Nodes in the files;
without them, a note takes the place of the plan of a binding. Those of a load balancer's own
bindings are shown if its target group exists and they differ from what is registered; they come and
go with pods, and are no changes for --exit-code. Which rules are closed because no binding needs
them is known with a cluster only.

-o markdown prints a comment for a pull request: each load balancer folded, and no more than GitHub takes.

The plan ends with what changes in the units of AWS's bill, without prices, and who can reach what
afterwards: ports that open or close, logins and other checks that are lost, requests that reach
another Service or fail, and DNS names that change. A "!" marks what exposes. What could not be read
is listed as unknown. --fail-on fails on some of it: exposure on a line with a "!" or an unknown
one, replacement and deletion on any step with ± or -, also if it is refused. The reasons are
printed with their steps.

-o stack prints the desired stack of each load balancer, in the form of annotation dry-run-plan, one JSON text per line.

Exit status: 0 success; 1 error; 2 an object is invalid, and its diagnostics are in the output, or
a manifest cannot be read and is left out; with --exit-code, 3 there are changes; with --fail-on, 6 the plan does what it names, also if there are changes or an object is invalid.`

const planExample = `  # What would these manifests create?
  lbc plan -f shop.yaml

  # What would they change in this cluster? What would the controller change without them?
  lbc plan -f shop.yaml --context prod
  lbc plan -A

  # In a pipeline without credentials, with a recording
  lbc plan -f shop.yaml --account recorded.json --exit-code -o json

  # Fail a pull request that exposes something, or replaces or deletes a resource
  lbc plan -f shop.yaml --context prod --fail-on exposure,replacement,deletion`

type planOptions struct {
	inputs
	outputs
	exitCode bool
	details  bool
	out      string   // file
	failOn   []string // values of impact.FailOn
}

func planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:     "plan [FILE]... [--context CONTEXT] [--account FILE]",
		Short:   "Show what would be created, changed and deleted in AWS, and why",
		Long:    planHelp,
		Example: planExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    o.withFiles(o.run),
	}
	o.withCluster = true
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml", "stack", "markdown")
	o.allFlag(cmd)
	cmd.Flags().BoolVar(&o.details, "details", false,
		"also show the settings of new resources if the plan has several load balancers")
	cmd.Flags().StringVar(&o.out, "out", "", "file to which to write the plan as JSON")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with status 3 if there are changes")
	cmd.Flags().StringSliceVar(&o.failOn, "fail-on", nil,
		"exit with status 6 if the plan has any of these: exposure, replacement, deletion")
	return cmd
}

func (o *planOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if err := errors.Join(o.validate(), o.validFailOn()); err != nil {
		return err
	}
	src, err := o.open(ctx, errOut, in)
	if err != nil {
		return err
	}
	defer src.close()
	if src.builtIn && o.format == "text" {
		fmt.Fprintf(errOut, "lbc: planned in the simulator's built-in account (%s, cluster %s); --account, --kubeconfig or "+
			"--context select another one\n\n", o.config.Region, o.config.ClusterName)
	}
	hint(errOut, src.assumedClasses)
	leftOut := src.sayBroken(errOut)
	refused, err := src.sayUnstorable(errOut)
	if err != nil {
		return err
	}
	all, err := o.everything(ctx, src)
	if err != nil {
		return err
	}
	if err := o.print(out, src, all); err != nil {
		return err
	}
	if o.out != "" {
		if err := o.write(all); err != nil {
			return err
		}
	}
	return o.verdict(errOut, all, leftOut || refused)
}

// everything makes the plans of load balancers, accelerators and bindings, and judges them.
func (o *planOptions) everything(ctx context.Context, src *source) (judged, error) {
	got, err := o.plans(ctx, src)
	if err != nil {
		return judged{}, err
	}
	accelerators, ignored, err := o.accelerators(ctx, src, o.concernedAccelerators(src), got.Stacks)
	if err != nil {
		return judged{}, err
	}
	for i := range accelerators {
		got.Stacks = append(got.Stacks, accelerators[i].Result())
	}
	got.Diagnostics = append(got.Diagnostics, ignored...)
	bound, err := o.bindings(ctx, src, o.concernedBindings(src), got.Stacks, false)
	if err != nil {
		return judged{}, err
	}
	if o.limited() {
		got.Diagnostics = slices.DeleteFunc(got.Diagnostics, func(d diag.Diagnostic) bool {
			return d.Object.Namespace != o.namespace
		})
	}
	return o.judge(got, accelerators, bound), nil
}

// verdict says on errOut why the command fails, and returns its exit status as an error.
func (o *planOptions) verdict(errOut io.Writer, got judged, leftOut bool) error {
	sayTriggers(errOut, got.triggers)
	changes := bindingsChange(got.bound) || slices.ContainsFunc(got.Stacks, func(r offline.Result) bool {
		return !r.Plan.Empty()
	})
	invalid := got.Invalid() || bindingsInvalid(got.bound)
	if invalid {
		o.noteQuarantine(errOut)
	}
	switch {
	case len(got.triggers) > 0:
		return exitFailOn
	case invalid || leftOut:
		return exitInvalid
	case o.exitCode && changes:
		return exitChanges
	}
	return nil
}

func (o *planOptions) print(out io.Writer, src *source, got judged) error {
	bound := got.bound
	switch o.format {
	case "json", "yaml":
		d, err := documentOf(got, &o.config)
		if err != nil {
			return err
		}
		return o.encode(out, planKind, d)
	case "stack":
		return stacks(out, got.Stacks)
	}
	var b strings.Builder
	var total plan.Summary
	var sections []section
	rows := slices.Concat(got.Stacks, bindingResults(bound))
	unchanged, folded := 0, []string{}
	for _, r := range rows {
		if settled(r) {
			unchanged++
			folded = append(folded, r.Key.String())
		}
	}
	for _, r := range rows {
		total = total.Plus(r.Plan.Summary())
		if settled(r) && unchanged > 1 {
			continue
		}
		text := o.stackText(out, src, r, len(got.Stacks) == 1)
		sections = append(sections, section{r.Key.String() + ": " + headline(r), text})
		b.WriteString(text)
		b.WriteString("\n")
	}
	diagnostics(&b, got.Diagnostics, "")
	if unchanged > 1 {
		fmt.Fprintf(&b, "%s: nothing to do: %s\n", things(unchanged, rows), diag.Some(folded))
	}
	count := len(rows)
	if !bound.Rules.Plan.Empty() { // which is of no binding
		count--
	}
	if len(rows) > 1 {
		fmt.Fprintf(&b, "total of %s: %s\n", things(count, rows), total)
	}
	if len(rows)+len(got.Diagnostics) == 0 {
		b.WriteString(o.nothing())
	}
	appendPart(&b, got.impact.Text())
	text := b.String()
	if o.format == "markdown" {
		head := fmt.Sprintf("Plan of %s: %s", things(count, rows), total)
		if unchanged > 1 {
			head += fmt.Sprintf("; %d unchanged", unchanged)
		}
		text = markdown(head, got.impact.Markdown(), append(loose(got.Diagnostics), sections...))
	}
	_, err := io.WriteString(out, text)
	return err
}

// appendPart writes a part of a text, after one blank line.
func appendPart(b *strings.Builder, part string) {
	if part != "" && !strings.HasSuffix(b.String(), "\n\n") {
		b.WriteString("\n")
	}
	b.WriteString(part)
}

// loose is the section of findings about objects that belong to no load balancer, if there are some.
func loose(found diag.List) []section {
	var b strings.Builder
	if diagnostics(&b, found, ""); b.Len() == 0 {
		return nil
	}
	return []section{{"findings about objects without a load balancer", b.String()}}
}

// nothing says that no object declares a load balancer.
func (o *planOptions) nothing() string {
	text := "no object declares a load balancer: Ingresses need class alb (or annotation " +
		"kubernetes.io/ingress.class: alb), " +
		"Services spec.loadBalancerClass: service.k8s.aws/nlb, Gateways a GatewayClass of controller gateway.k8s.aws/alb, " +
		"/nlb or /auto\n"
	if o.limited() {
		return fmt.Sprintf("namespace %s has no load balancer; -n chooses another one, -A all; ", o.namespace) + text
	}
	return text
}

// things is a number of plans in words, by what they are of among all.
func things(n int, all []offline.Result) string {
	kinds := []string{"load balancer", "accelerator", "TargetGroupBinding"}
	var there []string
	for _, k := range kinds {
		if slices.ContainsFunc(all, func(r offline.Result) bool { return thing(r) == k }) {
			there = append(there, k)
		}
	}
	switch len(there) {
	case 0:
		return doctor.Count(n, kinds[0])
	case 1:
		return doctor.Count(n, there[0])
	}
	for i := range there {
		there[i] += "s"
	}
	last := len(there) - 1
	return fmt.Sprintf("%d %s and %s", n, strings.Join(there[:last], ", "), there[last])
}

// thing is what a plan is of.
func thing(r offline.Result) string {
	if r.Key.Owner == accelerator.Owner {
		return "accelerator"
	}
	if r.Key.Owner == sgsync.Key.Owner {
		return "TargetGroupBinding"
	}
	return "load balancer"
}

// headline is what the plan of a stack comes to.
func headline(r offline.Result) string {
	if r.Unbuildable {
		return cmp.Or(r.Instead, "cannot be built")
	}
	return r.Plan.Summary().String()
}

// stackText is the plan of a stack with what there is to say about it.
func (o *planOptions) stackText(out io.Writer, src *source, r offline.Result, alone bool) string {
	var b strings.Builder
	if r.Unbuildable {
		fmt.Fprintf(&b, "%s: %s\n", r.Key, cmp.Or(r.Instead, "cannot be built; nothing would be changed"))
	} else {
		b.WriteString(r.Plan.Text(plan.TextOptions{Color: o.format == "text" && o.colored(out),
			Details: o.detailsOf(src, r, alone)}))
	}
	if r.DriftAssumed {
		b.WriteString("  note: without a checkpoint of the controller, its last applied state is unknown: every difference " +
			"counts as changed in AWS, also a difference because of an edit\n")
	}
	diagnostics(&b, r.Diagnostics, "  ")
	for _, u := range r.Unmet {
		b.WriteString("  error: " + diag.Visible(fmt.Sprintf("%s: %s (%s) [%s]", u.Object, u.Message, u.Path, u.Reason)) +
			"\n")
	}
	return b.String()
}

// settled reports whether a plan changes nothing, and there is nothing to say about it.
func settled(r offline.Result) bool {
	return !r.Unbuildable && r.Plan.Empty() && len(r.Plan.Withheld)+len(r.Diagnostics)+len(r.Unmet) == 0
}

// detailsOf are the settings of what the steps of a plan create; nil = they are not asked for.
func (o *planOptions) detailsOf(src *source, r offline.Result, alone bool) func(plan.Step) []string {
	if !o.details && !alone || r.Compiled.Stack == nil {
		return nil
	}
	var of diag.Object
	if members := r.Input.LoadBalancer.Members; len(members) > 0 {
		of = members[0].Object
	}
	settings := explain.Settings(o.explained(src, of, r))
	return func(s plan.Step) (lines []string) {
		switch s.Op.(type) {
		case awsop.CreateLoadBalancer, awsop.CreateListener, awsop.CreateTargetGroup:
			for _, f := range settings[s.Resource] {
				lines = append(lines, f.Text())
			}
		}
		return lines
	}
}

func diagnostics(b *strings.Builder, l diag.List, indent string) {
	for _, d := range l {
		fmt.Fprintf(b, "%s%s %s: %s\n", indent, mark(d), d.Object, d.Message())
	}
}

// stacks prints the desired stacks, one per line.
func stacks(out io.Writer, results []offline.Result) error {
	var b bytes.Buffer
	for _, r := range results {
		if r.Compiled.Stack == nil {
			continue
		}
		text, err := planjson.Marshal(naming.Untracked(r.Compiled.Stack))
		if err != nil {
			return err
		}
		if err := json.Compact(&b, text); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	_, err := out.Write(b.Bytes())
	return err
}
