package naming

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestGeneratedNamesAreKnownByTheirForm(t *testing.T) {
	t.Parallel()
	for _, id := range []stack.ID{webFront, awesome, {Namespace: "a", Name: "b"}, {Namespace: "a--b", Name: "0.1"},
		{Name: "g"}, {Namespace: "payments-team", Name: "a-very-long-name-of-an-object"}} {
		alb := IngressLoadBalancer("demo", id, stack.Internal)
		for _, name := range []string{
			alb, FrontendLoadBalancer(alb), FrontendTargetGroup("demo", id, 443, stack.TrafficPort, "HTTP"), Successor(alb, 80),
			ServiceLoadBalancer("demo", id, "uid", stack.Internal), ServiceGroupLoadBalancer("demo", id, stack.Internal),
			GatewayLoadBalancer("demo", id, "uid", stack.Internal),
			IngressTargetGroup{Cluster: "demo", Group: id, ServiceNamespace: id.Namespace, ServiceName: id.Name}.Name(),
			ServiceTargetGroup{Cluster: "demo", ServiceNamespace: id.Namespace, ServiceName: id.Name}.Name(),
			GatewayTargetGroup{Cluster: "demo", Gateway: id, RouteNamespace: id.Namespace, RouteName: id.Name}.Name(),
		} {
			if !Generated(name) {
				t.Errorf("%s is not known as generated", name)
			}
		}
	}
	for _, name := range []string{"", "payroll", "k8s-web", "k8s-shop-web-front", "k8s-a-b-0123456789ab",
		"my-k8s-a-b-0123456789", "web-nlb", "k8s-web-nlb"} {
		if Generated(name) {
			t.Errorf("%s is taken for generated", name)
		}
	}
}
