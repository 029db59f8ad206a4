// Package accelerator carries flows through accelerators of Global Accelerator: static and loopback addresses, the
// choice of an endpoint, counters by CloudWatch's names. Of load balancers it has what its interface LoadBalancers
// returns. It may import awssim/clock, awssim/vnet, awssim/dataplane/flow and awssim/dataplane/topology.
package accelerator

import (
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// LoadBalancers is what accelerators ask about the load balancers that are endpoints, by ARN.
type LoadBalancers interface {
	// Healthy reports whether a load balancer is active, has a healthy target, and has one in each of its target groups
	// that has targets.
	Healthy(arn string) bool
	// EntryPoints are the addresses of a load balancer at which flows enter it: of its zones in service, of an address
	// family.
	EntryPoints(arn string, v6 bool) []netip.Addr
	// Ports are the ports of the listeners of an active load balancer that take flows of a network, "tcp" or "udp".
	Ports(arn, network string) []int32
}

// Options are what a Set works with. All fields are needed.
type Options struct {
	Context       context.Context // ends all flows
	Clock         clock.Clock     // of idle time-outs
	Network       *vnet.Network
	Loopbacks     *flow.Loopbacks
	LoadBalancers LoadBalancers
	Outside       netip.Addr // what clients on loopback count as
	Random        func() uint64
	Seed          maphash.Seed      // of flow hashes
	Spawn         func(func()) bool // runs a goroutine; false: it does not run
	Logf          func(string, ...any)
}

// Set is the accelerators of one topology after another.
type Set struct {
	Options

	mu    sync.Mutex
	byARN map[string]*accelerator
	ended bool
}

// New makes an empty set. Stop it.
func New(o Options) *Set {
	return &Set{Options: o, byARN: map[string]*accelerator{}}
}

// Update makes the accelerators be as wanted. Calls must not overlap.
func (s *Set) Update(wanted []topology.Accelerator) error {
	named := make(map[string]bool, len(wanted))
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil
	}
	for i := range wanted {
		named[wanted[i].ARN] = true
		if s.byARN[wanted[i].ARN] == nil {
			s.byARN[wanted[i].ARN] = newAccelerator(&s.Options, wanted[i].ARN)
		}
	}
	now := maps.Clone(s.byARN)
	maps.DeleteFunc(s.byARN, func(arn string, _ *accelerator) bool { return !named[arn] })
	s.mu.Unlock()
	for arn, e := range now {
		if !named[arn] {
			e.stop()
		}
	}
	var bad []error
	for i := range wanted {
		bad = append(bad, now[wanted[i].ARN].update(&wanted[i]))
	}
	return errors.Join(bad...)
}

// Stop ends all accelerators and gives their addresses back.
func (s *Set) Stop() {
	s.mu.Lock()
	s.ended = true
	all := s.byARN
	s.byARN = nil
	s.mu.Unlock()
	for _, e := range all {
		e.stop()
	}
}

// list is the accelerators of the moment.
func (s *Set) list() []*accelerator {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.byARN))
}
