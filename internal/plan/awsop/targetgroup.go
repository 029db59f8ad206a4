package awsop

import (
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// CreateTargetGroup creates a target group with its health check; attributes are a step of their own.
type CreateTargetGroup struct {
	VPC         string
	TargetGroup stack.TargetGroup
}

func (o CreateTargetGroup) About() *plan.About {
	return creates(stack.KindTargetGroup, o.TargetGroup.Name).About
}
func (o CreateTargetGroup) advance(a *advancer) {
	tg := TargetGroup{ARN: a.out.ID, TargetGroup: o.TargetGroup}
	tg.Attributes, tg.Tags, tg.Balancer = map[string]string{}, merged(o.TargetGroup.Tags, nil), stack.Ref{}
	tg.Set(Read, PartTags, PartAttributes)
	if tg.TargetType == stack.TargetALB {
		tg.Targets = []Target{}
		tg.Set(Read, PartTargets)
	}
	a.o.TargetGroups = added(a.o.TargetGroups, tg, (*TargetGroup).id)
}

// ModifyTargetGroup sets the complete health check.
type ModifyTargetGroup struct {
	TargetGroup     stack.Ref
	ProtocolVersion string // says which matcher applies
	HealthCheck     stack.HealthCheck
}

func (o ModifyTargetGroup) About() *plan.About {
	return changes(o.TargetGroup).writes(drift.TargetGroups, o.TargetGroup, FieldHealthCheck).About
}
func (o ModifyTargetGroup) advance(a *advancer) {
	a.targetGroup(o.TargetGroup, func(tg *TargetGroup) {
		old := tg.HealthCheck
		tg.HealthCheck = o.HealthCheck
		if o.HealthCheck.TimeoutSeconds == 0 {
			tg.HealthCheck.TimeoutSeconds = old.TimeoutSeconds
		}
	})
}

// ModifyTargetGroupAttributes sets at most 20 attributes.
type ModifyTargetGroupAttributes struct {
	TargetGroup stack.Ref
	Attributes  map[string]string
}

func (o ModifyTargetGroupAttributes) About() *plan.About {
	return changes(o.TargetGroup).entries("Attributes", o.Attributes, func(some map[string]string) plan.Operation {
		o.Attributes = some
		return o
	}).writes(drift.TargetGroups, o.TargetGroup, FieldAttribute).About
}
func (o ModifyTargetGroupAttributes) advance(a *advancer) {
	a.targetGroup(o.TargetGroup, func(tg *TargetGroup) { tg.Attributes = merged(tg.Attributes, o.Attributes) })
}

// DeleteTargetGroup deletes a target group with whatever is registered in it.
type DeleteTargetGroup struct {
	TargetGroup stack.Ref
	// Delayed: a network load balancer has turned away from the target group, and its nodes may not know it yet. It is
	// deleted some time after.
	Delayed bool `json:",omitempty"`
}

func (o DeleteTargetGroup) About() *plan.About {
	return deletes(o.TargetGroup, "AWS to notice that nothing forwards to the target group any more").About
}
func (o DeleteTargetGroup) advance(a *advancer) {
	a.o.TargetGroups = dropped(a.o.TargetGroups, a.resolve(o.TargetGroup), (*TargetGroup).id)
}

// AwaitTargets reads the health of a target group until it is fit to serve; it writes nothing.
type AwaitTargets struct {
	TargetGroup stack.Ref
	// Balancer is the load balancer that must be active first, because its targets are not checked before. Nil = none.
	Balancer *stack.Ref `json:",omitempty"`
	// Network: the targets are those of a network load balancer, which takes minutes to register them.
	Network bool `json:",omitempty"`
	// Succeeds is the ARN of the target group of the same Service that serves until then. While it has targets, a group
	// without endpoints does not take over. Empty = none.
	Succeeds string `json:",omitempty"`
}

func (o AwaitTargets) About() *plan.About {
	return unseen(o.TargetGroup).action("DescribeTargetHealth").after(o.Balancer, takesOver).About
}
func (AwaitTargets) advance(*advancer) {}

// RegisterTargets registers at most 200 targets. It is not planned by a diff: package registrar sends it.
type RegisterTargets struct {
	TargetGroup stack.Ref
	Targets     []Target
}

func (o RegisterTargets) About() *plan.About { return unseen(o.TargetGroup).About }
func (RegisterTargets) advance(*advancer)    {} // targets of pods and nodes are not observed

// DeregisterTargets deregisters at most 200 targets. It is not planned by a diff: package registrar sends it.
type DeregisterTargets struct {
	TargetGroup stack.Ref
	Targets     []Target
}

func (o DeregisterTargets) About() *plan.About { return unseen(o.TargetGroup).About }
func (DeregisterTargets) advance(*advancer)    {}

// RegisterLoadBalancer makes a load balancer the target of a group of type alb. It must be active, with a listener
// there.
type RegisterLoadBalancer struct {
	TargetGroup  stack.Ref
	LoadBalancer stack.Ref
	Port         int32
}

func (o RegisterLoadBalancer) About() *plan.About {
	return changes(o.TargetGroup).action("RegisterTargets").after(&o.LoadBalancer, "behind the frontend").About
}
func (o RegisterLoadBalancer) advance(a *advancer) {
	a.targetGroup(o.TargetGroup, func(tg *TargetGroup) {
		tg.Targets = append(slices.Clone(tg.Targets), Target{ID: a.resolve(o.LoadBalancer), Port: o.Port})
	})
}

// DeregisterLoadBalancer ends that.
type DeregisterLoadBalancer struct {
	TargetGroup  stack.Ref
	LoadBalancer stack.Ref
	Port         int32
	// Successor is the load balancer that takes over; it must be active first. Nil = none.
	Successor *stack.Ref `json:",omitempty"`
}

func (o DeregisterLoadBalancer) About() *plan.About {
	return changes(o.TargetGroup).action("DeregisterTargets").uses(o.LoadBalancer).removes().
		after(o.Successor, takesOver).About
}
func (o DeregisterLoadBalancer) advance(a *advancer) {
	a.targetGroup(o.TargetGroup, func(tg *TargetGroup) {
		gone := Target{ID: a.resolve(o.LoadBalancer), Port: o.Port}
		tg.Targets = slices.DeleteFunc(slices.Clone(tg.Targets), func(t Target) bool { return t == gone })
	})
}

// Target is an instance or an address, with its port.
type Target struct {
	ID   string // instance id or address
	Port int32
	Zone string // of addresses outside of the VPC: a zone name or "all"; else empty
	// ServerID is the id of QUIC connections of a QUIC or TCP_QUIC target group, as 0x2c1873c000000289; else empty.
	ServerID string `json:",omitempty"`
}

// Address returns the identity of a target in its target group for AWS: "id:port".
func (t Target) Address() string { return t.ID + ":" + strconv.Itoa(int(t.Port)) }

// Key is Address, and of a target with a server id "id:port:serverid": AWS keeps the server id of a registered target,
// so that with another one it is another target.
func (t Target) Key() string {
	if t.ServerID == "" {
		return t.Address()
	}
	return t.Address() + ":" + t.ServerID
}

// AppendKey appends Key, without making it.
func (t *Target) AppendKey(to []byte) []byte {
	to = append(append(to, t.ID...), ':')
	to = strconv.AppendInt(to, int64(t.Port), 10)
	if t.ServerID != "" {
		to = append(append(to, ':'), t.ServerID...)
	}
	return to
}

// In reports whether a set has the key of a target, without making the key.
func (t *Target) In(keys map[string]bool) bool {
	if len(keys) == 0 {
		return false
	}
	var key [128]byte
	return keys[string(t.AppendKey(key[:0]))]
}

func (tg *TargetGroup) id() string { return tg.ARN }

func (a *advancer) targetGroup(r stack.Ref, change func(*TargetGroup)) {
	if tg := a.o.TargetGroup(a.resolve(r)); tg != nil {
		change(tg)
	}
}

// takesOver is the role of the successor of a load balancer.
const takesOver = "that takes over"
