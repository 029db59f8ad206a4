package diff

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// A network load balancer registers and checks targets only while a listener forwards to their target group, and all
// target groups of a forward have one protocol. If the new group has another protocol than the old one, a listener
// aside, on a port that no client knows, forwards to the new group until its targets are healthy and the real
// listener uses it. If the process ends meanwhile, the listener aside is on a port that is not wanted, and is deleted
// after the switch.

const lastPort = 65535

// aside returns the listener aside for the change of a listener to w; nil if it is not needed, or if there is no
// room.
func (d *differ) aside(have *awsop.Listener, w stack.Listener) *stack.Listener {
	if d.application(w.LoadBalancer) || !shareTransport(have.Protocol, w.Protocol) {
		return nil
	}
	taken := maps.Clone(d.asides)
	for i := range d.obs.Listeners {
		if l := &d.obs.Listeners[i]; l.LoadBalancer == have.LoadBalancer {
			taken[l.Port] = true
		}
	}
	for _, l := range d.want.Listeners {
		if l.LoadBalancer == w.LoadBalancer {
			taken[l.Port] = true
		}
	}
	if len(taken) >= quota.ListenersOfNetworkLoadBalancer.Default() {
		return nil
	}
	w.Port = lastPort
	for taken[w.Port] {
		w.Port--
	}
	w.ID = strconv.Itoa(int(w.Port))
	w.Attributes, w.SNI, w.Mutual = nil, nil, nil
	if w.Tags != nil {
		w.Tags = maps.Clone(w.Tags)
		w.Tags[naming.ResourceTag(d.plan.Key.Owner)] = w.ID
	}
	return &w
}

// shareTransport reports whether clients of a listener of one protocol may be served by one of another.
func shareTransport(x, y string) bool {
	tcp := func(protocol string) bool { return strings.HasPrefix(protocol, "TCP") || protocol == "TLS" }
	udp := func(protocol string) bool {
		return strings.HasSuffix(protocol, "UDP") || strings.HasSuffix(protocol, "QUIC")
	}
	return tcp(x) && tcp(y) || udp(x) && udp(y)
}

// leavesNetwork returns a function that reports whether an observed listener is on a network load balancer and on a
// port that is not wanted.
func (d *differ) leavesNetwork() func(*awsop.Listener) bool {
	wanted := map[string]map[int32]bool{} // by ARN of the load balancer
	for _, lb := range d.want.LoadBalancers {
		if arn := d.known[loadBalancerRef(lb.ID)]; arn != "" && lb.Type == stack.Network {
			wanted[arn] = map[int32]bool{}
			for _, l := range d.want.Listeners {
				wanted[arn][l.Port] = wanted[arn][l.Port] || l.LoadBalancer == loadBalancerRef(lb.ID)
			}
		}
	}
	return func(l *awsop.Listener) bool {
		ports, network := wanted[l.LoadBalancer.Literal]
		return network && !ports[l.Port]
	}
}

// takeover returns the steps by which other listeners of a network load balancer begin to use the target groups of a
// listener that is deleted: until then, its targets are checked because of that listener.
func (d *differ) takeover(l *awsop.Listener) (ids []plan.StepID) {
	if !d.leavesNetwork()(l) {
		return nil
	}
	groups := awsop.TargetGroupsOf(l.DefaultActions)
	for _, s := range d.steps {
		op, ok := s.Op.(awsop.ModifyListener)
		if ok && slices.ContainsFunc(awsop.TargetGroupsOf(op.Listener.DefaultActions), func(r stack.Ref) bool {
			return slices.Contains(groups, stack.Literal(stack.KindTargetGroup, d.resolve(r)))
		}) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// stillUsed reports whether nodes of a remaining network load balancer may send connections to a target group although
// no listener forwards to it any longer.
func (d *differ) stillUsed(tg *awsop.TargetGroup) bool {
	stays := func(lb stack.LoadBalancer) bool {
		return lb.Type == stack.Network && d.known[loadBalancerRef(lb.ID)] != ""
	}
	if d.want.Removal != stack.NotRemoved || strings.HasPrefix(tg.Protocol, "HTTP") || tg.TargetType == stack.TargetALB ||
		!slices.ContainsFunc(d.want.LoadBalancers, stays) {
		return false
	}
	removed := func(id plan.StepID) bool { return strings.HasPrefix(string(id), "DeleteListener ") }
	return !slices.ContainsFunc(d.releases[tg.ARN], removed)
}
