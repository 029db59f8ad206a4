package parity

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// TestANetworkLoadBalancerFollowsTheIPFamilyOfItsService has a Service change its family and back.
func TestANetworkLoadBalancerFollowsTheIPFamilyOfItsService(t *testing.T) {
	t.Parallel()
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	spec := tree{"type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb", "ports": []any{
		tree{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080, "protocol": "TCP"}}}
	r := &cluster{Case: recorded.Case{Name: "family", Namespace: "shop", Objects: []tree{
		{"apiVersion": "v1", "kind": "Service", "spec": spec, "metadata": tree{
			"name": "web", "namespace": "shop", "annotations": tree{prefix + "scheme": "internet-facing", prefix +
				"ip-address-type": "dualstack", prefix + "nlb-target-type": "ip"},
		}}}}}
	l := newLab(t)
	for _, family := range []string{"IPv4", "IPv6", "IPv4"} {
		spec["ipFamilies"] = []any{family}
		done := l.settle(r)
		groups := l.sim.Resources().TargetGroups
		if len(groups) != 1 || len(l.bindings) != 1 {
			t.Fatalf("%s: target groups %v, bindings %v\n%s", family, groups, l.bindings, strings.Join(done, "\n"))
		}
		b := l.bindings["shop/"+groups[0].Name]
		if b == nil || b.Spec.TargetGroupARN != groups[0].ARN || !strings.EqualFold(string(*b.Spec.IPAddressType), family) {
			t.Errorf("%s: bindings %v of %s", family, l.bindings, groups[0].ARN)
		}
		if slices.ContainsFunc(done, func(s string) bool {
			return strings.HasPrefix(s, "DeleteListener {Listener 80 ") || strings.HasPrefix(s, "DeleteLoadBalancer")
		}) {
			t.Errorf("%s: %v", family, done)
		}
		l.restart()
		for _, s := range l.plans(r) {
			if len(s.Plan.Steps) > 0 {
				t.Errorf("%s: still to do: %v", family, s.Plan.Steps)
			}
		}
	}
}
