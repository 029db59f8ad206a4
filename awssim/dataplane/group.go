package dataplane

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
	"github.com/k8s-lbc/lbc/internal/stack"
)

// group is a target group at work. Its configuration and the choice of targets are immutable values that requests read
// without a lock.
type group struct {
	plane    *Plane
	arn      string
	config   atomic.Pointer[groupConfig]
	pool     atomic.Pointer[pool]
	turns    sync.Map // round robin: zone of the node → *atomic.Uint64
	counters counter.Requests
	zoned    counter.RequestsByZone
	flows    counter.FlowsByZone
	servers  atomic.Pointer[map[handshake.ServerID]*target] // QUIC: every registered target
	serves   atomic.Pointer[groupUser]                      // user, for readers without the lock

	mu      sync.Mutex
	targets map[targetKey]*target
	user    *groupUser // nil: no active load balancer uses the group

	scales scales // of weighted_random

	stickiness sync.Mutex // guards what follows; taken with or without mu
	pinned     map[pin]*target
}

type groupConfig struct {
	topology.TargetGroup
	settings topology.TargetGroupSettings
}

// groupUser is what health checks need to know of the load balancer that uses a group.
type groupUser struct {
	arn      string
	zones    []topology.Zone
	network  bool
	port     int32 // the lowest of the listeners that lead to the group
	filtered bool
	egress   []topology.Permission
	checkLog topology.LogPlace
}

// permits reports whether the load balancer's security groups let it speak to a target.
func (u *groupUser) permits(network string, to netip.AddrPort) bool {
	return u == nil || !u.filtered || topology.Permitted(u.egress, network, to.Addr().Unmap(), int32(to.Port()))
}

func newGroup(p *Plane, arn string) *group {
	g := &group{plane: p, arn: arn, targets: map[targetKey]*target{}}
	g.config.Store(&groupConfig{})
	g.pool.Store(&pool{})
	return g
}

// update takes over configuration and targets; targets that are no longer registered end.
func (g *group) update(tg *topology.TargetGroup) {
	g.mu.Lock()
	config := &groupConfig{TargetGroup: *tg, settings: tg.Settings()}
	config.Attributes = nil // what counts of them is in settings
	if old := g.config.Swap(config); old.Protocol != tg.Protocol || old.ProtocolVersion != tg.ProtocolVersion {
		for _, t := range g.targets {
			t.dropTransport()
		}
	}
	registered := make(map[targetKey]bool, len(tg.Targets))
	for _, wish := range tg.Targets {
		key := targetKey{wish.ID, wish.Port}
		registered[key] = true
		t := g.targets[key]
		if t == nil {
			t = newTarget(g, key)
			g.targets[key] = t
		}
		t.update(wish)
	}
	var gone []*target
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
		t.end(config.settings.CutDeregistered, config.settings.DrainFor)
	}
}

// use says which load balancer sends traffic to the group, nil for none, and at which port.
func (g *group) use(lb *topology.LoadBalancer, port int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if lb == nil {
		if g.user == nil {
			return
		}
		g.user = nil
		g.serves.Store(nil)
		for _, t := range g.targets {
			t.forgetHealth()
		}
		g.rebuild()
		return
	}
	before := g.user
	g.user = &groupUser{
		arn: lb.ARN, zones: lb.Zones, network: lb.Type == stack.Network, port: port, filtered: lb.Filtered, egress: lb.Egress,
		checkLog: lb.Settings().CheckLog,
	}
	g.serves.Store(g.user)
	if before == nil || !slices.Equal(before.zones, g.user.zones) {
		g.rebuild() // zonal shifts
	}
	g.scheduleChecks()
}

// userARN is the load balancer that uses the group, "" for none.
func (g *group) userARN() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.user == nil {
		return ""
	}
	return g.user.arn
}

// scheduleChecks starts the checks of targets that have none yet; the lock is held.
func (g *group) scheduleChecks() {
	if g.user == nil {
		return
	}
	for _, key := range g.keys() {
		if t := g.targets[key]; t.checkable() && !t.scheduled {
			t.scheduled = true
			g.plane.checks.add(t, t.ticket, g.plane.clock.Now())
		}
	}
}

// keys lists the targets in a stable order; the lock is held.
func (g *group) keys() []targetKey {
	return slices.SortedFunc(maps.Keys(g.targets), targetKey.compare)
}

// rebuild works out which targets may be chosen; the lock is held.
func (g *group) rebuild() {
	p := &pool{zones: map[string][]*target{}, hosts: map[string]hostCount{}}
	servers := map[handshake.ServerID]*target{}
	byZone := map[string][]*target{}
	for _, key := range g.keys() {
		t := g.targets[key]
		if id, ok := handshake.ParseServerID(t.spec.Load().QUICServerID); ok {
			servers[id] = t
		}
		if !t.usable() {
			continue
		}
		p.registered = append(p.registered, t)
		p.count(t)
		if zone := t.spec.Load().Zone; zone != "" && zone != "all" {
			byZone[zone] = append(byZone[zone], t)
		} else {
			p.everywhere = append(p.everywhere, t)
		}
	}
	s := &g.config.Load().settings
	p.all = eligible(s, g.unshifted(p.registered))
	for zone, targets := range byZone {
		p.zones[zone] = eligible(s, append(targets, p.everywhere...))
	}
	p.everywhere = eligible(s, p.everywhere)
	g.pool.Store(p)
	g.servers.Store(&servers)
}

// unshifted leaves out the targets in zones that a zonal shift leads away from, unless no others are left; the lock is held.
// A node of such a zone still serves its own without cross-zone balancing: it is DNS that leads away from it then.
func (g *group) unshifted(targets []*target) []*target {
	if g.user == nil || !slices.ContainsFunc(g.user.zones, func(z topology.Zone) bool { return z.Shifted }) {
		return targets
	}
	left := slices.DeleteFunc(slices.Clone(targets), g.user.shifted)
	if len(left) == 0 {
		return targets
	}
	return left
}

// shifted reports whether a zonal shift leads away from the target's zone.
func (u *groupUser) shifted(t *target) bool {
	zone := t.spec.Load().Zone
	return slices.ContainsFunc(u.zones, func(z topology.Zone) bool { return z.Shifted && z.Name == zone })
}

// eligible is the healthy ones, or all of them when fewer are healthy than unhealthy-state routing asks for (fail open).
func eligible(s *topology.TargetGroupSettings, registered []*target) []*target {
	healthy := make([]*target, 0, len(registered))
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

// pool is the choice of targets at one moment; it is immutable.
type pool struct {
	registered []*target // neither draining nor unused
	all        []*target // eligible with cross-zone balancing
	zones      map[string][]*target
	everywhere []*target            // eligible targets that belong to no zone
	hosts      map[string]hostCount // registered targets by zone; "" holds those that belong to none
}

// hostCount counts targets.
type hostCount struct{ healthy, registered int }

// count counts a usable target; its group's lock is held.
func (p *pool) count(t *target) {
	zone := t.spec.Load().Zone
	if zone == "all" {
		zone = ""
	}
	c := p.hosts[zone]
	c.registered++
	if t.health.state == stateHealthy {
		c.healthy++
	}
	p.hosts[zone] = c
}

// from lists the targets that a node in a zone may choose.
func (p *pool) from(zone string, crossZone bool) []*target {
	if crossZone || zone == "" {
		return p.all
	}
	if targets, ok := p.zones[zone]; ok {
		return targets
	}
	return p.everywhere
}

// healthyIn reports whether a zone has a healthy target of its own.
func (p *pool) healthyIn(zone string) bool {
	for _, t := range p.zones[zone] {
		if t.isHealthy.Load() {
			return true
		}
	}
	return false
}

// registeredIn reports whether a zone has a target of its own.
func (p *pool) registeredIn(zone string) bool { return len(p.zones[zone]) > 0 }

// turn is the next number of a node: each goes round by itself.
func (g *group) turn(zone string) uint64 {
	n, ok := g.turns.Load(zone)
	if !ok {
		n, _ = g.turns.LoadOrStore(zone, new(atomic.Uint64))
	}
	return n.(*atomic.Uint64).Add(1)
}

// choose picks by the group's algorithm for the node of a zone, avoiding one target (nil: none) when there is another.
func (g *group) choose(zone string, targets []*target, avoid *target) *target {
	if avoid != nil && len(targets) > 1 {
		targets = slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return t == avoid })
	}
	if len(targets) == 0 {
		return nil
	}
	switch g.config.Load().settings.Algorithm {
	case "least_outstanding_requests":
		start := int(g.turn(zone) % uint64(len(targets)))
		best := targets[start]
		for i := range targets {
			if t := targets[(start+i)%len(targets)]; t.inFlight.Load() < best.inFlight.Load() {
				best = t
			}
		}
		return best
	case "weighted_random":
		return g.weighted(targets)
	}
	t := targets[g.turn(zone)%uint64(len(targets))]
	if slow := g.config.Load().settings.SlowStart; slow > 0 {
		return g.rampUp(t, targets, slow)
	}
	return t
}

// rampUp replaces a target in slow start by one that is not, as long as there is one, so that its share grows linearly over
// the slow start's duration.
func (g *group) rampUp(t *target, targets []*target, slow time.Duration) *target {
	now := g.plane.clock.Now().UnixNano()
	age := func(t *target) time.Duration { return time.Duration(now - t.rampFrom.Load()) }
	if age(t) >= slow || time.Duration(g.plane.random()%uint64(slow)) < age(t) {
		return t
	}
	full := slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return age(t) < slow })
	if len(full) == 0 {
		return t
	}
	return full[g.plane.random()%uint64(len(full))]
}
