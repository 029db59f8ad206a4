package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// quicOf are the protocols that another controller makes of those which this version makes where QUIC is asked for.
var quicOf = map[string]string{"UDP": "QUIC", "TCP_UDP": "TCP_QUIC"}

// keepQUIC returns want with QUIC where QUIC is asked for and obs has a QUIC listener: such listeners, their target groups and
// bindings are adopted with their protocol. This version makes none, and turning one into UDP would replace the target group of
// a listener that serves. Want is not changed.
func keepQUIC(want *stack.Stack, obs *elb.Observed) *stack.Stack {
	kept := map[stack.Ref]bool{} // target groups
	out := *want
	for i, l := range want.Listeners {
		if !l.QUIC || !hasListener(obs, want, l, quicOf[l.Protocol]) {
			continue
		}
		if len(kept) == 0 {
			out.Listeners, out.TargetGroups, out.Bindings = slices.Clone(want.Listeners), slices.Clone(want.TargetGroups), slices.Clone(want.Bindings)
		}
		out.Listeners[i].Protocol = quicOf[l.Protocol]
		for _, ref := range elb.TargetGroupsOf(l.DefaultActions) {
			kept[ref] = true
		}
	}
	for i, tg := range out.TargetGroups {
		if protocol, ok := quicOf[tg.Protocol]; ok && kept[targetGroupRef(tg.ID)] {
			out.TargetGroups[i].Protocol = protocol
		}
	}
	for i, b := range out.Bindings {
		if protocol, ok := quicOf[b.Protocol]; ok && kept[b.TargetGroup] {
			out.Bindings[i].Protocol = protocol
		}
	}
	return &out
}

// hasListener reports whether the load balancer of a wanted listener exists and has a listener of a protocol on its port.
func hasListener(o *elb.Observed, want *stack.Stack, l stack.Listener, protocol string) bool {
	at := slices.IndexFunc(want.LoadBalancers, func(lb stack.LoadBalancer) bool { return loadBalancerRef(lb.ID) == l.LoadBalancer })
	if at < 0 || protocol == "" {
		return false
	}
	lb := o.LoadBalancer(want.LoadBalancers[at])
	return lb != nil && slices.ContainsFunc(o.Listeners, func(have elb.Listener) bool {
		return have.LoadBalancer.Literal == lb.ARN && have.Port == l.Port && have.Protocol == protocol
	})
}
