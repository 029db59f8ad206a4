package plan

import "github.com/k8s-lbc/lbc/internal/stack"

// Op is one write: a struct per AWS action or Kubernetes verb, its references still symbolic where the plan knows an identity.
type Op interface {
	// Name is the name of the AWS action, or "CreateBinding" and the like for Kubernetes.
	Name() string
}

// EC2.
type (
	// CreateSecurityGroup creates a group without rules (Group.Ingress is not used).
	CreateSecurityGroup struct {
		VPC   string
		Group stack.SecurityGroup
	}
	// AuthorizeIngress adds inbound rules in one atomic call.
	AuthorizeIngress struct {
		Group       stack.Ref
		Permissions []stack.Permission
	}
	// RevokeIngress removes inbound rules in one atomic call.
	RevokeIngress struct {
		Group       stack.Ref
		Permissions []stack.Permission
	}
	// DeleteSecurityGroup deletes a group; AWS refuses while a network interface uses it.
	DeleteSecurityGroup struct{ Group stack.Ref }
	// TagSecurityGroup sets tags.
	TagSecurityGroup struct {
		Group stack.Ref
		Tags  map[string]string
	}
	// UntagSecurityGroup removes tags by key.
	UntagSecurityGroup struct {
		Group stack.Ref
		Keys  []string
	}
)

// Target groups.
type (
	// CreateTargetGroup creates a target group with its health check; attributes are a step of their own.
	CreateTargetGroup struct {
		VPC         string
		TargetGroup stack.TargetGroup
	}
	// ModifyTargetGroup sets the complete health check.
	ModifyTargetGroup struct {
		TargetGroup     stack.Ref
		ProtocolVersion string // says which matcher applies
		HealthCheck     stack.HealthCheck
	}
	// ModifyTargetGroupAttributes sets at most 20 attributes.
	ModifyTargetGroupAttributes struct {
		TargetGroup stack.Ref
		Attributes  map[string]string
	}
	// DeleteTargetGroup deletes a target group with whatever is registered in it.
	DeleteTargetGroup struct{ TargetGroup stack.Ref }
)

// Load balancers.
type (
	// CreateLoadBalancer creates a load balancer; attributes are a step of their own.
	CreateLoadBalancer struct{ LoadBalancer stack.LoadBalancer }
	// SetSecurityGroups replaces the groups of a load balancer.
	SetSecurityGroups struct {
		LoadBalancer stack.Ref
		Groups       []stack.Ref
	}
	// SetSubnets replaces the subnets of a load balancer.
	SetSubnets struct {
		LoadBalancer     stack.Ref
		Subnets          []stack.SubnetMapping
		NetworkSourceNAT string // EnablePrefixForIpv6SourceNat; empty = not sent
	}
	// SetIPAddressType changes the address family.
	SetIPAddressType struct {
		LoadBalancer  stack.Ref
		IPAddressType string
	}
	// ModifyLoadBalancerAttributes sets at most 20 attributes.
	ModifyLoadBalancerAttributes struct {
		LoadBalancer stack.Ref
		Attributes   map[string]string
	}
	// DeleteLoadBalancer deletes a load balancer with its listeners and rules.
	DeleteLoadBalancer struct {
		LoadBalancer stack.Ref
		// Successor is the load balancer that takes over; it must be active first. Nil = none.
		Successor *stack.Ref `json:",omitempty"`
	}
)

// Listeners.
type (
	// CreateListener creates a listener; attributes and further certificates are steps of their own.
	CreateListener struct{ Listener stack.Listener }
	// ModifyListener sets protocol, default actions, default certificate, policies.
	ModifyListener struct {
		Ref      stack.Ref
		Listener stack.Listener
	}
	// DeleteListener deletes a listener with its rules.
	DeleteListener struct{ Listener stack.Ref }
	// AddListenerCertificates attaches one further certificate.
	AddListenerCertificates struct {
		Listener    stack.Ref
		Certificate string
	}
	// RemoveListenerCertificates detaches one further certificate.
	RemoveListenerCertificates struct {
		Listener    stack.Ref
		Certificate string
	}
	// ModifyListenerAttributes sets at most 20 attributes.
	ModifyListenerAttributes struct {
		Listener   stack.Ref
		Attributes map[string]string
	}
)

// Rules.
type (
	// CreateRule creates a rule at a priority.
	CreateRule struct {
		Rule     stack.Rule
		Priority int32
	}
	// ModifyRule replaces what a rule matches and does, at the priority that it has.
	ModifyRule struct {
		Ref  stack.Ref
		Rule stack.Rule
	}
	// SetRulePriorities moves rules of one listener, all at once.
	SetRulePriorities struct {
		Listener   stack.Ref
		Priorities []RulePriority
	}
	// RulePriority is the new place of a rule.
	RulePriority struct {
		Rule     stack.Ref
		Priority int32
	}
	// DeleteRule deletes a rule.
	DeleteRule struct{ Rule stack.Ref }
)

// Tags of load balancers, target groups, listeners and rules.
type (
	// AddTags sets tags on one resource.
	AddTags struct {
		Resource stack.Ref
		Tags     map[string]string
	}
	// RemoveTags removes tags by key.
	RemoveTags struct {
		Resource stack.Ref
		Keys     []string
	}
)

// Targets: all but the wait are planned by the fast lane, not by Diff.
type (
	// AwaitTargets reads the health of a target group until it is fit to serve; it writes nothing.
	AwaitTargets struct{ TargetGroup stack.Ref }

	// RegisterTargets registers at most 200 targets.
	RegisterTargets struct {
		TargetGroup stack.Ref
		Targets     []Target
	}
	// DeregisterTargets deregisters at most 200 targets.
	DeregisterTargets struct {
		TargetGroup stack.Ref
		Targets     []Target
	}
	// Target is an instance or an address, with its port.
	Target struct {
		ID   string // instance id or address
		Port int32
		Zone string // of addresses outside of the VPC: a zone name or "all"; else empty
	}
)

// A load balancer as target.
type (
	// RegisterLoadBalancer makes a load balancer the target of a group of type alb. It must be active, with a listener there.
	RegisterLoadBalancer struct {
		TargetGroup  stack.Ref
		LoadBalancer stack.Ref
		Port         int32
	}
	// DeregisterLoadBalancer ends that.
	DeregisterLoadBalancer struct {
		TargetGroup  stack.Ref
		LoadBalancer stack.Ref
		Port         int32
		// Successor is the load balancer that takes over; it must be active first. Nil = none.
		Successor *stack.Ref `json:",omitempty"`
	}
)

// TargetGroupBinding objects.
type (
	// CreateBinding creates the object.
	CreateBinding struct{ Binding stack.Binding }
	// UpdateBinding patches the fields and labels that are ours; others stay.
	UpdateBinding struct{ Binding stack.Binding }
	// DeleteBinding asks for the deletion of the object; finalizers may keep it for a while.
	DeleteBinding struct {
		Namespace, ObjectName string
	}
)

// Name is the AWS action.
func (CreateSecurityGroup) Name() string { return "CreateSecurityGroup" }

// Name is the AWS action.
func (AuthorizeIngress) Name() string { return "AuthorizeSecurityGroupIngress" }

// Name is the AWS action.
func (RevokeIngress) Name() string { return "RevokeSecurityGroupIngress" }

// Name is the AWS action.
func (DeleteSecurityGroup) Name() string { return "DeleteSecurityGroup" }

// Name is the AWS action.
func (TagSecurityGroup) Name() string { return "CreateTags" }

// Name is the AWS action.
func (UntagSecurityGroup) Name() string { return "DeleteTags" }

// Name is the AWS action.
func (CreateTargetGroup) Name() string { return "CreateTargetGroup" }

// Name is the AWS action.
func (ModifyTargetGroup) Name() string { return "ModifyTargetGroup" }

// Name is the AWS action.
func (ModifyTargetGroupAttributes) Name() string { return "ModifyTargetGroupAttributes" }

// Name is the AWS action.
func (DeleteTargetGroup) Name() string { return "DeleteTargetGroup" }

// Name is the AWS action.
func (CreateLoadBalancer) Name() string { return "CreateLoadBalancer" }

// Name is the AWS action.
func (SetSecurityGroups) Name() string { return "SetSecurityGroups" }

// Name is the AWS action.
func (SetSubnets) Name() string { return "SetSubnets" }

// Name is the AWS action.
func (SetIPAddressType) Name() string { return "SetIpAddressType" }

// Name is the AWS action.
func (ModifyLoadBalancerAttributes) Name() string { return "ModifyLoadBalancerAttributes" }

// Name is the AWS action.
func (DeleteLoadBalancer) Name() string { return "DeleteLoadBalancer" }

// Name is the AWS action.
func (CreateListener) Name() string { return "CreateListener" }

// Name is the AWS action.
func (ModifyListener) Name() string { return "ModifyListener" }

// Name is the AWS action.
func (DeleteListener) Name() string { return "DeleteListener" }

// Name is the AWS action.
func (AddListenerCertificates) Name() string { return "AddListenerCertificates" }

// Name is the AWS action.
func (RemoveListenerCertificates) Name() string { return "RemoveListenerCertificates" }

// Name is the AWS action.
func (ModifyListenerAttributes) Name() string { return "ModifyListenerAttributes" }

// Name is the AWS action.
func (CreateRule) Name() string { return "CreateRule" }

// Name is the AWS action.
func (ModifyRule) Name() string { return "ModifyRule" }

// Name is the AWS action.
func (SetRulePriorities) Name() string { return "SetRulePriorities" }

// Name is the AWS action.
func (DeleteRule) Name() string { return "DeleteRule" }

// Name is the AWS action.
func (AddTags) Name() string { return "AddTags" }

// Name is the AWS action.
func (RemoveTags) Name() string { return "RemoveTags" }

// Name is the AWS action.
func (AwaitTargets) Name() string { return "DescribeTargetHealth" }

// Name is the AWS action.
func (RegisterTargets) Name() string { return "RegisterTargets" }

// Name is the AWS action.
func (DeregisterTargets) Name() string { return "DeregisterTargets" }

// Name is the AWS action.
func (RegisterLoadBalancer) Name() string { return "RegisterTargets" }

// Name is the AWS action.
func (DeregisterLoadBalancer) Name() string { return "DeregisterTargets" }

// Name is the Kubernetes write.
func (CreateBinding) Name() string { return "CreateBinding" }

// Name is the Kubernetes write.
func (UpdateBinding) Name() string { return "UpdateBinding" }

// Name is the Kubernetes write.
func (DeleteBinding) Name() string { return "DeleteBinding" }

// Refs lists the references that an operation uses; the executor resolves them, the planner derives what is needed first.
func Refs(op Op) []stack.Ref {
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
		return append(actionRefs(o.Listener.DefaultActions), o.Listener.LoadBalancer)
	case ModifyListener:
		return append(actionRefs(o.Listener.DefaultActions), o.Ref)
	case DeleteListener:
		return []stack.Ref{o.Listener}
	case AddListenerCertificates:
		return []stack.Ref{o.Listener}
	case RemoveListenerCertificates:
		return []stack.Ref{o.Listener}
	case ModifyListenerAttributes:
		return []stack.Ref{o.Listener}
	case CreateRule:
		return append(actionRefs(o.Rule.Actions), o.Rule.Listener)
	case ModifyRule:
		return append(actionRefs(o.Rule.Actions), o.Ref)
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

func actionRefs(as []stack.Action) []stack.Ref {
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
func MustBeActive(op Op) (r stack.Ref, ok bool) {
	var successor *stack.Ref
	switch o := op.(type) {
	case RegisterLoadBalancer:
		return o.LoadBalancer, true
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
