package stacks

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// constructed is the input of a Gateway in which no construction of rules is recorded: rules that are there stay as they are. loaded reports that
// the input was loaded again, as the front end had derived another construction.
func (s *Reconciler) constructed(ctx context.Context, view *objects.View, key stack.Key, w front.Input) (_ front.Input, loaded bool, err error) {
	f, is := s.Front.(front.Gateway)
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
	return f.BuildingAs(other).Load(view, key.ID), true, nil
}
