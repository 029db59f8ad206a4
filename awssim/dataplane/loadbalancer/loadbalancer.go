// Package loadbalancer is what Application and Network Load Balancers have in common: configuration and counters, the
// zone that a client reaches, what security groups permit, snapshots of listeners, connections of clients. It opens no
// socket and speaks no protocol. It may import awssim/accesslog, awssim/clock, awssim/vnet, internal/model/stack,
// internal/model/traffic and the packages of the data plane below it.
package loadbalancer

import (
	"context"
	"hash/maphash"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// HandshakeTimeout is AWS's for TLS handshakes with clients.
const HandshakeTimeout = 10 * time.Second

// Options are what the load balancers of a data plane share.
type Options struct {
	Context        context.Context // ends connections
	Clock          clock.Clock     // of idle time-outs of flows
	Network        *vnet.Network
	Logs           *accesslog.Writer // nil: none
	Random         func() uint64     // safe for concurrent use
	Seed           maphash.Seed      // of flow hashes
	Outside        netip.Addr        // what clients on loopback count as at internet-facing load balancers
	ConnectTimeout time.Duration     // how long a target may take to accept a connection and for the TLS handshake
	Spawn          func(func()) bool // runs a goroutine; false: it does not run
	// Begin makes the end of the data plane wait for a call of End. It reports false if the data plane has ended.
	Begin        func() bool
	End          func()
	TargetGroups *targetgroup.Groups
	TargetGroup  func(arn string) *targetgroup.Group // nil: there is none
	Logf         func(format string, args ...any)
}

// HashOf is the part of the flow hash that source-IP stickiness keeps.
func (o *Options) HashOf(a netip.Addr) uint64 { return maphash.Comparable(o.Seed, a) }

// LoadBalancer is a load balancer at work, without its sockets.
type LoadBalancer struct {
	*Options
	ARN            string
	Requests       counter.Requests
	RequestsByZone counter.RequestsByZone
	Rules          counter.Rules
	Flows          counter.FlowsByZone // NLB

	config atomic.Pointer[Config] // nil until the first update
	turn   atomic.Uint64          // round robin over zones for clients on loopback
	meter  counter.Meter
}

// Config is the immutable configuration of a load balancer between two updates.
type Config struct {
	topology.LoadBalancer
	Settings topology.LoadBalancerSettings
	inside   netip.Addr           // what a client on loopback counts as at an internal load balancer
	groups   []*targetgroup.Group // that some action names
}

// New makes a load balancer without a configuration.
func New(o *Options, arn string) *LoadBalancer { return &LoadBalancer{Options: o, ARN: arn} }

// Config is the configuration of the moment; nil before the first update.
func (b *LoadBalancer) Config() *Config { return b.config.Load() }

// Active is the configuration of the moment; nil while the load balancer is provisioning or failed.
func (b *LoadBalancer) Active() *Config {
	if c := b.config.Load(); c != nil && c.Active {
		return c
	}
	return nil
}

// Update makes lb the configuration.
func (b *LoadBalancer) Update(lb *topology.LoadBalancer) {
	config := &Config{LoadBalancer: *lb, Settings: lb.Settings(), inside: lb.InsideAddress(), groups: b.groupsOf(lb)}
	config.Attributes = nil // what counts of them is in Settings
	b.config.Store(config)
}

// groupsOf are the target groups that the actions of a load balancer name.
func (b *LoadBalancer) groupsOf(lb *topology.LoadBalancer) []*targetgroup.Group {
	seen := map[string]bool{}
	var groups []*targetgroup.Group
	for i := range lb.Listeners {
		for arn := range lb.Listeners[i].TargetGroups() {
			if g := b.TargetGroup(arn); g != nil && !seen[arn] {
				groups = append(groups, g)
			}
			seen[arn] = true
		}
	}
	return groups
}

// IsNetwork reports whether the load balancer is an NLB.
func (c *Config) IsNetwork() bool { return c.Type == stack.Network }

// Permits reports whether the security groups permit packets of a client.
func (b *LoadBalancer) Permits(network string, from, to netip.AddrPort) bool {
	c := b.config.Load()
	return c == nil || !c.Filtered || topology.Permitted(c.Ingress, network, from.Addr().Unmap(), int32(to.Port()))
}

// Admits is the firewall of the load balancer's addresses on the virtual network. It drops without an answer what the
// security groups do not permit and, as an NLB does, what no listener is for.
func (b *LoadBalancer) Admits(network string, from, to netip.AddrPort) bool {
	c := b.config.Load()
	if c == nil {
		return true
	}
	if c.IsNetwork() && !slices.ContainsFunc(c.Listeners, func(l topology.Listener) bool {
		return l.Port == int32(to.Port()) && topology.Carries(l.Protocol, network)
	}) {
		return false
	}
	if !b.Permits(network, from, to) {
		b.Flows.AddBlockedIn(network)
		return false
	}
	return true
}

// Client is the address that a connection's peer counts as: loopback stands for the outside or, at an internal load
// balancer, for the VPC.
func (b *LoadBalancer) Client(peer net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := peer.(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr:
		at = a.AddrPort()
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() {
		ip = b.Outside
		if c := b.config.Load(); c.Scheme == stack.Internal {
			ip = c.inside
		}
	}
	return netip.AddrPortFrom(ip, at.Port())
}

// HasHealthyTargets reports whether, for an accelerator, an active load balancer can serve: some target group has a
// healthy target, and none has unhealthy ones only.
func (b *LoadBalancer) HasHealthyTargets() bool {
	c := b.Active()
	if c == nil {
		return false
	}
	served := false
	for _, g := range c.groups {
		healthy, unhealthy := g.Hosts()
		if healthy == 0 && unhealthy > 0 {
			return false
		}
		served = served || healthy > 0
	}
	return served
}

// Measure samples the counters at the end of a window of the meter.
func (b *LoadBalancer) Measure() {
	c := b.config.Load()
	switch {
	case c == nil:
	case c.IsNetwork():
		b.meter.Look(counter.FlowUsage(&b.Flows.Flows))
	default:
		b.meter.Look(counter.RequestUsage(&b.Requests))
	}
}

// AddCapacity adds the metrics of the load balancer's capacity to out.
func (b *LoadBalancer) AddCapacity(out map[string]float64) {
	c := b.config.Load()
	if c == nil {
		return
	}
	if c.ReservedUnits > 0 {
		out["ReservedLCUs"] = float64(c.ReservedUnits)
	}
	if c.IsNetwork() {
		b.meter.FlowCapacity(out)
		return
	}
	b.meter.RequestCapacity(out, c.ReservedUnits)
}
