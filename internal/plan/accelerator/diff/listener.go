package diff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// listeners plans listeners and what is below them: what nothing declares goes, port overrides that are in the way go,
// listeners that stay get their ports, missing ones are created, and then endpoint groups and endpoints are those that
// are declared.
func (b *builder) listeners() {
	before := b.now.Listeners
	arns := make([]string, len(b.declared.Listeners)) // of each declared listener; "" = it is to be created
	for i, j := range match(b.declared.Listeners, before) {
		if j < 0 {
			continue
		}
		arn := before[j].ARN
		arns[i], b.target[arn], b.ids[arn], b.index[arn] = arn, b.declared.Listeners[i], accelerator.ListenerID(i), i
		b.know(stack.Ref{Kind: accelerator.KindListener, ID: accelerator.ListenerID(i)}, arn)
	}
	for _, l := range accelerator.CloneListeners(before) {
		if _, stays := b.target[l.ARN]; !stays {
			b.deleteListener(l.ARN, "no listener of these ports is declared: "+l.Key())
		}
	}
	b.stripOverrides()
	b.movePorts()
	for i, l := range b.declared.Listeners {
		if arns[i] != "" && b.now.Listener(arns[i]) == nil { // it had to be deleted
			arns[i] = ""
		}
		if arns[i] == "" {
			arns[i] = b.createListener(i, l)
		}
	}
	for i, l := range b.declared.Listeners {
		b.groups(i, arns[i], l)
	}
}

// createListener returns the text that stands for the ARN.
func (b *builder) createListener(i int, l accelerator.Listener) string {
	ref := stack.Ref{Kind: accelerator.KindListener, ID: accelerator.ListenerID(i)}
	s := plan.Step{Action: plan.Create, Resource: ref, Op: operation.CreateListener{
		Accelerator: root, Protocol: l.Protocol, Ports: l.Ports, Affinity: l.Affinity},
		Why: []string{"no listener has these ports: " + l.Key()}}
	s.Need(b.inTheWay("", l)...)
	// AWS counts those that could not be deleted
	if n := accelerator.MaxListeners; len(b.now.Listeners) < n && b.deleted() > 0 && len(b.now.Listeners)+
		b.deleted() >= n {
		for _, d := range b.plan.Steps {
			if _, ok := d.Op.(operation.DeleteListener); ok {
				s.Need(d.ID)
			}
		}
	}
	b.add(s, "")
	return b.values[ref]
}

// deleted is the number of listeners that the plan deletes.
func (b *builder) deleted() (n int) {
	for _, s := range b.plan.Steps {
		if _, ok := s.Op.(operation.DeleteListener); ok {
			n++
		}
	}
	return n
}

// deleteListener deletes a listener with its endpoint groups.
func (b *builder) deleteListener(arn, why string) {
	l := accelerator.CloneListeners([]accelerator.Listener{*b.now.Listener(arn)})[0]
	ref := b.ref(accelerator.KindListener, arn)
	var emptied []plan.StepID
	for _, g := range l.Groups {
		emptied = append(emptied, b.deleteGroup(arn, g.ARN, why))
	}
	s := plan.Step{Action: plan.Delete, Resource: ref, Op: operation.DeleteListener{
		Listener: stack.Literal(accelerator.KindListener, arn)}, Why: []string{why}}
	s.Need(emptied...)
	b.add(s, arn)
}

// goal is a listener with the settings of another one, and its own endpoint groups.
func goal(l, to accelerator.Listener) accelerator.Listener {
	l.Protocol, l.Ports, l.Affinity = to.Protocol, to.Ports, to.Affinity
	return l
}

// differs reports whether a listener is to be changed.
func differs(l, to accelerator.Listener) bool {
	return l.Protocol != to.Protocol || l.Affinity != to.Affinity || !accelerator.SamePorts(l.Ports, to.Ports)
}

// movePorts changes the listeners that stay. A change that takes ports of a listener which has yet to give them up
// comes after it. Where several wait for each other, one first gives up what the others want and keeps the rest; one
// that would keep nothing, or more ranges than a listener may have, is deleted and created again.
func (b *builder) movePorts() {
	for {
		pending := b.pending()
		if len(pending) == 0 {
			return
		}
		progress := false
		for _, arn := range pending {
			to := goal(*b.now.Listener(arn), b.target[arn])
			if len(b.conflicts(arn, to)) == 0 {
				b.updateListener(arn, to, "")
				progress = true
			}
		}
		if !progress {
			b.giveWay(pending)
		}
	}
}

// pending are the listeners that are to be changed, in the order of the declared ones.
func (b *builder) pending() []string {
	var out []string
	for i := range b.declared.Listeners {
		for arn, at := range b.index {
			if l := b.now.Listener(arn); at == i && l != nil && differs(*l, b.target[arn]) {
				out = append(out, arn)
			}
		}
	}
	return out
}

// conflicts are the other listeners of which AWS allows none together with l.
func (b *builder) conflicts(arn string, l accelerator.Listener) []string {
	var out []string
	for _, o := range b.now.Listeners {
		if o.ARN != arn && o.Conflicts(l) {
			out = append(out, o.ARN)
		}
	}
	return out
}

// giveWay makes the first listener that another one waits for give up ports.
func (b *builder) giveWay(pending []string) {
	recreate := ""
	for _, arn := range pending {
		l := *b.now.Listener(arn)
		var wanted []accelerator.PortRange
		for _, other := range pending {
			if t := b.target[other]; other != arn && t.Protocol == l.Protocol {
				wanted = append(wanted, t.Ports...)
			}
		}
		if accelerator.Count(accelerator.Intersect(l.Ports, wanted)) == 0 {
			continue
		}
		if recreate == "" {
			recreate = arn
		}
		rest := accelerator.Subtract(l.Ports, wanted)
		if len(rest) > accelerator.MaxPortRanges && l.Protocol == b.target[arn].Protocol {
			rest = accelerator.Intersect(l.Ports, b.target[arn].Ports)
		}
		if len(rest) == 0 || len(rest) > accelerator.MaxPortRanges || b.overridden(l, rest) {
			continue
		}
		l.Ports = rest
		b.updateListener(arn, l, "other listeners take the rest of its ports")
		return
	}
	b.deleteListener(recreate, "other listeners take all its ports; the controller creates it again")
	delete(b.index, recreate)
}

// overridden reports whether an endpoint group of a listener overrides a port that it would not have any longer.
func (b *builder) overridden(l accelerator.Listener, ports []accelerator.PortRange) bool {
	l.Ports = ports
	return slices.ContainsFunc(l.Groups, func(g accelerator.Group) bool {
		return slices.ContainsFunc(g.Overrides, func(o accelerator.Override) bool { return !l.Contains(o.ListenerPort) })
	})
}

func (b *builder) updateListener(arn string, to accelerator.Listener, why string) {
	l := *b.now.Listener(arn)
	var whys []string
	if why != "" {
		whys = append(whys, why)
	}
	if l.Protocol != to.Protocol {
		whys = append(whys, fmt.Sprintf("protocol %s → %s", l.Protocol, to.Protocol))
	}
	if !accelerator.SamePorts(l.Ports, to.Ports) {
		whys = append(whys, fmt.Sprintf("ports %s → %s", accelerator.Text(l.Ports), accelerator.Text(to.Ports)))
	}
	if l.Affinity != to.Affinity {
		whys = append(whys, fmt.Sprintf("client affinity %s → %s", l.Affinity, to.Affinity))
	}
	ref := b.ref(accelerator.KindListener, arn)
	s := plan.Step{Action: plan.Update, Resource: ref, Op: operation.UpdateListener{Listener: ref, Protocol: to.Protocol,
		Ports: to.Ports, Affinity: to.Affinity}, Why: whys}
	for _, w := range b.writes[arn] {
		s.Need(w.id)
	}
	s.Need(b.inTheWay(arn, to)...)
	b.add(s, arn)
}

// inTheWay are the steps that must have succeeded before a listener may be l: those that changed or deleted others with
// ports of its, and those that took port overrides away.
func (b *builder) inTheWay(arn string, l accelerator.Listener) []plan.StepID {
	out := slices.Clone(b.strips)
	for other, writes := range b.writes {
		for _, w := range writes {
			if other != arn && w.before.Conflicts(l) {
				out = append(out, w.id)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Scores of a pair of listeners. A listener whose protocol differs is changed in place if at least 15 % of the ports
// stay, or 5 % and the client affinity, as the existing controller has it.
const (
	sameProtocol = 40
	samePorts    = 100
	sameAffinity = 10
	enough       = 15
)

// similarity is how alike two listeners are, 0 to 150.
func similarity(a, b accelerator.Listener) int {
	score := 0
	if a.Protocol == b.Protocol {
		score += sameProtocol
	}
	both := accelerator.Count(accelerator.Intersect(a.Ports, b.Ports))
	if either := accelerator.Count(a.Ports) + accelerator.Count(b.Ports) - both; either > 0 {
		score += samePorts * both / either
	}
	if a.Affinity != "" && a.Affinity == b.Affinity {
		score += sameAffinity
	}
	return score
}

// match pairs declared listeners with observed ones: those of the same protocol and ports, then the most similar ones.
// The result depends on neither the order of the answer of AWS nor on that of a map: of equal pairs the one with the
// lower index goes first, then the one with the lower ARN. out has the index in observed of each declared listener; -1
// = it is to be created.
func match(declared, observed []accelerator.Listener) (out []int) {
	out = slices.Repeat([]int{-1}, len(declared))
	taken := map[int]bool{}
	byARN := make([]int, len(observed))
	for i := range byARN {
		byARN[i] = i
	}
	slices.SortStableFunc(byARN, func(a, b int) int { return cmp.Compare(observed[a].ARN, observed[b].ARN) })
	for i := range declared {
		for _, j := range byARN {
			if out[i] < 0 && !taken[j] && declared[i].Key() == observed[j].Key() {
				out[i], taken[j] = j, true
			}
		}
	}
	type pair struct{ i, j, score int }
	var pairs []pair
	for i := range declared {
		for _, j := range byARN {
			if out[i] >= 0 || taken[j] {
				continue
			}
			if s := similarity(declared[i], observed[j]); s >= enough {
				pairs = append(pairs, pair{i, j, s})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.i, b.i), cmp.Compare(observed[a.j].ARN, observed[b.j].ARN))
	})
	for _, p := range pairs {
		if out[p.i] < 0 && !taken[p.j] {
			out[p.i], taken[p.j] = p.j, true
		}
	}
	return out
}
