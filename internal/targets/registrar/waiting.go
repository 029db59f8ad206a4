package registrar

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

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
