package controller

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// gatewayClasses are a class of each controller.
const gatewayClasses = `
GatewayClass /alb {spec: {controllerName: gateway.k8s.aws/alb}}
GatewayClass /nlb {spec: {controllerName: gateway.k8s.aws/nlb}}`

// webGateway is Gateway shop/web with a listener for HTTP, Services shop/web and shop/api, and HTTPRoute shop/web to the first.
const webGateway = gatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: web, port: 80}]}]}}`

// gatewayObjects makes objects from lines KIND NAMESPACE/NAME {YAML}.
func gatewayObjects(t testing.TB, text string) (out []client.Object) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		name, content, _ := strings.Cut(rest, " ")
		o, ok := readable.Kinds[objects.Kind(kind)].Object.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("kind %q", kind)
		}
		if err := yaml.UnmarshalStrict([]byte(content), o); err != nil {
			t.Fatalf("%v:\n%s", err, line)
		}
		namespace, name, _ := strings.Cut(name, "/")
		o.SetNamespace(namespace)
		o.SetName(name)
		o.SetUID(types.UID("uid-" + kind + "-" + namespace + "-" + name))
		if o.GetGeneration() == 0 {
			o.SetGeneration(1)
		}
		out = append(out, o)
	}
	return out
}

// newGatewayLab is a lab of objects, with pods as targets.
func newGatewayLab(t *testing.T, text string) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, gatewayObjects(t, text)...)
	l.flags("--default-target-type=ip")
	l.restart()
	return l
}

// lookAround has the controllers of routes and ListenerSets look at each of these.
func (l *lab) lookAround(note func(reconcile.Result, error)) {
	l.Helper()
	for _, kind := range append([]objects.Kind{objects.ListenerSet}, objects.RouteKinds...) {
		list, ok := readable.Kinds[kind].List.DeepCopyObject().(client.ObjectList)
		if !ok {
			l.Fatal(kind)
		}
		l.must(l.client.List(l.Context(), list))
		r := gatewaystatus.New(kind, settings.GatewayConfig(l.config), l.client, l.client, l.statuses)
		l.must(meta.EachListItem(list, func(o runtime.Object) error {
			note(r.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))}))
			return nil
		}))
	}
}

// settleWeb makes passes over the stacks of Gateway shop/web.
func (l *lab) settleWeb() {
	l.Helper()
	l.settle(l.webKeys()...)
}

func (l *lab) webKeys() []stack.Key {
	return []stack.Key{gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web")}
}

// apply creates objects, or brings them to what they are to be, as users do.
func (l *lab) apply(text string) {
	l.Helper()
	for _, o := range gatewayObjects(l, text) {
		have, ok := o.DeepCopyObject().(client.Object)
		if !ok || l.client.Get(l.Context(), client.ObjectKeyFromObject(o), have) != nil {
			l.must(l.client.Create(l.Context(), o))
			continue
		}
		o.SetResourceVersion(have.GetResourceVersion())
		o.SetGeneration(have.GetGeneration() + 1)
		o.SetFinalizers(have.GetFinalizers())
		o.SetDeletionTimestamp(have.GetDeletionTimestamp())
		o.SetAnnotations(have.GetAnnotations())
		l.must(l.client.Update(l.Context(), o)) // statuses are subresources
	}
}

// discard deletes objects.
func (l *lab) discard(text string) {
	l.Helper()
	for _, o := range gatewayObjects(l, text) {
		l.must(l.client.Delete(l.Context(), o))
	}
}

// answers is what the only load balancer does with a request on port 80: the target group or the status.
func (l *lab) answers(path string) string {
	l.Helper()
	r := l.sim.Resources()
	if len(r.LoadBalancers) != 1 {
		return fmt.Sprintf("%d load balancers", len(r.LoadBalancers))
	}
	at := slices.IndexFunc(r.LoadBalancers[0].Listeners, func(li simclient.Listener) bool { return li.Port == 80 })
	if at < 0 {
		return "no listener"
	}
	var rules []stack.Rule
	var defaults []stack.Action
	for n, rule := range r.LoadBalancers[0].Listeners[at].Rules {
		if rule.Priority == "default" {
			defaults = rule.Actions
			continue
		}
		rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions, Transforms: rule.Transforms})
	}
	d := traffic.Match(rules, defaults, traffic.Request{Scheme: "http", Host: "example.com", Port: 80, Method: "GET", Path: path, SourceIP: netip.MustParseAddr("198.51.100.7")})
	action, _ := d.Routing()
	if action.FixedResponse != nil {
		return fmt.Sprint(action.FixedResponse.StatusCode)
	}
	var out []string
	if action.Forward != nil {
		for _, to := range action.Forward.TargetGroups {
			for _, tg := range r.TargetGroups {
				if tg.ARN == to.TargetGroup.Literal {
					out = append(out, cmp.Or(tg.Tags["gateway.k8s.aws.alb/resource"], tg.Tags["gateway.k8s.aws.nlb/resource"]))
				}
			}
		}
	}
	return strings.Join(out, ", ")
}

// shown lists conditions as "type status reason", the ones that are true and in order shortly.
func shown(all []metav1.Condition) string {
	var out []string
	for _, c := range all {
		if text := c.Type; c.Status == metav1.ConditionTrue && c.Type != "PartiallyInvalid" && c.Type != "Conflicted" {
			out = append(out, text)
		} else if c.Type != "Conflicted" || c.Status != metav1.ConditionFalse {
			out = append(out, text+" "+string(c.Status)+" "+c.Reason)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// parents lists the entries of a route's status, sorted: the parent, and its conditions.
func (l *lab) parents(o client.Object) string {
	l.Helper()
	if !l.get(o, o.GetName()) {
		return "gone"
	}
	var out []string
	status, _, _ := route.Common(o)
	for _, p := range status.Parents {
		out = append(out, string(p.ParentRef.Name)+": "+shown(p.Conditions))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func httpRoute(name string) *gatewayv1.HTTPRoute {
	return &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

func (l *lab) wantAnswers(want map[string]string) {
	l.Helper()
	for path, to := range want {
		if got := l.answers(path); got != to {
			l.Errorf("%s is answered by %q, want %q\n%s", path, got, to, strings.Join(l.events, "\n"))
		}
	}
}

func (l *lab) wantParents(route client.Object, want string) {
	l.Helper()
	if got := l.parents(route); got != want {
		l.Errorf("%T %s: parents %q, want %q", route, route.GetName(), got, want)
	}
}

func TestAnHTTPRouteGetsItsRulesAndTargets(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway)
	l.create(append(labPods("a", "10.0.128.50"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	r := l.sim.Resources()
	if len(r.TargetGroups) != 1 || len(r.TargetGroups[0].Targets) != 1 || r.TargetGroups[0].TargetType != "ip" {
		t.Errorf("target groups %+v", r.TargetGroups)
	}
	g := &gatewayv1.Gateway{}
	if l.get(g, "web"); len(g.Status.Listeners) != 1 || g.Status.Listeners[0].AttachedRoutes != 1 || shown(g.Status.Listeners[0].Conditions) != "Accepted, Programmed, ResolvedRefs" {
		t.Errorf("listeners %+v", g.Status.Listeners)
	}
	mark := l.mark()
	route := httpRoute("web")
	l.get(route, "web")
	route.Labels = map[string]string{"touched": "yes"}
	l.must(l.client.Update(t.Context(), route))
	versions := func() string {
		l.get(g, "web")
		l.get(route, "web")
		return g.ResourceVersion + " " + route.ResourceVersion
	}
	before := versions()
	l.settleWeb()
	if reads, writes := l.reads(mark), l.writes(mark); len(reads)+len(writes) > 0 || versions() != before {
		t.Errorf("a touch costs %v and %v; versions %s, then %s", reads, writes, before, versions())
	}
}

func TestAGatewayWithARouteIsMadeInThreeReadsAndNineWrites(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, strings.ReplaceAll(webGateway, "shop/web", "shop/first"))
	l.settle(gatewayKey(stack.GatewayALB, "first"))
	mark := l.mark()
	l.apply(strings.TrimPrefix(webGateway, gatewayClasses))
	l.settleWeb()
	if reads, writes := l.reads(mark), l.writes(mark); len(reads) > 3 || len(writes) > 9 || len(l.sim.Resources().LoadBalancers) != 2 {
		t.Errorf("%d reads %v and %d writes %v", len(reads), reads, len(writes), writes)
	}
}

func TestATCPRouteGetsItsNetworkLoadBalancer(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, gatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	l.wantParents(&gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}, "web: Accepted, ResolvedRefs")
	if lbs := l.sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "network" {
		t.Errorf("load balancers %+v", lbs)
	}
	l.discard(`Gateway shop/web {}`)
	l.settleWeb()
	if left := l.leftOfStacks(); len(left) > 0 || l.get(&gatewayv1.Gateway{}, "web") {
		t.Errorf("left: %v", left)
	}
}

func TestAListenerSetAddsItsListenersAndRoutes(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, strings.Replace(webGateway, "gatewayClassName: alb,", "gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}},", 1)+`
ListenerSet shop/more {spec: {parentRef: {name: web}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
HTTPRoute shop/more {spec: {parentRefs: [{kind: ListenerSet, name: more}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
	l.settleWeb()
	lbs := l.sim.Resources().LoadBalancers
	if len(lbs) != 1 || len(lbs[0].Listeners) != 2 {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.events, "\n"))
	}
	s := &gatewayv1.ListenerSet{}
	if l.get(s, "more"); shown(s.Status.Conditions) != "Accepted, Programmed" || len(s.Status.Listeners) != 1 || s.Status.Listeners[0].AttachedRoutes != 1 ||
		shown(s.Status.Listeners[0].Conditions) != "Accepted, Programmed, ResolvedRefs" {
		t.Errorf("status %+v", s.Status)
	}
	g := &gatewayv1.Gateway{}
	if l.get(g, "web"); g.Status.AttachedListenerSets == nil || *g.Status.AttachedListenerSets != 1 {
		t.Errorf("status %+v", g.Status)
	}
	l.wantParents(httpRoute("more"), "more: Accepted, ResolvedRefs")
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	l.discard(`ListenerSet shop/more {}`)
	l.settleWeb()
	if lbs = l.sim.Resources().LoadBalancers; len(lbs) != 1 || len(lbs[0].Listeners) != 1 {
		t.Errorf("load balancers %+v", lbs)
	}
}
