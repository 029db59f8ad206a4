package lab

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

// GatewayClasses are a class of each controller.
const GatewayClasses = `
GatewayClass /alb {spec: {controllerName: gateway.k8s.aws/alb}}
GatewayClass /nlb {spec: {controllerName: gateway.k8s.aws/nlb}}`

// WebGateway is Gateway shop/web with a listener for HTTP, Services shop/web and shop/api, and HTTPRoute shop/web to
// the first.
const WebGateway = GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: web, port: 80}]}]}}`

// GatewayObjects makes objects from lines KIND NAMESPACE/NAME {YAML}.
func GatewayObjects(t testing.TB, text string) (out []client.Object) {
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
		if o.GetGeneration() == 0 && counted(objects.Kind(kind)) {
			o.SetGeneration(1)
		}
		out = append(out, o)
	}
	return out
}

// counted reports whether the API server counts edits of a kind in the generation of its objects.
func counted(kind objects.Kind) bool { return kind != objects.Service }

// NewGateway is a lab of objects, with pods as targets.
func NewGateway(t *testing.T, text string) *Lab {
	t.Helper()
	l := New(t, account.Profile{}, GatewayObjects(t, text)...)
	l.Flags("--default-target-type=ip")
	l.Restart()
	return l
}

// LookAround has the controllers of routes and ListenerSets look at each of these.
func (l *Lab) LookAround(note func(reconcile.Result, error)) {
	l.Helper()
	for _, kind := range append([]objects.Kind{objects.ListenerSet}, objects.RouteKinds...) {
		list, ok := readable.Kinds[kind].List.DeepCopyObject().(client.ObjectList)
		if !ok {
			l.Fatal(kind)
		}
		l.Must(l.Client.List(l.Context(), list))
		r := gatewaystatus.New(kind, settings.GatewayConfig(l.Config), l.Client, l.Client, l.Statuses)
		l.Must(meta.EachListItem(list, func(o runtime.Object) error {
			note(r.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))}))
			return nil
		}))
	}
}

// SettleWeb makes passes over the stacks of Gateway shop/web.
func (l *Lab) SettleWeb() {
	l.Helper()
	l.Settle(l.WebKeys()...)
}

// WebKeys are the keys of the stacks of Gateway shop/web.
func (l *Lab) WebKeys() []stack.Key {
	return []stack.Key{GatewayKey(stack.GatewayALB, "web"), GatewayKey(stack.GatewayNLB, "web")}
}

// Apply creates objects, or brings them to what they are to be, as users do.
func (l *Lab) Apply(text string) {
	l.Helper()
	for _, o := range GatewayObjects(l, text) {
		have, ok := o.DeepCopyObject().(client.Object)
		if !ok || l.Client.Get(l.Context(), client.ObjectKeyFromObject(o), have) != nil {
			l.Must(l.Client.Create(l.Context(), o))
			continue
		}
		o.SetResourceVersion(have.GetResourceVersion())
		if kind, _ := objects.KindOf(o); counted(kind) {
			o.SetGeneration(have.GetGeneration() + 1)
		}
		o.SetFinalizers(have.GetFinalizers())
		o.SetDeletionTimestamp(have.GetDeletionTimestamp())
		o.SetAnnotations(have.GetAnnotations())
		l.Must(l.Client.Update(l.Context(), o)) // statuses are subresources
	}
}

// Discard deletes objects.
func (l *Lab) Discard(text string) {
	l.Helper()
	for _, o := range GatewayObjects(l, text) {
		l.Must(l.Client.Delete(l.Context(), o))
	}
}

// Answers is what the only load balancer does with a request for example.com on port 80.
func (l *Lab) Answers(path string) string {
	l.Helper()
	return l.AnswersHost("example.com", path)
}

// AnswersHost is what the only load balancer does with a request on port 80: the target group or the status.
func (l *Lab) AnswersHost(host, path string) string {
	l.Helper()
	return l.AnswersAt(80, host, path)
}

// AnswersAt is what the only load balancer does with a request on a port.
func (l *Lab) AnswersAt(port int32, host, path string) string {
	l.Helper()
	action, problem := l.routed(port, host, path)
	switch {
	case problem != "":
		return problem
	case action.FixedResponse != nil:
		return fmt.Sprint(action.FixedResponse.StatusCode)
	case action.Redirect != nil:
		return "redirect"
	}
	var out []string
	for _, tg := range forwarded(action) {
		for _, have := range l.Sim.Resources().TargetGroups {
			if have.ARN == tg {
				out = append(out, cmp.Or(have.Tags["gateway.k8s.aws.alb/resource"], have.Tags["gateway.k8s.aws.nlb/resource"],
					have.Tags["ingress.k8s.aws/resource"]))
			}
		}
	}
	return strings.Join(out, ", ")
}

// ForwardsAt is the ARN of the target groups to which the only load balancer forwards a request on a port.
func (l *Lab) ForwardsAt(port int32, host, path string) string {
	l.Helper()
	action, _ := l.routed(port, host, path)
	return strings.Join(forwarded(action), ", ")
}

func forwarded(a stack.Action) (out []string) {
	if a.Forward != nil {
		for _, to := range a.Forward.TargetGroups {
			out = append(out, to.TargetGroup.Literal)
		}
	}
	return out
}

// routed is the action with which the only load balancer answers a request; problem is why it has none.
func (l *Lab) routed(port int32, host, path string) (action stack.Action, problem string) {
	l.Helper()
	r := l.Sim.Resources()
	if len(r.LoadBalancers) != 1 {
		return action, fmt.Sprintf("%d load balancers", len(r.LoadBalancers))
	}
	at := slices.IndexFunc(r.LoadBalancers[0].Listeners, func(li simclient.Listener) bool { return li.Port == port })
	if at < 0 {
		return action, "no listener"
	}
	var rules []stack.Rule
	var defaults []stack.Action
	for n, rule := range r.LoadBalancers[0].Listeners[at].Rules {
		if rule.Priority == "default" {
			defaults = rule.Actions
			continue
		}
		rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions,
			Transforms: rule.Transforms})
	}
	d := traffic.Match(rules, defaults, traffic.Request{Scheme: strings.ToLower(r.LoadBalancers[0].Listeners[at].Protocol),
		Host: host, Port: port, Method: "GET", Path: path, SourceIP: netip.MustParseAddr("198.51.100.7")})
	action, _ = d.Routing()
	return action, ""
}

// Shown lists conditions as "type status reason", the ones that are true and in order shortly.
func Shown(all []metav1.Condition) string {
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

// Parents lists the entries of a route's status, sorted: the parent, and its conditions.
func (l *Lab) Parents(o client.Object) string {
	l.Helper()
	if !l.Get(o, o.GetName()) {
		return "gone"
	}
	var out []string
	status, _, _ := route.Common(o)
	for _, p := range status.Parents {
		out = append(out, string(p.ParentRef.Name)+": "+Shown(p.Conditions))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// HTTPRoute is an HTTPRoute of namespace shop, by which an object can be read.
func HTTPRoute(name string) *gatewayv1.HTTPRoute {
	return &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

// WantParents fails unless the status of a route has these parents.
func (l *Lab) WantParents(route client.Object, want string) {
	l.Helper()
	if got := l.Parents(route); got != want {
		l.Errorf("%T %s: parents %q, want %q", route, route.GetName(), got, want)
	}
}
