package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestABindingReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	group := stack.Literal(stack.KindSecurityGroup, "sg-1")
	base := stack.Binding{
		Name: "k8s-x", Namespace: "shop", Labels: map[string]string{"a": "b"}, TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg"),
		TargetType: "ip", Protocol: "HTTP", ServiceName: "web", ServicePort: "80", IPAddress: "ipv4", VPC: "vpc-1",
	}
	with := func(f func(*stack.Binding)) stack.Binding { b := base; f(&b); return b }
	for name, want := range map[string]stack.Binding{
		"without networking":                 base,
		"with networking that wants nothing": with(func(b *stack.Binding) { b.Networking = []stack.NetworkingRule{} }),
		"with a named port, all ports and a CIDR": with(func(b *stack.Binding) {
			b.Networking = []stack.NetworkingRule{{FromGroups: []stack.Ref{group}, Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "web"}, {Protocol: "UDP"}}}, {FromCIDRs: []string{"10.0.0.0/8"}, Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"}}}}
		}),
		"for nodes by label, shared with a cluster": with(func(b *stack.Binding) {
			b.TargetType, b.NodeLabels, b.MultiCluster = "instance", map[string]string{"pool": "x"}, true
		}),
		"for nodes by expressions": with(func(b *stack.Binding) {
			b.TargetType, b.NodeExpressions = "instance", []stack.NodeExpression{{Key: "pool", Operator: "NotIn", Values: []string{"x", "y"}}, {Key: "gpu", Operator: "DoesNotExist"}}
		}),
		"for a port by name": with(func(b *stack.Binding) { b.ServicePort = "http" }),
	} {
		o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: want.Namespace, Name: want.Name, Labels: want.Labels}, Spec: BindingSpec(want)}
		if diff := cmp.Diff(want, ObservedBinding(o).Binding); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestBindingsOfAStackAreFoundByLabel(t *testing.T) {
	t.Parallel()
	s := objects.Snapshot{}
	for name, labels := range map[string]map[string]string{
		"ours":   {"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web", "team": "x"},
		"others": {"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "other"},
		"users":  nil,
	} {
		s.Put(&v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels}})
	}
	got := BindingsOf(s, stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}})
	if len(got) != 1 || got[0].Name != "ours" {
		t.Errorf("%v", got)
	}
}
