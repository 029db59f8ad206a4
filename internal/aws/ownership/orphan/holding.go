package orphan

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// HoldingOf is what is observed of a stack, without TargetGroupBindings, which Find adds. The shared backend security
// group is no part of it.
func HoldingOf(key stack.Key, o *awsop.Observed) Holding {
	h := Holding{Key: key}
	for _, lb := range o.LoadBalancers {
		if lb.Foreign {
			continue
		}
		h.Resources = append(h.Resources, Resource{Kind: stack.KindLoadBalancer, ID: lb.ARN, Name: lb.Name,
			Hostname: lb.DNSName, Retained: lb.Retained()})
	}
	for _, tg := range o.TargetGroups {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindTargetGroup, ID: tg.ARN, Name: tg.Name})
	}
	for _, g := range o.SecurityGroups {
		if g.ID != stack.BackendSecurityGroup {
			h.Resources = append(h.Resources, Resource{Kind: stack.KindSecurityGroup, ID: g.GroupID, Name: g.Name})
		}
	}
	for _, c := range o.Certificates {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindCertificate, ID: c.ARN, Name: c.Domain})
	}
	for _, s := range o.TrustStores {
		h.Resources = append(h.Resources, Resource{Kind: stack.KindTrustStore, ID: s.ARN, Name: s.Name})
	}
	return h
}

// Deletable are the ids of a holding whose tags must be read again before a deletion: those of load balancers, target
// groups and security groups.
func (h Holding) Deletable() (ids []string) {
	for _, r := range h.Resources {
		switch r.Kind {
		case stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindSecurityGroup:
			ids = append(ids, r.ID)
		// their tags were just read
		case stack.KindCertificate, stack.KindTrustStore, stack.KindBinding, stack.KindListener, stack.KindRule:
		}
	}
	return ids
}

// Removal is the plan's desired state: nothing, because no object claims the stack. Find and a quarantine come before
// it.
func Removal(key stack.Key, cluster, vpc string) *stack.Stack {
	return stack.Removed(key, cluster, vpc, stack.Orphaned)
}

// Namespaces are those of the TargetGroupBindings of a stack, which are its own if they are in one of them.
func Namespaces(bindings []awsop.Binding) (out []string) {
	for _, b := range bindings {
		out = append(out, b.Namespace)
	}
	return out
}

// Shared is why a stack with TargetGroupBindings must not be deleted by itself: clusters share a target group, and
// which targets are whose is known to them alone.
func Shared(bindings []awsop.Binding) (why string) {
	for _, b := range bindings {
		if b.MultiCluster {
			return "TargetGroupBinding " + b.Namespace + "/" + b.Name + " shares its target group with other clusters"
		}
	}
	return ""
}
