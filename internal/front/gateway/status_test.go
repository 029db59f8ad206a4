package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const arn = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/1"

// active is the outcome of a load balancer that serves.
func active() Outcome {
	return Outcome{LoadBalancer: conditions.LoadBalancer{ARN: arn, Active: true}, Hostname: "Web-1.elb.amazonaws.com"}
}

// world are objects with the statuses that changes give them.
type world map[string]metav1.Object

func worldOf(objs []metav1.Object) world {
	w := world{}
	for _, o := range objs {
		kind, _ := objects.KindOf(o)
		w[string(kind)+" "+o.GetNamespace()+"/"+o.GetName()] = o
	}
	return w
}

// apply applies changes, and returns the objects that changed, sorted. A second application changes nothing.
func (w world) apply(t testing.TB, changes []Change) (changed []string) {
	t.Helper()
	for _, c := range changes {
		id := string(c.Kind) + " " + c.Namespace + "/" + c.Name
		o := w[id]
		if o == nil {
			t.Fatalf("a change of %s, which does not exist", id)
		}
		if c.Apply(o, day()) {
			changed = append(changed, id)
		}
		if c.Apply(o, day()) {
			t.Errorf("%s changes again", id)
		}
	}
	slices.Sort(changed)
	if len(slices.Compact(slices.Clone(changed))) != len(changed) {
		t.Errorf("an object changes twice: %v", changed)
	}
	return changed
}

// run loads, translates and reports the Gateway shop/web, and returns the world with the new statuses.
func run(t testing.TB, text string, o Outcome) (world, *Decisions) {
	t.Helper()
	objs := decode(t, classes+text)
	v := objects.FromObjects(objs)
	l := Load(v, defaults(), albKey())
	if !l.Reports {
		if l = Load(v, defaults(), nlbKey()); !l.Reports {
			t.Fatal("no pass writes the status")
		}
	}
	_, d := Translate(v, defaults(), l, false)
	w := worldOf(objs)
	w.apply(t, d.Statuses(o))
	return w, d
}

// short writes conditions as "Type=Status/Reason", sorted; those that say nothing more than that all is well are left
// out.
func short(cs []metav1.Condition) string {
	var out []string
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (w world) gateway() gatewayv1.GatewayStatus {
	return w["Gateway shop/web"].(*gatewayv1.Gateway).Status
}

func (w world) route(id string) []gatewayv1.RouteParentStatus {
	s, _, _ := route.Common(w[id])
	return s.Parents
}

func TestGatewayStatusIsWrittenForEveryOutcome(t *testing.T) {
	t.Parallel()
	const gw = "Gateway shop/web {metadata: {generation: 4}, spec: {gatewayClassName: alb, listeners: [{name: a, port: " +
		"80, protocol: HTTP}]}}\n"
	bad := diag.New(diag.Object{Kind: "Gateway", Namespace: "shop", Name: "web"}, "spec.x", diag.NoSubnets,
		"no subnet", "tag some")
	for _, c := range []struct {
		name, text string
		outcome    Outcome
		want       string
		listener   string
		addresses  int
	}{
		{"serves", gw, active(), "Accepted=True/Accepted Programmed=True/Programmed", "Programmed=True/Programmed", 1},
		{"is being made", gw, Outcome{}, "Accepted=True/Accepted Programmed=Unknown/Pending", "Programmed=False/Pending", 0},
		{"cannot be made", gw, Outcome{Found: diag.List{bad}}, "Accepted=True/Accepted Programmed=False/Invalid",
			"Programmed=False/Pending", 0},
		{"is without class parameters", strings.ReplaceAll(gw, "listeners", "infrastructure: {parametersRef: {group: g, "+
			"kind: K, name: n}}, listeners"), active(),
			"Accepted=False/InvalidParameters Programmed=False/Invalid", "Programmed=False/Pending", 1},
		{"has no valid listener", strings.ReplaceAll(gw, "HTTP}", "UDP}"), Outcome{},
			"Accepted=False/ListenersNotValid Programmed=False/Invalid", "Programmed=False/UnsupportedProtocol", 0},
		{"asks for an unsupported address", strings.ReplaceAll(gw, "listeners", "addresses: [{type: example.com/x, value: "+
			"y}], listeners"), Outcome{}, "Accepted=False/UnsupportedAddress Programmed=False/Invalid",
			"Programmed=False/Pending", 0},
		{"asks for an unusable address", gw,
			Outcome{Found: diag.List{diag.New(bad.Object, "spec.addresses", diag.AddressNotUsable, "x", "y")}},
			"Accepted=True/Accepted Programmed=False/AddressNotUsable", "Programmed=False/Pending", 0},
		{"has no listener in AWS yet", gw, Outcome{LoadBalancer: active().LoadBalancer, Ports: []int32{}},
			"Accepted=True/Accepted Programmed=True/Programmed", "Programmed=False/Pending", 0},
	} {
		w, _ := run(t, c.text, c.outcome)
		s := w.gateway()
		if got := short(s.Conditions); got != c.want {
			t.Errorf("a Gateway that %s: %s, want %s", c.name, got, c.want)
		}
		if len(s.Listeners) != 1 || !strings.Contains(short(s.Listeners[0].Conditions), c.listener) {
			t.Errorf("a Gateway that %s: listeners %+v, want %s", c.name, s.Listeners, c.listener)
		}
		for _, cond := range slices.Concat(s.Conditions, s.Listeners[0].Conditions) {
			if cond.ObservedGeneration != 4 {
				t.Errorf("a Gateway that %s: condition %s of generation %d", c.name, cond.Type, cond.ObservedGeneration)
			}
		}
		if len(s.Addresses) != c.addresses {
			t.Errorf("a Gateway that %s: addresses %v", c.name, s.Addresses)
		}
	}
	w, _ := run(t, gw, active())
	s := w.gateway()
	if s.Addresses[0].Value != "web-1.elb.amazonaws.com" || *s.Addresses[0].Type != gatewayv1.HostnameAddressType {
		t.Errorf("addresses %+v", s.Addresses)
	}
	if i := slices.IndexFunc(s.Conditions, func(c metav1.Condition) bool {
		return c.Type == "Programmed"
	}); s.Conditions[i].Message != arn {
		t.Errorf("message %q", s.Conditions[i].Message)
	}
}

func TestAGatewayWithElasticIPAddressesShowsThem(t *testing.T) {
	t.Parallel()
	w, _ := run(t, "Gateway shop/web {spec: {gatewayClassName: nlb, addresses: [{value: 192.0.2.1}], listeners: [{name: "+
		"a, port: 80, protocol: TCP}]}}", active())
	if a := w.gateway().Addresses; len(a) != 1 || a[0].Value != "192.0.2.1" || *a[0].Type != gatewayv1.IPAddressType {
		t.Errorf("%+v", a)
	}
}

func TestCertificatesThatCannotBeUsedAreTheProblemOfTheirListener(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 443, protocol: HTTPS, tls: " +
			"{certificateRefs: [{name: gone}]}}]}}": "Accepted=True/Accepted Conflicted=False/NoConflicts " +
			"Programmed=False/InvalidCertificateRef ResolvedRefs=False/InvalidCertificateRef",
		"Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 443, protocol: HTTPS, tls: " +
			"{certificateRefs: [{name: tls, namespace: infra}]}}]}}": "Accepted=True/Accepted Conflicted=False/NoConflicts " +
			"Programmed=False/RefNotPermitted ResolvedRefs=False/RefNotPermitted",
		configured("alb", "{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}]}}",
			"listenerConfigurations: [{protocolPort: 'HTTPS:443', defaultCertificate: 'arn:a'}]"): "Accepted=True/Accepted " +
			"Conflicted=False/NoConflicts Programmed=True/Programmed ResolvedRefs=False/InvalidCertificateRef",
	} {
		w, _ := run(t, text, active())
		if got := short(w.gateway().Listeners[0].Conditions); got != want {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
	}
}

func TestAListenerThatIsNotMadeShowsTheReasonWhileOthersServe(t *testing.T) {
	t.Parallel()
	const gw = "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 443, protocol: HTTPS}, " +
		"{name: b, port: 80, protocol: HTTP}]}}\n"
	missing := diag.New(diag.Object{Kind: "Gateway", Namespace: "shop", Name: "web"}, "spec.x", diag.CertificateNotFound,
		"certificate c is not there", "name another")
	missing.Port = 443
	of := func(object string) diag.Diagnostic {
		d := missing
		d.Object.Name = object
		return d
	}
	elsewhere := missing
	elsewhere.Port = 8443
	for _, c := range []struct {
		name             string
		outcome          Outcome
		gateway, a, b    string
		said, saidAtRoot bool
	}{
		{"AWS has the other one", Outcome{LoadBalancer: active().LoadBalancer, Ports: []int32{80}, Found: diag.List{missing}},
			"True/Programmed", "False/Invalid", "True/Programmed", true, false},
		{"there is no load balancer", Outcome{Found: diag.List{missing}}, "False/Invalid", "False/Invalid", "False/Pending",
			true, true},
		{"it serves with other certificates", Outcome{LoadBalancer: active().LoadBalancer, Ports: []int32{80, 443},
			Found: diag.List{missing}}, "True/Programmed", "True/Programmed", "True/Programmed", false, false},
		{"another port is the matter", Outcome{LoadBalancer: active().LoadBalancer, Ports: []int32{80}, Found: diag.List{
			elsewhere}}, "True/Programmed", "False/Pending", "True/Programmed", false, false},
		{"another Gateway is the matter", Outcome{LoadBalancer: active().LoadBalancer, Ports: []int32{80}, Found: diag.List{
			of("other")}}, "True/Programmed", "False/Pending", "True/Programmed", false, false},
	} {
		w, _ := run(t, gw, c.outcome)
		s := w.gateway()
		programmed := func(all []metav1.Condition) (string, bool) {
			i := slices.IndexFunc(all, func(c metav1.Condition) bool { return c.Type == "Programmed" })
			return fmt.Sprintf("%s/%s", all[i].Status, all[i].Reason),
				all[i].Message == "certificate c is not there (spec.x); name another"
		}
		root, saidAtRoot := programmed(s.Conditions)
		a, said := programmed(s.Listeners[0].Conditions)
		b, _ := programmed(s.Listeners[1].Conditions)
		if got, want := []any{root, a, b, said, saidAtRoot}, []any{c.gateway, c.a, c.b, c.said, c.saidAtRoot}; !slices.Equal(
			got, want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

func TestListenerSetsAreReportedAlsoWhereTheirGatewayFails(t *testing.T) {
	t.Parallel()
	const sets = "ListenerSet shop/in {metadata: {generation: 3}, spec: {parentRef: {name: web}, listeners: [{name: a, " +
		"port: 81, protocol: HTTP}]}}\n" +
		"ListenerSet team/out {spec: {parentRef: {name: web, namespace: shop}, listeners: [{name: a, port: 82, protocol: " +
		"HTTP}]}, status: {listeners: [{name: a, attachedRoutes: 1, conditions: []}]}}\n" +
		"ListenerSet shop/mixed {spec: {parentRef: {name: web}, listeners: [{name: a, port: 81, protocol: HTTP}, {name: b, " +
		"port: 83, protocol: HTTP}]}}\n"
	const gw = "Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, " +
		"listeners: [{name: a, port: 80, protocol: HTTP}]}}\n"
	failing := strings.ReplaceAll(gw, "listeners:", "infrastructure: {parametersRef: {group: g, kind: K, name: "+
		"n}}, listeners:")
	for text, want := range map[string][3]string{
		gw: {"Accepted=True/Accepted Programmed=True/Programmed",
			"Accepted=False/NotAllowed Programmed=False/NotAllowed",
			"Accepted=True/ListenersNotValid Programmed=True/Programmed"},
		failing: {"Accepted=True/Accepted Programmed=False/Pending", "Accepted=False/NotAllowed Programmed=False/NotAllowed",
			"Accepted=True/ListenersNotValid Programmed=False/Pending"},
	} {
		w, _ := run(t, text+sets, active())
		for i, name := range []string{"shop/in", "team/out", "shop/mixed"} {
			s := w["ListenerSet "+name].(*gatewayv1.ListenerSet).Status
			if got := short(s.Conditions); got != want[i] {
				t.Errorf("%s: %s, want %s", name, got, want[i])
			}
			if entries := map[string]int{"shop/in": 1, "team/out": 0, "shop/mixed": 2}[name]; len(s.Listeners) != entries {
				t.Errorf("%s: %d listeners", name, len(s.Listeners))
			}
		}
		if n := w.gateway().AttachedListenerSets; n == nil || *n != 2 {
			t.Errorf("%v sets are attached", n)
		}
		if s := w["ListenerSet shop/in"].(*gatewayv1.ListenerSet).Status; s.Conditions[0].ObservedGeneration != 3 ||
			s.Listeners[0].Conditions[0].ObservedGeneration != 3 {
			t.Errorf("%+v", s)
		}
	}
}

func TestListenerSetWithoutUsableCertificateIsInvalid(t *testing.T) {
	t.Parallel()
	w, _ := run(t, "Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, "+
		"listeners: [{name: a, port: 80, protocol: HTTP}]}}\n"+
		"ListenerSet shop/s {spec: {parentRef: {name: web}, listeners: [{name: a, port: 443, protocol: HTTPS, tls: "+
		"{certificateRefs: [{name: tls, namespace: infra}]}}]}}\n", active())
	s := w["ListenerSet shop/s"].(*gatewayv1.ListenerSet).Status
	if got, want := short(s.Conditions), "Accepted=False/ListenersNotValid Programmed=False/ListenersNotValid"; got !=
		want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := short(s.Listeners[0].Conditions),
		"Accepted=True/Accepted Conflicted=False/NoConflicts Programmed=False/RefNotPermitted "+
			"ResolvedRefs=False/RefNotPermitted"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n := w.gateway().AttachedListenerSets; n == nil || *n != 0 {
		t.Errorf("%v sets are attached", n)
	}
}

// TestAListenerOfAnNLBWithoutABackendIsProgrammed has a listener that AWS does not have, as an NLB's listener needs a
// target group.
func TestAListenerOfAnNLBWithoutABackendIsProgrammed(t *testing.T) {
	t.Parallel()
	const gw = "Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: a, port: 80, protocol: TCP}]}}\n"
	const service = "Service shop/svc {spec: {type: NodePort, ports: [{port: 80, nodePort: 30080, targetPort: 8080}]}}\n"
	route := func(name string) string {
		return "TCPRoute shop/r {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: " + name +
			", port: 80}]}]}}\n"
	}
	for name, c := range map[string]struct {
		text  string
		ports []int32
		want  string
	}{
		"without a route": {
			gw, []int32{}, "True: Listener is programmed: connections are refused, as no route has a backend for them."},
		"of a route without a backend": {gw + route("gone"), []int32{},
			"True: Listener is programmed: connections are refused, as no route has a backend for them."},
		"of a route with one, which is missing": {gw + service + route("svc"), []int32{},
			"False: Listener is pending to be programmed."},
		"of a route with one": {gw + service + route("svc"), []int32{80}, "True: Listener is programmed."},
	} {
		w, _ := run(t, c.text, Outcome{LoadBalancer: active().LoadBalancer, Ports: c.ports})
		for _, cond := range w.gateway().Listeners[0].Conditions {
			if got := string(cond.Status) + ": " + cond.Message; cond.Type == "Programmed" && got != c.want {
				t.Errorf("a listener %s: %s, want %s", name, got, c.want)
			}
		}
	}
}

func TestRoutesAreReportedForEachOfTheirParentRefs(t *testing.T) {
	t.Parallel()
	w, _ := run(t, `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: bad, port: 70000, protocol: HTTP}]}}
HTTPRoute shop/r {metadata: {generation: 7}, spec: {hostnames: [a.com], parentRefs: [{name: web}, {name: web, sectionName: none}, {name: web, sectionName: bad}, {name: other}]}}
HTTPRoute team/r {spec: {parentRefs: [{name: web, namespace: shop}]}}
HTTPRoute shop/host {spec: {hostnames: [b.com], parentRefs: [{name: web, sectionName: a}]}}
TCPRoute shop/tcp {spec: {parentRefs: [{name: web}]}}`, active())
	text := func(id string) (out []string) {
		for _, p := range w.route(id) {
			if p.ControllerName != ControllerALB {
				t.Errorf("%s: controller %s", id, p.ControllerName)
			}
			out = append(out, strings.Fields(short(p.Conditions))[0])
		}
		return out
	}
	for id, want := range map[string]string{
		"HTTPRoute shop/r":    "[Accepted=True/Accepted Accepted=False/NoMatchingParent Accepted=True/Accepted]",
		"HTTPRoute team/r":    "[Accepted=False/NotAllowedByListeners]",
		"HTTPRoute shop/host": "[Accepted=False/NoMatchingListenerHostname]",
		"TCPRoute shop/tcp":   "[Accepted=False/NotAllowedByListeners]",
	} {
		if got := fmt.Sprint(text(id)); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if c := w.route("HTTPRoute shop/r")[0].Conditions[0]; c.ObservedGeneration != 7 {
		t.Errorf("generation %d", c.ObservedGeneration)
	}
}

func TestEntriesOfOthersSurviveAndOursGoWithTheirParentRef(t *testing.T) {
	t.Parallel()
	entry := func(controller, parent string) string {
		return "{controllerName: " + controller + ", parentRef: " + parent +
			", conditions: [{type: Accepted, status: 'True', reason: Accepted, message: '', lastTransitionTime: " +
			"2020-01-01T00:00:00Z}]}"
	}
	w, _ := run(t, `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}, status: {conditions: [{type: example.com/Own, status: 'True', reason: Own, message: '', lastTransitionTime: 2020-01-01T00:00:00Z}]}}
Gateway shop/other {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}}
HTTPRoute shop/moved {spec: {parentRefs: [{name: other}]}, status: {parents: [`+
		strings.Join([]string{
			entry("gateway.k8s.aws/alb", "{name: web}"), entry("gateway.k8s.aws/nlb", "{name: web}"),
			entry("gateway.k8s.aws/alb", "{name: other}"),
			entry("example.com/other", "{name: web}"), entry("example.com/other", "{name: gone}"),
		}, ", ")+`]}}
HTTPRoute shop/stays {spec: {parentRefs: [{name: web}]}, status: {parents: [`+entry("gateway.k8s.aws/alb",
		"{name: web}")+`]}}`, active())
	var left []string
	for _, p := range w.route("HTTPRoute shop/moved") {
		left = append(left, string(p.ControllerName)+" "+string(p.ParentRef.Name))
	}
	if got := strings.Join(left, ", "); got != "gateway.k8s.aws/alb other, example.com/other web, example.com/other gone" {
		t.Error(got)
	}
	if c := w.route("HTTPRoute shop/stays")[0].Conditions[0]; c.LastTransitionTime.Year() != 2020 {
		t.Errorf("the time of a status that stays moved: %v", c.LastTransitionTime)
	}
	if got := short(w.gateway().Conditions); !strings.Contains(got, "example.com/Own=True/Own") {
		t.Error(got)
	}
}

func TestAnOlderDecisionDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	const text = `
Gateway shop/web {metadata: {generation: GEN}, spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: a, port: 80, protocol: HTTP}]}}
ListenerSet shop/set {metadata: {generation: GEN}, spec: {parentRef: {name: web}, listeners: [{name: a, port: 81, protocol: HTTP}]}}
HTTPRoute shop/r {metadata: {generation: GEN}, spec: {parentRefs: [{name: web}]}}`
	w, _ := run(t, strings.ReplaceAll(text, "GEN", "5"), active())
	_, old := run(t, strings.ReplaceAll(text, "GEN", "4"), Outcome{})
	if changed := w.apply(t, old.Statuses(Outcome{})); len(changed) > 0 {
		t.Errorf("changed by a decision about an older generation: %v", changed)
	}
	again := decode(t, strings.ReplaceAll(text, "GEN", "5"))
	for _, o := range again { // deleted and created anew
		o.SetUID("another")
	}
	if changed := worldOf(again).apply(t, old.Statuses(Outcome{})); len(changed) > 0 {
		t.Errorf("changed by a decision about other objects: %v", changed)
	}
}

func TestFindingsOfTheCompilerAreConditionsOfTheirRoute(t *testing.T) {
	t.Parallel()
	o := diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: "r"}
	for _, c := range []struct {
		code diag.Code
		want string
	}{
		{diag.TargetGroupNotFound, "Accepted=True/Accepted ResolvedRefs=False/BackendNotFound"},
		{diag.QuotaExceeded, "Accepted=True/Accepted PartiallyInvalid=True/UnsupportedValue ResolvedRefs=True/ResolvedRefs"},
		{diag.IgnoredSetting, "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs"},
		{diag.AWSUnavailable, "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs"},
	} {
		out := active()
		out.Found = diag.List{diag.New(o, "spec.rules[0]", c.code, "x", "y")}
		w, _ := run(t, "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: "+
			"HTTP}]}}\nHTTPRoute shop/r {spec: {parentRefs: [{name: web}]}}", out)
		if got := short(w.route("HTTPRoute shop/r")[0].Conditions); got != c.want {
			t.Errorf("%s: %s, want %s", c.code, got, c.want)
		}
	}
}

func TestAClassIsAcceptedWithItsFeaturesSorted(t *testing.T) {
	t.Parallel()
	const lbc = "parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: "
	objs := decode(t, classes+"GatewayClass bad {metadata: {generation: 3}, spec: {controllerName: gateway.k8s.aws/alb, "+
		lbc+"gone}}}\n"+
		"GatewayClass good {spec: {controllerName: gateway.k8s.aws/alb, "+lbc+
		"base}}}\nLoadBalancerConfiguration infra/base {}\n"+
		"GatewayClass tg {spec: {controllerName: gateway.k8s.aws/alb, "+lbc+
		"tg}}}\nLoadBalancerConfiguration infra/tg {spec: {defaultTargetGroupConfiguration: {name: gone}}}")
	v, w := objects.FromObjects(objs), worldOf(objs)
	for name, want := range map[string]string{"alb": "Accepted=True/Accepted", "good": "Accepted=True/Accepted",
		"bad": "Accepted=False/InvalidParameters", "tg": "Accepted=False/InvalidParameters"} {
		class := w["GatewayClass /"+name].(*gatewayv1.GatewayClass)
		change, found, ok := Class(v, defaults(), class)
		if !ok {
			t.Fatalf("class %s is not managed", name)
		}
		w.apply(t, []Change{change})
		if got := short(class.Status.Conditions); got != want {
			t.Errorf("class %s: %s, want %s", name, got, want)
		}
		if len(found) != strings.Count(want, "False") || len(found) > 0 && (found[0].Code != diag.InvalidConfiguration ||
			found[0].Object.String() != "GatewayClass "+name) {
			t.Errorf("class %s: found %v", name, found)
		}
		if !slices.IsSortedFunc(class.Status.SupportedFeatures, func(a, b gatewayv1.SupportedFeature) int {
			return strings.Compare(string(a.Name), string(b.Name))
		}) {
			t.Errorf("features %v", class.Status.SupportedFeatures)
		}
	}
	if _, _, ok := Class(v, defaults(), w["GatewayClass /other"].(*gatewayv1.GatewayClass)); ok {
		t.Error("the class of another controller gets a status")
	}
	has := func(c gatewayv1.GatewayController, name gatewayv1.FeatureName) bool {
		return slices.Contains(defaults().Features(c), gatewayv1.SupportedFeature{Name: name})
	}
	if !has(ControllerALB, "HTTPRoute") || has(ControllerALB, "TCPRoute") || has(ControllerNLB, "HTTPRoute") ||
		!has(ControllerNLB, "TCPRoute") ||
		!has(ControllerAuto, "HTTPRoute") || !has(ControllerAuto, "UDPRoute") || !has(ControllerNLB, "ListenerSet") {
		t.Error("features are not those of the controller")
	}
	if without := (Config{ALB: ControllerALB}); slices.Contains(without.Features(ControllerALB),
		gatewayv1.SupportedFeature{Name: listenerSets}) {
		t.Error("ListenerSets are declared although the gate is off")
	}
}

func TestRuleConfigurationNeedsSecretOfItsLogin(t *testing.T) {
	t.Parallel()
	objs := decode(t, `
ListenerRuleConfiguration shop/plain {metadata: {generation: 2}, spec: {}}
ListenerRuleConfiguration shop/login {spec: {actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: i, authorizationEndpoint: a, tokenEndpoint: t, userInfoEndpoint: u, secret: {name: oidc}}}]}}
ListenerRuleConfiguration shop/missing {spec: {actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: i, authorizationEndpoint: a, tokenEndpoint: t, userInfoEndpoint: u, secret: {name: gone}}}]}}
Secret shop/oidc {}`)
	v, w := objects.FromObjects(objs), worldOf(objs)
	for name, want := range map[string]string{"plain": "true Accepted", "login": "true Accepted",
		"missing": "false secret [shop/gone] not found"} {
		c := w["ListenerRuleConfiguration shop/"+name].(*configv1.ListenerRuleConfiguration)
		w.apply(t, []Change{RuleConfiguration(v, c)})
		if got := fmt.Sprint(*c.Status.Accepted, " ", *c.Status.Message); got != want || *c.Status.ObservedGeneration !=
			c.Generation {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestTheConstructionOfRulesIsRecordedOnce(t *testing.T) {
	t.Parallel()
	const gw = "Gateway shop/web {metadata: {annotations: {ANN}}, spec: {gatewayClassName: alb, listeners: [{name: a, " +
		"port: 80, protocol: HTTP}]}}"
	for _, c := range []struct {
		annotation string
		exists     bool
		record     string
		finding    bool
	}{
		{"", false, "plain-hosts", false}, {"", true, "compatible", false}, {ConstructionAnnotation + ": plain-hosts",
			true, "", false},
		{ConstructionAnnotation + ": standard", true, "", false}, {ConstructionAnnotation + ": compatible", false, "", false},
		{ConstructionAnnotation + ": other", false, "", true},
	} {
		v := objects.FromObjects(decode(t, classes+strings.ReplaceAll(gw, "ANN", c.annotation)))
		lb, d := Translate(v, defaults(), Load(v, defaults(), albKey()), c.exists)
		if got := d.Annotations[ConstructionAnnotation]; got != c.record ||
			(len(lb.Members[0].Diagnostics) > 0) != c.finding {
			t.Errorf("%q, exists %v: %q, %s", c.annotation, c.exists, got, findings(lb.Members[0].Diagnostics))
		}
	}
}

func TestRoutesReportTheirListenerRuleConfigurations(t *testing.T) {
	t.Parallel()
	w, _ := run(t, `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}}
ListenerRuleConfiguration shop/answer {metadata: {generation: 6}, spec: {actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 418}}]}}
HTTPRoute shop/r {spec: {parentRefs: [{name: web}], rules: [{filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: answer}}]}]}}
HTTPRoute shop/gone {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: gone, port: 80}]}]}}
HTTPRoute shop/mirror {spec: {parentRefs: [{name: web}], rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: x}}}]}]}}`, active())
	s := w["ListenerRuleConfiguration shop/answer"].(*configv1.ListenerRuleConfiguration).Status
	if s.Accepted == nil || !*s.Accepted || *s.ObservedGeneration != 6 {
		t.Errorf("%+v", s)
	}
	for id, want := range map[string]string{
		"HTTPRoute shop/r":      "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs",
		"HTTPRoute shop/gone":   "Accepted=True/Accepted ResolvedRefs=False/BackendNotFound",
		"HTTPRoute shop/mirror": "Accepted=False/UnsupportedValue ResolvedRefs=True/ResolvedRefs",
	} {
		if got := short(w.route(id)[0].Conditions); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
