package gateways

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// weights are those of the forwards of all rules and listeners, as "weight:weight", sorted.
func weights(l *lab.Lab) (out []string) {
	for _, lb := range l.Sim.Resources().LoadBalancers {
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

// TestWeightsUpToAMillionAreBroughtToThoseThatAWSAdmits has the largest weights of the API; AWS allows 999.
func TestWeightsUpToAMillionAreBroughtToThoseThatAWSAdmits(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: Exact, value: /most}}], backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 1}]}, `+
		`{matches: [{path: {type: Exact, value: /half}}], backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 500000}]}]}}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: 80, weight: 250000}]}]}}`)
	l.Settle(append(l.WebKeys(), lab.GatewayKey("gateway.k8s.aws.nlb", "net"))...)
	if got := weights(l); !slices.Equal(got, []string{"1", "1:999", "250:999", "500:999"}) {
		t.Errorf("weights %v\n%s", got, strings.Join(l.Events, "\n"))
	}
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, ResolvedRefs")
}

// TestWeightsFollowWithinASecond has a program roll out by the weights of a route: the rule in AWS has each of them
// within a second of the controller's time, by one write.
func TestWeightsFollowWithinASecond(t *testing.T) {
	t.Parallel()
	route := func(web, api int) string {
		return fmt.Sprintf(`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: Exact, value: /roll}}], backendRefs: `+
			`[{name: web, port: 80, weight: %d}, {name: api, port: 80, weight: %d}]}]}}`, web, api)
	}
	l := lab.NewGateway(t, lab.WebGateway+route(100, 1))
	l.SettleWeb()
	for share := 10; share <= 100; share += 10 {
		begun, mark, want := l.Clock.Now(), l.Mark(), fmt.Sprintf("%d:%d", min(100-share, share), max(100-share, share))
		l.Apply(route(100-share, share))
		for !slices.Contains(weights(l), want) {
			wait, err := l.Round(l.WebKeys()...)
			l.Must(err)
			if l.Clock.Advance(max(wait, time.Millisecond)); l.Clock.Now().Sub(begun) > time.Second {
				t.Fatalf("%v later the weights are %v, want %s", l.Clock.Now().Sub(begun), weights(l), want)
			}
		}
		if writes := l.Writes(mark); len(writes) != 1 {
			t.Errorf("weights %s took the writes %v", want, writes)
		}
		l.SettleWeb()
	}
}

// TestAListenerWithNullFieldsAdmitsRoutesOfItsNamespace has what a generator of manifests writes for fields that are
// not set.
func TestAListenerWithNullFieldsAdmitsRoutesOfItsNamespace(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{"allowedRoutes: null", "allowedRoutes: {namespaces: null, kinds: null}",
		"allowedRoutes: {namespaces: {from: null, selector: null}}", "hostname: null, tls: null"} {
		l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "protocol: HTTP}", "protocol: HTTP, "+fields+"}", 1)+`
HTTPRoute blog/other {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
		l.SettleWeb()
		wantAnswers(l, map[string]string{"/": toWeb})
		other := &gatewayv1.HTTPRoute{}
		l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "blog", Name: "other"}, other))
		if got := lab.Shown(other.Status.Parents[0].Conditions); !strings.HasPrefix(got,
			"Accepted False NotAllowedByListeners") {
			t.Errorf("%s: a route of another namespace: %s", fields, got)
		}
	}
}

func TestSelectorThatDoesNotParseCostsItsListenerOnly(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, "Namespace /shop {}\n"+strings.TrimSpace(strings.Replace(lab.WebGateway, "listeners: [",
		"listeners: [{name: odd, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: "+
			"{matchExpressions: [{key: team, operator: Near, values: [a]}]}}}}, ", 1))+`
HTTPRoute shop/odd {spec: {parentRefs: [{name: web, sectionName: odd}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb})
	l.WantParents(lab.HTTPRoute("odd"), "web: Accepted False NotAllowedByListeners, ResolvedRefs")
	if yes, no := programmed(l); yes != 1 || no != 1 {
		t.Errorf("%d listeners are programmed, %d not", yes, no)
	}
}

// TestAConfigMapThatCannotBeReadOrImportedCostsItsPortsOnly has one without permission, and one of a megabyte.
func TestAConfigMapThatCannotBeReadOrImportedCostsItsPortsOnly(t *testing.T) {
	t.Parallel()
	big := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca", ResourceVersion: "1"},
		Data: map[string]string{"ca.crt": strings.Repeat("x", 1<<20)}}
	for name, maps := range map[string]*fake.Clientset{"without permission": fake.NewClientset(),
		"of a megabyte": fake.NewClientset(big)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "without permission" {
				maps.PrependReactor("*", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "ca", nil)
				})
			}
			l, g, _, key := lab.TrustStoreLab(t, account.Profile{})
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
			g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "plain", Port: 80,
				Protocol: gatewayv1.HTTPProtocolType})
			l.Must(l.Client.Update(t.Context(), g))
			l.Core = maps
			l.Restart()
			rounds(l, 4, key)
			l.Get(g, "web")
			of := map[gatewayv1.SectionName]string{}
			for _, s := range g.Status.Listeners {
				of[s.Name] = lab.Shown(s.Conditions)
			}
			if of["plain"] != "Accepted, Programmed, ResolvedRefs" ||
				!strings.Contains(of["a"], "ResolvedRefs False InvalidCACertificateRef") {
				t.Errorf("listeners %v\n%s", of, strings.Join(l.Events, "\n"))
			}
			if warned := slices.DeleteFunc(slices.Clone(l.Events), func(e string) bool {
				return !strings.Contains(e, "ConfigMap shop/ca")
			}); len(warned) != 1 || len(warned[0]) > 1024 {
				t.Errorf("events:\n%s", strings.Join(warned, "\n"))
			}
		})
	}
}

// TestACacheThatIsBehindIsCaughtUpWithAndTakesNoStatusBack has a new process whose cache shows the route in an earlier
// version, and its Service not yet.
func TestACacheThatIsBehindIsCaughtUpWithAndTakesNoStatusBack(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	former := lab.HTTPRoute("web")
	l.Get(former, "web")
	l.Apply(
		`HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /new}}], backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	wanted := lab.HTTPRoute("web")
	l.Get(wanted, "web")
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	behind := interceptor.NewClient(watching, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch,
		list client.ObjectList, opts ...client.ListOption) error {
		err := c.List(ctx, list, opts...)
		if routes, is := list.(*gatewayv1.HTTPRouteList); is {
			for i := range routes.Items {
				former.DeepCopyInto(&routes.Items[i])
			}
		}
		return err
	}})
	l.Restart()
	for _, s := range l.Gateways {
		s.Client, s.Live = behind, l.Client
	}
	rounds(l, 3, l.WebKeys()...)
	now := lab.HTTPRoute("web")
	l.Get(now, "web")
	if got := now.Status.Parents[0].Conditions[0].ObservedGeneration; got != wanted.Generation {
		t.Errorf("while the cache is behind: generation %d of the status, want %d", got, wanted.Generation)
	}
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 1 || len(l.Sim.Resources().TargetGroups) != 1 {
		t.Errorf("while the cache is behind: %+v", lbs)
	}
	for _, s := range l.Gateways {
		s.Client = l.Client
	}
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": "404", "/new": toWeb})
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
}

// TestWhatHappensToAGatewayWhileAPlanRunsIsCarriedOutInTheEnd has the deletion of the Gateway, another class, and the
// end of its configuration, at a call of its creation.
func TestWhatHappensToAGatewayWhileAPlanRunsIsCarriedOutInTheEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(l *lab.Lab)
		want string // the types of the load balancers that there are
	}{
		"it is deleted": {func(l *lab.Lab) { l.Discard("Gateway shop/web {}") }, ""},
		"its class changes": {func(l *lab.Lab) {
			l.Apply("Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}\n" +
				"TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}")
		}, "network"},
		"its route is deleted": {func(l *lab.Lab) { l.Discard("HTTPRoute shop/web {}") }, "application"},
	} {
		for _, at := range []int32{5, 9, 12} {
			t.Run(fmt.Sprintf("%s at call %d", name, at), func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, lab.WebGateway)
				var calls atomic.Int32
				l.BeforeCall(func(context.Context) error {
					if calls.Add(1) == at {
						test.act(l)
					}
					return nil
				})
				rounds(l, 3, l.WebKeys()...)
				l.SettleWeb()
				var types []string
				for _, lb := range l.Sim.Resources().LoadBalancers {
					types = append(types, lb.Type)
				}
				if got := strings.Join(types, " "); got != test.want || calls.Load() < at {
					t.Errorf("load balancers %q, want %q; %d calls\n%s", got, test.want, calls.Load(), strings.Join(l.Events, "\n"))
				}
				if left := l.LeftOfStacks(); test.want == "" && len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if groups := len(l.Sim.Resources().TargetGroups); groups > 0 && cmp.Or(test.want, "none") != "network" {
					t.Errorf("%d target groups", groups)
				}
			})
		}
	}
}

// TestObjectDeletedBeforeItsFinalizerLeavesNothing has the object go at each of the reads before.
func TestObjectDeletedBeforeItsFinalizerLeavesNothing(t *testing.T) {
	t.Parallel()
	for at := range int32(5) {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
		var calls atomic.Int32
		l.BeforeCall(func(context.Context) error {
			if calls.Add(1) == at+1 {
				l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
			}
			return nil
		})
		rounds(l, 3, lab.Key("web"))
		l.Settle(lab.Key("web"))
		if left := l.LeftOfStacks(); len(left) > 0 || calls.Load() <= at || len(l.Events) > 0 {
			t.Errorf("at call %d of %d: left %v, events %v", at+1, calls.Load(), left, l.Events)
		}
	}
}
