package attachment

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Last is the last valid version of a listener of a parent; ok is false if none is known. Nil = nothing is known.
type Last func(parent Parent, name gatewayv1.SectionName) (version gatewayv1.Listener, ok bool)

// of is the last valid version of a listener.
func (last Last) of(l *Listener) (gatewayv1.Listener, bool) {
	if last == nil {
		return gatewayv1.Listener{}, false
	}
	return last(l.Parent, l.Name)
}

// admitted reports whether the Gateway admitted a ListenerSet before: one of its listeners was valid, or its status
// shows it. A status of another generation may be about another Gateway.
func (last Last) admitted(set *gatewayv1.ListenerSet) bool {
	c := meta.FindStatusCondition(set.Status.Conditions, string(gatewayv1.ListenerSetConditionAccepted))
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == set.Generation ||
		slices.ContainsFunc(set.Spec.Listeners, func(e gatewayv1.ListenerEntry) bool {
			_, ok := last.of(&Listener{Parent: Parent{"ListenerSet", set.Namespace, set.Name},
				Listener: gatewayv1.Listener{Name: e.Name}})
			return ok
		})
}

// has reports whether a listener was valid before with the same port, protocol and hostname.
func (last Last) has(l *Listener) bool {
	version, ok := last.of(l)
	before := Listener{Parent: l.Parent, Listener: version}
	return ok && before.same(l)
}

// same reports whether two listeners of a parent differ at most in their name and in what they admit.
func (l *Listener) same(o *Listener) bool {
	return l.Parent == o.Parent && l.Port == o.Port && l.Protocol == o.Protocol && l.hostname() == o.hostname() &&
		l.mode() == o.mode()
}

// Renamed returns the present name of a listener whose former name no listener of its parent has.
func (ls *Listeners) Renamed(p Parent, former gatewayv1.SectionName, last Last) (name gatewayv1.SectionName, ok bool) {
	if former == "" || slices.ContainsFunc(ls.of[p], func(i int) bool { return ls.All[i].Name == former }) {
		return "", false
	}
	before := Listener{Parent: p, Listener: gatewayv1.Listener{Name: former}}
	if before.Listener, ok = last.of(&before); !ok {
		return "", false
	}
	for _, i := range ls.of[p] {
		if l := &ls.All[i]; before.same(l) {
			return l.Name, true
		}
	}
	return "", false
}

// order is the order in which listeners take ports and hostnames, as indexes of All. An edit of a listener does not
// take the port or the hostname of another one of the same parent that serves, nor of a ListenerSet of another
// namespace.
func (ls *Listeners) order(last Last) []int {
	at := make([]int, len(ls.All))
	for i := range at {
		at[i] = i
	}
	if last == nil {
		return at
	}
	place := map[Parent]int{}
	for i, p := range ls.parents {
		place[p] = i
	}
	rank := func(i int) int {
		n := 2 * place[ls.All[i].Parent]
		if last.has(&ls.All[i]) {
			return n
		}
		return n + 1
	}
	intrudes := ls.intruders(last)
	slices.SortStableFunc(at, func(a, b int) int {
		if intrudes[a] != intrudes[b] {
			if intrudes[a] {
				return 1
			}
			return -1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return at
}

// intruders are the listeners of edited ListenerSets that ask for what a listener of a ListenerSet of another namespace
// had: its hostname, or its port for another protocol. Without memory, the listeners are those that are settled.
func (ls *Listeners) intruders(last Last) []bool {
	type place struct {
		port gatewayv1.PortNumber
		key  string // as of a listener; empty for the protocol
	}
	holders, sets := map[place]Listener{}, ls.sets()
	had := make([]bool, len(ls.All))
	for i := range ls.All {
		had[i] = last.has(&ls.All[i])
	}
	known := slices.Contains(had, true)
	for i := range ls.All {
		l := &ls.All[i]
		set := sets[l.Parent]
		if had[i] = had[i] || !known && set != nil && settled(set, l.Name); had[i] && set != nil {
			holders[place{l.Port, key(l)}], holders[place{port: l.Port}] = *l, *l
		}
	}
	out := make([]bool, len(ls.All))
	for i := range ls.All {
		l := &ls.All[i]
		if set := sets[l.Parent]; had[i] || set == nil || set.Generation <= 1 {
			continue
		}
		h, named := holders[place{l.Port, key(l)}]
		p, used := holders[place{port: l.Port}]
		differs := p.Protocol != l.Protocol || p.mode() != l.mode()
		out[i] = named && h.Parent.Namespace != l.Parent.Namespace || used && differs &&
			p.Parent.Namespace != l.Parent.Namespace
	}
	return out
}

// sets are the admitted ListenerSets by what their listeners have as Parent.
func (ls *Listeners) sets() map[Parent]*gatewayv1.ListenerSet {
	out := make(map[Parent]*gatewayv1.ListenerSet, len(ls.Admitted))
	for _, s := range ls.Admitted {
		out[Parent{"ListenerSet", s.Namespace, s.Name}] = s
	}
	return out
}

// restore has the last valid versions of listeners serve that are not valid, as far as valid listeners leave them port
// and hostname.
func (ls *Listeners) restore(last Last) {
	if last == nil {
		return
	}
	taken := ls.taken()
	for i := range ls.All {
		if ls.All[i].Problem != nil {
			ls.instead(i, taken, last)
		}
	}
}

// Reinstate has the last valid version of a listener serve, because the declared one has a problem beside its own
// fields. It reports whether that version leaves others their ports and hostnames, and serves.
func (ls *Listeners) Reinstate(i int, problem *Problem, last Last) bool {
	l := ls.All[i]
	ls.All[i].Problem = problem
	if !ls.instead(i, ls.taken(), last) {
		ls.All[i] = l
		return false
	}
	return true
}

// taken is what the valid listeners use of ports.
func (ls *Listeners) taken() ports {
	out := ports{}
	for i := range ls.All {
		if l := ls.All[i]; l.Problem == nil {
			l.judge(ls.Family, out, false)
		}
	}
	return out
}

// instead replaces a listener by its last valid version, if there is one that does not conflict with what is taken.
func (ls *Listeners) instead(i int, taken ports, last Last) bool {
	l := &ls.All[i]
	version, ok := last.of(l)
	if !ok {
		return false
	}
	before := Listener{Parent: l.Parent, Index: l.Index, Listener: version}
	if before.judge(ls.Family, taken, false); before.Problem != nil {
		return false
	}
	declared := *l
	before.Declared = &declared
	ls.All[i] = before
	return true
}

// AsDeclared returns the listener as declared, even if its last valid version serves.
func (l *Listener) AsDeclared() *Listener {
	if l.Declared != nil {
		return l.Declared
	}
	return l
}

// FamilyOf returns the family of the load balancers that have listeners of a protocol; empty if none has.
func FamilyOf(p gatewayv1.ProtocolType) Family { return protocols[p].family }
