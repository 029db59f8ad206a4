// Package shard decides which load balancer of a group serves each hostname. It divides the routes of a group into
// units that must stay together, places units on load balancers and keeps each where it is, and returns the part of
// an intent that one load balancer serves. Its caller finds out whether units fit. It is pure.
package shard

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Unit are hosts that are on one load balancer, because one request may match rules of several of them, because one
// rule has them all, or because their rules forward to one target group of the user: in lower case and sorted. No host
// is in two units.
type Unit struct {
	Hosts  []string
	Routes int // how many routes have them
	// Fixed reports that a route forwards to a target group of the user. AWS allows it on one load balancer only, so that
	// the unit cannot be on two while it moves.
	Fixed bool
	Of    string // the namespace whose routes have the hosts; several = those of more than one
}

// hostsOf are the hosts of a route, in lower case. all reports that the route is on every load balancer: it has no
// host, or an expression or a wildcard that may match any.
func hostsOf(conditions []stack.Condition) (hosts []string, all bool) {
	for _, c := range conditions {
		if c.Field != stack.HostHeader {
			continue
		}
		for _, v := range c.Values {
			hosts = append(hosts, strings.ToLower(v))
		}
		all = all || len(c.Regex) > 0
	}
	return hosts, all || len(hosts) == 0 || slices.ContainsFunc(hosts, func(h string) bool {
		return strings.Trim(h, "*?") == ""
	})
}

// UnitsOf are the units of routes, sorted by their first hosts. before is how hosts were placed: a route joins no hosts
// of other namespaces that are on several load balancers, because it would move them. apart are the wildcards that
// cover such hosts, and are also on the load balancers of these (see Cover).
func UnitsOf(routes []intent.Route, before Placement) (units []Unit, apart []string) {
	j := newJoined(routes, before)
	count, fixed, users := map[string]int{}, map[string]bool{}, map[string]string{}
	for i := range routes {
		hosts, all := hostsOf(routes[i].Conditions)
		if all {
			continue
		}
		for _, h := range hosts {
			j.join(hosts[0], h)
		}
		count[hosts[0]]++
		for _, tg := range usersGroups(&routes[i]) {
			fixed[hosts[0]] = true
			if first, known := users[tg]; known {
				j.join(first, hosts[0])
			} else {
				users[tg] = hosts[0]
			}
		}
	}
	known := slices.Sorted(maps.Keys(j.to))
	near := indexEnds(known)
	for _, wild := range known {
		if !strings.ContainsAny(wild, overlap.Wildcards) {
			continue
		}
		var more []string
		for h := range near.of(wild) {
			if j.root(h) != j.root(wild) && !overlap.Disjoint(ofHost(wild), ofHost(h)) {
				more = append(more, h)
			}
		}
		slices.Sort(more)
		joins := true
		for _, h := range more {
			joins = j.join(wild, h) && joins
		}
		if !joins {
			apart = append(apart, wild)
		}
	}
	by := map[string]*Unit{}
	for _, h := range known {
		root := j.root(h)
		if by[root] == nil {
			by[root] = &Unit{Of: j.of[root]}
		}
		by[root].Hosts = append(by[root].Hosts, h)
		by[root].Routes += count[h]
		by[root].Fixed = by[root].Fixed || fixed[h]
	}
	units = make([]Unit, 0, len(by))
	for _, u := range by {
		units = append(units, *u)
	}
	slices.SortFunc(units, func(a, b Unit) int { return strings.Compare(a.Hosts[0], b.Hosts[0]) })
	return units, apart
}

// Cover adds to the hosts of a load balancer those of some wildcards that cover one of them: their rules answer some of
// its requests.
func Cover(here map[string]bool, wildcards []string) {
	if len(wildcards) == 0 {
		return
	}
	near := indexEnds(slices.Concat(slices.Sorted(maps.Keys(here)), wildcards))
	for _, wild := range wildcards {
		for h := range near.of(wild) {
			if here[h] && !overlap.Disjoint(ofHost(wild), ofHost(h)) {
				here[wild] = true
				break
			}
		}
	}
}

// usersGroups are the target groups of the user to which a route forwards, by ARN or name.
func usersGroups(r *intent.Route) (out []string) {
	for _, a := range r.Actions {
		for _, b := range a.Backends {
			if name := cmp.Or(b.TargetGroupARN, b.TargetGroupName); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

func ofHost(h string) []stack.Condition {
	return []stack.Condition{{Field: stack.HostHeader, Values: []string{h}}}
}

// joined are the hosts that are one unit. to has for each host another one of its unit, or the host itself: the root of
// the unit.
type joined struct {
	to    map[string]string
	shard map[string]int    // where units were placed, by their roots
	of    map[string]string // the namespace whose routes have the hosts, by root; several = those of more than one
}

const several = "*"

// newJoined has each host of routes as its own unit.
func newJoined(routes []intent.Route, before Placement) *joined {
	j := &joined{to: map[string]string{}, shard: map[string]int{}, of: map[string]string{}}
	for i := range routes {
		hosts, all := hostsOf(routes[i].Conditions)
		for _, h := range hosts {
			namespace := routes[i].Source.Object().Namespace
			if _, known := j.to[h]; known && j.of[h] != namespace {
				namespace = several
			}
			if !all {
				j.to[h], j.of[h] = h, namespace
			}
		}
	}
	for i := range before {
		for _, h := range before[i].Hosts {
			j.shard[h] = before[i].Shard
		}
	}
	return j
}

func (j *joined) root(h string) string {
	for j.to[h] != h {
		j.to[h] = j.to[j.to[h]]
		h = j.to[h]
	}
	return h
}

// join makes one unit of those of two hosts. It returns false, and does not, if that would move hosts of a namespace by
// a route of another one.
func (j *joined) join(a, b string) bool {
	x, y := j.root(a), j.root(b)
	if x == y {
		return true
	}
	at, placed := j.shard[x]
	other, also := j.shard[y]
	alone := j.of[x] == j.of[y] && j.of[x] != several
	if placed && also && at != other && !alone {
		return false
	}
	if j.to[y] = x; !placed && also {
		j.shard[x] = other
	}
	if !alone {
		j.of[x] = several
	}
	return true
}
