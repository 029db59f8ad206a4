package awsop

import (
	"iter"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Resource is what observed resources have in common, whatever their kind.
type Resource struct {
	stack.Ref                // with identity and ARN or group id
	Below     string         // the ARN of the load balancer of a listener, or of the listener of a rule
	Actions   []stack.Action // of a rule, and the default ones of a listener
	Tags      map[string]string
	Parts     *Parts // nil for kinds that are read at once
	Shared    bool   // it is a security group of the cluster
}

// Means reports whether a reference means the resource, by its identity or by its ARN or group id.
func (r Resource) Means(by stack.Ref) bool {
	return by.Kind == r.Kind && (by.ID != "" && by.ID == r.ID || by.Literal != "" && by.Literal == r.Literal)
}

// Resources returns the observed resources of kinds, one kind after the other. The order of kinds is the caller's.
func (o *Observed) Resources(kinds ...stack.Kind) iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		for _, kind := range kinds {
			if !o.ofKind(kind, yield) {
				return
			}
		}
	}
}

func (o *Observed) ofKind(kind stack.Kind, yield func(Resource) bool) bool {
	ref := func(id, literal string) stack.Ref { return stack.Ref{Kind: kind, ID: id, Literal: literal} }
	switch kind {
	case stack.KindLoadBalancer:
		return yieldAll(o.LoadBalancers, yield, func(x *LoadBalancer) Resource {
			return Resource{Ref: ref(x.ID, x.ARN), Tags: x.Tags, Parts: &x.Parts}
		})
	case stack.KindTargetGroup:
		return yieldAll(o.TargetGroups, yield, func(x *TargetGroup) Resource {
			return Resource{Ref: ref(x.ID, x.ARN), Tags: x.Tags, Parts: &x.Parts}
		})
	case stack.KindListener:
		return yieldAll(o.Listeners, yield, func(x *Listener) Resource {
			return Resource{Ref: ref(x.ID, x.ARN), Below: x.LoadBalancer.Literal, Actions: x.DefaultActions, Tags: x.Tags,
				Parts: &x.Parts}
		})
	case stack.KindRule:
		return yieldAll(o.Rules, yield, func(x *Rule) Resource {
			return Resource{Ref: ref(x.ID, x.ARN), Below: x.Listener.Literal, Actions: x.Actions, Tags: x.Tags}
		})
	case stack.KindSecurityGroup:
		return yieldAll(o.SecurityGroups, yield, func(x *SecurityGroup) Resource {
			return Resource{Ref: ref(x.ID, x.GroupID), Tags: x.Tags, Shared: x.Shared}
		})
	case stack.KindTrustStore:
		return yieldAll(o.TrustStores, yield, func(x *TrustStore) Resource {
			return Resource{Ref: ref(x.ID, x.ARN), Tags: x.Tags}
		})
	default: // nobody asks for certificates and bindings of all kinds alike
		return true
	}
}

func yieldAll[T any](list []T, yield func(Resource) bool, of func(*T) Resource) bool {
	for n := range list {
		if !yield(of(&list[n])) {
			return false
		}
	}
	return true
}
