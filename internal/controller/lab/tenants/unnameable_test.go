package tenants

import (
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// unnameable are names that clients of the API server refuse to read, because no object can have them.
var unnameable = []string{"no/such", "..", ".", "a%b", "../../shop/services/web"}

// TestUnnameableServiceOfActionHoldsNobody has a newcomer of a group forward to Services of such names.
func TestUnnameableServiceOfActionHoldsNobody(t *testing.T) {
	t.Parallel()
	g := lab.GroupsOfTwo["Ingresses"]
	l := lab.New(t, account.Profile{}, append(g.Victim(map[string]string{g.Idle: g.Before}), lab.Class())...)
	l.Misreads = &lab.Misreads{}
	l.Restart()
	l.Settle(g.Key)
	for n, name := range unnameable {
		evil := g.Attack(map[string]string{"actions.evil": fmt.Sprintf(
			`{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":%q,"servicePort":"80"}]}}`, name),
			"auth-idp-oidc": fmt.Sprintf(`{"issuer":"https://a.example","authorizationEndpoint":"https://a.example",`+
				`"tokenEndpoint":"https://a.example","userInfoEndpoint":"https://a.example","secretName":%q}`, name)})
		ingress, ok := evil[1].(*networkingv1.Ingress)
		if n == 0 {
			l.Create(evil[0])
		}
		if !ok {
			t.Fatalf("%T", evil[1])
		}
		ingress.SetName(fmt.Sprint("evil-", n))
		ingress.SetUID("")
		ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{Name: "evil",
			Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
		l.Create(ingress)
	}
	for _, value := range []string{g.After, g.Before} {
		l.Put(g, "shop/web", map[string]string{g.Idle: value})
		if _, err := l.Round(g.Key); err != nil {
			t.Errorf("a pass ends with %v", err)
		}
		l.Settle(g.Key)
		if !attribute(l, value) {
			t.Errorf("the victim's edit is held:\n%s", strings.Join(l.Events, "\n"))
		}
		l.Restart()
	}
}

// TestUnnameableReferenceOfRouteHoldsNobody has a tenant's route of a shared Gateway name objects of such names.
func TestUnnameableReferenceOfRouteHoldsNobody(t *testing.T) {
	t.Parallel()
	const web = `matches: [{path: {type: PathPrefix, value: /evil}}], `
	for what, spec := range map[string]string{
		"backend": web + "backendRefs: [{name: %[1]q, port: 80}]",
		"mirror": web + "backendRefs: [{name: web, port: 80}], filters: [{type: RequestMirror, requestMirror: " +
			"{backendRef: {name: %[1]q, port: 80}}}]",
		"gateway": web + "backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: %[1]q, port: 80}]",
		"extension": web + "backendRefs: [{name: web, port: 80}], filters: [{type: ExtensionRef, extensionRef: " +
			"{group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: %[1]q}}]",
		"secret": web + "backendRefs: [{name: web, port: 80}], filters: [{type: ExtensionRef, extensionRef: " +
			"{group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: login}}]",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "protocol: HTTP}", "protocol: HTTP, "+
				"allowedRoutes: {namespaces: {from: All}}}", 1))
			core := fake.NewClientset()
			core.PrependReactor("get", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
				get, _ := a.(clienttesting.GetAction)
				err := lab.Unnameable(get.GetName())
				return err != nil, nil, err
			})
			l.Misreads, l.Core = &lab.Misreads{}, core
			l.Restart()
			l.SettleWeb()
			for n, name := range unnameable {
				l.Apply(fmt.Sprintf(`
Service mal/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
ListenerRuleConfiguration mal/login {spec: {actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: "https://i", authorizationEndpoint: "https://a", tokenEndpoint: "https://t", userInfoEndpoint: "https://u", secret: {name: %[1]q}}}]}}
HTTPRoute mal/evil {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{`+spec+`}]}}`, name))
				code := 410 + n
				l.Apply(fmt.Sprintf(`HTTPRoute shop/edit {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: `+
					`{type: PathPrefix, value: /edit-%d}}], backendRefs: [{name: api, port: 80}]}]}}`, code))
				if _, err := l.Round(lab.GatewayKey(stack.GatewayALB, "web")); err != nil {
					t.Errorf("%s: a pass ends with %v", name, err)
				}
				l.SettleWeb()
				if got := l.Answers(fmt.Sprint("/edit-", code)); !strings.Contains(got, "api") {
					t.Errorf("%s: the victim's edit is answered by %s:\n%s", name, got, strings.Join(l.Events, "\n"))
				}
			}
		})
	}
}
