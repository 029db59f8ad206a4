package bindingobject

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestABindingReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	group := stack.Literal(stack.KindSecurityGroup, "sg-1")
	base := stack.Binding{
		Name: "k8s-x", Namespace: "shop", Labels: map[string]string{"a": "b"},
		TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg"),
		TargetType:  "ip", Protocol: "HTTP", ServiceName: "web", ServicePort: "80", IPAddress: "ipv4", VPC: "vpc-1",
	}
	with := func(f func(*stack.Binding)) stack.Binding { b := base; f(&b); return b }
	for name, want := range map[string]stack.Binding{
		"without networking":                 base,
		"with networking that wants nothing": with(func(b *stack.Binding) { b.Networking = []stack.NetworkingRule{} }),
		"with a named port, all ports and a CIDR": with(func(b *stack.Binding) {
			b.Networking = []stack.NetworkingRule{{FromGroups: []stack.Ref{group}, Ports: []stack.NetworkingPort{
				{Protocol: "TCP", Port: "web"}, {Protocol: "UDP"}}}, {FromCIDRs: []string{"10.0.0.0/8"},
				Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"}}}}
		}),
		"for nodes by label, shared with a cluster": with(func(b *stack.Binding) {
			b.TargetType, b.NodeLabels, b.MultiCluster = "instance", map[string]string{"pool": "x"}, true
		}),
		"for nodes by expressions": with(func(b *stack.Binding) {
			b.TargetType, b.NodeExpressions = "instance", []stack.NodeExpression{
				{Key: "pool", Operator: "NotIn", Values: []string{"x", "y"}}, {Key: "gpu", Operator: "DoesNotExist"}}
		}),
		"for a port by name": with(func(b *stack.Binding) { b.ServicePort = "http" }),
	} {
		o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: want.Namespace, Name: want.Name,
			Labels: want.Labels}, Spec: BindingSpec(want)}
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

// TestStackOfBindingWithShortenedLabel has names that differ in their last character
// only.
func TestStackOfBindingWithShortenedLabel(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("w", 99)
	gateway := func(namespace, name string) *gatewayv1.Gateway {
		return &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	key := func(name string) stack.Key {
		return stack.Key{Owner: stack.GatewayALB, ID: naming.StackID("shop", name)}
	}
	v := objects.FromObjects([]any{
		gateway("shop", long+"a"), gateway("shop", long+"b"), gateway("blog", long+"a"),
		gateway("shop", strings.Repeat("x", 253)),
		&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: long + "c"}},
	})
	for _, name := range []string{"web", long + "a", long + "b", strings.Repeat("x", 253)} {
		if got, ok := StackOfBinding(v, naming.Labels(key(name))); !ok || got != key(name) {
			t.Errorf("%s: %s, %t", name, got, ok)
		}
	}
	ingress := stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", long+"c")}
	if got, ok := StackOfBinding(v, naming.Labels(ingress)); !ok || got != ingress {
		t.Errorf("%s, %t", got, ok)
	}
	gone := naming.Labels(key(long + "c"))
	if got, ok := StackOfBinding(v, gone); ok || !OfStack(gone) {
		t.Errorf("one whose Gateway is gone is of %s; it is one of a stack: %t", got, OfStack(gone))
	}
	if _, ok := StackOfBinding(v, map[string]string{"team": "shop"}); ok || OfStack(map[string]string{"team": "shop"}) {
		t.Error("one of a user is of a stack")
	}
}
