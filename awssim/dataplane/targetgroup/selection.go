package targetgroup

import (
	"hash/maphash"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// TargetFor chooses a target for a flow. A hash goes to the same target as long as that one may be chosen, whatever
// happens to the others.
func (g *Group) TargetFor(lb *topology.LoadBalancerSettings, zone string, t flow.Tuple, n uint64) *Target {
	s := &g.Config().Settings
	targets := g.Pool().From(zone, s.CrossesZones(lb))
	switch {
	case len(targets) == 0:
		return nil
	case s.Sticky:
		return g.stickTo(pin{t.Client.Addr(), zone}, targets)
	case t.Network == "tcp":
		return targets[n%uint64(len(targets))]
	}
	return g.rendezvous(targets, n)
}

// rendezvous is the target with the highest score for a hash.
func (g *Group) rendezvous(targets []*Target, n uint64) *Target {
	type scored struct {
		hash uint64
		key  Key
	}
	var best *Target
	var highest uint64
	for _, t := range targets {
		if score := maphash.Comparable(g.groups.Seed, scored{n, t.Key}); best == nil || score > highest {
			best, highest = t, score
		}
	}
	return best
}

// pin is a client of one node of a load balancer.
type pin struct {
	client netip.Addr
	zone   string
}

// maxPins bounds the memory of source-IP stickiness; beyond it all clients choose again, most of them the same target.
const maxPins = 1 << 16

// stickTo is the target that the client had before, as long as that one may be chosen.
func (g *Group) stickTo(key pin, targets []*Target) *Target {
	g.stickiness.Lock()
	defer g.stickiness.Unlock()
	if had := g.pinned[key]; had != nil {
		for _, t := range targets {
			if t == had {
				return t
			}
		}
	}
	if g.pinned == nil || len(g.pinned) >= maxPins {
		g.pinned = map[pin]*Target{}
	}
	t := g.rendezvous(targets, maphash.Comparable(g.groups.Seed, key))
	g.pinned[key] = t
	return t
}

// NodeAddress is the address to which traffic from a zone goes: the target's own, or for a load balancer as target one
// of its nodes' – the one in the zone without cross-zone balancing.
func (t *Target) NodeAddress(zone string, crossZone bool, n uint64) (netip.AddrPort, bool) {
	spec := t.Spec()
	if len(spec.Nodes) == 0 {
		return t.AddrPort(), spec.Address.IsValid()
	}
	var found []netip.Addr
	for _, z := range spec.Nodes {
		if z.Private.IsValid() && (crossZone || z.Name == zone) {
			found = append(found, z.Private)
		}
	}
	if len(found) == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(found[n%uint64(len(found))], uint16(t.Key.Port)), true
}
