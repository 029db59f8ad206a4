package gateways

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// rounds makes some passes over stacks, which need not succeed.
func rounds(l *lab.Lab, n int, keys ...stack.Key) {
	l.Helper()
	for range n {
		_, _ = l.Round(keys...)
		l.Clock.Advance(20e9)
	}
	l.RunQueues(l.Context())
}

// listenersFrom returns n HTTP listeners, each with its own port.
func listenersFrom(first, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("{name: l%d, port: %d, protocol: HTTP}", i, first+i))
	}
	return strings.Join(out, ", ")
}

// programmed counts the listeners of Gateway shop/web whose condition Programmed is True, and those for which it says
// why not.
func programmed(l *lab.Lab) (yes, no int) {
	l.Helper()
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	for i := range g.Status.Listeners {
		for _, c := range g.Status.Listeners[i].Conditions {
			switch {
			case c.Type == "Programmed" && c.Status == metav1.ConditionTrue:
				yes++
			case c.Type == "Programmed" && c.Message != "":
				no++
			}
		}
	}
	return yes, no
}

func TestOfSixtyFourListenersThoseWithinTheQuotaServe(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+"\nGateway shop/web {spec: {gatewayClassName: alb, listeners: ["+
		listenersFrom(8000, 64)+"]}}")
	rounds(l, 6, l.WebKeys()...)
	yes, no := programmed(l)
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 1 || len(lbs[0].Listeners) != 50 || yes != 50 || no != 14 {
		t.Errorf("%d listeners are shown as programmed and %d not\n%s", yes, no, strings.Join(l.Events, "\n"))
	}
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "False ") ||
		!strings.Contains(got, "allows 50 listeners, and Gateway shop/web declares 64") {
		t.Error(got)
	}
}

// TestTwentyListenerSetsServe has a listener of the same name in each, and a route to two of them by that name.
func TestTwentyListenerSetsServe(t *testing.T) {
	t.Parallel()
	text := lab.GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: a, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{kind: ListenerSet, name: s3, sectionName: a}, {kind: ListenerSet, name: s4, sectionName: a}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`
	for i := range 20 {
		text += fmt.Sprintf("\nListenerSet shop/s%d {spec: {parentRef: {name: web}, listeners: [{name: a, port: %d, "+
			"protocol: HTTP}]}}", i, 8000+i)
	}
	l := lab.NewGateway(t, text)
	l.SettleWeb()
	lb := l.Sim.Resources().LoadBalancers[0]
	var with []int32
	for _, one := range lb.Listeners {
		if len(one.Rules) > 1 {
			with = append(with, one.Port)
		}
	}
	slices.Sort(with)
	if len(lb.Listeners) != 21 || !slices.Equal(with, []int32{8003, 8004}) {
		t.Errorf("%d listeners, with rules %v\n%s", len(lb.Listeners), with, strings.Join(l.Events, "\n"))
	}
	l.WantParents(lab.HTTPRoute("web"), "s3: Accepted, ResolvedRefs; s4: Accepted, ResolvedRefs")
}

// TestOfMoreMatchesThanTheQuotaHasRulesTheFirstServe has as many matches as the API server admits in a route, with
// hostnames of every form, and an older route of the Gateway.
func TestOfMoreMatchesThanTheQuotaHasRulesTheFirstServe(t *testing.T) {
	t.Parallel()
	var rules []string
	for i := range 2 {
		var matches []string
		for j := range 63 {
			kind, path := []string{"Exact", "PathPrefix", "RegularExpression"}[j%3], fmt.Sprintf("/r%d/m%d", i, j)
			matches = append(matches, fmt.Sprintf("{path: {type: %s, value: %s}, method: %s, headers: [{name: x-a, "+
				"value: v%d}]}", kind, path, []string{"GET", "PUT"}[j%2], j))
		}
		rules = append(rules, "{matches: ["+strings.Join(matches, ", ")+"], backendRefs: [{name: api, port: 80}]}")
	}
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	l.Apply(
		`HTTPRoute shop/api {metadata: {creationTimestamp: 2026-01-01T00:00:00Z}, spec: {parentRefs: [{name: web}], hostnames: [a.com, "*.a.com", x.y.a.com, "*.b.org"], rules: [` + strings.Join(rules, ", ") + `]}}`)
	rounds(l, 4, l.WebKeys()...)
	lb := l.Sim.Resources().LoadBalancers[0]
	if n := len(lb.Listeners[0].Rules) - 1; n != 100 {
		t.Errorf("%d rules", n)
	}
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
}

// TestAMatchOfMoreValuesThanARuleHasCostsItselfOnly has six headers, which no two rules can share.
func TestAMatchOfMoreValuesThanARuleHasCostsItselfOnly(t *testing.T) {
	t.Parallel()
	var headers []string
	for i := range 6 {
		headers = append(headers, fmt.Sprintf("{name: h%d, value: v}", i))
	}
	l := lab.NewGateway(t, lab.WebGateway+`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}, {path: {type: PathPrefix, value: /many}, headers: [`+strings.Join(headers, ", ")+`]}], backendRefs: [{name: api, port: 80}]}]}}`)
	rounds(l, 4, l.WebKeys()...)
	wantAnswers(l, map[string]string{"/": toWeb, "/api": toAPI})
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
}

// TestAMatchOfMoreWildcardsThanARuleHasCostsItselfOnly has a header with seven asterisks, of which ALB allows six in a
// rule. The standard construction takes them for what they are.
func TestAMatchOfMoreWildcardsThanARuleHasCostsItselfOnly(t *testing.T) {
	t.Parallel()
	for construction, parents := range map[string]string{
		"compatible": "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs",
		"standard":   "web: Accepted, ResolvedRefs",
	} {
		l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "shop/web {spec: {gatewayClassName",
			"shop/web {metadata: {annotations: {gateway.k8s.aws/rule-construction: "+construction+"}}, spec: {gatewayClassName",
			1)+`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: Exact, value: /api}}, {path: {type: Exact, value: /many}, headers: [{name: x, value: "1*2*3*4*5*6*7*"}]}], backendRefs: [{name: api, port: 80}]}]}}`)
		rounds(l, 4, l.WebKeys()...)
		wantAnswers(l, map[string]string{"/": toWeb, "/api": toAPI})
		l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
		l.WantParents(lab.HTTPRoute("api"), parents)
		api := lab.HTTPRoute("api")
		l.Get(api, "api")
		if refused := strings.Contains(fmt.Sprint(api.Status),
			"7 wildcards in its conditions: a rule of a load balancer has 6"); refused != (construction == "compatible") {
			t.Errorf("%s: %+v", construction, api.Status)
		}
	}
}

func TestAParentRefToTheRouteItselfHasNoEffect(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "parentRefs: [{name: web}]",
		"parentRefs: [{kind: HTTPRoute, name: web}, {name: web}]", 1))
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb})
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
}

// TestChainsOfGatewaysInACircleEnd has network load balancers in front of each other, of themselves, and of an ALB
// whose route names one of them.
func TestChainsOfGatewaysInACircleEnd(t *testing.T) {
	t.Parallel()
	backend := func(name string) string {
		return "rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: " + name + ", port: 80}]}]"
	}
	text := lab.WebGateway + "\nHTTPRoute shop/api {spec: {parentRefs: [{name: web}], " + backend("a") + "}}"
	for name, behind := range map[string]string{"a": "b", "b": "a", "c": "c"} {
		text += "\nGateway shop/" + name +
			" {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}" +
			"\nTCPRoute shop/" + name + " {spec: {parentRefs: [{name: " + name + "}], " + backend(behind) + "}}"
	}
	l := lab.NewGateway(t, text)
	keys := append(l.WebKeys(), lab.GatewayKey(stack.GatewayNLB, "a"), lab.GatewayKey(stack.GatewayNLB, "b"),
		lab.GatewayKey(stack.GatewayNLB, "c"))
	l.Settle(keys...)
	l.Settle(keys...)
	for _, name := range []string{"a", "b", "c"} {
		l.WantParents(&gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}},
			name+": Accepted, ResolvedRefs False BackendNotFound")
	}
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, ResolvedRefs False InvalidKind")
}

func TestOfTwoGatewaysThatClaimOneTargetGroupNameOneServes(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
Gateway shop/other {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
HTTPRoute shop/other {spec: {parentRefs: [{name: other}], rules: [{backendRefs: [{name: web, port: 80}]}]}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip, targetGroupName: storefront}}}`)
	keys := append(l.WebKeys(), lab.GatewayKey(stack.GatewayALB, "other"))
	rounds(l, 6, keys...)
	if n := len(l.Sim.Resources().TargetGroups); n != 1 {
		t.Errorf("%d target groups", n)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("other"), "other: Accepted False UnsupportedValue, ResolvedRefs")
	mark := l.Mark()
	rounds(l, 3, l.WebKeys()...)
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("the one that serves: %v", writes)
	}
}

// TestASecretThatCannotBeReadOrImportedCostsItsListenerOnly has one without permission, and one of a megabyte.
func TestASecretThatCannotBeReadOrImportedCostsItsListenerOnly(t *testing.T) {
	t.Parallel()
	big := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tls", ResourceVersion: "1"},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": []byte(strings.Repeat("x", 1<<20)), "tls.key": []byte("x")}}
	for name, secrets := range map[string]*fake.Clientset{"without permission": fake.NewClientset(),
		"of a megabyte": fake.NewClientset(big)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "without permission" {
				secrets.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "tls", nil)
				})
			}
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "listeners: [", "listeners: [{name: https, port: 443, "+
				"protocol: HTTPS, hostname: shop.example.com, tls: {certificateRefs: [{name: tls}]}}, ", 1))
			l.Core = secrets
			l.Restart()
			rounds(l, 4, l.WebKeys()...)
			wantAnswers(l, map[string]string{"/": toWeb})
			g := &gatewayv1.Gateway{}
			if l.Get(g, "web"); !strings.Contains(lab.Shown(g.Status.Listeners[0].Conditions),
				"ResolvedRefs False InvalidCertificateRef") || lab.Shown(g.Status.Listeners[1].Conditions) !=
				"Accepted, Programmed, ResolvedRefs" {
				t.Errorf("%s, %s", lab.Shown(g.Status.Listeners[0].Conditions), lab.Shown(g.Status.Listeners[1].Conditions))
			}
		})
	}
}

// TestOfASecretThatCannotBeReadTheCauseAloneIsReported has a listener without hostname, whose only certificate is in
// the Secret.
func TestOfASecretThatCannotBeReadTheCauseAloneIsReported(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]string{"denied": "is forbidden", "missing": "does not exist"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := fake.NewClientset()
			if name == "denied" {
				secrets.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "tls", nil)
				})
			}
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "listeners: [", "listeners: [{name: https, port: 443, "+
				"protocol: HTTPS, tls: {certificateRefs: [{name: tls}]}}, ", 1))
			l.Core = secrets
			l.Restart()
			rounds(l, 4, l.WebKeys()...)
			warned := slices.DeleteFunc(slices.Clone(l.Events), func(e string) bool {
				return !strings.HasPrefix(e, "Gateway shop/web Failed")
			})
			if len(warned) != 1 || !strings.Contains(warned[0], cause) {
				t.Errorf("events:\n%s", strings.Join(warned, "\n"))
			}
		})
	}
}

// TestARouteWithTheStatusesOfThirtyTwoOthersServes has no place for another entry, which the API server would refuse.
func TestARouteWithTheStatusesOfThirtyTwoOthersServes(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	r := lab.HTTPRoute("web")
	l.Get(r, "web")
	for i := range 32 {
		r.Status.Parents = append(r.Status.Parents, gatewayv1.RouteParentStatus{
			ControllerName: gatewayv1.GatewayController(fmt.Sprintf("example.com/c%d", i)),
			ParentRef:      gatewayv1.ParentReference{Name: "web"}, Conditions: []metav1.Condition{
				{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted"}}})
	}
	l.Must(l.Client.Status().Update(t.Context(), r))
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb})
	l.Get(r, "web")
	others := slices.DeleteFunc(slices.Clone(r.Status.Parents), func(p gatewayv1.RouteParentStatus) bool {
		return p.ControllerName == "gateway.k8s.aws/alb"
	})
	if len(r.Status.Parents) > 32 || len(others) != 32 {
		t.Errorf("%d entries, %d of others", len(r.Status.Parents), len(others))
	}
}

// TestRouteEditedDuringPlanReachesLastVersion edits the route at the tenth call of the first pass.
func TestRouteEditedDuringPlanReachesLastVersion(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	var calls atomic.Int32
	l.BeforeCall(func(context.Context) error {
		if n := calls.Add(1); n == 10 {
			l.Apply(
				`HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]}]}}`)
		}
		return nil
	})
	l.SettleWeb()
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": "404", "/api": "shop/web:shop-web:HTTPRoute-shop-api:8080"})
	r := lab.HTTPRoute("web")
	if l.Get(r, "web"); r.Status.Parents[0].Conditions[0].ObservedGeneration != r.Generation || calls.Load() < 10 {
		t.Errorf("generation %d, status %+v", r.Generation, r.Status)
	}
}
