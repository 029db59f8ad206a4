package targets

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Claims remembers, longer than the process lives, which targets a binding registers in a group that other clusters use too.
type Claims interface {
	// Load returns the keys of the targets; known is false if nothing was ever saved.
	Load(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// Save replaces them; the keys are sorted.
	Save(ctx context.Context, binding stack.ID, keys []string) error
}

// claimed are the targets that a binding may have registered. Before anything was saved there are none: nobody can tell
// which of the targets that are registered belong to this cluster.
type claimed struct {
	loaded, saved bool
	keys          map[string]bool
}

func (g *group) claimedBy(binding stack.ID) *claimed {
	c := g.claims[binding]
	if c == nil {
		c = &claimed{}
		g.claims[binding] = c
	}
	return c
}

// advanceClaims reads what is claimed; saves what is wanted beside it before anything is registered, so that each target that this
// cluster registered is known as its own whatever happens afterwards; and saves what is wanted alone once the rest is deregistered.
// The lock of the group is held.
func (r *Registry) advanceClaims(ctx context.Context, g *group, q *Request) {
	c := g.claimedBy(q.Binding)
	if !c.loaded {
		r.loadClaims(ctx, g, q)
		return
	}
	wanted := wantedKeys(*q)
	all := maps.Clone(wanted)
	maps.Copy(all, c.keys)
	switch {
	case !c.saved || len(all) > len(c.keys):
		r.saveClaims(ctx, g, q, all)
	case len(all) > len(wanted) && len(g.holding.held) == 0 && g.known && !g.doubted && !g.busy() && len(g.calls[deregister].failed) == 0 && len(g.toDeregister(q)) == 0 && len(g.toRegister(q)) == 0:
		r.saveClaims(ctx, g, q, wanted)
	}
}

func (r *Registry) loadClaims(ctx context.Context, g *group, q *Request) {
	g.claim = true
	r.begin(ctx, g, func() func() {
		keys, known, err := q.Claims.Load(ctx, q.Binding)
		return func() {
			g.claim = false
			if err != nil {
				g.claimFailed = true
				g.fail(fmt.Errorf("reading which targets are this cluster's: %w", err))
				return
			}
			c := &claimed{loaded: true, saved: known, keys: map[string]bool{}}
			for _, k := range keys {
				c.keys[k] = true
			}
			g.claims[q.Binding] = c
		}
	})
}

func (r *Registry) saveClaims(ctx context.Context, g *group, q *Request, keys map[string]bool) {
	g.claim = true
	r.begin(ctx, g, func() func() {
		err := q.Claims.Save(ctx, q.Binding, slices.Sorted(maps.Keys(keys)))
		return func() {
			g.claim = false
			if err != nil { // what is saved is not known
				g.claimFailed = true
				delete(g.claims, q.Binding)
				g.fail(fmt.Errorf("noting which targets are this cluster's: %w", err))
				return
			}
			g.claims[q.Binding] = &claimed{loaded: true, saved: true, keys: keys}
		}
	})
}

func wantedKeys(q Request) map[string]bool {
	out := map[string]bool{}
	for _, e := range q.Want {
		out[e.Key()] = true
	}
	return out
}
