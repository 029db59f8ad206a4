package naming

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestGatewayNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	const cluster, uid = "my-cluster", "2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50"
	gateway := stack.ID{Namespace: "shop-prod", Name: "web-gateway"}
	group := func(change func(*GatewayTargetGroup)) GatewayTargetGroup {
		g := GatewayTargetGroup{
			Cluster: cluster, Gateway: gateway, RouteKind: "HTTPRoute", RouteNamespace: "shop-prod", RouteName: "shop-route",
			BackendNamespace: "shop-prod", BackendName: "shop-v1", TargetPort: "8080", Port: 8080, TargetType: "ip",
			Protocol: "HTTP", ProtocolVersion: "HTTP1",
		}
		change(&g)
		return g
	}
	v1 := group(func(*GatewayTargetGroup) {})
	named := group(func(g *GatewayTargetGroup) { g.TargetPort, g.Port = "http", 1 })
	for _, c := range []struct{ what, got, want string }{
		{"internet-facing load balancer", GatewayLoadBalancer(cluster, gateway, uid, "internet-facing"),
			"k8s-shopprod-webgatew-4a42a4aa65"},
		{"internal load balancer", GatewayLoadBalancer(cluster, gateway, uid, "internal"),
			"k8s-shopprod-webgatew-7f166c0d60"},
		{"security group", GatewaySecurityGroup(cluster, gateway, uid), "k8s-shopprod-webgatew-ad4d90d5f3"},
		{"ip targets", v1.Name(), "k8s-shopprod-shoprout-f057e4dbea"},
		{"ip targets, identity", v1.ID(), "shop-prod/web-gateway:shop-prod-shop-route:HTTPRoute-shop-prod-shop-v1:8080"},
		{"another Service", group(func(g *GatewayTargetGroup) { g.BackendName = "shop-v2" }).Name(),
			"k8s-shopprod-shoprout-fee82b88e2"},
		{"named port, v3.5.0", named.FormerName(), "k8s-shopprod-shoprout-84a82bdd46"},
		{"named port", named.Name(), "k8s-shopprod-shoprout-ce0c90af81"},
		{"instance targets", group(func(g *GatewayTargetGroup) {
			g.TargetType, g.Port, g.TargetPort = "instance", 31380, "8080"
		}).Name(), "k8s-shopprod-shoprout-2c684c045f"},
		{"control port", group(func(g *GatewayTargetGroup) { g.ControlPort = 9000 }).Name(),
			"k8s-shopprod-shoprout-e4598ef716"},
		{"gRPC", group(func(g *GatewayTargetGroup) {
			g.RouteKind, g.RouteName, g.BackendName, g.TargetPort, g.Port, g.ProtocolVersion = "GRPCRoute", "grpc-route",
				"greeter", "50051", 50051, "GRPC"
		}).Name(), "k8s-shopprod-grpcrout-715020d0a9"},
		{"TCP", group(func(g *GatewayTargetGroup) {
			g.RouteKind, g.RouteName, g.BackendName, g.TargetPort, g.Port, g.Protocol, g.ProtocolVersion = "TCPRoute",
				"tcp-route", "db", "5432", 5432, "TCP", ""
		}).Name(), "k8s-shopprod-tcproute-3da0af9ab2"},
		{"an ALB", group(func(g *GatewayTargetGroup) {
			g.RouteKind, g.RouteName, g.BackendName, g.TargetPort, g.Port = "TCPRoute", "tcp-route", "alb-gateway", "443", 443
			g.TargetType, g.Protocol, g.ProtocolVersion = "alb", "TCP", ""
		}).Name(), "k8s-shopprod-tcproute-8048eb5248"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestTheFormerNameOfATargetGroupDiffersOnlyForNamedPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ, target string
		port        int32
		differ      bool
	}{{"ip", "8080", 8080, false}, {"ip", "http", 1, true}, {"instance", "http", 30080, false},
		{"alb", "443", 443, false}} {
		g := GatewayTargetGroup{Cluster: "c", TargetType: c.typ, TargetPort: c.target, Port: c.port}
		if (g.Name() != g.FormerName()) != c.differ {
			t.Errorf("%+v: %s and %s", c, g.Name(), g.FormerName())
		}
	}
}

func TestBindingBelongsToNamespaceOfItsService(t *testing.T) {
	t.Parallel()
	route := func(namespace, name string) string {
		return GatewayTargetGroup{
			Gateway: stack.ID{Namespace: "infra", Name: "web"}, RouteKind: "HTTPRoute", RouteNamespace: "shop",
			RouteName:        "web.v1",
			BackendNamespace: namespace, BackendName: name, TargetPort: "http",
		}.ID()
	}
	for _, c := range []struct {
		id, namespace string
		want          bool
	}{
		{"shop/web-api:8080", "shop", true},
		{"shop/web-api:8080", "web", false},
		{"shop/db:5432", "shop", true},
		{"frontend", "shop", false},
		{"", "", true},
		{route("pay", "api"), "pay", true},
		{route("pay", "api"), "infra", false},
		{route("pay", "api"), "shop", false},
		{route("pay", "api"), "", false},
		{route("pay", "api"), "pa", false},
		{route("pay-eu", "api"), "pay-eu", true},
	} {
		if got := BindsIn(c.id, c.namespace); got != c.want {
			t.Errorf("%q in %q: %t, want %t", c.id, c.namespace, got, c.want)
		}
	}
}
