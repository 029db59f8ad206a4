package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// makers make an empty object of each kind that tests write.
var makers = map[string]func() metav1.Object{
	"GatewayClass":              func() metav1.Object { return &gatewayv1.GatewayClass{} },
	"Gateway":                   func() metav1.Object { return &gatewayv1.Gateway{} },
	"ListenerSet":               func() metav1.Object { return &gatewayv1.ListenerSet{} },
	"HTTPRoute":                 func() metav1.Object { return &gatewayv1.HTTPRoute{} },
	"GRPCRoute":                 func() metav1.Object { return &gatewayv1.GRPCRoute{} },
	"TCPRoute":                  func() metav1.Object { return &gatewayv1.TCPRoute{} },
	"UDPRoute":                  func() metav1.Object { return &gatewayv1.UDPRoute{} },
	"TLSRoute":                  func() metav1.Object { return &gatewayv1.TLSRoute{} },
	"ReferenceGrant":            func() metav1.Object { return &gatewayv1beta1.ReferenceGrant{} },
	"LoadBalancerConfiguration": func() metav1.Object { return &configv1.LoadBalancerConfiguration{} },
	"TargetGroupConfiguration":  func() metav1.Object { return &configv1.TargetGroupConfiguration{} },
	"ListenerRuleConfiguration": func() metav1.Object { return &configv1.ListenerRuleConfiguration{} },
	"Namespace":                 func() metav1.Object { return &corev1.Namespace{} },
	"Service":                   func() metav1.Object { return &corev1.Service{} },
	"ConfigMap":                 func() metav1.Object { return &corev1.ConfigMap{} },
	"Secret":                    func() metav1.Object { return &corev1.Secret{} },
}

// decode reads objects, each in a line that begins with the kind: kind, name or namespace/name, and the rest as YAML in
// flow style.
func decode(t testing.TB, text string) (out []metav1.Object) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		kind, _, _ := strings.Cut(line, " ")
		switch {
		case line == "":
		case makers[kind] == nil && len(lines) > 0:
			lines[len(lines)-1] += " " + line
		default:
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		name, rest, _ := strings.Cut(rest, " ")
		if makers[kind] == nil {
			t.Fatalf("no kind %s", kind)
		}
		o := makers[kind]()
		if rest != "" {
			if err := yaml.UnmarshalStrict([]byte(rest), o); err != nil {
				t.Fatalf("%v in:\n%s", err, line)
			}
		}
		if namespace, n, ok := strings.Cut(name, "/"); ok {
			o.SetNamespace(namespace)
			name = n
		}
		o.SetName(name)
		if o.GetUID() == "" {
			o.SetUID(types.UID("uid of " + name))
		}
		if o.GetGeneration() == 0 {
			o.SetGeneration(1)
		}
		out = append(out, o)
	}
	return out
}

// defaults is the configuration without flags.
func defaults() Config {
	return Config{ALB: ControllerALB, NLB: ControllerNLB, Auto: ControllerAuto, ListenerSets: true}
}

const classes = `
GatewayClass alb {spec: {controllerName: gateway.k8s.aws/alb}}
GatewayClass nlb {spec: {controllerName: gateway.k8s.aws/nlb}}
GatewayClass auto {spec: {controllerName: gateway.k8s.aws/auto}}
GatewayClass other {spec: {controllerName: example.com/other}}
`

func albKey() stack.Key {
	return stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "web"}}
}

func nlbKey() stack.Key {
	return stack.Key{Owner: stack.GatewayNLB, ID: stack.ID{Namespace: "shop", Name: "web"}}
}

// translated is a Gateway shop/web as translated: its own member and what is decided.
func translated(t testing.TB, key stack.Key, text string) (intent.Member, *Decisions) {
	t.Helper()
	return translatedBy(t, defaults(), key, text)
}

func translatedBy(t testing.TB, cfg Config, key stack.Key, text string) (intent.Member, *Decisions) {
	t.Helper()
	v := objects.FromObjects(decode(t, classes+text))
	l := Load(v, cfg, key)
	if l.State != Declared {
		t.Fatalf("state %v of:\n%s", l.State, text)
	}
	lb, d := Translate(v, cfg, l, false)
	return lb.Members[0], d
}

// findings are the codes and paths of diagnostics, without notes of the kind that is left out.
func findings(list diag.List) string {
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprintf("%s %s: %s", d.Code, d.Path, d.Text))
	}
	return strings.Join(out, "\n")
}

func TestTheStateOfAGatewayIsThatOfItsClassAndItsFinalizers(t *testing.T) {
	t.Parallel()
	const http, tcp = "listeners: [{name: a, port: 80, protocol: HTTP}]", "listeners: [{name: a, port: 80, protocol: TCP}]"
	for _, c := range []struct {
		name, meta, spec string
		alb, nlb         string
	}{
		{"of an ALB class", "", "gatewayClassName: alb, " + http, "wanted reports", "nothing"},
		{"of an NLB class", "", "gatewayClassName: nlb, " + tcp, "nothing", "wanted reports"},
		{"of an automatic class, HTTP", "", "gatewayClassName: auto, " + http, "wanted reports", "nothing"},
		{"of an automatic class, TCP", "", "gatewayClassName: auto, " + tcp, "nothing", "wanted reports"},
		{"of an automatic class, undecided", "", "gatewayClassName: auto, listeners: [{name: a, port: 80, protocol: " +
			"example.com/x}]", "nothing reports", "nothing"},
		{"undecided and deployed", "finalizers: [gateway.k8s.aws/nlb]",
			"gatewayClassName: auto, listeners: [{name: a, port: 80, protocol: example.com/x}]", "nothing", "wanted reports"},
		{"which has changed its family", "finalizers: [gateway.k8s.aws/alb]", "gatewayClassName: auto, " + tcp, "leaving",
			"nothing reports"},
		{"which has changed its family, with both load balancers", "finalizers: [gateway.k8s.aws/alb, gateway.k8s.aws/nlb]",
			"gatewayClassName: auto, " + tcp, "leaving", "wanted reports"},
		{"whose class was changed to NLB", "finalizers: [gateway.k8s.aws/alb]", "gatewayClassName: nlb, " + tcp, "leaving",
			"nothing reports"},
		{"of another controller", "", "gatewayClassName: other, " + http, "nothing", "nothing"},
		{"that moved to another controller", "finalizers: [gateway.k8s.aws/alb]", "gatewayClassName: other, " + http,
			"leaving", "nothing"},
		{"without class", "", "gatewayClassName: gone, " + http, "nothing", "nothing"},
		{"deployed whose class is gone", "finalizers: [gateway.k8s.aws/alb]", "gatewayClassName: gone, " + http,
			"wanted held reports", "nothing"},
		{"whose configuration is gone", "", "gatewayClassName: alb, infrastructure: {parametersRef: {group: " +
			"gateway.k8s.aws, kind: LoadBalancerConfiguration, name: gone}}, " + http, "wanted held reports", "nothing"},
		{"being deleted", "deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [gateway.k8s.aws/alb]",
			"gatewayClassName: alb, " + http, "leaving", "nothing"},
		{"being deleted whose class and configuration are gone",
			"deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [gateway.k8s.aws/alb]",
			"gatewayClassName: gone, infrastructure: {parametersRef: {group: g, kind: K, name: gone}}, " + http,
			"leaving", "nothing"},
		{"being deleted that never was deployed", "deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [example.com/x]",
			"gatewayClassName: alb, " + http, "nothing", "nothing"},
	} {
		v := objects.FromObjects(decode(t, classes+"Gateway shop/web {metadata: {"+c.meta+"}, spec: {"+c.spec+"}}"))
		for key, want := range map[stack.Key]string{albKey(): c.alb, nlbKey(): c.nlb} {
			l := Load(v, defaults(), key)
			got := map[State]string{Nothing: "nothing", Declared: "wanted", Leaving: "leaving"}[l.State]
			if l.Unknown != nil && l.State == Declared {
				got += " held"
			}
			if l.Reports {
				got += " reports"
			}
			if got != want {
				t.Errorf("a Gateway %s, %s: %s, want %s", c.name, key.Owner, got, want)
			}
		}
	}
	if l := Load(objects.FromObjects(decode(t, classes)), defaults(), albKey()); l.State != Nothing || l.Gateway != nil {
		t.Errorf("a Gateway that does not exist: %+v", l)
	}
}

func TestAClassWhoseGateIsOffIsNotManaged(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Auto = ""
	v := objects.FromObjects(decode(t, classes+"Gateway shop/web {spec: {gatewayClassName: auto, listeners: [{name: a, "+
		"port: 80, protocol: HTTP}]}}\nGatewayClass empty {}"))
	if l := Load(v, cfg, albKey()); l.State != Nothing || l.Reports {
		t.Error(l.State, l.Reports)
	}
	if empty, _ := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", "empty"); cfg.Manages(empty) {
		t.Error("a class without a controller is managed")
	}
}

func TestParametersAreCheckedByGroupKindNamespaceAndExistence(t *testing.T) {
	t.Parallel()
	const lbc = "{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: "
	for _, c := range []struct{ name, class, own, objects, want string }{
		{"none", "", "", "", ""},
		{"both", lbc + "base}", "{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: own}",
			"LoadBalancerConfiguration infra/base {}\nLoadBalancerConfiguration shop/own {}", ""},
		{"no namespace", "{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: base}", "",
			"LoadBalancerConfiguration infra/base {}", "GatewayClass c: spec.parametersRef has no namespace"},
		{"a kind", "{group: '', kind: ConfigMap, namespace: infra, name: base}", "",
			"LoadBalancerConfiguration infra/base {}", `GatewayClass c: spec.parametersRef names a ConfigMap of group ""`},
		{"a class's that is missing", lbc + "gone}", "", "",
			"names LoadBalancerConfiguration infra/gone, which does not exist"},
		{"a Gateway's group", "", "{group: example.com, kind: LoadBalancerConfiguration, name: own}",
			"LoadBalancerConfiguration shop/own {}", "spec.infrastructure.parametersRef names a LoadBalancerConfiguration of " +
				"group \"example.com\""},
		{"a Gateway's in another namespace", "", "{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: base}",
			"LoadBalancerConfiguration infra/base {}", "shop/base, which does not exist"},
		{"default target groups", lbc + "base}", "", "LoadBalancerConfiguration infra/base {spec: " +
			"{defaultTargetGroupConfiguration: {name: tg}}}\nTargetGroupConfiguration infra/tg {}", ""},
		{"default target groups that are missing", lbc + "base}", "",
			"LoadBalancerConfiguration infra/base {spec: {defaultTargetGroupConfiguration: {name: " +
				"tg}}}\nTargetGroupConfiguration shop/tg {}", "names TargetGroupConfiguration tg, which does not exist in " +
				"namespace infra"},
		{"default target groups of a Service", lbc + "base}", "",
			"LoadBalancerConfiguration infra/base {spec: {defaultTargetGroupConfiguration: {name: " +
				"tg}}}\nTargetGroupConfiguration infra/tg {spec: {targetReference: {name: web}}}",
			"which sets targetReference: remove the field"},
	} {
		class, own := "", ""
		if c.class != "" {
			class = ", parametersRef: " + c.class
		}
		if c.own != "" {
			own = ", infrastructure: {parametersRef: " + c.own + "}"
		}
		text := "GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb" + class +
			"}}\nGateway shop/web {spec: {gatewayClassName: c" + own + ", listeners: [{name: a, port: 80, protocol: HTTP}]}}\n" +
			c.objects
		v := objects.FromObjects(decode(t, text))
		l := Load(v, defaults(), albKey())
		switch {
		case c.want == "" && l.Unknown != nil:
			t.Errorf("%s: %v", c.name, l.Unknown)
		case c.want != "" && (l.Unknown == nil || l.Unknown.Reason != "InvalidParameters" ||
			!strings.Contains(l.Unknown.Message, c.want)):
			t.Errorf("%s: %+v, want %s", c.name, l.Unknown, c.want)
		}
		lb, _ := Translate(v, defaults(), l, false)
		if m := lb.Members[0]; m.Former != (c.want != "") || m.Authority != intent.Deciding {
			t.Errorf("%s: held %v, authority %s", c.name, m.Former, m.Authority)
		}
	}
}

func TestDeletionProtectionOfConfigurations(t *testing.T) {
	t.Parallel()
	const gw = "GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: {group: gateway.k8s.aws, " +
		"kind: LoadBalancerConfiguration, namespace: infra, name: base}}}\n" +
		"Gateway shop/web {metadata: {deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [gateway.k8s.aws/alb]}, spec: " +
		"{gatewayClassName: c, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, " +
		"name: own}}, listeners: [{name: a, port: 80, protocol: HTTP}]}}\n"
	attribute := func(v string) string {
		return "{spec: {loadBalancerAttributes: [{key: deletion_protection.enabled, value: '" + v + "'}]}}\n"
	}
	for _, c := range []struct {
		name, objects string
		set, on       bool
	}{
		{"none", "", false, false},
		{"the class's", "LoadBalancerConfiguration infra/base " + attribute("true"), true, true},
		{"the class's first", "LoadBalancerConfiguration infra/base " + attribute("false") +
			"LoadBalancerConfiguration shop/own " + attribute("true"), true, false},
		{"the Gateway's", "LoadBalancerConfiguration shop/own " + attribute("true"), true, true},
		{"neither true nor false", "LoadBalancerConfiguration shop/own " + attribute("maybe"), false, false},
	} {
		l := Load(objects.FromObjects(decode(t, gw+c.objects)), defaults(), albKey())
		if f := l.DeletionProtection(); f.Set != c.set || f.Value != c.on || l.State != Leaving {
			t.Errorf("%s: %+v, state %v", c.name, f, l.State)
		}
	}
}

func TestGatewaysHaveTheNamesOfTheContract(t *testing.T) {
	t.Parallel()
	id := stack.ID{Namespace: "shop-prod", Name: "web-gateway"}
	n := Names{UID: "2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50", Gateway: id}
	group := func(kind, namespace, name string, g intent.TargetGroup) string {
		g.Object = diag.Object{Kind: kind, Namespace: namespace, Name: name}
		return n.TargetGroup("my-cluster", id, &g)
	}
	for want, got := range map[string]string{
		"k8s-shopprod-webgatew-4a42a4aa65": n.LoadBalancer("my-cluster", id, stack.InternetFacing),
		"k8s-shopprod-webgatew-7f166c0d60": n.LoadBalancer("my-cluster", id, stack.Internal),
		"k8s-shopprod-webgatew-ad4d90d5f3": n.SecurityGroup("my-cluster", id),
		"k8s-shopprod-shoprout-f057e4dbea": group("HTTPRoute", "shop-prod", "shop-route",
			intent.TargetGroup{ServiceNamespace: "shop-prod", ServiceName: "shop-v1", TargetPort: "8080", Port: 8080,
				TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1"}),
		"k8s-shopprod-shoprout-ce0c90af81": group("HTTPRoute", "shop-prod", "shop-route",
			intent.TargetGroup{ServiceNamespace: "shop-prod", ServiceName: "shop-v1", TargetPort: "http", Port: 1,
				TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1"}),
		"k8s-shopprod-shoprout-2c684c045f": group("HTTPRoute", "shop-prod", "shop-route",
			intent.TargetGroup{ServiceNamespace: "shop-prod", ServiceName: "shop-v1", TargetPort: "31380", Port: 31380,
				TargetType: "instance", Protocol: "HTTP", ProtocolVersion: "HTTP1"}),
		"k8s-shopprod-tcproute-3da0af9ab2": group("TCPRoute", "shop-prod", "tcp-route",
			intent.TargetGroup{ServiceNamespace: "shop-prod", ServiceName: "db", TargetPort: "5432", Port: 5432,
				TargetType: "ip", Protocol: "TCP"}),
		"shop-prod/web-gateway:shop-prod-shop-route:HTTPRoute-": strings.Join(
			n.TargetGroups(diag.Object{Kind: "HTTPRoute", Namespace: "shop-prod", Name: "shop-route"}), ", "),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if FamilyOf(Owner(attachment.Network)) != attachment.Network || FamilyOf(Owner(attachment.Application)) !=
		attachment.Application {
		t.Error("families and owners do not correspond")
	}
}

func day() metav1.Time { return metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) }

// TestRoutesOpenNoPorts has a Gateway whose routes are members that may have rules only: a former version of one may
// name a port that is gone.
func TestRoutesOpenNoPorts(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(decode(t, classes+"Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, "+
		"port: 80, protocol: HTTP}]}}"))
	lb, _ := Translate(v, defaults(), Load(v, defaults(), albKey()), false)
	if !lb.FixedPorts || len(lb.Members) == 0 {
		t.Errorf("%+v", lb)
	}
}

// TestRouteThatAttachesNowhereIsTold has parentRefs that attach to no listener: each has one finding, at its field.
func TestRouteThatAttachesNowhereIsTold(t *testing.T) {
	t.Parallel()
	_, d := translated(t, albKey(), `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP, hostname: a.test}]}}
HTTPRoute shop/right {spec: {parentRefs: [{name: web}]}}
HTTPRoute shop/named {spec: {parentRefs: [{name: web, sectionName: a}, {name: web, sectionName: b}, {name: web, port: 90}]}}
HTTPRoute shop/hosts {spec: {parentRefs: [{name: web}], hostnames: [b.test]}}
GRPCRoute shop/grpc {spec: {parentRefs: [{name: web}]}}
HTTPRoute other/far {spec: {parentRefs: [{name: web, namespace: shop}]}}`)
	want := map[string]string{
		"GRPCRoute shop/grpc spec.parentRefs[0]":  "listener a admits no routes of kind GRPCRoute",
		"HTTPRoute shop/named spec.parentRefs[1]": "Gateway shop/web has no listener named b",
		"HTTPRoute shop/named spec.parentRefs[2]": "Gateway shop/web has no listener on port 90",
		"HTTPRoute shop/hosts spec.parentRefs[0]": "listener a has hostname a.test, which none of the route's hostnames matches",
		"HTTPRoute other/far spec.parentRefs[0]": "listener a admits no routes of namespace other " +
			"(allowedRoutes.namespaces.from is Same)",
	}
	got := 0
	for _, f := range d.Findings {
		if f.Code != diag.RouteNotAttached {
			continue
		}
		got++
		at := f.Object.Kind + " " + f.Object.Namespace + "/" + f.Object.Name + " " + f.Path
		if f.Text != want[at]+"; the route serves nothing there" || f.Remedy == "" ||
			(f.Remedy == "attach the route to a listener of protocol HTTPS") != (f.Object.Kind == "GRPCRoute") {
			t.Errorf("%s: %s; %s", at, f.Text, f.Remedy)
		}
	}
	if got != len(want) {
		t.Errorf("%d findings, want %d: %+v", got, len(want), d.Findings)
	}
}

// TestUnattachedRoutesOfOthersAreTold has a namespace that no listener admits name the Gateway by more routes and
// ListenerSets than get a finding. Its routes are no parts of the load balancer: `lbc wait` of the Gateway would read
// them, and of a true part it would not end.
func TestUnattachedRoutesOfOthersAreTold(t *testing.T) {
	t.Parallel()
	text := "\nGateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP, " +
		"allowedRoutes: {namespaces: {from: Same}}}]}}\nHTTPRoute shop/lost {metadata: {creationTimestamp: 2026-01-02T00:00:00Z}, spec: " +
		"{parentRefs: [{name: web, sectionName: b}]}}\nHTTPRoute shop/served {spec: {parentRefs: [{name: web}]}}" +
		"\nListenerSet zone/set {spec: {parentRef: {name: web, namespace: shop}, listeners: []}}"
	for i := range 2 * mostUnattached {
		text += fmt.Sprintf("\nGRPCRoute mal/evil%d {metadata: {creationTimestamp: 2026-01-01T00:00:00Z}, spec: "+
			"{parentRefs: [{name: web, namespace: shop}]}}\nListenerSet mal/evil%d {spec: {parentRef: {name: web, namespace: "+
			"shop}, listeners: []}}", i, i)
	}
	_, d := translated(t, albKey(), text)
	told := map[string]int{}
	for _, f := range d.Findings {
		told[f.Object.Namespace+" "+string(f.Code)]++
	}
	want := map[string]int{"shop RouteNotAttached": 1, "mal RouteNotAttached": mostUnattached - 1,
		"zone InvalidListener": 1, "mal InvalidListener": mostRejected - 1}
	for what, n := range want {
		if told[what] != n {
			t.Errorf("%d findings %s, want %d: %v", told[what], what, n, told)
		}
	}
	for _, o := range d.Parts() {
		if o.GetNamespace() != "shop" || o.GetName() != "served" {
			t.Errorf("%s/%s is a part", o.GetNamespace(), o.GetName())
		}
	}
	if len(d.Parts()) != 1 {
		t.Errorf("%d parts", len(d.Parts()))
	}
}
