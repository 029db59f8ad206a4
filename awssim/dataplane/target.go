package dataplane

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

type targetKey struct {
	id   string
	port int32
}

func (k targetKey) compare(o targetKey) int {
	return cmp.Or(cmp.Compare(k.id, o.id), cmp.Compare(k.port, o.port))
}

// target is one registration at work; it lives as long as it is registered, whatever else changes.
type target struct {
	group     *group
	key       targetKey
	spec      atomic.Pointer[topology.Target]
	inFlight  atomic.Int64
	isHealthy atomic.Bool  // health.state == stateHealthy, for readers without the lock
	rampFrom  atomic.Int64 // when it became healthy, in nanoseconds of the plane's clock, for slow start

	performance performance
	drainedAt   time.Time // when it began to drain, on the plane's clock; guarded by group.mu
	gone        context.Context
	cutRequests context.CancelFunc

	// Guarded by group.mu.
	scheduled bool
	ticket    int // tells a check that was scheduled before forgetHealth from one after
	health    health

	flows flow.Set // NLB connections

	mu        sync.Mutex
	ended     bool
	transport *http.Transport
	channel   net.Conn // to the agent of a target optimizer
}

func newTarget(g *group, key targetKey) *target {
	t := &target{group: g, key: key, health: health{state: stateInitial}}
	t.gone, t.cutRequests = context.WithCancel(context.Background())
	return t
}

// update takes over the registration; the group's lock is held. A target that was draining or unused starts anew.
func (t *target) update(wish topology.Target) {
	old := t.spec.Swap(&wish)
	if wish.Draining && (old == nil || !old.Draining) {
		t.drainedAt = t.group.plane.clock.Now()
	}
	if old == nil {
		return
	}
	if (old.Draining || old.Unused) && !wish.Draining && !wish.Unused {
		t.forgetHealth()
	}
	if old.Address != wish.Address {
		t.dropTransport()
	}
}

// forgetHealth makes the target initial and its next check immediate; the group's lock is held.
func (t *target) forgetHealth() {
	t.scheduled = false
	t.ticket++
	t.health = health{state: stateInitial}
	t.isHealthy.Store(false)
}

// usable targets may get traffic, if their health allows; the group's lock is not needed.
func (t *target) usable() bool {
	s := t.spec.Load()
	return !s.Draining && !s.Unused
}

// checkable targets are health-checked; the group's lock is held.
func (t *target) checkable() bool {
	return t.group.user != nil && t.group.targets[t.key] == t && t.usable() && t.spec.Load().Address.IsValid()
}

// continues reports whether the checks that go by a ticket go on; the group's lock is held.
func (t *target) continues(ticket int) bool {
	if t.ticket != ticket {
		return false
	}
	if !t.checkable() {
		t.scheduled = false
		return false
	}
	return true
}

// addrPort is where traffic goes.
func (t *target) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(t.spec.Load().Address, uint16(t.key.port))
}

// end closes what is idle, and with cut every flow too. Requests in flight get what AWS would have given them: when the account let the
// target drain for the whole deregistration delay they are cut, else – its profile makes time short – they end by themselves.
func (t *target) end(cut bool, delay time.Duration) {
	if t.spec.Load().Draining && t.group.plane.clock.Now().Sub(t.drainedAt) >= delay {
		t.cutRequests()
	}
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.flows.End()
	t.dropTransport()
	t.closeChannel()
	if cut {
		t.flows.Cut()
	}
}

// dropTransport lets the next request make new connections; those in use end with their request.
func (t *target) dropTransport() {
	t.mu.Lock()
	old := t.transport
	t.transport = nil
	t.mu.Unlock()
	if old != nil {
		old.CloseIdleConnections()
	}
}
