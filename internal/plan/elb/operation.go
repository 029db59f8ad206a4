package elb

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

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
	AwaitTargets struct {
		TargetGroup stack.Ref
		// Balancer is the load balancer that must be active first, because its targets are not checked before. Nil = none.
		Balancer *stack.Ref `json:",omitempty"`
	}

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

// The names of operations are those of AWS's actions; those on TargetGroupBindings have names like them.

func (CreateSecurityGroup) Name() string          { return "CreateSecurityGroup" }
func (AuthorizeIngress) Name() string             { return "AuthorizeSecurityGroupIngress" }
func (RevokeIngress) Name() string                { return "RevokeSecurityGroupIngress" }
func (DeleteSecurityGroup) Name() string          { return "DeleteSecurityGroup" }
func (TagSecurityGroup) Name() string             { return "CreateTags" }
func (UntagSecurityGroup) Name() string           { return "DeleteTags" }
func (CreateTargetGroup) Name() string            { return "CreateTargetGroup" }
func (ModifyTargetGroup) Name() string            { return "ModifyTargetGroup" }
func (ModifyTargetGroupAttributes) Name() string  { return "ModifyTargetGroupAttributes" }
func (DeleteTargetGroup) Name() string            { return "DeleteTargetGroup" }
func (CreateLoadBalancer) Name() string           { return "CreateLoadBalancer" }
func (SetSecurityGroups) Name() string            { return "SetSecurityGroups" }
func (SetSubnets) Name() string                   { return "SetSubnets" }
func (SetIPAddressType) Name() string             { return "SetIpAddressType" }
func (ModifyLoadBalancerAttributes) Name() string { return "ModifyLoadBalancerAttributes" }
func (DeleteLoadBalancer) Name() string           { return "DeleteLoadBalancer" }
func (CreateListener) Name() string               { return "CreateListener" }
func (ModifyListener) Name() string               { return "ModifyListener" }
func (DeleteListener) Name() string               { return "DeleteListener" }
func (AddListenerCertificates) Name() string      { return "AddListenerCertificates" }
func (RemoveListenerCertificates) Name() string   { return "RemoveListenerCertificates" }
func (ModifyListenerAttributes) Name() string     { return "ModifyListenerAttributes" }
func (CreateRule) Name() string                   { return "CreateRule" }
func (ModifyRule) Name() string                   { return "ModifyRule" }
func (SetRulePriorities) Name() string            { return "SetRulePriorities" }
func (DeleteRule) Name() string                   { return "DeleteRule" }
func (AddTags) Name() string                      { return "AddTags" }
func (RemoveTags) Name() string                   { return "RemoveTags" }
func (AwaitTargets) Name() string                 { return "DescribeTargetHealth" }
func (RegisterTargets) Name() string              { return "RegisterTargets" }
func (DeregisterTargets) Name() string            { return "DeregisterTargets" }
func (RegisterLoadBalancer) Name() string         { return "RegisterTargets" }
func (DeregisterLoadBalancer) Name() string       { return "DeregisterTargets" }

// Name is the Kubernetes write.
func (CreateBinding) Name() string { return "CreateBinding" }

// Name is the Kubernetes write.
func (UpdateBinding) Name() string { return "UpdateBinding" }

// Name is the Kubernetes write.
func (DeleteBinding) Name() string { return "DeleteBinding" }

// Operations lists the zero value of every operation.
func Operations() []plan.Operation {
	return []plan.Operation{
		CreateSecurityGroup{}, AuthorizeIngress{}, RevokeIngress{}, DeleteSecurityGroup{}, TagSecurityGroup{}, UntagSecurityGroup{},
		CreateTargetGroup{}, ModifyTargetGroup{}, ModifyTargetGroupAttributes{}, DeleteTargetGroup{},
		CreateLoadBalancer{}, SetSecurityGroups{}, SetSubnets{}, SetIPAddressType{}, ModifyLoadBalancerAttributes{}, DeleteLoadBalancer{},
		CreateListener{}, ModifyListener{}, DeleteListener{}, AddListenerCertificates{}, RemoveListenerCertificates{}, ModifyListenerAttributes{},
		CreateRule{}, ModifyRule{}, SetRulePriorities{}, DeleteRule{}, AddTags{}, RemoveTags{},
		CreateBinding{}, UpdateBinding{}, DeleteBinding{},
		RequestCertificate{}, ImportCertificate{}, TagCertificate{}, DeleteCertificate{}, PublishValidation{}, WithdrawValidation{},
		AssociateWebACL{}, DisassociateWebACL{}, CreateProtection{}, DeleteProtection{},
		AssociateRegionalWebACL{}, DisassociateRegionalWebACL{}, // decision 16: WAF Classic
		ModifyCapacityReservation{}, ModifyIPPools{},
		RegisterLoadBalancer{}, DeregisterLoadBalancer{},
		AwaitTargets{}, RegisterTargets{}, DeregisterTargets{},
	}
}
