package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// balancer is a load balancer at work.
type balancer struct {
	plane    *Plane
	arn      string
	config   atomic.Pointer[balancerConfig] // nil until the first update
	turn     atomic.Uint64                  // round robin over zones for clients on loopback
	counters counter.Requests
	zoned    counter.RequestsByZone
	rules    counter.Rules
	meter    counter.Meter
	flows    counter.FlowsByZone // NLB
	open     openFlows           // NLB

	mu        sync.Mutex // guards what follows; taken by update and stop, and briefly by Addresses
	loopback  *flow.Loopback
	addresses []netip.Addr // on the virtual network
	fronts    map[frontKey]*front
	stopped   bool
}

type balancerConfig struct {
	topology.LoadBalancer
	settings topology.LoadBalancerSettings
	inside   netip.Addr           // what a client on loopback counts as at an internal load balancer
	groups   []*targetgroup.Group // that some action names
}

// frontKey: a listener that changes its protocol is another one to its clients.
type frontKey struct {
	port     int32
	protocol string
}

func newBalancer(p *Plane, arn string) *balancer {
	return &balancer{plane: p, arn: arn, fronts: map[frontKey]*front{}}
}

// update brings the listeners to what lb has.
func (b *balancer) update(lb *topology.LoadBalancer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return nil
	}
	config := &balancerConfig{LoadBalancer: *lb, settings: lb.Settings(), inside: lb.InsideAddress(), groups: b.groupsOf(lb)}
	config.Attributes = nil // what counts of them is in settings
	b.config.Store(config)
	if !lb.Active {
		b.closeFronts(func(frontKey) bool { return true })
		b.setAddresses(nil)
		b.releaseLoopback()
		return nil
	}
	if b.loopback == nil {
		b.loopback = b.plane.loopbacks.Take(b.arn)
	}
	var bad []error
	wanted := map[frontKey]bool{}
	for i := range lb.Listeners {
		wanted[frontKey{lb.Listeners[i].Port, lb.Listeners[i].Protocol}] = true
	}
	b.closeFronts(func(k frontKey) bool { return !wanted[k] })
	b.setAddresses(lb.VirtualAddresses())
	for i := range lb.Listeners {
		l := &lb.Listeners[i]
		key := frontKey{l.Port, l.Protocol}
		view := b.newView(l)
		f := b.fronts[key]
		fresh := f == nil
		if fresh {
			f = newFront(b, key, view)
			b.fronts[key] = f
		}
		if err := f.update(view, b.loopback, b.addresses); err != nil {
			bad = append(bad, fmt.Errorf("load balancer %s, listener %d: %w", lb.Name, l.Port, err))
		}
		if fresh && l.Protocol == "TLS" {
			b.plane.spawn(func() { f.tryTargets(view) })
		}
	}
	return errors.Join(bad...)
}

// groupsOf are the target groups that the actions of a load balancer name.
func (b *balancer) groupsOf(lb *topology.LoadBalancer) []*targetgroup.Group {
	seen := map[string]bool{}
	var groups []*targetgroup.Group
	for i := range lb.Listeners {
		for arn := range lb.Listeners[i].TargetGroups() {
			if g := b.plane.group(arn); g != nil && !seen[arn] {
				groups = append(groups, g)
			}
			seen[arn] = true
		}
	}
	return groups
}

// setAddresses puts the load balancer on the virtual network at exactly these addresses; the lock is held.
func (b *balancer) setAddresses(wanted []netip.Addr) {
	for _, a := range b.addresses {
		if !slices.Contains(wanted, a) {
			b.plane.network.RemoveAddress(a)
		}
	}
	for _, a := range wanted {
		if !slices.Contains(b.addresses, a) {
			b.plane.network.AddAddress(a)
			if err := b.plane.network.Guard(a, b.guards); err != nil {
				b.plane.logf("data plane: load balancer %s: %v", b.arn, err)
			}
		}
	}
	b.addresses = wanted
}

func (b *balancer) releaseLoopback() {
	if b.loopback != nil {
		b.loopback.Release()
		b.loopback = nil
	}
}

func (b *balancer) closeFronts(which func(frontKey) bool) {
	for key, f := range b.fronts {
		if which(key) {
			delete(b.fronts, key)
			f.stop()
		}
	}
}

// stop ends the load balancer.
func (b *balancer) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.closeFronts(func(frontKey) bool { return true })
	b.setAddresses(nil)
	b.releaseLoopback()
}

// admits is the firewall made of the load balancer's security groups.
func (b *balancer) admits(network string, from, to netip.AddrPort) bool {
	c := b.config.Load()
	return c == nil || !c.Filtered || topology.Permitted(c.Ingress, network, from.Addr().Unmap(), int32(to.Port()))
}

// guards is the firewall of the load balancer's addresses on the virtual network. It drops in silence what the security
// groups do not admit and, as an NLB does, what no listener is for.
func (b *balancer) guards(network string, from, to netip.AddrPort) bool {
	c := b.config.Load()
	if c == nil {
		return true
	}
	if c.network() && !slices.ContainsFunc(c.Listeners, func(l topology.Listener) bool {
		return l.Port == int32(to.Port()) && topology.Carries(l.Protocol, network)
	}) {
		return false
	}
	if !b.admits(network, from, to) {
		b.flows.AddBlockedIn(network)
		return false
	}
	return true
}

// client is the address that a connection's peer counts as: loopback stands for the outside or, at an internal load
// balancer, for the VPC.
func (b *balancer) client(peer net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := peer.(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr:
		at = a.AddrPort()
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() {
		ip = b.plane.outside
		if c := b.config.Load(); c.Scheme == stack.Internal {
			ip = c.inside
		}
	}
	return netip.AddrPortFrom(ip, at.Port())
}

// zone finds the zone whose node a connection reached: by its address on the virtual network, else in turn as DNS would
// answer: of the zones in service those with a healthy target of the listener if there are any, else zones with a target, else all.
func (b *balancer) zone(local netip.Addr, v *view, client netip.AddrPort) string {
	if zone := b.zoneOf(local); zone != "" {
		return zone
	}
	for _, g := range v.groups {
		if s := &g.Config().Settings; s.Sticky && s.StickyType == "source_ip" { // a client resolves the name once and stays at one node
			return b.resolvedZone(v, b.plane.hashOf(client.Addr()))
		}
	}
	return b.resolvedZone(v, b.turn.Add(1))
}

// zoneOf is the zone of the node with an address on the virtual network; "" for others.
func (b *balancer) zoneOf(local netip.Addr) string {
	for _, z := range b.config.Load().Zones {
		if local == z.Private || local == z.Public || local == z.IPv6 {
			return z.Name
		}
	}
	return ""
}

// resolvedZone is the zone that a client finds by DNS, n its turn.
func (b *balancer) resolvedZone(v *view, n uint64) string {
	zones := b.inService()
	if len(zones) == 0 {
		return ""
	}
	start := int(n % uint64(len(zones)))
	for _, good := range []func(*targetgroup.Pool, string) bool{(*targetgroup.Pool).HealthyIn, (*targetgroup.Pool).RegisteredIn} {
		for i := range zones {
			z := zones[(start+i)%len(zones)]
			for _, g := range v.groups {
				if good(g.Pool(), z.Name) {
					return z.Name
				}
			}
		}
	}
	return zones[start].Name
}

// privateAddress is the load balancer's own address in a zone.
func (c *balancerConfig) privateAddress(zone string, v6 bool) netip.Addr {
	return topology.OwnAddress(c.Zones, zone, v6)
}
