package registrar

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultDrainTime is AWS's default of the deregistration delay.
const DefaultDrainTime = 5 * time.Minute

// departurePrune is the pause between looks for departures that have ended.
const departurePrune = time.Minute

// departures are the targets that were deregistered and may have requests under way until their deregistration delay ends. They outlive the group
// of a binding that is gone.
type departures struct {
	mu     sync.Mutex
	of     map[departed]departure
	pruned time.Time
}

type departed struct {
	Group
	id   string
	port int32
}

type departure struct {
	host  host
	until time.Time
}

// host is the node behind a target, empty for an address of something else; known is false for a target that no request of this process has wanted.
type host struct {
	node  string
	known bool
}

// note takes over that AWS took a target of a group, or lets it go.
func (d *departures) note(a action, of departed, x departure, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a == register {
		delete(d.of, of)
		return
	}
	if d.of == nil {
		d.of = map[departed]departure{}
	}
	d.of[of] = x
	if now.Sub(d.pruned) >= departurePrune {
		d.pruned = now
		maps.DeleteFunc(d.of, func(_ departed, x departure) bool { return !x.until.After(now) })
	}
}

// noteHosts notes the nodes behind what is wanted, and keeps those of targets that are still to be deregistered.
func (g *group) noteHosts(q Request) {
	if q.DrainTime > 0 {
		g.drainTime = q.DrainTime
	}
	if g.hosts == nil {
		g.hosts = map[string]string{}
	}
	keys := g.keysOf(&q)
	for i, key := range keys.list {
		if node, noted := g.hosts[key]; !noted || node != q.Want[i].Node {
			g.hosts[key] = q.Want[i].Node
		}
	}
	maps.DeleteFunc(g.hosts, func(key, _ string) bool {
		_, member := g.members[key]
		return !keys.set[key] && !member && !g.moving(key)
	})
}

// depart notes for how long a target drains that was deregistered, and that one which is registered does not.
func (r *Registry) depart(g *group, a action, t Target) {
	node, known := g.hosts[t.Key()]
	now, drains := r.Clock.Now(), g.drainTime
	if drains == 0 {
		drains = DefaultDrainTime
	}
	r.departures.note(a, departed{g.Group, t.ID, t.Port}, departure{host{node, known}, now.Add(drains)}, now)
}

// NodeTargets is what the target groups of a registry have of one node: its instance, and addresses of its pods.
type NodeTargets struct {
	Registered, Draining []string  // ARNs of target groups, sorted; those with registered targets and those with others that drain
	Until                time.Time // when the last of those has drained
}

// OfNodes finds the targets of nodes, by name: their instances by id, and addresses that requests of this process said to be on them. What drains and
// no request of this process has wanted may be of any node. TracksNodes must be set from the start.
func (r *Registry) OfNodes(instances map[string]string) map[string]NodeTargets {
	byInstance, out := make(map[string]string, len(instances)), make(map[string]NodeTargets, len(instances))
	for node, id := range instances {
		byInstance[id] = node
		out[node] = NodeTargets{}
	}
	r.mu.Lock()
	groups := slices.Collect(maps.Values(r.groups))
	r.mu.Unlock()
	for _, g := range groups {
		for node := range g.nodes(byInstance) {
			if t, asked := out[node]; asked {
				t.Registered = append(t.Registered, g.ARN)
				out[node] = t
			}
		}
	}
	now := r.Clock.Now()
	r.departures.mu.Lock()
	defer r.departures.mu.Unlock()
	for of, x := range r.departures.of {
		if !x.until.After(now) {
			continue
		}
		if strings.HasPrefix(of.id, "i-") {
			x.host = host{byInstance[of.id], true}
		}
		for node, t := range out {
			if x.host.known && x.host.node != node {
				continue
			}
			t.Draining = append(t.Draining, of.ARN)
			if x.until.After(t.Until) {
				t.Until = x.until
			}
			out[node] = t
		}
	}
	for node, t := range out {
		for _, arns := range []*[]string{&t.Registered, &t.Draining} {
			slices.Sort(*arns)
			*arns = slices.Compact(*arns)
		}
		out[node] = t
	}
	return out
}

// nodes are those behind what is registered in a group, or is to be.
func (g *group) nodes(byInstance map[string]string) map[string]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]bool{}
	add := func(t Target, node string) {
		if n, ok := byInstance[t.ID]; ok {
			node = n
		}
		out[node] = true
	}
	for key, m := range g.members {
		add(m.Target, g.hosts[key])
	}
	if g.request != nil {
		for _, e := range g.request.Want {
			add(e.Target, e.Node)
		}
	}
	return out
}

// Learnt reports whether both the registered and the wanted targets of a group are known.
func (r *Registry) Learnt(of Group) bool {
	g := r.known(of)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known && g.request != nil
}
