package bindings

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// onePod is a cluster whose pods are all alike.
type onePod struct {
	registrar.Cluster
	pod corev1.Pod
}

func (c onePod) Pod(context.Context, string, string) (*corev1.Pod, bool) { return &c.pod, true }

// TestPortsOfNodesByTarget has bindings of a stack whose targets listen at a port, which a source is to reach.
func TestPortsOfNodesByTarget(t *testing.T) {
	t.Parallel()
	balancer := stack.Permission{Protocol: "tcp", Group: stack.Literal(stack.KindSecurityGroup, "sg-b")}
	world := stack.Permission{Protocol: "tcp", CIDR: "0.0.0.0/0"}
	datagrams := stack.Permission{Protocol: "udp", CIDR: "0.0.0.0/0"}
	for name, c := range map[string]struct {
		from              stack.Permission
		opens, listens    int32
		onNode, may, flag bool
		want              string
	}{
		"the world at a port of pods":         {world, 8080, 8080, false, true, false, sgsync.Label},
		"the world at kubelet's":              {world, 10250, 10250, false, true, false, sgsync.Standing},
		"the world at kubelet's, a new one":   {world, 10250, 10250, false, false, false, sgsync.NotAllowed},
		"the world at kubelet's, by flag":     {world, 10250, 10250, false, true, true, sgsync.Label},
		"the world at a pod's of the node":    {world, 22, 22, true, true, false, sgsync.Label},
		"datagrams":                           {datagrams, 22, 22, false, true, false, sgsync.Label},
		"the load balancer at a port of pods": {balancer, 22, 22, false, true, false, sgsync.Label},
		"the load balancer at another":        {balancer, 22, 8080, false, true, false, sgsync.Standing},
		"and pods of nodes listen elsewhere":  {balancer, 22, 8080, true, true, false, sgsync.Standing},
	} {
		var allowed allowlist.List
		if c.flag {
			allowed, _ = allowlist.Networking([]string{"shop=any-port"})
		}
		n := Networks{Cluster: onePod{pod: corev1.Pod{Spec: corev1.PodSpec{HostNetwork: c.onNode}}},
			Limits: Limits{Allowed: allowed, Planned: &Planned{}}}
		n.Former = func(context.Context, *v1beta1.TargetGroupBinding, string) (may, stands func(stack.Permission) bool) {
			return func(stack.Permission) bool { return c.may }, func(stack.Permission) bool { return false }
		}
		o := &v1beta1.TargetGroupBinding{}
		o.Namespace, o.Name, o.Spec.Networking = "shop", "k8s-web", &v1beta1.TargetGroupBindingNetworking{}
		n.Limits.Planned.Note(bindingobject.ObservedBinding(o).Binding)
		p := c.from
		p.FromPort, p.ToPort, p.Description = c.opens, c.opens, sgsync.Label
		asked := []stack.Permission{p}
		need := map[string][]stack.Permission{"sg-node": asked}
		found := n.closeNodePorts(t.Context(), o, need, Targets{Endpoints: registrar.EndpointsOf(registrar.Endpoint{
			ID: "10.0.0.1", Port: c.listens, Namespace: "shop", Pod: "web"})})
		if got := need["sg-node"][0].Description; got != c.want || len(found) > 0 != (c.want != sgsync.Label) {
			t.Errorf("%s: %s, want %s; found %v", name, got, c.want, found)
		}
		if asked[0].Description != sgsync.Label {
			t.Errorf("%s: what the caller has is changed", name)
		}
	}
}
