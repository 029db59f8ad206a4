package unread

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// guardsLab has a Gateway that verifies clients by a ConfigMap, with a route; and an Ingress with a web ACL by
// name, Shield and a trust store by name.
func guardsLab(t *testing.T) *lab.Lab {
	t.Helper()
	l, _, _, _ := lab.TrustStoreLab(t, account.Instant())
	l.GuardAccount()
	l.Create(lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Service("web"), lab.IPTargets())
	l.Create(lab.ChaosEndpoints("web", "a", lab.SoakAddress(0, 0))...)
	l.Create(lab.Route("shop", "/shop"))
	l.Create(lab.Ingress("guarded", map[string]string{"certificate-arn": lab.CrashCertificate,
		"listen-ports": `[{"HTTPS":443}]`, "wafv2-acl-name": lab.GuardACL, "shield-advanced-protection": "true",
		"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"` + lab.GuardStore + `"}]`}, "web"))
	l.Settle(guardKeys...)
	guarded := 0
	for part := range l.Parts() {
		for _, text := range []string{" has web ACL ", " is protected", " verifies clients"} {
			if strings.Contains(part, text) {
				guarded++
			}
		}
	}
	if guarded != 4 { // two listeners verify clients
		t.Fatalf("%d guards: %v", guarded, l.Parts())
	}
	return l
}

var guardKeys = []stack.Key{lab.GatewayKey(stack.GatewayALB, "web"), lab.Key("guarded")}

var guardEdits = map[string]func(l *lab.Lab){
	"another path of the route": func(l *lab.Lab) {
		route := lab.Route("shop")
		l.Must(l.Client.Get(l.Context(), client.ObjectKeyFromObject(route), route))
		route.Spec = lab.Route("shop", "/shop", "/cart").Spec
		route.Generation++
		l.Must(l.Client.Update(l.Context(), route))
	},
	"another port of the Gateway": func(l *lab.Lab) {
		g := &gatewayv1.Gateway{}
		l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, g))
		g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "plain", Port: 80,
			Protocol: gatewayv1.HTTPProtocolType})
		g.Generation++
		l.Must(l.Client.Update(l.Context(), g))
	},
	"another path of the Ingress": func(l *lab.Lab) {
		l.Edit("guarded", func(i *networkingv1.Ingress) {
			more := lab.Ingress("x", nil, "web").Spec.Rules[0].HTTP.Paths[0]
			more.Path = "/more"
			i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
		})
	},
	"a tag of the Ingress": func(l *lab.Lab) { l.Annotate("guarded", "tags", "team=shop") },
}

// TestProtectionEndsThoughItsProcessIsYoung deletes an Ingress with Shield Advanced while no process runs. The next one
// has nothing to do but the deletion, with and without checkpoints.
func TestProtectionEndsThoughItsProcessIsYoung(t *testing.T) {
	t.Parallel()
	for _, checkpointed := range []bool{true, false} {
		l := guardsLab(t)
		if checkpointed {
			l.Checkpointed = true
			l.Restart()
			l.PassWith(3*time.Minute, guardKeys...)
			l.Crash()
		}
		ing := &networkingv1.Ingress{}
		l.Get(ing, "guarded")
		l.Must(l.Client.Delete(t.Context(), ing))
		l.Restart()
		l.PassWith(20*time.Minute, guardKeys...)
		for part := range l.Parts() {
			if strings.Contains(part, " is protected") {
				t.Errorf("checkpoints %t: %s", checkpointed, part)
			}
		}
	}
}
