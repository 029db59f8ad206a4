package shard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
)

// Placed is a unit with its load balancer.
type Placed struct {
	Hosts []string `json:"hosts"` // sorted
	Shard int      `json:"shard"`
	// From is the load balancer that a unit is moving away from, and on which its rules stay meanwhile; nil = it is not
	// moving.
	From *int `json:"from,omitempty"`
	// Ready reports that the new load balancer of a unit that is moving serves it.
	Ready bool `json:"ready,omitempty"`
	// Shown is when the statuses had the new load balancer of a unit that is moving; zero = they do not have it yet.
	Shown time.Time `json:"shown,omitzero"`
	// Routes is how many routes had the hosts when they last fit where they are; 0 = it is not known.
	Routes int `json:"routes,omitempty"`
}

// On reports whether rules of the unit are on a load balancer.
func (p *Placed) On(n int) bool { return p.Shard == n || p.From != nil && *p.From == n }

// Placement are the units of a group in the order in which they came, the oldest first.
type Placement []Placed

// Uses reports whether a load balancer has rules of a unit.
func (p Placement) Uses(n int) bool {
	return slices.ContainsFunc(p, func(x Placed) bool { return x.On(n) })
}

// Last returns the highest number of a load balancer that has rules of a unit; 0 is the group's first.
func (p Placement) Last() (last int) {
	for _, x := range p {
		last = max(last, x.Shard)
		if x.From != nil {
			last = max(last, *x.From)
		}
	}
	return last
}

// Equal reports whether two placements are the same.
func (p Placement) Equal(q Placement) bool {
	return slices.EqualFunc(p, q, func(a, b Placed) bool {
		same := a.From == nil && b.From == nil || a.From != nil && b.From != nil && *a.From == *b.From
		return same && a.Shard == b.Shard && a.Ready == b.Ready && slices.Equal(a.Hosts, b.Hosts) && a.Shown.Equal(b.Shown)
	})
}

// Sizes reports whether the units of two equal placements have as many routes.
func (p Placement) Sizes(q Placement) bool {
	return slices.EqualFunc(p, q, func(a, b Placed) bool { return a.Routes == b.Routes })
}

// Observed returns the placement of hosts by the load balancers whose rules stand in AWS. A host on several is on the
// last: the one that it was moving to. Which unit is older than another is not known: they are in the order of their
// hosts.
func Observed(hosts map[string]int) (out Placement) {
	for h, n := range hosts {
		out = append(out, Placed{Hosts: []string{h}, Shard: n})
	}
	slices.SortFunc(out, func(a, b Placed) int { return cmp.Compare(a.Hosts[0], b.Hosts[0]) })
	return out
}

// Fits reports whether units have room on a load balancer together, in addition to what is on every one. With fewer or
// smaller units there is room, too.
type Fits func(shard int, units []Unit) (bool, error)

// Place places units on load balancers 0 to shards-1. A unit keeps its load balancer as long as it fits there; if
// units do not fit together, the youngest move, first those of namespaces whose units have more routes than before. A
// unit that fits on no load balancer stays, or moves to the last one. Moving units do not move again until they have
// arrived, and fixed units never move.
func Place(units []Unit, before Placement, shards int, fits Fits) (Placement, error) {
	p := &placer{shards: shards, fits: fits, on: map[int][]int{}, refused: map[refusal]int{}}
	p.match(units, before)
	var moving []int
	for n := 0; n <= before.Last(); n++ {
		out, err := p.evict(n)
		if err != nil {
			return nil, err
		}
		moving = append(moving, out...)
	}
	slices.Sort(moving)
	for i := range p.all {
		if p.all[i].fresh {
			moving = append(moving, i)
		}
	}
	var err error
	for n := 0; n < shards && len(moving) > 0; n++ {
		if moving, err = p.fill(n, moving); err != nil {
			return nil, err
		}
	}
	full := map[int]bool{}
	for _, i := range moving { // they fit on none
		if p.all[i].fresh {
			p.all[i].Shard = shards - 1
		} else {
			p.all[i].Shard, p.all[i].From = p.all[i].home, nil
		}
		full[p.all[i].Shard] = true
	}
	out := make(Placement, len(p.all))
	for i := range p.all {
		c := &p.all[i]
		if out[i] = c.Placed; full[c.Shard] && c.before > 0 {
			out[i].Routes = c.before
		}
	}
	return out, nil
}

// placer has the units in the order of their age. on are those that count on each load balancer, by index.
type placer struct {
	shards  int
	fits    Fits
	all     []candidate
	on      map[int][]int
	refused map[refusal]int // for how many units, tried alone, there was no room
}

// refusal is a load balancer that has no room for a unit of a namespace.
type refusal struct {
	shard     int
	namespace string
}

const (
	// mostRefused is how many units of a namespace a load balancer must have no room for: after that, no others of the
	// namespace are tried there. An attempt compiles the group, and a tenant may declare thousands of hosts.
	mostRefused = 16
	// mostTried is how many units are tried together.
	mostTried = 256
)

type candidate struct {
	Placed
	unit  Unit
	home  int
	fresh bool // it was on no load balancer
	// before is how many routes it had when it last fit; 0 = it is not known
	before int
}

// match finds the place of each unit: that of the part of it which has the most hosts, and of parts of one size, of the
// oldest one. Parts on another load balancer move to it.
func (p *placer) match(units []Unit, before Placement) {
	at := map[string]int{}
	for i := range before {
		for _, h := range before[i].Hosts {
			at[h] = i
		}
	}
	type aged struct {
		candidate
		age int
	}
	all := make([]aged, 0, len(units))
	for _, u := range units {
		parts, most, age := map[int]int{}, -1, len(before)
		for _, h := range u.Hosts {
			if i, known := at[h]; known {
				parts[i]++
				age = min(age, i)
			}
		}
		for i, n := range parts {
			if most < 0 || n > parts[most] || n == parts[most] && i < most {
				most = i
			}
		}
		c := candidate{Placed: Placed{Hosts: u.Hosts, Routes: u.Routes}, unit: u, fresh: most < 0}
		if most >= 0 {
			b := before[most]
			c.before = b.Routes
			c.Shard, c.home, c.From, c.Ready, c.Shown = b.Shard, b.Shard, b.From, b.Ready, b.Shown
			for _, i := range slices.Sorted(maps.Keys(parts)) {
				if other := before[i].Shard; c.From == nil && other != c.Shard {
					c.From, c.Ready, c.Shown = &other, false, time.Time{}
				}
			}
		}
		all = append(all, aged{c, age})
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(a.age-b.age, cmp.Compare(a.Hosts[0], b.Hosts[0])) })
	for i, c := range all {
		p.all = append(p.all, c.candidate)
		if !c.fresh {
			p.on[c.home] = append(p.on[c.home], i)
		}
	}
}

// evict takes the youngest units off a load balancer on which they do not fit together, as few as are enough, and
// returns them. All are taken off one that the group is to have no more.
func (p *placer) evict(n int) (out []int, err error) {
	var stay, may []int
	for _, i := range p.on[n] {
		if p.all[i].From != nil || p.all[i].unit.Fixed {
			stay = append(stay, i)
		} else {
			may = append(may, i)
		}
	}
	p.on[n] = stay
	if n >= p.shards {
		return may, nil
	}
	may = p.grownLast(may)
	fits, err := p.fit(n, may)
	if err != nil || fits {
		p.on[n] = append(stay, may...)
		return nil, err
	}
	low, high := 0, len(may) // so many of the oldest fit, and so many more do not
	for low+1 < high {
		middle := min((low+high)/2, 2*low+mostTried)
		if fits, err = p.fit(n, may[:middle]); err != nil {
			return nil, err
		}
		if fits {
			low = middle
		} else {
			high = middle
		}
	}
	p.on[n] = append(stay, may[:low]...)
	return p.fill(n, may[low:])
}

// grownLast are units in their order, but those of namespaces with units that grew last: no namespace moves hosts of
// others by more routes of its own.
func (p *placer) grownLast(units []int) []int {
	grown := map[string]bool{}
	for _, i := range units {
		c := &p.all[i]
		grown[c.unit.Of] = grown[c.unit.Of] || c.before > 0 && c.unit.Routes > c.before
	}
	var out, last []int
	for _, i := range units {
		if grown[p.all[i].unit.Of] {
			last = append(last, i)
		} else {
			out = append(out, i)
		}
	}
	return append(out, last...)
}

// fill puts as many units as fit on a load balancer, in their order, and returns those that do not fit, in the order of
// their age.
func (p *placer) fill(n int, run []int) (rest []int, err error) {
	vain := func(i int) bool { return p.refused[refusal{n, p.all[i].unit.Of}] >= mostRefused }
	rest = slices.DeleteFunc(slices.Clone(run), func(i int) bool { return !vain(i) })
	run = slices.DeleteFunc(slices.Clone(run), vain)
	if len(run) == 0 {
		return rest, nil
	}
	fits := false
	if len(run) <= mostTried {
		fits, err = p.fit(n, run)
	}
	switch {
	case err != nil:
		return nil, err
	case fits:
		p.on[n] = append(p.on[n], run...)
		for _, i := range run {
			c := &p.all[i]
			if c.Shard = n; !c.fresh && c.home != n {
				c.From = &c.home
			}
		}
		return rest, nil
	case len(run) == 1:
		p.refused[refusal{n, p.all[run[0]].unit.Of}]++
		return append(rest, run...), nil
	}
	for _, half := range [][]int{run[:len(run)/2], run[len(run)/2:]} {
		left, err := p.fill(n, half)
		if err != nil {
			return nil, err
		}
		rest = append(rest, left...)
	}
	slices.Sort(rest)
	return rest, nil
}

// fit asks whether units fit on a load balancer in addition to those that are on it.
func (p *placer) fit(n int, more []int) (bool, error) {
	units := make([]Unit, 0, len(p.on[n])+len(more))
	for _, i := range slices.Concat(p.on[n], more) {
		units = append(units, p.all[i].unit)
	}
	return p.fits(n, units)
}

// handover is how long the rules of a unit stay on its former load balancer after the statuses show the new one: the
// time to live of the DNS record that clients may still use, 60 s for an alias.
const handover = time.Minute

// Settle ends the moves whose time is over. next is when that is so of the next one; zero = of none.
func (p Placement) Settle(now time.Time) (out Placement, next time.Time) {
	out = slices.Clone(p)
	for i := range out {
		x := &out[i]
		if x.From == nil || x.Shown.IsZero() {
			continue
		}
		switch end := x.Shown.Add(handover); {
		case !end.After(now):
			x.From, x.Ready, x.Shown = nil, false, time.Time{}
		case next.IsZero() || end.Before(next):
			next = end
		}
	}
	return out, next
}

// Arriving reports whether units are on their way to a load balancer that is not known to serve them.
func (p Placement) Arriving(n int) bool {
	return slices.ContainsFunc(p, func(x Placed) bool { return x.From != nil && x.Shard == n && !x.Ready })
}

// Moves reports whether any host is moving.
func (p Placement) Moves() bool {
	return slices.ContainsFunc(p, func(x Placed) bool { return x.From != nil })
}

// Leaving reports whether a host of routes is moving away from a load balancer.
func (p Placement) Leaving(n int, routes []intent.Route) bool {
	return slices.ContainsFunc(routes, func(r intent.Route) bool {
		hosts, _ := hostsOf(r.Conditions)
		return slices.ContainsFunc(p, func(x Placed) bool {
			return x.From != nil && *x.From == n && slices.ContainsFunc(hosts, func(h string) bool {
				return slices.Contains(x.Hosts, h)
			})
		})
	})
}

// Arrived notes that a load balancer serves the units that are on their way to it.
func (p Placement) Arrived(n int) Placement {
	out := slices.Clone(p)
	for i := range out {
		out[i].Ready = out[i].Ready || out[i].From != nil && out[i].Shard == n
	}
	return out
}

// Show notes that the statuses show the load balancers of the units that have arrived.
func (p Placement) Show(now time.Time) Placement {
	out := slices.Clone(p)
	for i := range out {
		if x := &out[i]; x.From != nil && x.Ready && x.Shown.IsZero() {
			x.Shown = now
		}
	}
	return out
}

// Shown returns what finds the numbers of the load balancers that an object with some routes is to show, that of its
// first route first. A unit that is moving is shown where it was until it has arrived. Routes without a host are on
// each load balancer, and are shown on the first one if the object has no others.
func (p Placement) Shown() func(routes []intent.Route) []int {
	at := map[string]int{}
	for _, x := range p {
		n := x.Shard
		if x.From != nil && !x.Ready {
			n = *x.From
		}
		for _, h := range x.Hosts {
			at[h] = n
		}
	}
	return func(routes []intent.Route) (out []int) {
		for i := range routes {
			hosts, all := hostsOf(routes[i].Conditions)
			if all {
				continue
			}
			if n, placed := at[hosts[0]]; placed && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		if len(out) == 0 {
			return []int{0}
		}
		return out
	}
}

// Of returns the number of the load balancer that requests for a host find by its name; ok is false if the host is of
// no unit, and each load balancer answers the same.
func (p Placement) Of(host string) (n int, ok bool) {
	host = strings.ToLower(host)
	if at := slices.IndexFunc(p, func(x Placed) bool { return slices.Contains(x.Hosts, host) }); at >= 0 {
		return p[at].Shard, true
	}
	for i := range p {
		for _, h := range p[i].Hosts {
			if !overlap.Disjoint(ofHost(h), ofHost(host)) {
				return p[i].Shard, true
			}
		}
	}
	return 0, false
}

// shownHosts bounds the hosts that a text names.
const shownHosts = 3

// Describe says which of the hosts of routes are on which load balancer: shown is of Shown.
func Describe(shown func([]intent.Route) []int, routes []intent.Route) string {
	var parts []string
	for _, n := range shown(routes) {
		var hosts []string
		for i := range routes {
			on := shown(routes[i : i+1])
			of, all := hostsOf(routes[i].Conditions)
			if !all && on[0] == n {
				hosts = append(hosts, of...)
			}
		}
		slices.Sort(hosts)
		hosts = slices.Compact(hosts)
		parts = append(parts, fmt.Sprintf("load balancer %d has %s", n+1, diag.First(hosts, shownHosts, ", ")))
	}
	return strings.Join(parts, "; ")
}
