package registrar

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Operations of Registry.Lag.
const (
	Register   = "register"
	Deregister = "deregister"
)

// changed records, for each target that only one of two successive requests wants, when its change came. If the time of
// the change is not known, it records nothing. Callers of the methods here hold the group's lock.
func (g *group) changed(before *Request, q Request) {
	var was wants
	if before != nil {
		was = before.wants()
	}
	note := func(e Endpoint) { g.note(e.Key(), q.Since) }
	q.wants().missingIn(was, note)
	was.missingIn(q.wants(), note)
}

func (g *group) note(key string, since time.Time) {
	if since.IsZero() {
		delete(g.since, key)
		return
	}
	g.since[key] = since
}

// unnoted drops the times of targets that need no call: they are as wanted, kept, left out, or have a call in
// progress. It is called after all possible calls were started.
func (g *group) unnoted(q *Request) {
	if len(g.since) == 0 || !g.known {
		return
	}
	wanted := g.wanted(q)
	maps.DeleteFunc(g.since, func(key string, _ time.Time) bool {
		_, member := g.members[key]
		switch {
		case g.moving(key): // the opposite call follows
			return false
		case wanted[key]:
			return g.inPlace(key)
		}
		return !member || !g.mayLeave(q, key)
	})
}

// inPlace reports whether a target needs no registration: it is registered for certain, or left out.
func (g *group) inPlace(key string) bool {
	m, member := g.members[key]
	return member && !m.uncertain || slices.Contains(g.omitted, key)
}

// timed takes the times of targets for which a call starts. Targets that AWS does not accept get their times back.
func (g *group) timed(sent []Target) map[string]time.Time {
	out := map[string]time.Time{}
	for _, t := range sent {
		if at, ok := g.since[t.Key()]; ok {
			out[t.Key()] = at
			delete(g.since, t.Key())
		}
	}
	return out
}

// reportLag calls Lag for the targets that AWS accepted. The other targets get their times back, unless a later change
// wants the opposite: a call that AWS always refuses must not be measured.
func (r *Registry) reportLag(g *group, a action, sent, done []Target, since map[string]time.Time) {
	if len(since) == 0 {
		return
	}
	taken, now := map[string]bool{}, r.Clock.Now()
	for _, t := range done {
		taken[t.Key()] = true
	}
	operation := map[action]string{register: Register, deregister: Deregister}[a]
	for _, t := range sent {
		key := t.Key()
		at, ok := since[key]
		switch {
		case !ok:
		case !taken[key]:
			if _, changed := g.since[key]; !changed {
				g.since[key] = at
			}
		case r.Lag != nil:
			r.Lag(operation, now.Sub(at))
		}
	}
}

// prove begins to wait for the health of a registered target, if the time of its change is known. For a deregistered
// target it ends the wait.
func (g *group) prove(a action, key string, since map[string]time.Time) {
	delete(g.unproven, key)
	if at, ok := since[key]; ok && a == register {
		g.unproven[key] = at
	}
}

// proven calls BecameHealthy for targets that are healthy for the first time.
func (r *Registry) proven(of Group, all []Health, cause awsclient.Cause) {
	if r.BecameHealthy == nil {
		return
	}
	g := r.known(of)
	if g == nil {
		return
	}
	var since []time.Time
	g.mu.Lock()
	for _, h := range all {
		if at, ok := g.unproven[h.Key()]; ok && h.State == string(types.TargetHealthStateEnumHealthy) {
			since = append(since, at)
			delete(g.unproven, h.Key())
		}
	}
	g.mu.Unlock()
	for _, at := range since {
		r.BecameHealthy(cause, r.Clock.Now().Sub(at))
	}
}

// wait is a target that AWS must still register or deregister.
type wait struct {
	action action
	since  time.Time
}

// noteWaiting records which targets wait after all possible calls were started: for a call in progress, for the next
// attempt after a failure, or for their turn. Targets that are kept, left out, or stay for another port do not wait.
// The caller holds the group's lock.
func (g *group) noteWaiting(q *Request, moved []Endpoint, now time.Time) {
	waits := map[string]wait{}
	note := func(a action, key string) {
		at := now
		if since, ok := g.since[key]; ok {
			at = since
		}
		if before, ok := g.waits[key]; ok && before.action == a && before.since.Before(at) {
			at = before.since
		}
		waits[key] = wait{a, at}
	}
	stays := map[string]bool{}
	for _, e := range moved {
		stays[e.Key()] = true
	}
	keys := g.keysOf(q)
	for i, e := range q.Want.All() {
		if key := keys.list[i]; !g.inOtherVPC[e.ID] && !g.inPlace(key) && (!g.waitsForRead(key) || !g.since[key].IsZero()) {
			note(register, key)
		}
	}
	for key := range g.members {
		if !keys.set[key] && !stays[key] && g.mayLeave(q, key) {
			note(deregister, key)
		}
	}
	g.waits = waits
}

// Waiting returns how many targets AWS has not registered or deregistered as wanted, and for how long the first of
// them has waited. Bindings that name a target group that does not exist, or a role that cannot be assumed, do not
// count: their status shows the problem.
func (r *Registry) Waiting() (n int, oldest time.Duration) {
	r.mu.Lock()
	groups := slices.Collect(maps.Values(r.waiting))
	r.mu.Unlock()
	now := r.Clock.Now()
	for _, g := range groups {
		g.mu.Lock()
		if !g.misnamed {
			n += len(g.waits)
			for _, w := range g.waits {
				oldest = max(oldest, now.Sub(w.since))
			}
		}
		g.mu.Unlock()
	}
	return n, oldest
}

// misnamed reports whether only an edit of the binding, or of the resource that it names, cures a failure.
func misnamed(err error) bool {
	class := awsclient.Classify(err).Class
	return awsclient.OfRole(err) || class == diag.NotFound || class == diag.Invalid
}
