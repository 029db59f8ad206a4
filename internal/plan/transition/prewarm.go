package transition

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// AWS checks the health of targets only once a listener or rule forwards to their target group; until the first check
// has passed, requests get 503. So a rule that is to forward elsewhere first lists the new target group with weight 0
// in addition to the old one, and switches when the targets are healthy, or when there is no point in waiting any
// longer. A forward of a network load balancer admits target groups of one protocol: targets that cannot be in addition
// to the old ones are checked behind a listener aside, see Input.Aside.

const mostAttached = 100 // target groups of one application load balancer

// Targets is the known state of the target groups of a stack.
type Targets struct {
	Resolve    canonical.Resolver
	Labels     stack.Labels
	Observed   *awsop.Observed
	Wanted     []stack.TargetGroup
	Uses       map[string]Use    // by ARN, of what is observed
	Namespaces map[string]string // that declare target groups of routes, by identity, as far as they are known
	// forwards to several target groups are not admitted, so new targets cannot warm up alongside the old ones
	Unweighted bool
	// ARNs of the target groups that others of the same Service take over from, as far as stage has seen them
	heirs map[stack.Ref]string
}

// Use is how a target group is used.
type Use int

const (
	unused   Use = iota
	attached     // its targets are checked, but get nothing
	serving
)

// Uses says how target groups are used, by ARN. The listeners for which leaves is true, which may be nil, serve no
// longer.
func Uses(o *awsop.Observed, leaves func(*awsop.Listener) bool) map[string]Use {
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

// staging is how to get from observed to wanted actions without a gap.
type staging struct {
	first []stack.Action // the actions to set first, nil if none
	cold  []stack.Ref    // target groups whose targets get their first check, which is to be awaited before the switch
	// target groups that only others forward to: their targets may be in their first check still, if those are new
	othersForward []stack.Ref
	refused       bool // AWS does not allow the target groups beside the old ones; they are cold
}

// awaited are the target groups whose health to await before a rule, or a listener, that is there switches. Reading it
// costs a call, and no pause if it is good.
func (s staging) awaited() []stack.Ref { return slices.Concat(s.cold, s.othersForward) }

// prewarm is stage, but empty where AWS does not allow the new target groups in addition to the old ones.
func (t *Targets) prewarm(have, want []stack.Action) staging {
	s := t.stage(have, want)
	if s.refused {
		return staging{}
	}
	return s
}

// stage says how to get from observed to wanted actions.
func (t *Targets) stage(have, want []stack.Action) (s staging) {
	from, others := forwardOf(have)
	to, rest := forwardOf(want)
	if from == nil || to == nil || canonical.Actions(rest, t.Resolve, true) != canonical.Actions(others,
		canonical.Literal, true) {
		return staging{}
	}
	staged, alive := standing(from)
	if t.abandoned(alive, want) {
		return staging{}
	}
	fresh := 0
	for _, g := range to.TargetGroups {
		if g.Weight != nil && *g.Weight == 0 && len(to.TargetGroups) > 1 {
			continue
		}
		arn := t.Resolve(g.TargetGroup)
		switch t.Uses[arn] {
		case serving:
			if !alive[arn] {
				s.othersForward = append(s.othersForward, g.TargetGroup)
			}
			continue
		case unused:
			staged.TargetGroups = append(staged.TargetGroups, stack.WeightedTargetGroup{TargetGroup: g.TargetGroup,
				Weight: new(int32)})
			fresh++
		case attached:
		}
		s.cold = append(s.cold, g.TargetGroup)
		t.noteSuccessor(g.TargetGroup, alive)
	}
	switch {
	case len(alive) == 0, fresh > 0 && (t.Unweighted || t.balanced(want)):
		return staging{}
	case fresh == 0:
		return s
	case len(staged.TargetGroups) > stack.MaxForwardTargets, len(t.Uses)+fresh > mostAttached,
		t.mixed(staged.TargetGroups):
		s.refused = true
		return s
	}
	if (staged.Stickiness == nil || !staged.Stickiness.Enabled) && t.sticky(staged.TargetGroups) {
		staged.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 1}
	}
	for _, a := range want {
		if a.Forward != nil {
			a.Forward = &staged
		}
		s.first = append(s.first, a)
	}
	return s
}

// noteSuccessor records that a target group replaces one that gets requests and belongs to the same Service: its
// identity differs at most in the port.
func (t *Targets) noteSuccessor(of stack.Ref, alive map[string]bool) {
	service := func(id string) string { return id[:max(strings.LastIndex(id, ":"), 0)] }
	for arn := range alive {
		if tg := t.Observed.TargetGroup(arn); tg != nil && service(of.ID) != "" && service(tg.ID) == service(of.ID) {
			if t.heirs == nil {
				t.heirs = map[stack.Ref]string{}
			}
			t.heirs[of] = arn
		}
	}
}

// standing is the present forward, with the weights that AWS applies. alive are the target groups that get
// requests.
func standing(from *stack.Forward) (staged stack.Forward, alive map[string]bool) {
	staged, alive = stack.Forward{Stickiness: from.Stickiness}, map[string]bool{}
	for _, g := range from.TargetGroups {
		if g.Weight == nil || len(from.TargetGroups) == 1 && *g.Weight == 0 {
			g.Weight = new(int32)
			*g.Weight = 1
		}
		if *g.Weight > 0 {
			alive[g.TargetGroup.Literal] = true
		}
		staged.TargetGroups = append(staged.TargetGroups, g)
	}
	return staged, alive
}

// mixed reports that target groups are of several address families, or of several protocols of network load balancers,
// as far as is known: AWS allows neither in a forward.
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
	return slices.ContainsFunc(awsop.TargetGroupsOf(as), func(r stack.Ref) bool {
		tg := t.group(r)
		return tg != nil && tg.TargetType == stack.TargetALB
	})
}

// sticky reports that one of the target groups of an application load balancer keeps clients at its targets, as far as
// is known: then AWS demands that a forward to several keeps clients at target groups, too.
func (t *Targets) sticky(all []stack.WeightedTargetGroup) bool {
	return slices.ContainsFunc(all, func(g stack.WeightedTargetGroup) bool {
		tg := t.group(g.TargetGroup)
		return tg != nil && strings.HasPrefix(tg.Protocol, "HTTP") && tg.Attributes["stickiness.enabled"] == "true"
	})
}

// group is a target group as it is, or, if it is new, as it shall be; nil if it is not the stack's. An attribute that
// is about to change counts if it is on at either time.
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
	return canonical.Actions(answering(want), resolve, false) == canonical.Actions(answering(have),
		canonical.Literal, false)
}

func answering(as []stack.Action) []stack.Action {
	out := slices.Clone(as)
	for i := range out {
		if f := out[i].Forward; f != nil && len(f.TargetGroups) > 1 {
			c := *f
			c.TargetGroups = slices.DeleteFunc(slices.Clone(f.TargetGroups), func(t stack.WeightedTargetGroup) bool {
				return t.Weight != nil && *t.Weight == 0
			})
			out[i].Forward = &c
		}
	}
	return out
}
