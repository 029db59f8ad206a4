package controller

import (
	"cmp"
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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// weights are those of the forwards of all rules and listeners, as "weight:weight", sorted.
func (l *lab) weights() (out []string) {
	for _, lb := range l.sim.Resources().LoadBalancers {
		for _, n := range lb.Listeners {
			for _, r := range n.Rules {
				for _, a := range r.Actions {
					if a.Forward == nil {
						continue
					}
					var all []string
					for _, to := range a.Forward.TargetGroups {
						weight := "none"
						if to.Weight != nil {
							weight = fmt.Sprint(*to.Weight)
						}
						all = append(all, weight)
					}
					slices.Sort(all)
					out = append(out, strings.Join(all, ":"))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestWeightsUpToAMillionAreBroughtToThoseThatAWSAdmits has the largest weights of the API; AWS admits 999.
func TestWeightsUpToAMillionAreBroughtToThoseThatAWSAdmits(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway+`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: Exact, value: /most}}], backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 1}]}, `+
		`{matches: [{path: {type: Exact, value: /half}}], backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 500000}]}]}}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 250000}]}]}}`)
	l.settle(append(l.webKeys(), gatewayKey("gateway.k8s.aws.nlb", "net"))...)
	if got := l.weights(); !slices.Equal(got, []string{"1", "1:999", "250:999", "500:999"}) {
		t.Errorf("weights %v\n%s", got, strings.Join(l.events, "\n"))
	}
	l.wantParents(httpRoute("api"), "web: Accepted, ResolvedRefs")
}

// TestAListenerWithNullFieldsAdmitsRoutesOfItsNamespace has what a generator of manifests writes for fields that are not set.
func TestAListenerWithNullFieldsAdmitsRoutesOfItsNamespace(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{"allowedRoutes: null", "allowedRoutes: {namespaces: null, kinds: null}", "allowedRoutes: {namespaces: {from: null, selector: null}}", "hostname: null, tls: null"} {
		l := newGatewayLab(t, strings.Replace(webGateway, "protocol: HTTP}", "protocol: HTTP, "+fields+"}", 1)+`
HTTPRoute blog/other {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
		l.settleWeb()
		l.wantAnswers(map[string]string{"/": toWeb})
		other := &gatewayv1.HTTPRoute{}
		l.must(l.client.Get(t.Context(), client.ObjectKey{Namespace: "blog", Name: "other"}, other))
		if got := shown(other.Status.Parents[0].Conditions); !strings.HasPrefix(got, "Accepted False NotAllowedByListeners") {
			t.Errorf("%s: a route of another namespace: %s", fields, got)
		}
	}
}

func TestASelectorThatDoesNotParseAdmitsNoRouteToItsListenerOnly(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, "Namespace /shop {}\n"+strings.TrimSpace(strings.Replace(webGateway, "listeners: [", "listeners: [{name: odd, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: Near, values: [a]}]}}}}, ", 1))+`
HTTPRoute shop/odd {spec: {parentRefs: [{name: web, sectionName: odd}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": toWeb})
	l.wantParents(httpRoute("odd"), "web: Accepted False NotAllowedByListeners, ResolvedRefs")
	if yes, no := l.programmed(); yes != 2 || no != 0 {
		t.Errorf("%d listeners are programmed, %d not", yes, no)
	}
}

// TestAConfigMapThatCannotBeReadOrImportedCostsItsPortsOnly has one without permission, and one of a megabyte.
func TestAConfigMapThatCannotBeReadOrImportedCostsItsPortsOnly(t *testing.T) {
	t.Parallel()
	big := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca", ResourceVersion: "1"}, Data: map[string]string{"ca.crt": strings.Repeat("x", 1<<20)}}
	for name, maps := range map[string]*fake.Clientset{"without permission": fake.NewClientset(), "of a megabyte": fake.NewClientset(big)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "without permission" {
				maps.PrependReactor("*", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "ca", nil)
				})
			}
			l, g, _, key := trustStoreLab(t, account.Profile{})
			l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
			g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType})
			l.must(l.client.Update(t.Context(), g))
			l.core = maps
			l.restart()
			l.rounds(4, key)
			l.get(g, "web")
			of := map[gatewayv1.SectionName]string{}
			for _, s := range g.Status.Listeners {
				of[s.Name] = shown(s.Conditions)
			}
			if of["plain"] != "Accepted, Programmed, ResolvedRefs" || !strings.Contains(of["a"], "ResolvedRefs False InvalidCACertificateRef") {
				t.Errorf("listeners %v\n%s", of, strings.Join(l.events, "\n"))
			}
			if warned := slices.DeleteFunc(slices.Clone(l.events), func(e string) bool { return !strings.Contains(e, "ConfigMap shop/ca") }); len(warned) != 1 || len(warned[0]) > 1024 {
				t.Errorf("events:\n%s", strings.Join(warned, "\n"))
			}
		})
	}
}

// TestACacheThatIsBehindIsCaughtUpWithAndTakesNoStatusBack has a new process whose cache shows the route in an earlier version, and its Service not yet.
func TestACacheThatIsBehindIsCaughtUpWithAndTakesNoStatusBack(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway)
	l.settleWeb()
	former := httpRoute("web")
	l.get(former, "web")
	l.apply(`HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /new}}], backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	wanted := httpRoute("web")
	l.get(wanted, "web")
	watching, ok := l.client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	behind := interceptor.NewClient(watching, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		err := c.List(ctx, list, opts...)
		if routes, is := list.(*gatewayv1.HTTPRouteList); is {
			for i := range routes.Items {
				former.DeepCopyInto(&routes.Items[i])
			}
		}
		return err
	}})
	l.restart()
	for _, s := range l.gateways {
		s.Client, s.Live = behind, l.client
	}
	l.rounds(3, l.webKeys()...)
	now := httpRoute("web")
	l.get(now, "web")
	if got := now.Status.Parents[0].Conditions[0].ObservedGeneration; got != wanted.Generation {
		t.Errorf("while the cache is behind: generation %d of the status, want %d", got, wanted.Generation)
	}
	if lbs := l.sim.Resources().LoadBalancers; len(lbs) != 1 || len(l.sim.Resources().TargetGroups) != 1 {
		t.Errorf("while the cache is behind: %+v", lbs)
	}
	for _, s := range l.gateways {
		s.Client = l.client
	}
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": "404", "/new": toWeb})
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
}

// TestWhatHappensToAGatewayWhileAPlanRunsIsCarriedOutInTheEnd has the deletion of the Gateway, another class, and the end of its configuration, at a call of its creation.
func TestWhatHappensToAGatewayWhileAPlanRunsIsCarriedOutInTheEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(l *lab)
		want string // the types of the load balancers that there are
	}{
		"it is deleted": {func(l *lab) { l.discard("Gateway shop/web {}") }, ""},
		"its class changes": {func(l *lab) {
			l.apply("Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}\n" +
				"TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}")
		}, "network"},
		"its route is deleted": {func(l *lab) { l.discard("HTTPRoute shop/web {}") }, "application"},
	} {
		for _, at := range []int32{5, 9, 12} {
			t.Run(fmt.Sprintf("%s at call %d", name, at), func(t *testing.T) {
				t.Parallel()
				l := newGatewayLab(t, webGateway)
				var calls atomic.Int32
				l.beforeCall(func(context.Context) error {
					if calls.Add(1) == at {
						test.act(l)
					}
					return nil
				})
				l.rounds(3, l.webKeys()...)
				l.settleWeb()
				var types []string
				for _, lb := range l.sim.Resources().LoadBalancers {
					types = append(types, lb.Type)
				}
				if got := strings.Join(types, " "); got != test.want || calls.Load() < at {
					t.Errorf("load balancers %q, want %q; %d calls\n%s", got, test.want, calls.Load(), strings.Join(l.events, "\n"))
				}
				if left := l.leftOfStacks(); test.want == "" && len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if groups := len(l.sim.Resources().TargetGroups); groups > 0 && cmp.Or(test.want, "none") != "network" {
					t.Errorf("%d target groups", groups)
				}
			})
		}
	}
}

// TestAnObjectThatIsDeletedBeforeItHasTheFinalizerLeavesNothing has the object go at each of the reads before.
func TestAnObjectThatIsDeletedBeforeItHasTheFinalizerLeavesNothing(t *testing.T) {
	t.Parallel()
	for at := range int32(5) {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
		var calls atomic.Int32
		l.beforeCall(func(context.Context) error {
			if calls.Add(1) == at+1 {
				l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
			}
			return nil
		})
		l.rounds(3, implicit("web"))
		l.settle(implicit("web"))
		if left := l.leftOfStacks(); len(left) > 0 || calls.Load() <= at || len(l.events) > 0 {
			t.Errorf("at call %d of %d: left %v, events %v", at+1, calls.Load(), left, l.events)
		}
	}
}
