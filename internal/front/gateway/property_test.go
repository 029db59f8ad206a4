package gateway

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// generate writes objects around the Gateway shop/web: valid, invalid and strange ones.
func generate(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	long := strings.Repeat("n", 253)
	hostname := func() string { return pick("a.com", "b.com", "*.a.com", "x.a.com", "'*.com'", "192.0.2.1", "''") }
	host := func() string { return strings.ReplaceAll(hostname(), "*.a.com", "'*.a.com'") }
	listeners := func() string {
		var out []string
		for i := range r.IntN(4) + 1 {
			l := fmt.Sprintf("{name: %s, port: %s, protocol: %s", pick("a", "b", "c", fmt.Sprint("l", i)),
				pick("80", "443", "53", "0", "70000"), pick("HTTP", "HTTPS", "TCP", "UDP", "TLS", "example.com/x"))
			if r.IntN(2) == 0 {
				l += ", hostname: " + host()
			}
			if r.IntN(3) == 0 {
				l += ", tls: {mode: " + pick("Terminate", "Passthrough") + ", certificateRefs: [{name: " +
					pick("tls", "gone", long) + pick("", ", namespace: infra", ", kind: ConfigMap") + "}]}"
			}
			l += pick("", ", allowedRoutes: null", ", allowedRoutes: {namespaces: {from: All}}",
				", allowedRoutes: {namespaces: {from: None}}", ", allowedRoutes: {kinds: [{kind: TCPRoute}]}",
				", allowedRoutes: {namespaces: {from: Selector}}",
				", allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Bad}]}}}")
			out = append(out, l+"}")
		}
		return strings.Join(out, ", ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Gateway shop/web {metadata: {finalizers: [%s]%s}, spec: {gatewayClassName: %s, listeners: "+
		"[%s]%s%s%s}}\n",
		pick("", "gateway.k8s.aws/alb", "gateway.k8s.aws/nlb"), pick("", ", annotations: {"+ConstructionAnnotation+": "+
			pick("standard", "x")+"}"),
		pick("alb", "nlb", "auto", "auto", "gone", "other"), listeners(),
		pick("", ", allowedListeners: {namespaces: {from: "+pick("All", "Same", "None", "Selector")+"}}"),
		pick("", ", addresses: [{value: "+pick("192.0.2.1", "x", "''")+"}]",
			", addresses: [{type: example.com/x, value: y}]"),
		pick("", ", infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: "+
			pick("own", "gone")+"}}"))
	b.WriteString("LoadBalancerConfiguration shop/own {spec: {" + pick("", "scheme: internet-facing",
		"loadBalancerSubnets: [{identifier: a}, {}]", "sourceRanges: [x]", "sourceRanges: []",
		"listenerConfigurations: [{protocolPort: '"+pick(":", "HTTP:80", "HTTPS:443", "TCP:443")+
			"', quicEnabled: true, defaultCertificate: x, certificates: [null]}]") + "}}\n")
	for i := range r.IntN(3) {
		fmt.Fprintf(&b, "ListenerSet %s/set%d {metadata: {creationTimestamp: 2026-01-0%dT00:00:00Z}, spec: {parentRef: "+
			"{name: web, namespace: shop}, listeners: [%s]}}\n", pick("shop", "team"), i, r.IntN(3)+1, listeners())
	}
	for i := range r.IntN(6) {
		parents := make([]string, r.IntN(3)+1)
		for j := range parents {
			parents[j] = "{namespace: shop" + pick(", name: web", ", name: web", ", name: set0, kind: ListenerSet",
				", name: other", ", name: web, kind: HTTPRoute", ", name: web, group: example.com") +
				pick("", "", ", sectionName: a", ", sectionName: nothing") + pick("", "", ", port: 80") + "}"
		}
		kind := pick("HTTPRoute", "GRPCRoute", "TCPRoute", "UDPRoute", "TLSRoute")
		hosts := ""
		if kind != "TCPRoute" && kind != "UDPRoute" {
			hosts = ", hostnames: [" + host() + "]"
		}
		fmt.Fprintf(&b, "%s %s/%s%d {metadata: {creationTimestamp: 2026-01-0%dT00:00:00Z}, spec: {parentRefs: [%s]%s}}\n",
			kind, pick("shop", "team"), pick("r", long[:252]), i, r.IntN(3)+1, strings.Join(parents, ", "), hosts)
	}
	return b.String()
}

// judged is what a pass makes of objects: the intent, and the statuses after it.
type judged struct {
	LoadBalancer intent.LoadBalancer
	World        world
}

func judge(t testing.TB, objs []metav1.Object, key stack.Key) (out judged, d *Decisions) {
	t.Helper()
	v := objects.FromObjects(objs)
	l := Load(v, defaults(), key)
	out.World = worldOf(objs)
	if l.State != Declared && !l.Reports {
		return out, nil
	}
	out.LoadBalancer, d = Translate(v, defaults(), l, false)
	if l.Reports {
		out.World.apply(t, d.Statuses(active()))
	}
	return out, d
}

// check checks what holds for whatever objects.
func check(t testing.TB, text string, seed *rand.Rand) {
	t.Helper()
	text = classes + text + secret("shop/tls")
	for _, key := range []stack.Key{albKey(), nlbKey()} {
		first, d := judge(t, decode(t, text), key)
		shuffled := decode(t, text)
		seed.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		second, _ := judge(t, shuffled, key)
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty(),
			cmp.Comparer(func(a, b stack.Secret) bool { return a.Equal(b) }),
			cmp.Transformer("called", func(f func() []intent.ClassSettings) (out []intent.ClassSettings) {
				if f != nil {
					out = f()
				}
				return out
			})); diff != "" {
			t.Fatalf("the order of objects matters:\n%s\nof:\n%s", diff, text)
		}
		if d == nil {
			continue
		}
		for id, o := range first.World {
			for _, c := range conditionsOf(o) {
				if c.Status == metav1.ConditionFalse && c.Message == "" &&
					c.Reason != string(gatewayv1.GatewayReasonListenersNotValid) &&
					c.Type != string(gatewayv1.ListenerConditionConflicted) {
					t.Fatalf("%s: condition %s is False (%s) without a message, of:\n%s", id, c.Type, c.Reason, text)
				}
			}
			if status, common, ok := route.Common(o); ok && seesReports(first.World) {
				for _, ref := range common.ParentRefs {
					names := d.parent(ref, o.GetNamespace()) && (ref.Kind == nil || *ref.Kind == kindGateway)
					if names && len(status.Parents) == 0 {
						t.Fatalf("%s: no entry for %v, of:\n%s", id, ref, text)
					}
				}
			}
		}
	}
}

func seesReports(w world) bool { return len(w.gateway().Conditions) > 0 }

func conditionsOf(o metav1.Object) (out []metav1.Condition) {
	switch o := o.(type) {
	case *gatewayv1.Gateway:
		out = append(out, o.Status.Conditions...)
		for _, l := range o.Status.Listeners {
			out = append(out, l.Conditions...)
		}
	case *gatewayv1.ListenerSet:
		out = append(out, o.Status.Conditions...)
		for _, l := range o.Status.Listeners {
			out = append(out, l.Conditions...)
		}
	}
	if s, _, ok := route.Common(o); ok {
		for _, p := range s.Parents {
			out = append(out, p.Conditions...)
		}
	}
	return out
}

func TestEveryRouteIsDecidedInAnyOrderOfObjects(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(100, 400)) {
		r := rand.New(rand.NewPCG(seed, 1))
		check(t, generate(r), r)
	}
}

func FuzzAnyObjectsHaveDecisions(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		check(t, generate(r), r)
	})
}
