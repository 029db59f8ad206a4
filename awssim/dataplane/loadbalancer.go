package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/nlb"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// loadBalancer is a load balancer with its addresses and listeners.
type loadBalancer struct {
	*loadbalancer.LoadBalancer
	plane *Plane
	open  nlb.OpenFlows

	mu        sync.Mutex // guards what follows; taken by update and stop, and briefly by Addresses
	loopback  *flow.Loopback
	addresses []netip.Addr // on the virtual network
	listeners map[listenerKey]*listener
	stopped   bool
}

// listenerKey: a listener of an application load balancer that changes its protocol is another one to its clients. One
// of a network load balancer has a part for each transport, which goes on where the new protocol has the transport as
// well: flows outlive the change.
type listenerKey struct {
	port int32
	part string // the protocol, or the transport
}

// keysOf are the keys of the parts of a listener.
func keysOf(l *topology.Listener) (keys []listenerKey) {
	if l.Protocol == "HTTP" || l.Protocol == "HTTPS" {
		return []listenerKey{{l.Port, l.Protocol}}
	}
	if topology.Carries(l.Protocol, partTCP) {
		keys = append(keys, listenerKey{l.Port, partTCP})
	}
	switch l.Protocol {
	case "UDP", "TCP_UDP":
		keys = append(keys, listenerKey{l.Port, partUDP})
	case "QUIC", "TCP_QUIC":
		keys = append(keys, listenerKey{l.Port, partQUIC})
	}
	return keys
}

const (
	partTCP  = "tcp"
	partUDP  = "udp"
	partQUIC = "quic"
)

func newLoadBalancer(p *Plane, arn string) *loadBalancer {
	return &loadBalancer{LoadBalancer: loadbalancer.New(&p.options, arn), plane: p, listeners: map[listenerKey]*listener{}}
}

// update brings the listeners to what lb has.
func (b *loadBalancer) update(lb *topology.LoadBalancer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return nil
	}
	b.Update(lb)
	if !lb.Active {
		b.close()
		return nil
	}
	if b.loopback == nil {
		b.loopback = b.plane.loopbacks.Take(b.ARN)
	}
	var bad []error
	wanted := map[listenerKey]bool{}
	for i := range lb.Listeners {
		for _, key := range keysOf(&lb.Listeners[i]) {
			wanted[key] = true
		}
	}
	b.closeListeners(func(k listenerKey) bool { return !wanted[k] })
	b.setAddresses(lb.VirtualAddresses())
	for i := range lb.Listeners {
		s := b.Snapshot(&lb.Listeners[i])
		for _, key := range keysOf(&lb.Listeners[i]) {
			l := b.listeners[key]
			secured := s.Listener.Protocol == "TLS" && (l == nil || l.Snapshot().Listener.Protocol != "TLS")
			if l == nil {
				l = newListener(b, s, key.part)
				b.listeners[key] = l
			}
			if err := l.update(s, b.loopback, b.addresses); err != nil {
				bad = append(bad, fmt.Errorf("load balancer %s, listener %d: %w", lb.Name, key.port, err))
			}
			if secured {
				b.Spawn(func() { l.nlb.TryTargets(s) })
			}
		}
	}
	return errors.Join(bad...)
}

// setAddresses puts the load balancer on the virtual network at exactly these addresses; the lock is held.
func (b *loadBalancer) setAddresses(wanted []netip.Addr) {
	for _, a := range b.addresses {
		if !slices.Contains(wanted, a) {
			b.Network.RemoveAddress(a)
		}
	}
	for _, a := range wanted {
		if !slices.Contains(b.addresses, a) {
			b.Network.AddAddress(a)
			if err := b.Network.SetFirewall(a, b.Admits); err != nil {
				b.Logf("data plane: load balancer %s: %v", b.ARN, err)
			}
		}
	}
	b.addresses = wanted
}

func (b *loadBalancer) closeListeners(which func(listenerKey) bool) {
	for key, l := range b.listeners {
		if which(key) {
			delete(b.listeners, key)
			l.stop()
		}
	}
}

// close closes all listeners and releases the addresses; the lock is held.
func (b *loadBalancer) close() {
	b.closeListeners(func(listenerKey) bool { return true })
	b.setAddresses(nil)
	if b.loopback != nil {
		b.loopback.Release()
		b.loopback = nil
	}
}

// stop ends the load balancer.
func (b *loadBalancer) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.close()
}
