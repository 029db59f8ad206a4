package awsop

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// DeletionProtection is the attribute of a load balancer with which AWS refuses to delete it.
const DeletionProtection = "deletion_protection.enabled"

// CreateLoadBalancer creates a load balancer; attributes are a step of their own.
type CreateLoadBalancer struct{ LoadBalancer stack.LoadBalancer }

func (o CreateLoadBalancer) About() *plan.About {
	// no setting: AWS may refuse any of them, and says which in its text
	return creates(stack.KindLoadBalancer, o.LoadBalancer.Name).uses(o.LoadBalancer.SecurityGroups...).About
}
func (o CreateLoadBalancer) advance(a *advancer) {
	lb := LoadBalancer{ARN: a.out.ID, DNSName: a.out.DNSName, HostedZone: a.out.HostedZone, State: a.out.State,
		LoadBalancer: o.LoadBalancer}
	lb.SecurityGroups = a.refs(o.LoadBalancer.SecurityGroups)
	lb.PrivateLinkRules = "" // which no request for a new load balancer has
	lb.Attributes, lb.Tags = map[string]string{}, merged(o.LoadBalancer.Tags, nil)
	lb.AddOns = NoAddOns()
	lb.Set(Read, PartTags, PartAttributes, PartListeners)
	a.o.LoadBalancers = added(a.o.LoadBalancers, lb, (*LoadBalancer).id)
}

// SetSecurityGroups replaces the groups of a load balancer.
type SetSecurityGroups struct {
	LoadBalancer     stack.Ref
	Groups           []stack.Ref
	PrivateLinkRules string `json:",omitempty"` // as that of stack.LoadBalancer; empty = not sent
}

func (o SetSecurityGroups) About() *plan.About {
	return changes(o.LoadBalancer).uses(o.Groups...).setting("SecurityGroups").
		writes(drift.LoadBalancer, o.LoadBalancer, FieldSecurityGroups).About
}
func (o SetSecurityGroups) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) {
		lb.SecurityGroups = a.refs(o.Groups)
		lb.PrivateLinkRules = cmp.Or(o.PrivateLinkRules, lb.PrivateLinkRules)
	})
}

// SetSubnets replaces the subnets of a load balancer.
type SetSubnets struct {
	LoadBalancer     stack.Ref
	Subnets          []stack.SubnetMapping
	NetworkSourceNAT string // EnablePrefixForIpv6SourceNat; empty = not sent
	// IPAddressType is set with the subnets where each needs the other: AWS allows source NAT of dualstack load balancers
	// only, and no UDP listener of a dualstack load balancer without; and subnets get IPv6 addresses with the type. Empty
	// = not sent.
	IPAddressType string `json:",omitempty"`
}

func (o SetSubnets) About() *plan.About {
	fields := []string{FieldSubnets}
	if o.IPAddressType != "" {
		fields = append(fields, FieldAddressType)
	}
	return changes(o.LoadBalancer).setting("Subnets").writes(drift.LoadBalancer, o.LoadBalancer, fields...).About
}
func (o SetSubnets) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) {
		lb.Subnets = o.Subnets
		lb.NetworkSourceNAT = cmp.Or(o.NetworkSourceNAT, lb.NetworkSourceNAT)
		lb.IPAddressType = cmp.Or(o.IPAddressType, lb.IPAddressType)
	})
}

// SetIpAddressType changes the address family.
type SetIpAddressType struct {
	LoadBalancer  stack.Ref
	IPAddressType string
}

func (o SetIpAddressType) About() *plan.About {
	return changes(o.LoadBalancer).setting("IPAddressType").
		writes(drift.LoadBalancer, o.LoadBalancer, FieldAddressType).About
}
func (o SetIpAddressType) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) {
		lb.IPAddressType = o.IPAddressType
		if o.IPAddressType == stack.IPv4 {
			lb.Subnets = slices.Clone(lb.Subnets)
			for i := range lb.Subnets {
				lb.Subnets[i].IPv6 = ""
			}
		}
	})
}

// ModifyLoadBalancerAttributes sets at most 20 attributes.
type ModifyLoadBalancerAttributes struct {
	LoadBalancer stack.Ref
	Attributes   map[string]string
}

func (o ModifyLoadBalancerAttributes) About() *plan.About {
	return changes(o.LoadBalancer).entries("Attributes", o.Attributes, func(some map[string]string) plan.Operation {
		o.Attributes = some
		return o
	}).writes(drift.LoadBalancer, o.LoadBalancer, FieldAttribute).About
}
func (o ModifyLoadBalancerAttributes) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.Attributes = merged(lb.Attributes, o.Attributes) })
}

// ModifyIpPools sets the pool of public IPv4 addresses; empty = Amazon's.
type ModifyIpPools struct {
	LoadBalancer stack.Ref
	Pool         string
}

func (o ModifyIpPools) About() *plan.About {
	return changes(o.LoadBalancer).setting("IPAMPool").About
}
func (o ModifyIpPools) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.IPAMPool = o.Pool })
}

// DeleteLoadBalancer deletes a load balancer with its listeners and rules.
type DeleteLoadBalancer struct {
	LoadBalancer stack.Ref
	// Successor is the load balancer that takes over; it must be active first. Nil = none.
	Successor *stack.Ref `json:",omitempty"`
}

func (o DeleteLoadBalancer) About() *plan.About {
	return deletes(o.LoadBalancer, noTarget).after(o.Successor, takesOver).About
}
func (o DeleteLoadBalancer) advance(a *advancer) { a.dropLoadBalancer(a.resolve(o.LoadBalancer)) }

// dropLoadBalancer drops a load balancer with what hangs on it.
func (a *advancer) dropLoadBalancer(arn string) {
	a.o.LoadBalancers = dropped(a.o.LoadBalancers, arn, (*LoadBalancer).id)
	for _, l := range slices.Clone(a.o.Listeners) {
		if l.LoadBalancer.Literal == arn {
			a.dropListener(l.ARN)
		}
	}
}

// noTarget is what a load balancer, or the listener of one, waits for when AWS refuses to delete it as a target.
const noTarget = "AWS to notice that the load balancer is no longer a target"

func (lb *LoadBalancer) id() string { return lb.ARN }

// Retained reports whether the load balancer stays without an object, as its objects asked for before they were
// deleted.
func (lb *LoadBalancer) Retained() bool {
	_, ok := lb.Tags[naming.RetainedTag]
	return ok
}

// Adopted reports whether the load balancer was taken over from a former owner.
func (lb *LoadBalancer) Adopted() bool {
	_, ok := lb.Tags[naming.AdoptedTag]
	return ok
}

// Active reports whether AWS has provisioned the load balancer, so that it serves.
func (lb *LoadBalancer) Active() bool { return lb.State == "active" || lb.State == "active_impaired" }

func (a *advancer) loadBalancer(r stack.Ref, change func(*LoadBalancer)) {
	update(a.o.LoadBalancers, a.resolve(r), (*LoadBalancer).id, change)
}

// AddTags sets tags on a load balancer, target group, listener, rule or trust store.
type AddTags struct {
	Resource stack.Ref
	Tags     map[string]string
}

func (o AddTags) About() *plan.About {
	return retags(o.Resource).entries("Tags", o.Tags, func(some map[string]string) plan.Operation {
		o.Tags = some
		return o
	}).writes(drift.Tags, o.Resource, FieldTag).About
}
func (o AddTags) advance(a *advancer) {
	a.tags(o.Resource, func(t map[string]string) map[string]string { return merged(t, o.Tags) })
	a.loadBalancer(o.Resource, func(lb *LoadBalancer) {
		id, is := lb.Tags[naming.ResourceTag(a.o.Key.Owner)]
		if lb.Foreign && is && lb.Tags[naming.StackTag(a.o.Key.Owner)] == a.o.Key.ID.String() { // it is taken over
			lb.Foreign, lb.ID = false, id
		}
	})
}

// RemoveTags removes tags of a load balancer, target group, listener, rule or trust store by key. A load balancer, with
// what hangs on it, and a target group without the tag of its identity are the stack's no more.
type RemoveTags struct {
	Resource stack.Ref
	Keys     []string
}

func (o RemoveTags) About() *plan.About {
	return retags(o.Resource).drops(o.Keys, func(some []string) plan.Operation {
		o.Keys = some
		return o
	}).writes(drift.Tags, o.Resource, FieldTag).About
}
func (o RemoveTags) advance(a *advancer) {
	if slices.Contains(o.Keys, naming.ResourceTag(a.o.Key.Owner)) {
		switch o.Resource.Kind {
		case stack.KindTargetGroup:
			a.o.TargetGroups = dropped(a.o.TargetGroups, a.resolve(o.Resource), (*TargetGroup).id)
		case stack.KindLoadBalancer:
			a.dropLoadBalancer(a.resolve(o.Resource))
		case stack.KindSecurityGroup, stack.KindListener, stack.KindRule, stack.KindBinding, stack.KindCertificate,
			stack.KindTrustStore:
		}
	}
	a.tags(o.Resource, func(t map[string]string) map[string]string { return without(t, o.Keys) })
}

func (a *advancer) tags(r stack.Ref, change func(map[string]string) map[string]string) {
	a.loadBalancer(r, func(lb *LoadBalancer) { lb.Tags = change(lb.Tags) })
	a.targetGroup(r, func(tg *TargetGroup) { tg.Tags = change(tg.Tags) })
	a.listener(r, func(l *Listener) { l.Tags = change(l.Tags) })
	a.rule(r, func(rule *Rule) { rule.Tags = change(rule.Tags) })
	a.trustStore(r, func(t *TrustStore) { t.Tags = change(t.Tags) })
}
