package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// limitPorts leaves out the ports of a load balancer for which AWS has no listener. Those that have a listener keep it;
// of the others those of the first member by precedence come first, in the order of its declarations. Left to AWS, the
// order in which calls arrive would decide.
func (b *build) limitPorts() {
	needed := slices.DeleteFunc(slices.Clone(b.ports), func(p *port) bool {
		return b.e.Type == stack.Network &&
			!p.forwards()
	})
	l := b.exceeds(quota.ListenersOf(b.e.Type), len(needed))
	if l == nil {
		return
	}
	d, _ := b.detailsOfExisting()
	places := b.places(needed)
	moved := b.movedPorts(needed, places, d)
	stands := func(p *port) bool { return moved[p] || b.listens(p, d) }
	slices.SortStableFunc(needed, func(x, y *port) int {
		switch {
		case stands(x) && !stands(y):
			return -1
		case stands(y) && !stands(x):
			return 1
		}
		return cmp.Or(cmp.Compare(b.declarer(x), b.declarer(y)), cmp.Compare(places[x], places[y]))
	})
	out := map[*port]bool{}
	for _, p := range needed[l.admits:] {
		if !stands(p) { // AWS has raised the limit
			out[p] = true
		}
	}
	if len(out) == 0 {
		return
	}
	b.notePorts(needed, out, l)
	b.ports = slices.DeleteFunc(b.ports, func(p *port) bool { return out[p] })
}

// movedPorts are the ports that take the place of a listener that an edit of their namespace ends: otherwise ports of
// others that wait for a listener would.
func (b *build) movedPorts(needed []*port, places map[*port]int, d *facts.LoadBalancerDetails) map[*port]bool {
	freed, wanted := map[string]int{}, map[int32]*port{} // by namespace; by number
	for _, p := range needed {
		wanted[p.number] = p
	}
	for number := range d.Listeners {
		if p := wanted[number]; p == nil || !b.listens(p, d) {
			freed[b.listenerOwner(number, d)]++
		}
	}
	delete(freed, "")
	order := slices.Clone(needed)
	slices.SortStableFunc(order, func(x, y *port) int { return cmp.Compare(places[x], places[y]) })
	out := map[*port]bool{}
	for _, p := range order {
		of := b.members[b.declarer(p)].Object.Namespace
		if freed[of] > 0 && !b.listens(p, d) {
			out[p] = true
			freed[of]--
		}
	}
	return out
}

// listens reports whether AWS has the listener of a port. Where a port is that of one member, a listener of another
// namespace, which gives up the port, is not the listener of the port.
func (b *build) listens(p *port, d *facts.LoadBalancerDetails) bool {
	l, exists := d.Listeners[p.number]
	if !exists || !b.e.OnePerPort {
		return exists
	}
	owner := b.ownerOfActions(l.DefaultActions, d.TargetGroups)
	return owner == "" || owner == b.members[b.declarer(p)].Object.Namespace
}

// listenerOwner is the namespace of a listener that AWS has; empty = it is not known.
func (b *build) listenerOwner(number int32, d *facts.LoadBalancerDetails) string {
	if owner := b.ownerOfActions(d.Listeners[number].DefaultActions, d.TargetGroups); owner != "" && b.e.OnePerPort {
		return owner
	}
	for i := range b.members {
		last, _ := b.past.Good.Of(b.members[i].Object)
		if slices.ContainsFunc(last.Listeners, func(l intent.Listener) bool { return l.Port == number }) {
			return b.members[i].Object.Namespace
		}
	}
	return ""
}

// forwards reports whether a port of a network load balancer needs a listener: AWS has none without an action.
func (p *port) forwards() bool {
	return slices.ContainsFunc(p.listeners, func(l intent.Listener) bool {
		return len(l.Default) > 0 || l.DefaultSource.Path() != ""
	})
}

// declarer is the member that declares a port: the first one that may have more than routes.
func (b *build) declarer(p *port) int {
	at := slices.IndexFunc(p.members, func(i int) bool { return b.members[i].Authority != intent.RoutesOnly })
	return p.members[max(at, 0)]
}

// places are the places of ports among those of the members that declare them.
func (b *build) places(of []*port) map[*port]int {
	type number struct {
		member int
		port   int32
	}
	first := map[number]int{}
	for i := range b.members {
		for at, l := range b.members[i].Listeners {
			if _, again := first[number{i, l.Port}]; !again {
				first[number{i, l.Port}] = at
			}
		}
	}
	out := make(map[*port]int, len(of))
	for _, p := range of {
		out[p] = first[number{b.declarer(p), p.number}]
	}
	return out
}

// notePorts notes on each member which of its ports have no listener, with the arithmetic. A listener of a Gateway has
// conditions of its own, and so a finding.
func (b *build) notePorts(all []*port, out map[*port]bool, exceeded *limit) {
	declared, without := map[int]int{}, map[int][]*port{} // by the member that declares them
	for _, p := range all {
		i := b.declarer(p)
		if declared[i]++; out[p] {
			without[i] = append(without[i], p)
		}
	}
	for i := range b.members {
		own, left := declared[i], without[i]
		sum := fmt.Sprintf("%s declares %d", b.members[i].Object, own)
		if own < len(all) {
			sum = fmt.Sprintf("the members of its group declare %d, of which %s declares %d", len(all), b.members[i].Object, own)
		}
		switch {
		case b.e.Key.Owner.OfGateway():
			for _, p := range left {
				b.noteWithoutListener(i, []*port{p}, sum, exceeded,
					fmt.Sprintf("remove %d of the listeners, or declare %[1]d of them in another Gateway", len(out)))
			}
		case len(left) > 0:
			b.noteWithoutListener(i, left, sum, exceeded, fmt.Sprintf("remove %d of the ports, or declare %[1]d of them in %s "+
				"with a load balancer of its own", len(out), a(b.members[i].Object.Kind)))
		}
	}
}

func (b *build) noteWithoutListener(i int, left []*port, sum string, exceeded *limit, remedy string) {
	which := "port " + portRanges(left) + " has"
	if len(left) > 1 {
		which = "ports " + portRanges(left) + " have"
	}
	at := slices.IndexFunc(b.members[i].Listeners, func(l intent.Listener) bool { return l.Port == left[0].number })
	l := b.members[i].Listeners[max(at, 0)]
	d := excess(b.members[i].Object, cmp.Or(l.DefaultSource.Path(), l.Source.Path()),
		fmt.Sprintf("%s no listener: %s load balancer allows %d listeners, and %s; existing listeners stay, and the "+
			"remaining ports get listeners in ascending order until the limit is reached",
			which, a(string(b.e.Type)), exceeded.admits, sum), exceeded.remedy(remedy))
	if len(left) == 1 {
		d.Port = left[0].number
	}
	b.note(i, d)
}

// portRanges are the numbers of ports in ascending order, with ranges of adjacent ones.
func portRanges(ports []*port) string {
	numbers := make([]int32, len(ports))
	for n, p := range ports {
		numbers[n] = p.number
	}
	slices.Sort(numbers)
	var parts []string
	for n := 0; n < len(numbers); {
		last := n
		for last+1 < len(numbers) && numbers[last+1] == numbers[last]+1 {
			last++
		}
		if part := fmt.Sprint(numbers[n]); last == n {
			parts = append(parts, part)
		} else {
			parts = append(parts, fmt.Sprintf("%s-%d", part, numbers[last]))
		}
		n = last + 1
	}
	return strings.Join(parts, ", ")
}

// a is a noun with the indefinite article.
func a(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiouAEIOU") {
		return "an " + noun
	}
	return "a " + noun
}
