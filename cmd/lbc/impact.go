package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/impact"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// judged are plans with what they change of the bill and of exposure: all that lbc plan prints.
type judged struct {
	offline.Outcome
	bound    offline.Bindings
	impact   impact.Report
	triggers []impact.Trigger // of --fail-on
}

// judge computes what the plans change of the bill and of exposure, and the reasons for which --fail-on fails.
func (o *planOptions) judge(got offline.Outcome, accelerators []offline.Accelerator, bound offline.Bindings) judged {
	in := impact.Input{Unknown: unknownImpact(got, bound)}
	var plans []plan.Plan
	for _, r := range got.Stacks {
		plans = append(plans, r.Plan)
		if r.Unbuildable || r.Compiled.Stack == nil {
			continue
		}
		in.Stacks = append(in.Stacks, impact.Stack{Plan: r.Plan, Observed: r.Observed, Bindings: r.Compiled.Stack.Bindings})
	}
	for _, a := range accelerators {
		in.Accelerators = append(in.Accelerators, impact.Accelerator{Plan: a.Plan, Observed: a.Observed})
	}
	for _, r := range bindingResults(bound) {
		plans = append(plans, r.Plan)
	}
	for i := range bound.All { // what those of stacks admit is among the changes of the stacks
		if b := &bound.All[i]; !b.OfStack() {
			in.Others = append(in.Others, b.Plan)
		}
	}
	in.Others = append(in.Others, bound.Rules.Plan)
	out := judged{Outcome: got, bound: bound, impact: impact.Of(in)}
	out.triggers = impact.Triggers(o.failOn, plans, out.impact)
	return out
}

// unknownImpact are the plans that could not be made. A binding counts only if it may open something: if it admits
// ranges of addresses.
func unknownImpact(got offline.Outcome, bound offline.Bindings) (out []impact.Unknown) {
	for _, r := range got.Stacks {
		if r.Unbuildable {
			what := "it cannot be built, so lbc cannot tell what a corrected version would change"
			out = append(out, impact.Unknown{Of: r.Key.String(), What: what, Exposes: true})
		}
	}
	for i := range bound.All {
		b := &bound.All[i]
		if b.State != offline.Unknown && !b.Unread || b.OfStack() || b.Object.Spec.Networking == nil {
			continue
		}
		for _, rule := range b.Object.Spec.Networking.Ingress {
			for _, peer := range rule.From {
				if peer.IPBlock != nil {
					what := string(objects.TargetGroupBinding) + " was not planned; spec.networking may open ports to " +
						peer.IPBlock.CIDR
					out = append(out, impact.Unknown{Of: b.ID().String(), What: what, Exposes: true})
				}
			}
		}
	}
	return out
}

// validFailOn refuses values that --fail-on does not have.
func (o *planOptions) validFailOn() error {
	for _, v := range o.failOn {
		if !slices.Contains(impact.FailOn, v) {
			return fmt.Errorf("--fail-on: %q is not one of %s", v, strings.Join(impact.FailOn, ", "))
		}
	}
	return nil
}

// sayTriggers lists why --fail-on fails.
func sayTriggers(errOut io.Writer, triggers []impact.Trigger) {
	for _, t := range triggers {
		fmt.Fprintln(errOut, "lbc: --fail-on "+t.Text())
	}
}
