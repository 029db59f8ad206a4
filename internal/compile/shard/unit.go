// Package shard decides which load balancer of a group serves each hostname. It divides the routes of a group into
// units that must stay together, places units on load balancers and keeps each where it is, and returns the part of
// an intent that one load balancer serves. Its caller finds out whether units fit. It is pure.
package shard

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
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

// UnitsOf are the units of routes, sorted by their first hosts.
func UnitsOf(routes []intent.Route) []Unit {
	j := joined{}
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
	known := slices.Sorted(maps.Keys(j))
	for _, wild := range known {
		if !strings.ContainsAny(wild, overlap.Wildcards) {
			continue
		}
		for _, h := range known {
			if !overlap.Disjoint(ofHost(wild), ofHost(h)) {
				j.join(wild, h)
			}
		}
	}
	by := map[string]*Unit{}
	for _, h := range known {
		root := j.root(h)
		if by[root] == nil {
			by[root] = &Unit{}
		}
		by[root].Hosts = append(by[root].Hosts, h)
		by[root].Routes += count[h]
		by[root].Fixed = by[root].Fixed || fixed[h]
	}
	out := make([]Unit, 0, len(by))
	for _, u := range by {
		out = append(out, *u)
	}
	sorting.By(out, func(a, b Unit) int { return strings.Compare(a.Hosts[0], b.Hosts[0]) })
	return out
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

// joined has for each host another one of its unit, or the host itself.
type joined map[string]string

func (j joined) root(h string) string {
	for j[h] != h {
		j[h] = j[j[h]]
		h = j[h]
	}
	return h
}

func (j joined) join(a, b string) {
	for _, h := range []string{a, b} {
		if _, known := j[h]; !known {
			j[h] = h
		}
	}
	j[j.root(b)] = j.root(a)
}
