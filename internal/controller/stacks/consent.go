package stacks

import (
	"context"
	"errors"
	"maps"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// errConsentChanged is the error of a pass that rests on a consent which AWS no longer has.
var errConsentChanged = errors.New("the tags by which the owner of a load balancer consents have changed")

// freshConsents reads again, before a plan is executed, the tags by which load balancers of others consent to it. It
// returns the observation with these tags. Listings and facts may be minutes old.
func (s *Reconciler) freshConsents(ctx context.Context, c compile.Result, o awsop.Observed) (awsop.Observed, error) {
	asked := map[string]bool{}
	for arn := range c.Consents {
		asked[arn] = true
	}
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		asked[lb.ARN] = asked[lb.ARN] || !lb.Foreign && (lb.Adopted() || lb.ARN == c.Stack.Adopts ||
			c.Stack.Retention == stack.RetainUnlessDeletable)
	}
	maps.DeleteFunc(asked, func(_ string, yes bool) bool { return !yes })
	if len(asked) == 0 {
		return o, nil
	}
	tags, err := s.Inventory.ConsentTags(ctx, asked)
	if err != nil {
		return o, err
	}
	for arn, was := range c.Consents {
		if tags[arn][naming.SharedWithTag] != was {
			return o, errConsentChanged
		}
	}
	o = o.Clone()
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		if !asked[lb.ARN] {
			continue
		}
		lb.Tags = maps.Clone(lb.Tags)
		for _, k := range naming.ConsentTags() {
			delete(lb.Tags, k)
			if v, ok := tags[lb.ARN][k]; ok {
				lb.Tags[k] = v
			}
		}
	}
	return o, nil
}
