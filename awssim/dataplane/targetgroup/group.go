package targetgroup

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Group is a target group at work. Its configuration and the choice of targets are immutable values that requests read
// without a lock.
type Group struct {
	groups         *Groups
	ARN            string
	current        atomic.Pointer[Config]
	targetsNow     atomic.Pointer[Pool]
	turns          sync.Map // round robin: zone of the node → *atomic.Uint64
	Counters       counter.Requests
	CountersByZone counter.RequestsByZone
	Flows          counter.FlowsByZone
	servers        atomic.Pointer[map[handshake.ServerID]*Target] // QUIC: every registered target
	usedBy         atomic.Pointer[User]                           // nil: no active load balancer uses the group

	mu      sync.Mutex
	targets map[Key]*Target

	scales scales // of weighted_random

	stickiness sync.Mutex // guards what follows; taken with or without mu
	pinned     map[pin]*Target
}

// Config is a target group as the topology has it, with its attributes read.
type Config struct {
	topology.TargetGroup
	Settings topology.TargetGroupSettings
}

// User is what health checks need of the load balancer that uses a group.
type User struct {
	ARN      string
	zones    []topology.Zone
	Network  bool
	port     int32 // the lowest of the listeners that lead to the group
	filtered bool
	egress   []topology.Permission
	checkLog topology.LogPlace
}

// Permits reports whether the load balancer's security groups let it speak to a target.
func (u *User) Permits(network string, to netip.AddrPort) bool {
	return u == nil || !u.filtered || topology.Permitted(u.egress, network, to.Addr().Unmap(), int32(to.Port()))
}

// NewGroup makes a target group without targets.
func (p *Groups) NewGroup(arn string) *Group {
	g := &Group{groups: p, ARN: arn, targets: map[Key]*Target{}}
	g.current.Store(&Config{})
	g.targetsNow.Store(&Pool{})
	return g
}

// Update takes over configuration and targets; targets that are no longer registered end.
func (g *Group) Update(tg *topology.TargetGroup) {
	g.mu.Lock()
	config := &Config{TargetGroup: *tg, Settings: tg.Settings()}
	config.Attributes = nil // what counts of them is in settings
	if old := g.current.Swap(config); old.Protocol != tg.Protocol || old.ProtocolVersion != tg.ProtocolVersion {
		for _, t := range g.targets {
			t.dropTransport()
		}
	}
	registered := make(map[Key]bool, len(tg.Targets))
	for _, wish := range tg.Targets {
		key := Key{wish.ID, wish.Port}
		registered[key] = true
		t := g.targets[key]
		if t == nil {
			t = newTarget(g, key)
			g.targets[key] = t
		}
		t.update(wish)
	}
	var gone []*Target
	for key, t := range g.targets {
		if !registered[key] {
			delete(g.targets, key)
			gone = append(gone, t)
		}
	}
	g.rebuild()
	g.scheduleChecks()
	g.mu.Unlock()
	for _, t := range gone {
		t.end(config.Settings.CutDeregistered, config.Settings.DrainFor)
	}
}

// SetUser sets the load balancer that sends traffic to the group, nil for none, and at which port.
func (g *Group) SetUser(lb *topology.LoadBalancer, port int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if lb == nil {
		if g.usedBy.Swap(nil) == nil {
			return
		}
		for _, t := range g.targets {
			t.forgetHealth()
		}
		g.rebuild()
		return
	}
	user := &User{
		ARN: lb.ARN, zones: lb.Zones, Network: lb.Type == stack.Network, port: port, filtered: lb.Filtered, egress: lb.Egress,
		checkLog: lb.Settings().CheckLog,
	}
	before := g.usedBy.Swap(user)
	if before == nil || !slices.Equal(before.zones, user.zones) {
		g.rebuild() // zonal shifts
	}
	g.scheduleChecks()
}

// UserARN is the ARN of the load balancer that uses the group, "" for none.
func (g *Group) UserARN() string {
	if u := g.User(); u != nil {
		return u.ARN
	}
	return ""
}

// Config is the configuration of the moment.
func (g *Group) Config() *Config { return g.current.Load() }

// Pool is the choice of targets of the moment.
func (g *Group) Pool() *Pool { return g.targetsNow.Load() }

// User is the load balancer that uses the group; nil: none.
func (g *Group) User() *User { return g.usedBy.Load() }

// Server is the registered target with a server id of QUIC, also when it drains or is unhealthy; nil: none.
func (g *Group) Server(id handshake.ServerID) *Target {
	if servers := g.servers.Load(); servers != nil {
		if t := (*servers)[id]; t != nil && !t.Spec().Unused {
			return t
		}
	}
	return nil
}

// scheduleChecks starts the checks of targets that have none yet; the lock is held.
func (g *Group) scheduleChecks() {
	if g.User() == nil {
		return
	}
	for _, key := range g.keys() {
		if t := g.targets[key]; t.checkable() && !t.scheduled {
			t.scheduled = true
			g.groups.checks.add(t, t.ticket, g.groups.Clock.Now())
		}
	}
}

// keys lists the targets in a stable order; the lock is held.
func (g *Group) keys() []Key {
	return slices.SortedFunc(maps.Keys(g.targets), Key.compare)
}

// rebuild works out which targets may be chosen; the lock is held.
func (g *Group) rebuild() {
	p := &Pool{zones: map[string][]*Target{}, hosts: map[string]HostCount{}}
	servers := map[handshake.ServerID]*Target{}
	byZone := map[string][]*Target{}
	for _, key := range g.keys() {
		t := g.targets[key]
		if id, ok := handshake.ParseServerID(t.Spec().QUICServerID); ok {
			servers[id] = t
		}
		if !t.Usable() {
			continue
		}
		p.Registered = append(p.Registered, t)
		p.count(t)
		if zone := t.Spec().Zone; zone != "" && zone != "all" {
			byZone[zone] = append(byZone[zone], t)
		} else {
			p.everywhere = append(p.everywhere, t)
		}
	}
	s := &g.Config().Settings
	p.All = eligible(s, g.unshifted(p.Registered))
	for zone, targets := range byZone {
		p.zones[zone] = eligible(s, append(targets, p.everywhere...))
	}
	p.everywhere = eligible(s, p.everywhere)
	g.targetsNow.Store(p)
	g.servers.Store(&servers)
}

// unshifted leaves out the targets in zones that a zonal shift leads away from, unless no others are left; the lock is
// held. A node of such a zone still serves its own without cross-zone balancing: it is DNS that leads away from it
// then.
func (g *Group) unshifted(targets []*Target) []*Target {
	user := g.User()
	if user == nil || !slices.ContainsFunc(user.zones, func(z topology.Zone) bool { return z.Shifted }) {
		return targets
	}
	left := slices.DeleteFunc(slices.Clone(targets), user.shifted)
	if len(left) == 0 {
		return targets
	}
	return left
}

// shifted reports whether a zonal shift leads away from the target's zone.
func (u *User) shifted(t *Target) bool {
	zone := t.Spec().Zone
	return slices.ContainsFunc(u.zones, func(z topology.Zone) bool { return z.Shifted && z.Name == zone })
}

// eligible is the healthy ones, or all of them when fewer are healthy than unhealthy-state routing requires (fail
// open).
func eligible(s *topology.TargetGroupSettings, registered []*Target) []*Target {
	healthy := make([]*Target, 0, len(registered))
	for _, t := range registered {
		if t.health.state == stateHealthy {
			healthy = append(healthy, t)
		}
	}
	if !s.Routable(len(healthy), len(registered)) {
		return registered
	}
	return healthy
}

// turn is the next number of a node: each goes round by itself.
func (g *Group) turn(zone string) uint64 {
	n, ok := g.turns.Load(zone)
	if !ok {
		n, _ = g.turns.LoadOrStore(zone, new(atomic.Uint64))
	}
	return n.(*atomic.Uint64).Add(1)
}

// Choose picks by the group's algorithm for the node of a zone, avoiding one target (nil: none) when there is another.
func (g *Group) Choose(zone string, targets []*Target, avoid *Target) *Target {
	if avoid != nil && len(targets) > 1 {
		targets = slices.DeleteFunc(slices.Clone(targets), func(t *Target) bool { return t == avoid })
	}
	if len(targets) == 0 {
		return nil
	}
	switch g.Config().Settings.Algorithm {
	case "least_outstanding_requests":
		start := int(g.turn(zone) % uint64(len(targets)))
		best := targets[start]
		for i := range targets {
			if t := targets[(start+i)%len(targets)]; t.InFlight.Load() < best.InFlight.Load() {
				best = t
			}
		}
		return best
	case "weighted_random":
		return g.weighted(targets)
	}
	t := targets[g.turn(zone)%uint64(len(targets))]
	if slow := g.Config().Settings.SlowStart; slow > 0 {
		return g.rampUp(t, targets, slow)
	}
	return t
}

// rampUp replaces a target in slow start by one that is not, as long as there is one, so that its share grows linearly
// over the slow start's duration.
func (g *Group) rampUp(t *Target, targets []*Target, slow time.Duration) *Target {
	now := g.groups.Clock.Now().UnixNano()
	age := func(t *Target) time.Duration { return time.Duration(now - t.rampFrom.Load()) }
	if age(t) >= slow || time.Duration(g.groups.Random()%uint64(slow)) < age(t) {
		return t
	}
	full := slices.DeleteFunc(slices.Clone(targets), func(t *Target) bool { return age(t) < slow })
	if len(full) == 0 {
		return t
	}
	return full[g.groups.Random()%uint64(len(full))]
}
