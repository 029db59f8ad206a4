package controller

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// guards adds web ACLs, protections and trust stores of listeners to the parts of the account.
func (l *lab) guards(r simclient.Resources, out map[string]bool) {
	names := map[string]string{}
	for _, lb := range r.LoadBalancers {
		names[lb.ARN] = lb.Name
	}
	for _, acl := range r.WebACLs {
		for _, arn := range acl.LoadBalancers {
			out[names[arn]+" has web ACL "+acl.Name] = true
		}
	}
	for _, p := range r.Protections {
		out[names[p.Resource]+" is protected"] = true
	}
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	for _, x := range l.sim.Account.ListenersInOrder() {
		if store := x.MutualTLS.TrustStore; store != "" { // the name of one for a ConfigMap depends on its content
			out[fmt.Sprintf("%s:%d verifies clients, by a store of the account: %t", x.LoadBalancer.Name, x.Port, strings.Contains(store, guardStore))] = true
		}
	}
}

// unreadGuardsLab has a Gateway that verifies clients by a ConfigMap, with a route; and an Ingress with a web ACL by name, Shield and a trust store by name.
func unreadGuardsLab(t *testing.T) (l *lab, hangs *atomic.Pointer[string]) {
	t.Helper()
	hangs = &atomic.Pointer[string]{}
	l, _, _, _ = trustStoreLab(t, account.Instant())
	l.calls = func(_ context.Context, service, action string, _ any) error {
		if at := hangs.Load(); at != nil && *at == service+":"+action {
			return context.DeadlineExceeded
		}
		return nil
	}
	l.guardAccount()
	l.create(labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labService("web"), labIP())
	l.create(chaosEndpoints("web", "a", soakAddress(0, 0))...)
	l.create(labRoute("shop", "/shop"))
	l.create(labIngress("guarded", map[string]string{"certificate-arn": crashCertificate, "listen-ports": `[{"HTTPS":443}]`, "wafv2-acl-name": guardACL, "shield-advanced-protection": "true",
		"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"` + guardStore + `"}]`}, "web"))
	l.settle(guardKeys...)
	guarded := 0
	for part := range l.parts() {
		for _, text := range []string{" has web ACL ", " is protected", " verifies clients"} {
			if strings.Contains(part, text) {
				guarded++
			}
		}
	}
	if guarded != 4 { // two listeners verify clients
		t.Fatalf("%d guards: %v", guarded, l.parts())
	}
	return l, hangs
}

var guardKeys = []stack.Key{gatewayKey(stack.GatewayALB, "web"), implicit("guarded")}

// guardEdits are edits that take nothing away.
var guardEdits = map[string]func(l *lab){
	"another path of the route": func(l *lab) {
		route := labRoute("shop")
		l.must(l.client.Get(l.Context(), client.ObjectKeyFromObject(route), route))
		route.Spec = labRoute("shop", "/shop", "/cart").Spec
		route.Generation++
		l.must(l.client.Update(l.Context(), route))
	},
	"another port of the Gateway": func(l *lab) {
		g := &gatewayv1.Gateway{}
		l.must(l.client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, g))
		g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType})
		g.Generation++
		l.must(l.client.Update(l.Context(), g))
	},
	"another path of the Ingress": func(l *lab) {
		l.edit("guarded", func(i *networkingv1.Ingress) {
			more := labIngress("x", nil, "web").Spec.Rules[0].HTTP.Paths[0]
			more.Path = "/more"
			i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
		})
	},
	"a tag of the Ingress": func(l *lab) { l.annotate("guarded", "tags", "team=shop") },
}

// TestFailedReadTakesNothingFromGatewaysOrGuards has each read fail while Gateways, and Ingresses with web ACL, Shield and trust store, are edited.
func TestFailedReadTakesNothingFromGatewaysOrGuards(t *testing.T) {
	t.Parallel()
	unread{lab: unreadGuardsLab, keys: guardKeys, edits: guardEdits}.test(t)
}
