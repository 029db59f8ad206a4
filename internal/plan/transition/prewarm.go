package transition

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// AWS checks the health of targets only once a listener or rule forwards to their target group; until the first check has
// passed, requests get 503. So a rule that is to forward elsewhere first lists the new target group with weight 0 beside the
// old one, and switches when the targets are healthy, or when there is no point in waiting any longer. A forward of a network load balancer
// admits target groups of one protocol: targets that cannot be beside the old ones are checked behind a listener aside, see Input.Aside.

const mostAttached = 100 // target groups of one application load balancer

// Targets is what is known of the target groups of a stack.
type Targets struct {
	Resolve    canonical.Resolver
	Labels     stack.Labels
	Observed   *elb.Observed
	Wanted     []stack.TargetGroup
	Uses       map[string]Use // by ARN, of what is observed
	Unweighted bool           // forwards to several target groups are not admitted, so new targets cannot warm up beside the old ones
}

// Use is how a target group is used.
type Use int

const (
	unused   Use = iota
	attached     // its targets are checked, but get nothing
	serving
)

// Uses says how target groups are used, by ARN. The listeners for which leaves is true, which may be nil, serve no longer.
func Uses(o *elb.Observed, leaves func(*elb.Listener) bool) map[string]Use {
	out := map[string]Use{}
	for l, as := range o.Actions() {
		f, _ := forwardOf(as)
		if f == nil {
			continue
		}
		for _, t := range f.TargetGroups {
			u := serving
			if t.Weight != nil && *t.Weight == 0 || leaves != nil && leaves(l) {
				u = attached
			}
			out[t.TargetGroup.Literal] = max(out[t.TargetGroup.Literal], u)
		}
	}
	return out
}

// prewarm says how to get from observed to wanted actions without a gap: the actions to set first, nil if none, and the
// target groups whose health to await before the switch.
func (t *Targets) prewarm(have, want []stack.Action) (first []stack.Action, cold []stack.Ref) {
	first, cold, admitted := t.stage(have, want)
	if !admitted {
		return nil, nil
	}
	return first, cold
}

// stage is prewarm, but for target groups that AWS does not admit beside the old ones: admitted is false then, and these are cold.
func (t *Targets) stage(have, want []stack.Action) (first []stack.Action, cold []stack.Ref, admitted bool) {
	from, others := forwardOf(have)
	to, rest := forwardOf(want)
	if from == nil || to == nil || canonical.Actions(rest, t.Resolve, true) != canonical.Actions(others, canonical.Literal, true) {
		return nil, nil, true
	}
	staged := stack.Forward{Stickiness: from.Stickiness}
	alive := false
	for _, g := range from.TargetGroups {
		if g.Weight == nil || len(from.TargetGroups) == 1 && *g.Weight == 0 {
			g.Weight = new(int32)
			*g.Weight = 1
		}
		alive = alive || *g.Weight > 0
		staged.TargetGroups = append(staged.TargetGroups, g)
	}
	fresh := 0
	for _, g := range to.TargetGroups {
		if g.Weight != nil && *g.Weight == 0 && len(to.TargetGroups) > 1 {
			continue
		}
		switch t.Uses[t.Resolve(g.TargetGroup)] {
		case serving:
			continue
		case unused:
			staged.TargetGroups = append(staged.TargetGroups, stack.WeightedTargetGroup{TargetGroup: g.TargetGroup, Weight: new(int32)})
			fresh++
		case attached:
		}
		cold = append(cold, g.TargetGroup)
	}
	switch {
	case !alive, fresh > 0 && (t.Unweighted || t.balanced(want)):
		return nil, nil, true
	case fresh == 0:
		return nil, cold, true
	case len(staged.TargetGroups) > stack.MaxForwardTargets, len(t.Uses)+fresh > mostAttached, t.mixed(staged.TargetGroups):
		return nil, cold, false
	}
	if (staged.Stickiness == nil || !staged.Stickiness.Enabled) && t.sticky(staged.TargetGroups) {
		staged.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 1}
	}
	for _, a := range want {
		if a.Forward != nil {
			a.Forward = &staged
		}
		first = append(first, a)
	}
	return first, cold, true
}

// mixed reports that target groups are of several address families, or of several protocols of network load balancers, as far as is known: AWS
// admits neither in a forward.
func (t *Targets) mixed(all []stack.WeightedTargetGroup) bool {
	kinds := map[[2]string]bool{}
	for _, g := range all {
		if tg := t.group(g.TargetGroup); tg != nil {
			kind := [2]string{cmp.Or(tg.IPAddressType, stack.IPv4), tg.Protocol}
			if strings.HasPrefix(tg.Protocol, "HTTP") {
				kind[1] = ""
			}
			kinds[kind] = true
		}
	}
	return len(kinds) > 1
}

// balanced reports that a forward of actions leads to a load balancer.
func (t *Targets) balanced(as []stack.Action) bool {
	return slices.ContainsFunc(elb.TargetGroupsOf(as), func(r stack.Ref) bool {
		tg := t.group(r)
		return tg != nil && tg.TargetType == stack.TargetALB
	})
}

// sticky reports that one of the target groups of an application load balancer keeps clients at its targets, as far as is known:
// then AWS demands that a forward to several keeps clients at target groups, too.
func (t *Targets) sticky(all []stack.WeightedTargetGroup) bool {
	return slices.ContainsFunc(all, func(g stack.WeightedTargetGroup) bool {
		tg := t.group(g.TargetGroup)
		return tg != nil && strings.HasPrefix(tg.Protocol, "HTTP") && tg.Attributes["stickiness.enabled"] == "true"
	})
}

// group is a target group as it is, or, if it is new, as it shall be; nil if it is not the stack's. An attribute that is about to
// change counts if it is on at either time.
func (t *Targets) group(r stack.Ref) *stack.TargetGroup {
	have := t.Observed.TargetGroup(t.Resolve(r))
	i := slices.IndexFunc(t.Wanted, func(w stack.TargetGroup) bool { return r.Literal == "" && w.ID == r.ID })
	switch {
	case i >= 0 && (have == nil || t.Wanted[i].Attributes["stickiness.enabled"] == "true"):
		return &t.Wanted[i]
	case have != nil:
		return &have.TargetGroup
	}
	return nil
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
