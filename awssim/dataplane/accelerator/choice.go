package accelerator

import (
	"hash/maphash"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// draws makes the random numbers of one flow's choices: the same ones for the same tuple and, with client affinity, for
// the same client at the same address.
func (o *Options) draws(l *topology.AcceleratorListener, t flow.Tuple) func() uint64 {
	if l.Sticky {
		t = flow.Tuple{Client: netip.AddrPortFrom(t.Client.Addr(), 0), Local: netip.AddrPortFrom(t.Local.Addr(), 0)}
	}
	n := uint64(0)
	return func() uint64 {
		n++
		return maphash.Comparable(o.Seed, struct {
			tuple flow.Tuple
			n     uint64
		}{t, n})
	}
}

// endpointFor chooses the endpoint of a flow: the nearest endpoint group that has a healthy endpoint gets the share of
// its dial, the next one its share of the rest, and so on; what is left goes to the nearest. In a group weights decide.
// When no group has a healthy endpoint, any endpoint of a group that is not dialled down to nothing may get the flow.
func (o *Options) endpointFor(l *topology.AcceleratorListener, draw func() uint64) (*topology.EndpointGroup,
	*topology.Endpoint) {
	var rest *topology.EndpointGroup
	var among []*topology.Endpoint
	for i := range l.Groups {
		g := &l.Groups[i]
		able := o.able(g)
		if g.Dial <= 0 || len(able) == 0 {
			continue
		}
		if rest == nil {
			rest, among = g, able
		}
		if float64(draw()%10_000) < g.Dial*100 {
			return g, byWeight(able, draw())
		}
	}
	if rest != nil {
		return rest, byWeight(among, draw())
	}
	type choice struct {
		group    *topology.EndpointGroup
		endpoint *topology.Endpoint
	}
	var all []choice
	for i := range l.Groups {
		g := &l.Groups[i]
		for j := range g.Endpoints {
			if g.Dial > 0 {
				all = append(all, choice{g, &g.Endpoints[j]})
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	c := all[draw()%uint64(len(all))]
	return c.group, c.endpoint
}

// able are the healthy endpoints of a group that have a weight, or all healthy ones when none of the group has a
// weight.
func (o *Options) able(g *topology.EndpointGroup) []*topology.Endpoint {
	var healthy, weighted []*topology.Endpoint
	weightless := true
	for i := range g.Endpoints {
		e := &g.Endpoints[i]
		weightless = weightless && e.Weight == 0
		if !o.healthyEndpoint(e) {
			continue
		}
		healthy = append(healthy, e)
		if e.Weight > 0 {
			weighted = append(weighted, e)
		}
	}
	if weightless {
		return healthy
	}
	return weighted
}

// byWeight picks one of the endpoints, of which there is one at least.
func byWeight(endpoints []*topology.Endpoint, n uint64) *topology.Endpoint {
	total := uint64(0)
	for _, e := range endpoints {
		total += uint64(e.Weight)
	}
	if total == 0 {
		return endpoints[n%uint64(len(endpoints))]
	}
	n %= total
	for _, e := range endpoints {
		if n < uint64(e.Weight) {
			return e
		}
		n -= uint64(e.Weight)
	}
	return endpoints[0]
}

// reach is where a flow enters the endpoint: a node of a load balancer in a zone that DNS would answer with, or the
// address itself. It reports false when there is none of the client's address family.
func (o *Options) reach(e *topology.Endpoint, draw func() uint64, v6 bool) (netip.Addr, bool) {
	if e.LoadBalancer == "" {
		return e.Address, e.Address.IsValid() && e.Address.Is6() == v6
	}
	nodes := o.LoadBalancers.EntryPoints(e.LoadBalancer, v6)
	if len(nodes) == 0 {
		return netip.Addr{}, false
	}
	return nodes[draw()%uint64(len(nodes))], true
}

// healthyEndpoint reports whether the endpoint is healthy.
func (o *Options) healthyEndpoint(e *topology.Endpoint) bool {
	if e.LoadBalancer == "" {
		return e.Running
	}
	return o.LoadBalancers.Healthy(e.LoadBalancer)
}
