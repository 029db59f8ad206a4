package orphan

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// HoldingOf returns what AWS holds of a stack. Find adds the TargetGroupBindings. The shared backend security group
// is not included.
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
