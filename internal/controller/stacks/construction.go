package stacks

import (
	"context"
	"slices"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// constructed is the input of a Gateway in which no construction of rules is recorded. The front end derives that from the finalizer; here it
// follows from what AWS holds, so that rules that are there stay as they are: a finalizer may come from a backup, and may be lost while the
// load balancer stays. loaded reports that the input was loaded again.
func (s *Reconciler) constructed(ctx context.Context, view *objects.View, key stack.Key, w front.Input) (_ front.Input, loaded bool, err error) {
	f, is := s.Front.(front.Gateway)
	if !is || !w.Wanted || w.Decisions == nil || w.Decisions.Annotations[gateway.ConstructionAnnotation] == "" {
		return w, false, nil
	}
	derived := rule.Construction(w.Decisions.Annotations[gateway.ConstructionAnnotation])
	o, err := s.Inventory.Observed(ctx, key, nil)
	if err == nil && len(o.LoadBalancers) == 0 && derived == rule.Compatible {
		if news, failed := s.Inventory.ConfirmAbsence(ctx, key); failed != nil || news {
			err = failed
			if err == nil {
				o, err = s.Inventory.Observed(ctx, key, nil)
			}
		}
	}
	if err == nil && len(o.LoadBalancers) > 0 { // any stack with resources has its rules read
		o, err = s.Inventory.Observed(ctx, key, &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}})
	}
	if err != nil {
		return w, false, err
	}
	now := rule.Standard
	if len(o.LoadBalancers) > 0 && !s.hasStandardRules(key, o.Rules) {
		now = rule.Compatible
	}
	if now == derived {
		return w, false, nil
	}
	f.Exists = func(stack.Key) bool { return now == rule.Compatible }
	return f.Load(view, key.ID), true, nil
}

// hasStandardRules reports whether any rule of a stack has a condition on the host that only the standard construction makes.
func (s *Reconciler) hasStandardRules(key stack.Key, all []elb.Rule) bool {
	return slices.ContainsFunc(all, func(r elb.Rule) bool {
		owner, _, ours := naming.StackOf(s.Compile.Cluster, r.Tags)
		if s.Compile.Gates.ListenerRulesTagging && (!ours || owner != key) {
			return false
		}
		return slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return c.Field == stack.HostHeader && len(c.Regex) > 0 })
	})
}
