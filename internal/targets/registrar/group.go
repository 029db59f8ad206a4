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
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Group names a target group. ARNs are unique in AWS; the scope says with which clients the group is reached.
type Group struct {
	Scope awsclient.Scope
	ARN   string
}

// group is what is known of one target group, what is wanted of it, and the calls that are under way. Its mutex is
// never held over a call; the methods expect it to be held.
type group struct {
	Group

	mu      sync.Mutex
	request *Request // the latest; nil = none
	keys    *keyCache

	known   bool // members are all that there are
	reread  bool // to be read again, although it is known
	written bool // something was sent, so that a group of our own making is no longer empty for certain
	// inherited are the targets that were wanted when this process began, by key, until a read tells which of them are
	// registered.
	inherited map[string]Target
	// members are the targets that may be registered, without draining ones.
	members map[string]member
	// own are the keys of members, and of targets that may be registered, that a request has wanted.
	own map[string]bool
	// elsewhere are the ids of instances in other VPCs, which AWS does not take. An instance stays in its VPC.
	elsewhere map[string]bool
	// homeZones: AWS demands the zone of each address.
	homeZones bool
	records   map[stack.ID]*record
	// by key: when the change came of which AWS has not taken the call yet, but for calls under way
	since   map[string]time.Time
	waits   map[string]wait // by key: targets that AWS has not taken, or given up, as they are wanted
	failure error           // the last one, since when AWS has taken nothing
	// by key of registered targets that no read has shown to be healthy yet: when the change came
	unproven map[string]time.Time

	moves      moves
	draining   bool // the last read found targets that drain
	keepsRules bool // rules stay because of targets that drain

	reading   bool
	overdue   bool            // the read did not end in time, or failed
	touched   map[string]bool // keys whose registration ended since the read under way began
	calls     map[action]*calls
	holding   holding
	recording bool // a record is being loaded or saved

	// What the next Sync returns.
	errs                     []error
	readFailed, recordFailed bool
	retry                    time.Time
	registered, deregistered int
	added                    []string
	omitted                  []string

	ended   chan struct{} // closed and replaced whenever a call ends
	waiters int           // Syncs that wait for that
}

// member is a target of a group.
type member struct {
	Target
	// uncertain: the outcome of the last call for it is not known. It is registered again if it is wanted, deregistered if
	// not.
	uncertain bool
}

type action string

const (
	register   action = "RegisterTargets"
	deregister action = "DeregisterTargets"
)

// calls are those of one action that are under way.
type calls struct {
	n      int
	keys   map[string]bool // of their targets
	failed map[string]bool // targets that the next Sync tries again
}

// writesPerGroup is how many writes of one action may be under way for a group, of up to callsPerWrite calls at once
// each. Further targets gather until one of them ends.
const writesPerGroup = 4

func newGroup(of Group) *group {
	g := &group{Group: of, members: map[string]member{}, own: map[string]bool{}, elsewhere: map[string]bool{},
		records: map[stack.ID]*record{}, since: map[string]time.Time{}, waits: map[string]wait{},
		unproven: map[string]time.Time{}, ended: make(chan struct{}), calls: map[action]*calls{}}
	for _, a := range []action{register, deregister} {
		g.calls[a] = &calls{keys: map[string]bool{}, failed: map[string]bool{}}
	}
	return g
}

func (g *group) busy() bool {
	return g.reading || g.recording || g.calls[register].n+g.calls[deregister].n > 0
}

// moving reports whether a target has a call under way.
func (g *group) moving(key string) bool {
	return g.calls[register].keys[key] || g.calls[deregister].keys[key]
}

// setMembers takes over what a read found, except for targets that a call was sent for since the read began.
func (g *group) setMembers(health []Health) {
	before := g.members
	g.members, g.known, g.inherited = map[string]member{}, true, nil
	g.draining = slices.ContainsFunc(health, Health.Draining)
	g.moves.note(slices.DeleteFunc(slices.Clone(health), func(h Health) bool {
		return g.touched[h.Key()] || g.moving(h.Key())
	}))
	for _, h := range health {
		if key := h.Key(); !h.Draining() && !g.touched[key] && !g.moving(key) {
			g.members[key] = member{Target: h.Target}
		}
	}
	for key, m := range before {
		if g.touched[key] || g.moving(key) {
			g.members[key] = m
		}
	}
	wanted := g.wanted(g.request)
	maps.DeleteFunc(g.own, func(key string, _ bool) bool {
		_, member := g.members[key]
		return !member && !wanted[key]
	})
}

// differs reports whether what a read found is something else than what is known. Of a group that other clusters use
// too only the targets count that are recorded as this cluster's.
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

// foreign are the targets that this process had registered and that a read does not find, sorted, and those that it
// finds and that no request has wanted.
func (g *group) foreign(health []Health) (deregistered []string, others []Health) {
	found := map[string]bool{}
	for _, h := range health {
		if h.Draining() {
			continue
		}
		found[h.Key()] = true
		if !g.own[h.Key()] && (g.request == nil || !g.request.Preceding[h.Key()]) {
			others = append(others, h)
		}
	}
	for key, m := range g.members {
		if g.own[key] && !m.uncertain && !found[key] {
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

// toRegister are the wanted targets that a call is to be started for. It notes those that Max leaves out.
func (g *group) toRegister(ctx context.Context, q *Request) []Target {
	g.omitted = nil
	if !g.known && (!g.overdue || q.Max > 0 && q.Want.Len() > q.Max) {
		return nil
	}
	var mine map[string]bool // what is recorded, of a shared group
	if q.Record != nil {
		mine = g.recordOf(q.Binding).keys
	}
	var missing, there []Endpoint
	taken := g.addresses(q)
	var homeZone func(Endpoint) string
	if q.HomeZone != nil {
		homeZone = func(e Endpoint) string { return q.HomeZone(ctx, e) }
	}
	keys := g.keysOf(q).list
	for i, e := range q.wants().all() {
		key := keys[i]
		m, member := g.members[key]
		switch {
		case member && !m.uncertain || g.calls[register].keys[key]:
			if q.Max > 0 { // else nobody asks
				there = append(there, e)
			}
		case g.waitsForRead(key), g.elsewhere[e.ID] || g.calls[deregister].keys[key] || g.calls[register].failed[key] ||
			q.Record != nil && !mine[key] || taken[e.Address()]:
		default:
			missing = append(missing, e)
		}
	}
	if room := max(q.Max-g.staying(q), 0); q.Max > 0 && len(missing) > room {
		var omitted []Endpoint
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

// placed are endpoints as targets, with their zones.
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

// staying is how many targets are registered, or about to be, that are not to be deregistered.
func (g *group) staying(q *Request) int {
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

// mayLeave reports whether a target that is not wanted is the binding's to deregister.
func (g *group) mayLeave(q *Request, key string) bool {
	if _, held := g.holding.held[key]; held || q.Preceding[key] {
		return false
	}
	if q.Record != nil {
		return g.recordOf(q.Binding).keys[key]
	}
	return !q.Unseen || g.own[key]
}

// notOurs are the targets that stay registered although no binding that is seen wants them.
func (g *group) notOurs() []string {
	if g.request == nil || !g.request.Unseen || g.request.Record != nil || !g.known {
		return nil
	}
	wanted := g.wanted(g.request)
	var out []string
	for key := range g.members {
		if !wanted[key] && !g.own[key] {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// toDeregister are the targets that are not wanted and that a call is to be started for, but for those that stay.
func (g *group) toDeregister(q *Request, staying []Endpoint) []Target {
	if g.calls[deregister].n >= writesPerGroup {
		return nil
	}
	wanted, stays := g.wanted(q), map[string]bool{}
	for _, e := range staying {
		stays[e.Key()] = true
	}
	var out []Target
	for key, m := range g.members {
		if !wanted[key] && !stays[key] && !g.moving(key) && !g.calls[deregister].failed[key] && g.mayLeave(q, key) {
			out = append(out, m.Target)
		}
	}
	sorting.By(out, cmpKeys)
	return out
}

// collect returns what happened since it was called last, and has what failed tried again.
func (g *group) collect(now time.Time) (Change, error) {
	c := Change{Added: g.added, Omitted: g.omitted, LeftOut: len(g.omitted), Pending: g.busy(), NotOurs: g.notOurs()}
	if !g.retry.IsZero() {
		c.Retry = max(g.retry.Sub(now), time.Millisecond)
	}
	if len(g.elsewhere) > 0 {
		for _, e := range g.request.Want.All() {
			if g.elsewhere[e.ID] {
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
		g.errs, g.failure = append(g.errs, err), err
	}
}
