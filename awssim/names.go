package awssim

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/dns"
	"github.com/k8s-lbc/lbc/awssim/resolver"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// shortTTL is the longest time to live of DNS answers but in real time: a minute is too long in a simulation.
const shortTTL = time.Second

// startDNS starts the DNS server. The data plane runs.
func (s *Simulator) startDNS(o Options) error {
	s.resolver = resolver.New(resolver.Options{
		Account: s.Account, Nodes: s.nodes, Accelerators: s.accelerator, Others: s.lookupProvider, Random: rand.IntN,
	})
	for _, x := range s.Others {
		x.resolver = resolver.New(resolver.Options{Account: x.Account, Nodes: s.nodes, Random: rand.IntN})
	}
	options := dns.Options{Address: o.DNS, Answer: s.answerName, MaxTTL: shortTTL}
	if o.Profile.Name == account.Real().Name {
		options.MaxTTL = 0
	}
	server, err := dns.Listen(options)
	s.dns = server
	return err
}

// nodes are where a load balancer answers. On this machine it has one address for all of its zones; on the virtual
// network each zone has its own.
func (s *Simulator) nodes(arn string) []resolver.Node {
	outside := s.Plane.AddressesOf(arn)
	if len(outside) == 0 {
		return nil
	}
	a := s.ofLoadBalancer(arn)
	a.Lock()
	lb := a.LoadBalancers[arn]
	public, v4 := lb != nil && lb.Scheme == stack.InternetFacing, lb != nil &&
		lb.IPAddressType != stack.DualstackWithoutIPv4
	a.Unlock()
	var nodes []resolver.Node
	for _, z := range s.Plane.Zones(arn) {
		n := resolver.Node{Zone: z.Name, InService: z.InService, Outside: outside}
		address := z.Private
		if public {
			address = z.Public
		}
		for _, a := range []netip.Addr{address, z.IPv6} {
			if a.IsValid() && (v4 || a.Is6()) {
				n.Inside = append(n.Inside, a)
			}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// accelerator is where an accelerator answers: at loopback addresses or, for the machines of a VPC, at its own.
func (s *Simulator) accelerator(name string, inside bool) ([]netip.Addr, bool) {
	if !inside {
		return s.Plane.ResolveAccelerator(name)
	}
	s.Account.Lock()
	defer s.Account.Unlock()
	x, dualStack, ok := s.Account.AcceleratorNamed(name)
	switch {
	case !ok:
		return nil, false
	case dualStack:
		return slices.Concat(x.IPv4, x.IPv6), true
	}
	return slices.Clone(x.IPv4), true
}
