package shard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// maxName is the length of the name of a load balancer.
const maxName = 32

// nameOf is the declared name of a group's load balancer with the number of a further one, as a name is that of one
// load balancer only.
func nameOf(declared string, n int) string {
	end := fmt.Sprintf("-%d", n)
	return declared[:min(len(declared), maxName-len(end))] + end
}

// Take returns the part of a group's n-th load balancer: the routes of its hosts, and the routes on every load
// balancer. Members keep their settings and ports, so all load balancers of the group have them. Hosts for which a
// listener finds certificates are left out if they are on another load balancer. If no host would be left, the first
// one stays, because AWS has no HTTPS listener without a certificate.
func Take(all intent.LoadBalancer, key stack.Key, n int, hosts, elsewhere map[string]bool) intent.LoadBalancer {
	out := all
	out.Key = key
	out.Members = slices.Clone(all.Members)
	for i := range out.Members {
		m := &out.Members[i]
		if name := &m.Settings.Name; n > 0 && name.Value != "" {
			name.Value = nameOf(name.Value, n)
		}
		m.Routes = slices.DeleteFunc(slices.Clone(m.Routes), func(r intent.Route) bool {
			of, every := hostsOf(r.Conditions)
			return !every && !hosts[of[0]]
		})
		m.Listeners = slices.Clone(m.Listeners)
		for n := range m.Listeners {
			l := &m.Listeners[n]
			left := slices.DeleteFunc(slices.Clone(l.DiscoverHosts), func(h string) bool {
				return elsewhere[strings.ToLower(h)] && !hosts[strings.ToLower(h)]
			})
			if len(left) == 0 && len(l.DiscoverHosts) > 0 {
				left = l.DiscoverHosts[:1:1]
			}
			l.DiscoverHosts = left
		}
	}
	return out
}

// HostsOn are the hosts on a load balancer, and those that are on others only.
func (p Placement) HostsOn(n int) (here, elsewhere map[string]bool) {
	here, elsewhere = map[string]bool{}, map[string]bool{}
	for i := range p {
		for _, h := range p[i].Hosts {
			if p[i].On(n) {
				here[h] = true
			} else {
				elsewhere[h] = true
			}
		}
	}
	return here, elsewhere
}

// RoutesOf are the routes of all members.
func RoutesOf(lb intent.LoadBalancer) (out []intent.Route) {
	for i := range lb.Members {
		out = append(out, lb.Members[i].Routes...)
	}
	return out
}
