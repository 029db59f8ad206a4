package registrar

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

// If a Service changes to another port of its pods, all its targets are replaced at the same time. AWS must first
// register and check the new ones, and an ALB would have no target meanwhile. Pods usually still serve on the old
// port. Therefore a target of the old port is deregistered once the target of the new port is healthy. This does not
// apply to nodes, because Kubernetes closes a former node port at once.

// movedAtMost limits how long a target of an old port stays whatever its health: it is the longest time in which
// network load balancers register and check a target. After that it stays while it is healthy and the new one is not:
// nothing may listen on the new port.
const movedAtMost = 5 * time.Minute

// movedInVainPause is the pause before reads of health once all have stayed for that long.
const movedInVainPause = 10 * time.Minute

// movedPauses are the pauses before reads of the health of the new targets.
var movedPauses = backoff.Policy{First: 10 * time.Second, Longest: time.Minute}

// settledStates are the final states of targets that may serve: healthy, or not checked.
var settledStates = []types.TargetHealthStateEnum{types.TargetHealthStateEnumHealthy, types.TargetHealthStateEnumUnused,
	types.TargetHealthStateEnumUnavailable}

// moves is the state of a group whose pods have another port.
type moves struct {
	since map[string]time.Time // by key of the target of the old port
	// settled are the keys of targets that the last read found healthy, or not checked at all; healthy only the former.
	settled, healthy map[string]bool
	looks            int
	pending          bool // a read is scheduled
}

// note records the result of a read of health. Of a target without a state, AWS has reported nothing new.
func (m *moves) note(health []Health) {
	settled, healthy := map[string]bool{}, map[string]bool{}
	for _, h := range health {
		key, state := h.Key(), types.TargetHealthStateEnum(h.State)
		if state == types.TargetHealthStateEnumHealthy || h.State == "" && m.healthy[key] {
			healthy[key] = true
		}
		if slices.Contains(settledStates, state) || h.State == "" && m.settled[key] {
			settled[key] = true
		}
	}
	m.settled, m.healthy = settled, healthy
}

// moved returns the targets of old ports that stay, as endpoints of their pods, sorted by key.
func (g *group) moved(q *Request, now time.Time) []Endpoint {
	if q.Max > 0 && 2*q.Want.Len() > q.Max {
		return nil // there is no room for both
	}
	wanted := g.wanted(q)
	var unwanted []Target
	for key, m := range g.members {
		if !wanted[key] {
			unwanted = append(unwanted, m.Target)
		}
	}
	if len(unwanted) == 0 {
		return nil
	}
	to, leave := map[string]Endpoint{}, map[string]bool{} // by address
	for _, t := range unwanted {
		leave[t.ID] = true
	}
	keys := g.keysOf(q).list
	for i, e := range q.wants().all() {
		if e.Pod != "" && leave[e.ID] && !g.moves.settled[keys[i]] {
			to[e.ID] = e
		}
	}
	var out []Endpoint
	for _, t := range unwanted {
		e, ok := to[t.ID]
		if !ok || e.Port == t.Port { // the same port with another server id cannot be registered beside it
			continue
		}
		key := t.Key()
		if g.moves.since == nil {
			g.moves.since = map[string]time.Time{}
		}
		began, noted := g.moves.since[key]
		if !noted {
			began, g.moves.since[key] = now, now
		}
		if now.Sub(began) < movedAtMost || g.moves.healthy[key] && !g.kept.allowed {
			e.Target = t
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Endpoint) int { return cmpKeys(a.Target, b.Target) })
	return out
}

// awaitMoved schedules reads of the group's health while targets of old ports stay. The caller holds the group's lock.
func (r *Registry) awaitMoved(ctx context.Context, g *group, moved []Endpoint) {
	if len(moved) == 0 {
		maps.DeleteFunc(g.moves.since, func(key string, _ time.Time) bool { _, member := g.members[key]; return !member })
		g.moves.looks = 0
		return
	}
	if g.moves.pending {
		return
	}
	g.moves.pending = true
	g.moves.looks++
	pause := movedPauses.Pause(g.moves.looks)
	if len(g.moves.inVain(moved, r.Clock.Now())) == len(moved) {
		pause = movedInVainPause
	}
	r.Clock.AfterFunc(pause, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.moves.pending = false; g.request == nil || ctx.Err() != nil {
			return
		}
		g.reread = true
		r.startCalls(ctx, g)
	})
}

// Moved returns the targets that stay registered although the request does not want them: their pods are wanted on
// another port, whose target is not healthy yet. It is called before Sync.
func (r *Registry) Moved(q Request) []Endpoint {
	g := r.group(q.Group)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.moved(&q, r.Clock.Now())
}

// inVain are those of the targets of old ports that have stayed for so long that those of the new port may not get
// healthy.
func (m *moves) inVain(moved []Endpoint, now time.Time) []Endpoint {
	return slices.DeleteFunc(slices.Clone(moved), func(e Endpoint) bool {
		began, noted := m.since[e.Key()]
		return !noted || now.Sub(began) < movedAtMost
	})
}

// MovedInVain returns those of the targets that Moved returned whose pods have not become healthy at the new port for
// long.
func (r *Registry) MovedInVain(of Group, moved []Endpoint) []Endpoint {
	if len(moved) == 0 {
		return nil
	}
	g := r.group(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.moves.inVain(moved, r.Clock.Now())
}
