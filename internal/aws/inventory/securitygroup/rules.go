package securitygroup

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Rules lists the inbound rules of a group, one source each, of the VPC or not. A group that does not exist is EC2's
// error InvalidGroup.NotFound.
func (g *Groups) Rules(ctx context.Context, id string) ([]stack.Permission, error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, err
	}
	got, err := g.rules.Within(ctx, Lifetime, id)
	if err == nil {
		err = g.rules.Failure(id) // else older rules would serve
	}
	if err != nil {
		return nil, err
	}
	if got[id] == nil {
		return nil, fmt.Errorf("security group %s was deleted while its rules were read", id)
	}
	return got[id].Ingress, nil
}

// RulesAtHand returns the rules of a group as they were read last, for a caller that takes nothing away for want of a
// rule among them; young says that they are as Rules would give them. Rules that serve on are read again meanwhile.
func (g *Groups) RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, young bool, err error) {
	if err := g.cfg.Loaded(ctx); err != nil {
		return nil, false, err
	}
	noted, stale := cache.NoteStale(ctx)
	got, err := g.rules.Get(noted, id)
	if err != nil {
		return nil, false, err
	}
	if got[id] == nil { // forgotten meanwhile
		rules, err = g.Rules(ctx, id)
		return rules, true, err
	}
	if stale() {
		cache.MarkStale(ctx)
	}
	return got[id].Ingress, !stale(), nil
}

// Admitting lists the groups of the VPC that have an inbound rule whose source is a group, sorted; none if they cannot
// be read.
func (g *Groups) Admitting(ctx context.Context, source string) []string {
	if err := g.young(ctx); err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for id, x := range g.byID {
		if slices.ContainsFunc(x.Ingress, func(p stack.Permission) bool { return p.Group.Literal == source }) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// ForgetRules has the rules of a group read again.
func (g *Groups) ForgetRules(id string) {
	g.rules.Forget(id) // also what is being read
	g.rules.Drop(id)
}
