package front

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// DerivedConstruction is the construction of rules that Load derived from the finalizer of a Gateway that records none; ok is false for any other
// input. The rules that AWS holds decide instead where they are known: a finalizer may come from a backup, be lost while the load balancer stays, and
// is missing in files.
func DerivedConstruction(w Input) (c rule.Construction, ok bool) {
	if !w.Wanted || w.Decisions == nil {
		return "", false
	}
	c = rule.Construction(w.Decisions.Annotations[gateway.ConstructionAnnotation])
	return c, c != ""
}

// ObservedConstruction is the construction of the rules that AWS holds of a stack; standard where it holds no load balancer.
func ObservedConstruction(key stack.Key, o awsop.Observed, c *compile.Config) rule.Construction {
	standard := func(r awsop.Rule) bool {
		owner, _, ours := naming.StackOf(c.Cluster, r.ARN, r.Tags)
		if c.Gates.ListenerRulesTagging && (!ours || owner != key) {
			return false
		}
		return slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return c.Field == stack.HostHeader && len(c.Regex) > 0 })
	}
	if len(o.LoadBalancers) > 0 && !slices.ContainsFunc(o.Rules, standard) { // only this construction has regular expressions for hosts
		return rule.Compatible
	}
	return rule.Standard
}

// WithRules is a stack for whose observation the rules are read.
func WithRules(key stack.Key) *stack.Stack {
	return &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
}

// BuildingAs is the front end that builds rules of Gateways that record no construction in c.
func (f Gateway) BuildingAs(c rule.Construction) Gateway {
	f.Exists = func(stack.Key) bool { return c == rule.Compatible }
	return f
}
