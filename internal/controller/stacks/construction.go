package stacks

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
)

// constructed returns the input of a Gateway without a recorded construction of rules: existing rules stay as they
// are. loaded reports that the input was loaded again, because the front end had derived another construction.
func (p *pass) constructed(ctx context.Context) (_ front.Input, loaded bool, err error) {
	s, key, w := p.reconciler, p.key, p.input
	f, is := p.front.(front.Gateway)
	derived, open := front.DerivedConstruction(w)
	if !is || !open {
		return w, false, nil
	}
	o, err := s.Inventory.Observed(ctx, key, nil)
	if err == nil && len(o.LoadBalancers) == 0 && derived == rule.Compatible {
		if news, failed := s.Inventory.ConfirmAbsence(ctx, key); failed != nil || news {
			err = failed
			if err == nil {
				o, err = s.Inventory.Observed(ctx, key, nil)
			}
		}
	}
	if err == nil && len(o.LoadBalancers) > 0 {
		o, err = s.Inventory.Observed(ctx, key, front.WithRules(key))
	}
	if err != nil {
		return w, false, err
	}
	other, differs := front.OtherConstruction(key, o, &s.Compile, derived)
	if !differs {
		return w, false, nil
	}
	return f.BuildingAs(other).Load(p.view, key.ID), true, nil
}
