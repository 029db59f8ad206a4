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

// claimed are the targets that the binding may have registered. Before anything was saved there are none: nobody can tell
// which of the targets that are registered belong to this cluster.
func (g *group) claimed(ctx context.Context, q Request) (map[string]bool, error) {
	if known, ok := g.claims[q.Binding]; ok {
		return known, nil
	}
	keys, known, err := q.Claims.Load(ctx, q.Binding)
	if err != nil {
		return nil, fmt.Errorf("reading which targets are this cluster's: %w", err)
	}
	if !known {
		return nil, nil
	}
	set := map[string]bool{}
	for _, k := range keys {
		set[k] = true
	}
	g.keep(q.Binding, set)
	return set, nil
}

// claim saves what is wanted beside what was claimed, before anything is registered: whatever happens afterwards, each target
// that this cluster registered is known as its own.
func (g *group) claim(ctx context.Context, q Request, known map[string]bool) (map[string]bool, error) {
	all := wantedKeys(q)
	maps.Copy(all, known)
	if known != nil && len(all) == len(known) {
		return all, nil
	}
	return all, g.save(ctx, q, all)
}

// disclaim saves what is wanted alone, once the rest is deregistered.
func (g *group) disclaim(ctx context.Context, q Request, claims map[string]bool) error {
	wanted := wantedKeys(q)
	if len(wanted) == len(claims) {
		return nil
	}
	return g.save(ctx, q, wanted)
}

func (g *group) save(ctx context.Context, q Request, set map[string]bool) error {
	if err := q.Claims.Save(ctx, q.Binding, slices.Sorted(maps.Keys(set))); err != nil {
		delete(g.claims, q.Binding) // who knows what is saved
		return fmt.Errorf("noting which targets are this cluster's: %w", err)
	}
	g.keep(q.Binding, set)
	return nil
}

func (g *group) keep(binding stack.ID, set map[string]bool) {
	if g.claims == nil {
		g.claims = map[stack.ID]map[string]bool{}
	}
	g.claims[binding] = set
}

func wantedKeys(q Request) map[string]bool {
	out := map[string]bool{}
	for _, e := range q.Want {
		out[e.Key()] = true
	}
	return out
}
