package gateway

import (
	"strconv"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Annotations of a Gateway that record what was made of its load balancer: "true" is written before, "false" once it is
// taken away. Without "true", what is not wanted stays as AWS has it, and AWS is not called for an add-on.
const (
	AddOnWebACL   = "gateway.k8s.aws.addon.wafv2"
	AddOnShield   = "gateway.k8s.aws.addon.shield"
	AddOnCapacity = "gateway.k8s.aws.addon.provisionedcapacity"
	// ClientsPassed is about certificates of clients that are passed to targets, as spec.tls.frontend has it.
	ClientsPassed = "gateway.k8s.aws/client-certificates-passed"
)

// recordedAddOn is an add-on that an annotation of the Gateway records while it is wanted: while it has another value
// than off. The value removed takes it off the load balancer.
type recordedAddOn[T comparable] struct {
	annotation   string
	off, removed T
}

// keepRecord records an add-on that is wanted. It clears one that is not wanted, unless it is recorded: then it sets
// the value removed, until the removal is recorded.
func keepRecord[T comparable](t *translation, d *Decisions, a recordedAddOn[T], f *intent.Field[T]) {
	annotation := a.annotation
	recorded, err := strconv.ParseBool(t.Gateway.Annotations[annotation])
	recorded = recorded && err == nil
	wanted := f.Set && f.Value != a.off && f.Value != a.removed
	switch {
	case wanted && !recorded:
		if d.Annotations == nil {
			d.Annotations = map[string]string{}
		}
		d.Annotations[annotation] = "true"
	case wanted:
	case recorded:
		source := f.Source
		if !f.Set {
			source = t.here("metadata.annotations[" + annotation + "]")
		}
		*f = intent.Of(a.removed, source)
		d.Removed = append(d.Removed, annotation)
	default:
		*f = intent.Field[T]{}
	}
}

// addOns are the optional features. Without declared capacity, web ACL or protection, what AWS holds stays, unless the
// Gateway records that it was made for it: then it is taken away.
func (t *translation) addOns(d *Decisions) intent.AddOns {
	l := t.Loaded
	out := intent.AddOns{
		CustomerOwnedPool: text(l, "customerOwnedIpv4Pool", func(s *spec) *string { return s.CustomerOwnedIPv4Pool }),
		IPAMPool:          text(l, "ipv4IPAMPoolId", func(s *spec) *string { return s.IPv4IPAMPoolID }),
		WebACL: text(l, "wafV2.webACL", func(s *spec) *string {
			if s.WAFv2 == nil {
				return nil
			}
			return &s.WAFv2.WebACL
		}),
		Shield: configuration.Value(l.configuration, "shieldConfiguration.enabled", func(s *spec) *bool {
			if s.ShieldConfiguration == nil {
				return nil
			}
			return &s.ShieldConfiguration.Enabled
		}),
		Capacity: configuration.Value(l.configuration, "minimumLoadBalancerCapacity.capacityUnits", func(s *spec) *int32 {
			if s.MinimumLoadBalancerCapacity == nil {
				return nil
			}
			return &s.MinimumLoadBalancerCapacity.CapacityUnits
		}),
	}
	if l.Family == attachment.Application {
		if l.Unknown == nil {
			keepRecord(t, d, recordedAddOn[string]{annotation: AddOnWebACL, removed: intent.None}, &out.WebACL)
			keepRecord(t, d, recordedAddOn[bool]{annotation: AddOnShield}, &out.Shield)
			keepRecord(t, d, recordedAddOn[int32]{annotation: AddOnCapacity}, &out.Capacity)
		}
		return out
	}
	if l.Unknown == nil {
		keepRecord(t, d, recordedAddOn[int32]{annotation: AddOnCapacity}, &out.Capacity)
	}
	for _, f := range []struct {
		set, guards bool
		source      intent.Source
	}{{out.CustomerOwnedPool.Set, false, out.CustomerOwnedPool.Source}, {out.IPAMPool.Set, false, out.IPAMPool.Source},
		{out.WebACL.Set, out.WebACL.Value != intent.None, out.WebACL.Source},
		{out.Shield.Set, out.Shield.Value, out.Shield.Source}} {
		if f.set {
			t.ignoredGuard(f.guards, f.source, "Network Load Balancers have no such setting",
				"remove the field, or put it into the configuration of Gateways with an Application Load Balancer")
		}
	}
	return intent.AddOns{Capacity: out.Capacity}
}

// passClients records that listeners pass the certificates of clients to targets as spec.tls.frontend declares. Once it
// does no more, those that declare nothing about certificates of clients do not take these.
func (t *translation) passClients(d *Decisions, listeners []intent.Listener) {
	if t.Family != attachment.Application || t.Unknown != nil {
		return
	}
	var passed intent.Field[bool]
	if t.insecure() {
		passed = intent.Of(true, t.here("spec.tls.frontend"))
	}
	keepRecord(t, d, recordedAddOn[bool]{annotation: ClientsPassed}, &passed)
	if !passed.Set || passed.Value {
		return
	}
	for i := range listeners {
		if l := &listeners[i]; l.Protocol == https && !l.Mutual.Set {
			l.Mutual = intent.Of(stack.MutualAuthentication{Mode: stack.MutualOff}, passed.Source)
		}
	}
}
