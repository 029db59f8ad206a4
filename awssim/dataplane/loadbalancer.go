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

// listenerKey: a listener that changes its protocol is another one to its clients.
type listenerKey struct {
	port     int32
	protocol string
}

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
		wanted[listenerKey{lb.Listeners[i].Port, lb.Listeners[i].Protocol}] = true
	}
	b.closeListeners(func(k listenerKey) bool { return !wanted[k] })
	b.setAddresses(lb.VirtualAddresses())
	for i := range lb.Listeners {
		s := b.Snapshot(&lb.Listeners[i])
		key := listenerKey{s.Listener.Port, s.Listener.Protocol}
		l := b.listeners[key]
		created := l == nil
		if created {
			l = newListener(b, s)
			b.listeners[key] = l
		}
		if err := l.update(s, b.loopback, b.addresses); err != nil {
			bad = append(bad, fmt.Errorf("load balancer %s, listener %d: %w", lb.Name, key.port, err))
		}
		if created && key.protocol == "TLS" {
			b.Spawn(func() { l.nlb.TryTargets(s) })
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
