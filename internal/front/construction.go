package front

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// DerivedConstruction returns the construction of rules that Load derived from the finalizer of a Gateway whose
// annotation is missing or invalid; ok is false for any other input. What AWS holds decides instead where it is known:
// a finalizer may come from a backup, be lost while the load balancer stays, and is missing in files.
func DerivedConstruction(w Input) (c rule.Construction, ok bool) {
	if !w.Declared || w.Decisions == nil {
		return "", false
	}
	return w.Decisions.Derived, w.Decisions.Derived != ""
}

// OtherConstruction returns the construction of the rules that AWS holds of a stack if it differs from the derived one;
// ok is false where the derived one stays. Without a load balancer in AWS only Compatible gives way, to what new
// Gateways get.
func OtherConstruction(key stack.Key, o awsop.Observed, c *compile.Config, derived rule.Construction) (
	other rule.Construction, ok bool) {
	other = ObservedConstruction(key, o, c)
	return other, other != derived && (other != "" || derived == rule.Compatible)
}

// ObservedConstruction returns the construction of the rules that AWS holds of a stack; empty where it holds no load
// balancer and flags do not decide. Rules without sign of another construction are taken for those of the existing
// controller, unless the security group admits prefix lists only: with Compatible, it would admit all addresses.
func ObservedConstruction(key stack.Key, o awsop.Observed, c *compile.Config) rule.Construction {
	if len(o.LoadBalancers) == 0 {
		if c.ExistingFeaturesOnly {
			return rule.Compatible
		}
		return ""
	}
	plainPorts := map[string]bool{} // listeners whose hosts are plain with rule.PlainHosts
	for _, l := range o.Listeners {
		plainPorts[l.ARN] = rule.PlainHosts.At(l.Protocol, l.Port) == rule.Compatible
	}
	var expressions, plain, isolated bool
	for _, r := range o.Rules {
		owner, _, ours := naming.StackOf(c.Cluster, r.ARN, r.Tags)
		if c.Gates.ListenerRulesTagging && (!ours || owner != key) {
			continue
		}
		for _, x := range r.Conditions {
			switch {
			case x.Field != stack.HostHeader:
			case len(x.Regex) > 0 && plainPorts[r.Listener.Literal]:
				return rule.Standard
			case len(x.Regex) > 0:
				expressions = true
			case plainPorts[r.Listener.Literal]:
				plain, isolated = true, isolated || isolates(r.Rule)
			}
		}
	}
	switch {
	case expressions && !plain:
		return rule.Standard
	case expressions, isolated, slices.ContainsFunc(o.SecurityGroups, admitsListsOnly):
		return rule.PlainHosts // the existing controller makes none of them
	}
	return rule.Compatible
}

// admitsListsOnly reports whether a group of the stack admits prefix lists, and no other addresses.
func admitsListsOnly(g awsop.SecurityGroup) bool {
	lists := false
	for i := range g.Ingress {
		p := &g.Ingress[i]
		if p.CIDR != "" || p.IPv6CIDR != "" {
			return false
		}
		lists = lists || p.PrefixList != ""
	}
	return lists && !g.Shared
}

// isolates reports whether a rule answers 404 to all requests for a hostname, which keeps listeners of a port apart.
func isolates(r stack.Rule) bool {
	const status = "404"
	return len(r.Conditions) == 1 && len(r.Actions) == 1 && r.Actions[0].FixedResponse != nil &&
		r.Actions[0].FixedResponse.StatusCode == status
}

// WithRules returns a stack for whose observation the rules are read.
func WithRules(key stack.Key) *stack.Stack {
	return &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
}

// BuildingAs returns the front end that builds rules of Gateways that record no construction in c.
func (f Gateway) BuildingAs(c rule.Construction) Gateway {
	f.Exists, f.Config.Rules = func(stack.Key) bool { return c != "" }, c
	return f
}
