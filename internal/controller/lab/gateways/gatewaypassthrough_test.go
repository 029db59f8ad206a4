package gateways

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestTCPRouteServesWhereTLSPasses has a TCPRoute, and then a TLSRoute beside it, on a TLS listener of mode
// Passthrough.
func TestTCPRouteServesWhereTLSPasses(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: through, port: 443, protocol: TLS, tls: {mode: Passthrough}}]}}
Service shop/web {spec: {ports: [{port: 443, targetPort: 8443}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 443}]}]}}`)
	l.SettleWeb()
	serves := func(kind string) {
		t.Helper()
		want := "TCP 443 shop/web:shop-web:" + kind + "-shop-web:8443 TCP"
		r, got := l.Sim.Resources(), ""
		for _, n := range r.LoadBalancers[0].Listeners {
			got += fmt.Sprintf("%s %d", n.Protocol, n.Port)
		}
		for _, tg := range r.TargetGroups {
			got += fmt.Sprintf(" %s %s", tg.Tags["gateway.k8s.aws.nlb/resource"], tg.Protocol)
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	serves("TCPRoute")
	tcp := &gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	l.WantParents(tcp, "web: Accepted, ResolvedRefs")

	l.Apply(
		`TLSRoute shop/web {spec: {parentRefs: [{name: web}], hostnames: [a.test], rules: [{backendRefs: [{name: web, port: 443}]}]}}`)
	for range 40 { // the former target group goes once the other serves
		l.SettleWeb()
		l.Clock.Advance(30e9)
	}
	serves("TLSRoute")
	l.WantParents(tcp, "web: Accepted, ResolvedRefs")
	l.WantParents(&gatewayv1.TLSRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		"web: Accepted, ResolvedRefs")
}
