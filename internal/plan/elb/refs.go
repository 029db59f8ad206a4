package elb

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Refs lists the references that an operation uses; the executor resolves them, the planner derives what is needed first.
func Refs(op plan.Operation) []stack.Ref {
	switch o := op.(type) {
	case AuthorizeIngress:
		return append(permissionRefs(o.Permissions), o.Group)
	case RevokeIngress:
		return append(permissionRefs(o.Permissions), o.Group)
	case DeleteSecurityGroup:
		return []stack.Ref{o.Group}
	case TagSecurityGroup:
		return []stack.Ref{o.Group}
	case UntagSecurityGroup:
		return []stack.Ref{o.Group}
	case ModifyTargetGroup:
		return []stack.Ref{o.TargetGroup}
	case ModifyTargetGroupAttributes:
		return []stack.Ref{o.TargetGroup}
	case DeleteTargetGroup:
		return []stack.Ref{o.TargetGroup}
	case CreateLoadBalancer:
		return o.LoadBalancer.SecurityGroups
	case SetSecurityGroups:
		return append([]stack.Ref{o.LoadBalancer}, o.Groups...)
	case SetSubnets:
		return []stack.Ref{o.LoadBalancer}
	case SetIPAddressType:
		return []stack.Ref{o.LoadBalancer}
	case ModifyLoadBalancerAttributes:
		return []stack.Ref{o.LoadBalancer}
	case DeleteLoadBalancer:
		if o.Successor != nil {
			return []stack.Ref{o.LoadBalancer, *o.Successor}
		}
		return []stack.Ref{o.LoadBalancer}
	case CreateListener:
		return append(TargetGroupsOf(o.Listener.DefaultActions), o.Listener.LoadBalancer)
	case ModifyListener:
		return append(TargetGroupsOf(o.Listener.DefaultActions), o.Ref)
	case DeleteListener:
		return []stack.Ref{o.Listener}
	case AddListenerCertificates:
		return []stack.Ref{o.Listener}
	case RemoveListenerCertificates:
		return []stack.Ref{o.Listener}
	case ModifyListenerAttributes:
		return []stack.Ref{o.Listener}
	case CreateRule:
		return append(TargetGroupsOf(o.Rule.Actions), o.Rule.Listener)
	case ModifyRule:
		return append(TargetGroupsOf(o.Rule.Actions), o.Ref)
	case SetRulePriorities:
		refs := []stack.Ref{o.Listener}
		for _, p := range o.Priorities {
			if p.Rule.Literal == "" { // one that the plan creates
				refs = append(refs, p.Rule)
			}
		}
		return refs
	case DeleteRule:
		return []stack.Ref{o.Rule}
	case AddTags:
		return []stack.Ref{o.Resource}
	case RemoveTags:
		return []stack.Ref{o.Resource}
	case AwaitTargets:
		if o.Balancer != nil {
			return []stack.Ref{o.TargetGroup, *o.Balancer}
		}
		return []stack.Ref{o.TargetGroup}
	case RegisterTargets:
		return []stack.Ref{o.TargetGroup}
	case DeregisterTargets:
		return []stack.Ref{o.TargetGroup}
	case ModifyIPPools:
		return []stack.Ref{o.LoadBalancer}
	case RegisterLoadBalancer:
		return []stack.Ref{o.TargetGroup, o.LoadBalancer}
	case DeregisterLoadBalancer:
		if o.Successor != nil {
			return []stack.Ref{o.TargetGroup, o.LoadBalancer, *o.Successor}
		}
		return []stack.Ref{o.TargetGroup, o.LoadBalancer}
	case CreateBinding:
		return bindingRefs(o.Binding)
	case UpdateBinding:
		return bindingRefs(o.Binding)
	case ImportCertificate:
		if o.At != (stack.Ref{}) {
			return []stack.Ref{o.At}
		}
	case TagCertificate:
		return []stack.Ref{o.Certificate}
	case DeleteCertificate:
		return []stack.Ref{o.Certificate}
	case PublishValidation:
		return []stack.Ref{o.Certificate}
	}
	if r, _, ok := Changes(op); ok {
		return []stack.Ref{r}
	}
	return nil
}

func permissionRefs(ps []stack.Permission) []stack.Ref {
	var out []stack.Ref
	for _, p := range ps {
		if p.Group != (stack.Ref{}) {
			out = append(out, p.Group)
		}
	}
	return out
}

// TargetGroupsOf are the target groups that actions forward to.
func TargetGroupsOf(as []stack.Action) []stack.Ref {
	var out []stack.Ref
	for _, a := range as {
		if a.Forward == nil {
			continue
		}
		for _, t := range a.Forward.TargetGroups {
			out = append(out, t.TargetGroup)
		}
	}
	return out
}

func bindingRefs(b stack.Binding) []stack.Ref {
	out := []stack.Ref{b.TargetGroup}
	for _, n := range b.Networking {
		out = append(out, n.FromGroups...)
	}
	return out
}

// MustBeActive is the load balancer that an operation waits for to be active; ok is false if there is none.
func MustBeActive(op plan.Operation) (r stack.Ref, ok bool) {
	var successor *stack.Ref
	switch o := op.(type) {
	case RegisterLoadBalancer:
		return o.LoadBalancer, true
	case AwaitTargets:
		successor = o.Balancer
	case DeleteLoadBalancer:
		successor = o.Successor
	case DeregisterLoadBalancer:
		successor = o.Successor
	}
	if successor == nil {
		return stack.Ref{}, false
	}
	return *successor, true
}
