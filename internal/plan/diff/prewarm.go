package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// AWS checks the health of targets only once a listener or rule forwards to their target group; until the first check has
// passed, requests get 503. So a rule that is to forward elsewhere first lists the new target group with weight 0 beside the
// old one, and switches when the targets are healthy, or when there is no point in waiting any longer.

const (
	mostForwarded = 5   // target groups of one forward
	mostAttached  = 100 // target groups of one application load balancer
)

// use is how a target group is used by what is observed.
type use int

const (
	unused   use = iota
	attached     // its targets are checked, but get nothing
	serving
)

// usage tells how target groups are used, by ARN.
func usage(o *elb.Observed) map[string]use {
	out := map[string]use{}
	note := func(as []stack.Action) {
		for _, a := range as {
			if a.Forward == nil {
				continue
			}
			for _, t := range a.Forward.TargetGroups {
				u := serving
				if t.Weight != nil && *t.Weight == 0 {
					u = attached
				}
				out[t.TargetGroup.Literal] = max(out[t.TargetGroup.Literal], u)
			}
		}
	}
	for _, l := range o.Listeners {
		note(l.DefaultActions)
	}
	for _, r := range o.Rules {
		note(r.Actions)
	}
	return out
}

// prewarming says how to get from observed to wanted actions without a gap: the actions to set first, nil if none, and the
// target groups whose health to await before the switch.
func (d *differ) prewarming(have, want []stack.Action) (first []stack.Action, cold []stack.Ref) {
	from, others := forwardOf(have)
	to, rest := forwardOf(want)
	if from == nil || to == nil || canonical.Actions(rest, d.resolve, true) != canonical.Actions(others, canonical.Literal, true) {
		return nil, nil
	}
	if d.uses == nil {
		d.uses = usage(d.obs)
	}
	staged := stack.Forward{Stickiness: from.Stickiness}
	alive := false
	for _, t := range from.TargetGroups {
		if t.Weight == nil || len(from.TargetGroups) == 1 && *t.Weight == 0 {
			t.Weight = new(int32)
			*t.Weight = 1
		}
		alive = alive || *t.Weight > 0
		staged.TargetGroups = append(staged.TargetGroups, t)
	}
	fresh := 0
	for _, t := range to.TargetGroups {
		if t.Weight != nil && *t.Weight == 0 && len(to.TargetGroups) > 1 {
			continue
		}
		switch d.uses[d.resolve(t.TargetGroup)] {
		case serving:
			continue
		case unused:
			staged.TargetGroups = append(staged.TargetGroups, stack.WeightedTargetGroup{TargetGroup: t.TargetGroup, Weight: new(int32)})
			fresh++
		case attached:
		}
		cold = append(cold, t.TargetGroup)
	}
	switch {
	case !alive:
		return nil, nil
	case fresh == 0:
		return nil, cold
	case d.opt.Region.Unweighted, len(staged.TargetGroups) > mostForwarded, len(d.uses)+fresh > mostAttached, d.mixed(staged.TargetGroups):
		return nil, nil
	}
	if (staged.Stickiness == nil || !staged.Stickiness.Enabled) && d.sticky(staged.TargetGroups) {
		staged.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 1}
	}
	for _, a := range want {
		if a.Forward != nil {
			a.Forward = &staged
		}
		first = append(first, a)
	}
	return first, cold
}

// mixed reports that target groups are of several address families, as far as is known, which AWS admits in no forward.
func (d *differ) mixed(all []stack.WeightedTargetGroup) bool {
	families := map[string]bool{}
	for _, t := range all {
		if tg := d.group(t.TargetGroup); tg != nil {
			families[cmp.Or(tg.IPAddressType, stack.IPv4)] = true
		}
	}
	return len(families) > 1
}

// sticky reports that one of the target groups of an application load balancer keeps clients at its targets, as far as is known:
// then AWS demands that a forward to several keeps clients at target groups, too.
func (d *differ) sticky(all []stack.WeightedTargetGroup) bool {
	return slices.ContainsFunc(all, func(t stack.WeightedTargetGroup) bool {
		tg := d.group(t.TargetGroup)
		return tg != nil && strings.HasPrefix(tg.Protocol, "HTTP") && tg.Attributes["stickiness.enabled"] == "true"
	})
}

// group is a target group as it is, or, if it is new, as it shall be; nil if it is somebody else's. An attribute that is about to
// change counts if it is on at either time.
func (d *differ) group(r stack.Ref) *stack.TargetGroup {
	have := d.obs.TargetGroup(d.resolve(r))
	for i := range d.want.TargetGroups {
		w := d.want.TargetGroups[i]
		switch {
		case w.ID != r.ID || r.Literal != "":
		case have == nil || w.Attributes["stickiness.enabled"] == "true":
			return &w
		}
	}
	if have == nil {
		return nil
	}
	return &have.TargetGroup
}

// forwardOf splits actions into the forward, nil if there is none, and the others.
func forwardOf(as []stack.Action) (f *stack.Forward, others []stack.Action) {
	for _, a := range as {
		if a.Forward != nil {
			f = a.Forward
		} else {
			others = append(others, a)
		}
	}
	return f, others
}

// prewarmed collects what is set first, and which steps wait for which target group.
type prewarmed struct {
	staged map[stack.Ref][]plan.StepID
	order  []stack.Ref
}

func (w *prewarmed) add(cold []stack.Ref, staged plan.StepID) {
	if w.staged == nil {
		w.staged = map[stack.Ref][]plan.StepID{}
	}
	for _, r := range cold {
		if _, ok := w.staged[r]; !ok {
			w.order = append(w.order, r)
		}
		w.staged[r] = append(w.staged[r], staged)
	}
}

// await makes a step per target group that ends when its targets are fit to serve.
func (d *differ) await(w *prewarmed) map[stack.Ref]plan.StepID {
	out := map[stack.Ref]plan.StepID{}
	for _, r := range w.order {
		s := d.step(plan.Await, r, plan.Vital, elb.AwaitTargets{TargetGroup: r}, "targets of "+d.label(r)+" to become healthy, before they get requests")
		s.Follow(w.staged[r]...)
		out[r] = s.ID
	}
	return out
}

func needAll(s *plan.Step, awaited map[stack.Ref]plan.StepID, cold []stack.Ref) {
	for _, r := range cold {
		s.Need(awaited[r])
	}
}

// prewarm sets what the rules that will change need first.
func (w *ruleWriter) prewarm() {
	var up prewarmed
	w.cold = make([][]stack.Ref, len(w.matches))
	for i := range w.matches {
		m := &w.matches[i]
		if !m.modify || canonical.Conditions(m.have.Conditions) != canonical.Conditions(m.want.Conditions) {
			continue
		}
		first, cold := w.d.prewarming(m.have.Actions, m.want.Actions)
		if len(cold) == 0 {
			continue
		}
		w.cold[i] = cold
		var staged plan.StepID
		if first != nil {
			op := elb.ModifyRule{Ref: ruleAt(m.have), Rule: *m.want}
			op.Rule.Actions, op.Rule.Transforms = first, m.have.Transforms
			staged = w.d.modifyRule(m, op, w.d.actionsSummary(m.have.Actions)+" → "+w.d.actionsSummary(first)).ID
		}
		up.add(cold, staged)
	}
	w.awaited = w.d.await(&up)
}

// stagedRule is a new rule that answers as its requests were answered before, until its own targets are healthy.
type stagedRule struct {
	want  *stack.Rule
	cold  []stack.Ref
	today []stack.Action
}

// sameAsObserved gives the actions and transforms with which a new rule changes nothing for its requests while its targets become
// healthy: those of the rule that answers all of its requests today, with the new targets beside. Nil if nobody forwards
// them, or more than one does.
func (w *ruleWriter) sameAsObserved(want *stack.Rule) (first []stack.Action, transforms []stack.Transform, staged stagedRule) {
	if w.observed == nil {
		return nil, nil, stagedRule{}
	}
	if w.today == nil {
		w.today = w.existing()
	}
	today := &stack.Rule{Actions: w.observed.DefaultActions}
	for _, r := range w.today {
		if traffic.Disjoint(r.Conditions, want.Conditions) {
			continue
		}
		if !traffic.Covers(r.Conditions, want.Conditions) {
			return nil, nil, stagedRule{}
		}
		today = &r.Rule
		break
	}
	first, cold := w.d.prewarming(today.Actions, want.Actions)
	if first == nil {
		return nil, nil, stagedRule{}
	}
	return first, today.Transforms, stagedRule{cold: cold, today: today.Actions}
}

// unstage gives staged rules what is wanted of them.
func (w *ruleWriter) unstage() {
	var up prewarmed
	for _, s := range w.staged {
		up.add(s.cold, w.d.made[newRule(s.want)])
	}
	awaited := w.d.await(&up)
	for _, s := range w.staged {
		op := elb.ModifyRule{Ref: newRule(s.want), Rule: *s.want}
		op.Rule.Tags = nil
		step := w.d.step(plan.Update, newRule(s.want), plan.Vital, op, w.d.ruleSummary(*s.want))
		needAll(step, awaited, s.cold)
		step.Follow(w.moved)
		w.d.release(s.today, step.ID) // until then its requests go there
	}
}

// sameAnswer reports whether wanted and observed actions answer alike; target groups without weight answer nothing.
func sameAnswer(want, have []stack.Action, resolve canonical.Resolver) bool {
	return canonical.Actions(answering(want), resolve, false) == canonical.Actions(answering(have), canonical.Literal, false)
}

func answering(as []stack.Action) []stack.Action {
	out := slices.Clone(as)
	for i := range out {
		if f := out[i].Forward; f != nil && len(f.TargetGroups) > 1 {
			c := *f
			c.TargetGroups = slices.DeleteFunc(slices.Clone(f.TargetGroups), func(t stack.WeightedTargetGroup) bool { return t.Weight != nil && *t.Weight == 0 })
			out[i].Forward = &c
		}
	}
	return out
}
