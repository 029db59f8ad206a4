package targetgroup

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

// Key identifies a target in its group.
type Key struct {
	ID   string
	Port int32
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.ID, o.ID), cmp.Compare(k.Port, o.Port))
}

// Target is one registration at work; it lives as long as it is registered, whatever else changes.
type Target struct {
	Group        *Group
	Key          Key
	registration atomic.Pointer[topology.Target]
	InFlight     atomic.Int64
	healthyNow   atomic.Bool  // health.state == stateHealthy, for readers without the lock
	rampFrom     atomic.Int64 // when it became healthy, in nanoseconds of the plane's clock, for slow start

	Performance performance
	drainedAt   time.Time // when it began to drain, on the plane's clock; guarded by group.mu
	Gone        context.Context
	cutRequests context.CancelFunc

	// Guarded by group.mu.
	scheduled bool
	ticket    int // differs between checks scheduled before and after forgetHealth
	health    health

	Flows flow.Set // NLB connections

	mu        sync.Mutex
	ended     bool
	transport *http.Transport
	channel   net.Conn // to the agent of a target optimizer
	opening   bool     // an attempt to open it is under way
	tried     func()   // closes attempted
	attempted chan struct{}
}

func newTarget(g *Group, key Key) *Target {
	t := &Target{Group: g, Key: key, health: health{state: stateInitial}}
	t.Gone, t.cutRequests = context.WithCancel(context.Background())
	t.attempted = make(chan struct{})
	t.tried = sync.OnceFunc(func() { close(t.attempted) })
	return t
}

// update takes over the registration; the group's lock is held. A target that was draining or unused starts again.
func (t *Target) update(wish topology.Target) {
	old := t.registration.Swap(&wish)
	if wish.Draining && (old == nil || !old.Draining) {
		t.drainedAt = t.Group.groups.Clock.Now()
	}
	if old == nil {
		return
	}
	if (old.Draining || old.Unused) && !wish.Draining && !wish.Unused || wish.Registering && !old.Registering {
		t.forgetHealth()
	}
	if old.Address != wish.Address {
		t.dropTransport()
	}
}

// forgetHealth makes the target initial and its next check immediate; the group's lock is held.
func (t *Target) forgetHealth() {
	t.scheduled = false
	t.ticket++
	t.health = health{state: stateInitial}
	t.healthyNow.Store(false)
}

// Spec is the registration of the moment.
func (t *Target) Spec() *topology.Target { return t.registration.Load() }

// IsHealthy reports whether the target is healthy; the group's lock is not needed.
func (t *Target) IsHealthy() bool { return t.healthyNow.Load() }

// Usable targets may get traffic, if their health allows; the group's lock is not needed.
func (t *Target) Usable() bool {
	s := t.Spec()
	return !s.Draining && !s.Registering && !s.Unused
}

// checkable targets are health-checked; the group's lock is held.
func (t *Target) checkable() bool {
	return t.Group.User() != nil && t.Group.targets[t.Key] == t && t.Usable() && t.Spec().Address.IsValid()
}

// continues reports whether the checks that go by a ticket go on; the group's lock is held.
func (t *Target) continues(ticket int) bool {
	if t.ticket != ticket {
		return false
	}
	if !t.checkable() {
		t.scheduled = false
		return false
	}
	return true
}

// AddrPort is where traffic goes.
func (t *Target) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(t.Spec().Address, uint16(t.Key.Port))
}

// end closes what is idle, and with cut every flow too. Requests in flight get what AWS would have given them: when the
// account let the target drain for the whole deregistration delay they are cut, else – its profile makes time short –
// they end by themselves.
func (t *Target) end(cut bool, delay time.Duration) {
	if t.Spec().Draining && t.Group.groups.Clock.Now().Sub(t.drainedAt) >= delay {
		t.cutRequests()
	}
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.Flows.End()
	t.dropTransport()
	t.closeChannel()
	t.tried()
	if cut {
		t.Flows.Cut()
	}
}

// dropTransport lets the next request make new connections; those in use end with their request.
func (t *Target) dropTransport() {
	t.mu.Lock()
	old := t.transport
	t.transport = nil
	t.mu.Unlock()
	if old != nil {
		old.CloseIdleConnections()
	}
}
