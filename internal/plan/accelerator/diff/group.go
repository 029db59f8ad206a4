package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// stripOverrides takes port overrides away that AWS would not admit together with the declared listeners: to a port
// that one of these has, of a port that their listener is to lose, or to a port to which another listener is to
// override in the same Region.
func (b *builder) stripOverrides() {
	for _, l := range accelerator.CloneListeners(b.now.Listeners) {
		for _, g := range l.Groups {
			var kept []accelerator.Override
			var why []string
			for _, o := range g.Overrides {
				if reason := b.refused(l, g, o); reason != "" {
					why = append(why, fmt.Sprintf("port override %d → %d: %s", o.ListenerPort, o.EndpointPort, reason))
					continue
				}
				kept = append(kept, o)
			}
			if len(why) == 0 {
				continue
			}
			ref := stack.Literal(accelerator.KindEndpointGroup, g.ARN)
			s := plan.Step{Action: plan.Update, Resource: ref, Op: operation.UpdateEndpointGroup{Group: ref, Overrides: kept,
				NoOverrides: len(kept) == 0}, Why: why}
			b.strips = append(b.strips, b.add(s, l.ARN))
		}
	}
}

// refused is why an override of an endpoint group cannot stay; "" = it can.
func (b *builder) refused(l accelerator.Listener, g accelerator.Group, o accelerator.Override) string {
	target := b.target[l.ARN]
	if !target.Contains(o.ListenerPort) {
		return "the listener loses the port"
	}
	for i, d := range b.declared.Listeners {
		if d.Contains(o.EndpointPort) {
			return fmt.Sprintf("%s gets port %d", accelerator.ListenerID(i), o.EndpointPort)
		}
		if b.ids[l.ARN] == accelerator.ListenerID(i) {
			continue
		}
		for _, other := range d.Groups {
			if other.Region == g.Region && slices.ContainsFunc(other.Overrides, func(p accelerator.Override) bool {
				return p.EndpointPort == o.EndpointPort
			}) {
				return fmt.Sprintf("%s overrides to port %d", accelerator.ListenerID(i), o.EndpointPort)
			}
		}
	}
	return ""
}

// groups plans the endpoint groups of a listener: new ones first, so that a Region takes over before another one goes.
func (b *builder) groups(i int, arn string, l accelerator.Listener) {
	declared := slices.Clone(l.Groups)
	order := make([]int, len(declared))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, c int) int { return cmp.Compare(declared[a].Region, declared[c].Region) })
	var created []plan.StepID
	surplus := func() {
		for _, g := range accelerator.CloneListeners([]accelerator.Listener{*b.now.Listener(arn)})[0].Groups {
			if slices.ContainsFunc(declared, func(d accelerator.Group) bool { return d.Region == g.Region }) {
				continue
			}
			b.deleteGroup(arn, g.ARN, "no endpoint group in "+g.Region+" is declared", created...)
		}
	}
	if observed := b.now.Listener(arn).Groups; len(observed)+len(missing(declared, observed)) >
		accelerator.MaxEndpointGroups {
		surplus() // there is no room for both
	}
	for _, j := range order {
		g := declared[j]
		ref := stack.Ref{Kind: accelerator.KindEndpointGroup, ID: accelerator.GroupID(i, j)}
		at := slices.IndexFunc(b.now.Listener(arn).Groups, func(o accelerator.Group) bool { return o.Region == g.Region })
		if at < 0 {
			created = append(created, b.createGroup(arn, ref, g)...)
			continue
		}
		observed := b.now.Listener(arn).Groups[at]
		b.know(ref, observed.ARN)
		b.updateGroup(arn, ref, observed, g)
		b.endpoints(arn, ref, observed.ARN, g)
	}
	surplus()
}

// missing are the declared groups that are not observed.
func missing(declared, observed []accelerator.Group) []accelerator.Group {
	return slices.DeleteFunc(slices.Clone(declared), func(d accelerator.Group) bool {
		return slices.ContainsFunc(observed, func(o accelerator.Group) bool { return o.Region == d.Region })
	})
}

func (b *builder) createGroup(listener string, ref stack.Ref, g accelerator.Group) []plan.StepID {
	at := b.ref(accelerator.KindListener, listener)
	s := plan.Step{Action: plan.Create, Resource: ref, Op: operation.CreateEndpointGroup{Listener: at, Region: g.Region,
		Dial: g.Dial, Overrides: g.Overrides},
		Why: []string{"the listener has none in " + g.Region}}
	if len(g.Overrides) > 0 {
		b.needOverrides(&s, listener)
	}
	ids := []plan.StepID{b.add(s, listener)}
	return append(ids, b.endpoints(listener, ref, b.values[ref], g)...)
}

// needOverrides has a step that sets port overrides come after those that it depends on: the ports of its listener, and
// overrides of others that were taken away.
func (b *builder) needOverrides(s *plan.Step, listener string) {
	for _, w := range b.writes[listener] {
		if st, ok := b.plan.Step(w.id); ok && st.Resource.Kind == accelerator.KindListener {
			s.Need(w.id)
		}
	}
	s.Need(b.strips...)
}

func (b *builder) updateGroup(listener string, ref stack.Ref, o, g accelerator.Group) {
	op := operation.UpdateEndpointGroup{Group: ref}
	var why []string
	if d := o.Dial - g.Dial; d > dialTolerance || -d > dialTolerance {
		op.Dial = &g.Dial
		why = append(why, fmt.Sprintf("traffic dial %g%% → %g%%", o.Dial, g.Dial))
	}
	if from, to := overridesText(o.Overrides), overridesText(g.Overrides); from != to {
		op.Overrides, op.NoOverrides = g.Overrides, len(g.Overrides) == 0
		why = append(why, fmt.Sprintf("port overrides %s → %s", from, to))
	}
	if len(why) == 0 {
		return
	}
	s := plan.Step{Action: plan.Update, Resource: ref, Op: op, Why: why}
	if len(g.Overrides) > 0 && op.Overrides != nil {
		b.needOverrides(&s, listener)
	}
	b.add(s, listener)
}

// dialTolerance is the difference between traffic dials that is none: AWS keeps them as numbers of 32 bits.
const dialTolerance = 0.001

// overridesText is "443 → 80, …", by listener port; "none".
func overridesText(list []accelerator.Override) string {
	if len(list) == 0 {
		return "none"
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b accelerator.Override) int {
		return cmp.Compare(a.ListenerPort, b.ListenerPort)
	})
	var parts []string
	for _, o := range list {
		parts = append(parts, fmt.Sprintf("%d:%d", o.ListenerPort, o.EndpointPort))
	}
	return strings.Join(parts, ", ")
}

func (b *builder) deleteGroup(listener, arn, why string, after ...plan.StepID) plan.StepID {
	ref := b.ref(accelerator.KindEndpointGroup, arn)
	s := plan.Step{Action: plan.Delete, Resource: ref, Op: operation.DeleteEndpointGroup{
		Group: stack.Literal(accelerator.KindEndpointGroup, arn)}, Why: []string{why}}
	s.Need(after...)
	return b.add(s, listener)
}
