package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Frozen reports whether objects of the load balancer refuse steps of a plan: they only observe, ask for an approval,
// or are under dry run.
func Frozen(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return s.Guard != nil && slices.Contains([]diag.Code{
			diag.OnlyObserved, diag.PlanNotApproved, diag.TakeoverNotApproved, diag.DryRun}, s.Guard.Code)
	})
}

// Withdraw adds to a frozen plan the steps that end forwards to target groups whose owners no longer permit them. why
// has the reason of each such target group, by ARN. A rule or default action keeps its other target groups. Without
// any, requests get the error of a rule that cannot be served, and a listener of a network load balancer is deleted. Of
// a load balancer that the stack shares or adopts, only listeners and rules with the stack's tags change.
func Withdraw(o awsop.Observed, why map[string]string, own func(tags map[string]string) bool) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		if len(why) == 0 || !Frozen(p) {
			return p
		}
		w := withdrawal{o: o, why: why}
		created, network := map[string]bool{}, map[string]bool{} // load balancers of the stack's own, and NLBs
		for i := range o.LoadBalancers {
			lb := &o.LoadBalancers[i]
			created[lb.ARN] = !lb.Foreign && !lb.Adopted() && own(lb.Tags)
			network[lb.ARN] = lb.Type == stack.Network
		}
		whole := map[string]bool{} // listeners of which every rule is the stack's
		for i := range o.Listeners {
			l := &o.Listeners[i]
			whole[l.ARN] = created[l.LoadBalancer.Literal]
			if whole[l.ARN] || own(l.Tags) {
				w.listener(l, network[l.LoadBalancer.Literal])
			}
		}
		for i := range o.Rules {
			if r := &o.Rules[i]; whole[r.Listener.Literal] || own(r.Tags) {
				w.rule(r)
			}
		}
		p.Steps = append(slices.Clone(p.Steps), w.steps...)
		return p
	}
}

// withdrawal is the state of a Withdraw.
type withdrawal struct {
	o     awsop.Observed
	why   map[string]string
	steps []plan.Step
}

// left returns the remaining actions, and why target groups are missing. Nil actions = nothing is left.
func (w *withdrawal) left(actions []stack.Action) (left []stack.Action, why []string) {
	for _, r := range awsop.TargetGroupsOf(actions) {
		if text := w.why[r.Literal]; text != "" && !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	if len(why) == 0 || len(actions) != 1 { // a login in front of a forward is not sent again
		return nil, why
	}
	f := *actions[0].Forward
	f.TargetGroups = slices.DeleteFunc(slices.Clone(f.TargetGroups), func(g stack.WeightedTargetGroup) bool {
		return w.why[g.TargetGroup.Literal] != ""
	})
	if !slices.ContainsFunc(f.TargetGroups, func(g stack.WeightedTargetGroup) bool {
		return g.Weight == nil || *g.Weight > 0
	}) {
		return nil, why
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: &f}}, why
}

// listener adds the step for the default actions of a listener.
func (w *withdrawal) listener(l *awsop.Listener, network bool) {
	actions, why := w.left(l.DefaultActions)
	if len(why) == 0 {
		return
	}
	ref := stack.Literal(stack.KindListener, l.ARN)
	if actions == nil && network {
		w.add("DeleteListener", plan.Delete, ref, awsop.DeleteListener{Listener: ref}, why)
		return
	}
	if actions == nil {
		actions = stack.UnavailableOf(w.o.Key.Owner)
	}
	w.add("ModifyListener", plan.Update, ref, awsop.ModifyListener{Ref: ref,
		Listener: stack.Listener{ID: l.ID, Port: l.Port, Protocol: l.Protocol, DefaultActions: actions},
		Sets:     awsop.ListenerSettings{Actions: true}}, why)
}

// rule adds the step for a rule.
func (w *withdrawal) rule(r *awsop.Rule) {
	actions, why := w.left(r.Actions)
	if len(why) == 0 {
		return
	}
	changed := r.Rule
	changed.Tags = nil
	if changed.Actions = actions; actions == nil {
		changed.Actions, changed.Transforms = stack.UnavailableOf(w.o.Key.Owner), nil
	}
	ref := stack.Literal(stack.KindRule, r.ARN)
	w.add("ModifyRule", plan.Update, ref, awsop.ModifyRule{Ref: ref, Rule: changed}, why)
}

func (w *withdrawal) add(name string, action plan.Action, ref stack.Ref, op plan.Operation, why []string) {
	w.steps = append(w.steps, plan.Step{ID: plan.StepID(name + " " + ref.Literal + " (withdrawn)"), Action: action,
		Resource: ref, Op: op, Lane: plan.Vital, Why: why})
}
