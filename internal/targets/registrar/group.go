package registrar

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Group names a target group. ARNs are unique in AWS; the scope says which clients reach the group.
type Group struct {
	Scope awsclient.Scope
	ARN   string
}

// group is the state of one target group: what is known, what is wanted, and the calls in progress. Its mutex is never
// locked during a call. Callers of its methods have locked the mutex.
type group struct {
	Group

	mu      sync.Mutex
	request *Request // the latest one; nil = none
	keys    *keyCache

	known   bool // members has all registered targets
	reread  bool // the group must be read again, although it is known
	written bool // a call was sent, so a group that this process created may no longer be empty
	// inherited are the targets that were wanted when this process began, by key, until a read shows which of them are
	// registered.
	inherited map[string]Target
	// members are the targets that may be registered, without draining ones.
	members map[string]registeredTarget
	// requested are the keys of targets that a request has wanted, and that are or may be registered.
	requested map[string]bool
	// inOtherVPC are the ids of instances in other VPCs, which AWS refuses. An instance never changes its VPC.
	inOtherVPC map[string]bool
	// homeZones: AWS demands the zone of each address.
	homeZones bool
	records   map[stack.ID]*record
	// since is, by key, when the change came whose call AWS has not accepted yet. Targets of calls in progress are not
	// in it.
	since map[string]time.Time
	waits map[string]wait // by key: targets that AWS has not registered or deregistered as wanted
	// misnamed: the last failure is one that only an edit cures; false once AWS has accepted a call again
	misnamed bool
	// unproven is, by key of registered targets that no read has shown healthy yet, when their change came.
	unproven map[string]time.Time

	moves      moves
	draining   bool // the last read found targets that drain
	keepsRules bool // rules stay because of targets that drain

	reading   bool
	overdue   bool            // the read did not end in time, or failed
	touched   map[string]bool // keys whose call ended since the present read began
	calls     map[action]*calls
	kept      keptTargets
	recording bool // a record is being loaded or saved

	// The results that the next Sync returns.
	errs                     []error
	readFailed, recordFailed bool
	retry                    time.Time
	registered, deregistered int
	added                    []string
	omitted                  []string
	share                    int // of the namespace; 0 = there is room for all

	shares *shares
	freed  []stack.ID // bindings for whose targets there may be room now

	ended   chan struct{} // closed and replaced whenever a call ends
	waiters int           // how many Syncs wait for ended
}

// registeredTarget is a registered target of a group.
type registeredTarget struct {
	Target
	// uncertain: the outcome of the last call for the target is not known. If it is wanted, it is registered again;
	// otherwise it is deregistered.
	uncertain bool
}

type action string

const (
	register   action = "RegisterTargets"
	deregister action = "DeregisterTargets"
)

// calls are the calls of one action that are in progress.
type calls struct {
	n      int
	keys   map[string]bool // keys of their targets
	failed map[string]bool // keys of targets that the next Sync tries again
}

// writesPerGroup limits the writes of one action in progress for a group, each of up to callsPerWrite parallel calls.
// Further targets wait until one of them ends, and are then sent together.
const writesPerGroup = 4

func newGroup(of Group, s *shares) *group {
	g := &group{Group: of, shares: s, members: map[string]registeredTarget{}, requested: map[string]bool{},
		inOtherVPC: map[string]bool{},
		records:    map[stack.ID]*record{}, since: map[string]time.Time{}, waits: map[string]wait{},
		unproven: map[string]time.Time{}, ended: make(chan struct{}), calls: map[action]*calls{}}
	for _, a := range []action{register, deregister} {
		g.calls[a] = &calls{keys: map[string]bool{}, failed: map[string]bool{}}
	}
	return g
}

func (g *group) busy() bool {
	return g.reading || g.recording || g.calls[register].n+g.calls[deregister].n > 0
}

// moving reports whether a target has a call in progress.
func (g *group) moving(key string) bool {
	return g.calls[register].keys[key] || g.calls[deregister].keys[key]
}

// setMembers replaces members by the result of a read, except for targets whose call was sent since the read began.
func (g *group) setMembers(health []Health) {
	before := g.members
	g.members, g.known, g.inherited = map[string]registeredTarget{}, true, nil
	g.draining = slices.ContainsFunc(health, Health.Draining)
	g.moves.note(slices.DeleteFunc(slices.Clone(health), func(h Health) bool {
		return g.touched[h.Key()] || g.moving(h.Key())
	}))
	for _, h := range health {
		if key := h.Key(); !h.Draining() && !g.touched[key] && !g.moving(key) {
			g.members[key] = registeredTarget{Target: h.Target}
		}
	}
	for key, m := range before {
		if g.touched[key] || g.moving(key) {
			g.members[key] = m
		}
	}
	wanted := g.wanted(g.request)
	maps.DeleteFunc(g.requested, func(key string, _ bool) bool {
		_, member := g.members[key]
		return !member && !wanted[key]
	})
}

// differs reports whether a read differs from members. In a group that other clusters use too, only targets count
// that are recorded as this cluster's.
func (g *group) differs(health []Health) bool {
	found := map[string]bool{}
	for _, h := range health {
		if !h.Draining() {
			found[h.Key()] = true
		}
	}
	if g.request != nil && g.request.Record != nil {
		return g.claimsDiffer(found)
	}
	for key, m := range g.members {
		if !m.uncertain && !found[key] {
			return true
		}
		delete(found, key)
	}
	return len(found) > 0
}

// foreign returns the targets that this process registered and that a read does not show, sorted, and the targets
// that the read shows and that no request has wanted.
func (g *group) foreign(health []Health) (deregistered []string, others []Health) {
	found := map[string]bool{}
	for _, h := range health {
		if h.Draining() {
			continue
		}
		found[h.Key()] = true
		if !g.requested[h.Key()] && (g.request == nil || !g.request.Preceding[h.Key()]) {
			others = append(others, h)
		}
	}
	for key, m := range g.members {
		if g.requested[key] && !m.uncertain && !found[key] {
			deregistered = append(deregistered, key)
		}
	}
	slices.Sort(deregistered)
	return deregistered, others
}

// claimsDiffer reports whether recorded targets are registered that were not, or the reverse. Of bindings whose request
// is not the latest every recorded target should be registered: what is known of the group is what the latest request
// left.
func (g *group) claimsDiffer(found map[string]bool) bool {
	for binding, r := range g.records {
		latest := binding == g.request.Binding
		for key := range r.keys {
			m, member := g.members[key]
			switch {
			case !found[key] && latest && member && !m.uncertain, found[key] && latest && !member:
				return true
			case !found[key] && !latest && !slices.Contains(g.omitted, key):
				return true
			}
		}
	}
	return false
}

// toRegister returns the wanted targets for which a call must start. It records the targets for which there is no room.
func (g *group) toRegister(ctx context.Context, q *Request) []Target {
	g.omitted, g.share = nil, 0
	if !g.known && (!g.overdue || q.Max > 0 && q.Want.Len() > q.Max) {
		return nil
	}
	var mine map[string]bool // recorded targets, in a shared group
	if q.Record != nil {
		mine = g.recordOf(q.Binding).keys
	}
	var missing []Endpoint
	taken := g.addresses(q)
	var homeZone func(Endpoint) string
	if q.HomeZone != nil {
		homeZone = func(e Endpoint) string { return q.HomeZone(ctx, e) }
	}
	keys := g.keysOf(q).list
	for i, e := range q.wants().all() {
		key := keys[i]
		switch {
		case g.has(key), g.waitsForRead(key), g.inOtherVPC[e.ID] || g.calls[deregister].keys[key] ||
			g.calls[register].failed[key] || q.Record != nil && !mine[key] || taken[e.Address()]:
		default:
			missing = append(missing, e)
		}
	}
	staying, room := g.countStaying(q), len(missing)
	if q.Max > 0 {
		room = min(room, max(q.Max-staying, 0))
	}
	room, share, freed := g.shares.take(q, staying, room)
	g.share, g.freed = share, append(g.freed, freed...)
	if len(missing) > room {
		var there, omitted []Endpoint
		for i, e := range q.wants().all() {
			if g.has(keys[i]) {
				there = append(there, e)
			}
		}
		missing, omitted = cut(there, missing, room, homeZone)
		for _, e := range omitted {
			g.omitted = append(g.omitted, e.Key())
		}
	}
	if g.calls[register].n >= writesPerGroup {
		return nil
	}
	return g.placed(q, missing, homeZone)
}

// has reports whether a target is registered for certain, or a call registers it.
func (g *group) has(key string) bool {
	m, member := g.members[key]
	return member && !m.uncertain || g.calls[register].keys[key]
}

// placed returns endpoints as targets, with their zones.
func (g *group) placed(q *Request, missing []Endpoint, homeZone func(Endpoint) string) []Target {
	if len(missing) == 0 {
		return nil
	}
	out := make([]Target, 0, len(missing))
	for _, e := range missing {
		if q.Zone != nil {
			e.Zone = q.Zone(e)
		}
		if g.homeZones && e.Zone == AllZones && homeZone != nil {
			e.Zone = cmp.Or(homeZone(e), AllZones)
		}
		out = append(out, e.Target)
	}
	return out
}

// countStaying returns how many targets stay registered, or will be registered.
func (g *group) countStaying(q *Request) int {
	n := 0
	wanted := g.wanted(q)
	for key, m := range g.members {
		if wanted[key] && !m.uncertain || !wanted[key] && !g.mayLeave(q, key) {
			n++
		}
	}
	for key := range g.calls[register].keys {
		if m, member := g.members[key]; wanted[key] && (!member || m.uncertain) {
			n++
		}
	}
	return n
}

// mayLeave reports whether the binding may deregister a target that it does not want.
func (g *group) mayLeave(q *Request, key string) bool {
	if _, kept := g.kept.byKey[key]; kept || g.kept.unread || q.Keep || q.Preceding[key] || q.Unconfirmed &&
		!g.requested[key] {
		return false
	}
	if q.Record != nil {
		return g.recordOf(q.Binding).keys[key] && (q.OfOthers == nil || !q.OfOthers(g.members[key].Target))
	}
	return !q.Unseen && (q.Own == nil || q.Own[key]) || g.requested[key]
}

// notOurs returns the targets that stay registered although no visible binding wants them. In a shared group, they are
// those of the record.
func (g *group) notOurs() []string {
	q := g.request
	if q == nil || q.Record == nil && !q.Unseen || !g.known {
		return nil
	}
	wanted := g.wanted(q)
	var out []string
	for key := range g.members {
		if !wanted[key] && (q.Record == nil && !g.requested[key] || q.Record != nil && g.recordOf(q.Binding).left[key] &&
			!q.Preceding[key]) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// toDeregister returns the unwanted targets for which a call must start, without those that stay.
func (g *group) toDeregister(q *Request, moved []Endpoint) []Target {
	if g.calls[deregister].n >= writesPerGroup {
		return nil
	}
	wanted, stays := g.wanted(q), map[string]bool{}
	for _, e := range moved {
		stays[e.Key()] = true
	}
	var out []Target
	for key, m := range g.members {
		if !wanted[key] && !stays[key] && !g.moving(key) && !g.calls[deregister].failed[key] && g.mayLeave(q, key) {
			out = append(out, m.Target)
		}
	}
	slices.SortFunc(out, cmpKeys)
	return out
}

// collect returns what happened since the last call of collect, and allows failed targets to be tried again.
func (g *group) collect(now time.Time) (Change, error) {
	c := Change{Added: g.added, Omitted: g.omitted, LeftOut: len(g.omitted), Share: g.share, Pending: g.busy(),
		NotOurs: g.notOurs()}
	if !g.retry.IsZero() {
		c.Retry = max(g.retry.Sub(now), time.Millisecond)
	}
	if len(g.inOtherVPC) > 0 {
		for _, e := range g.request.Want.All() {
			if g.inOtherVPC[e.ID] {
				c.Elsewhere = append(c.Elsewhere, e.ID)
			}
		}
	}
	if c.Pending {
		for _, key := range g.keysOf(g.request).list {
			if g.calls[register].keys[key] {
				c.Unanswered = append(c.Unanswered, key)
			}
		}
	} else {
		c.Registered, c.Deregistered = g.registered, g.deregistered
		g.registered, g.deregistered = 0, 0
	}
	err := errors.Join(g.errs...)
	g.errs, g.readFailed, g.recordFailed, g.retry, g.added = nil, false, false, time.Time{}, nil
	clear(g.calls[register].failed)
	clear(g.calls[deregister].failed)
	return c, err
}

func (g *group) fail(err error) {
	if err != nil {
		g.errs, g.misnamed = append(g.errs, err), misnamed(err)
	}
}
