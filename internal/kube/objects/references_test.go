package objects

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }

func parents(refs ...gatewayv1.ParentReference) gatewayv1.CommonRouteSpec {
	return gatewayv1.CommonRouteSpec{ParentRefs: refs}
}

// parsed is an object in YAML; it is in namespace shop, unless its kind has no namespaces.
func parsed[T any, P interface {
	*T
	metav1.Object
}](t *testing.T, text string) metav1.Object {
	t.Helper()
	o := P(new(T))
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	switch any(o).(type) {
	case *networkingv1.IngressClass, *v1beta1.IngressClassParams, *gatewayv1.GatewayClass:
	default:
		o.SetNamespace("shop")
	}
	return o
}

// edge is a Gateway as routes name it, and namesEdge the reference to it.
const edge = "{name: edge, namespace: infra}"

var namesEdge = Ref{Gateway, "infra", "edge"}

func TestReferencesAreWhatAnObjectNamesWithItsNamespace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object metav1.Object
		want   []Ref
	}{
		"an Ingress: its group, and finalizers": {parsed[networkingv1.Ingress](t, "metadata: {annotations: {"+
			string(annotation.GroupName)+": edge}, finalizers: [group.ingress.k8s.aws/former]}"),
			[]Ref{{Group, "", "edge"}, {Finalizer, "", "group.ingress.k8s.aws/former"}, {IngressClass, "", ""}}},
		"a Service: its group": {parsed[corev1.Service](t, "metadata: {annotations: {"+string(annotation.ServiceGroupName)+
			": edge, "+string(annotation.GroupName)+": other}}"), []Ref{{Group, "", "edge"}}},
		"a ListenerSet": {parsed[gatewayv1.ListenerSet](t, "spec: {parentRef: {name: edge}, listeners: [{tls: "+
			"{certificateRefs: [{name: tls}]}}, {}]}"), []Ref{{Gateway, "shop", "edge"}, {Secret, "shop", "tls"}}},
		"an Ingress with a class": {parsed[networkingv1.Ingress](t, "spec: {ingressClassName: alb}"),
			[]Ref{{IngressClass, "", "alb"}}},
		"the default IngressClass, with parameters": {parsed[networkingv1.IngressClass](t, "metadata: {name: alb, "+
			"annotations: {"+networkingv1.AnnotationIsDefaultIngressClass+`: "true"}}`+"\nspec: {parameters: {name: public}}"),
			[]Ref{{IngressClass, "", ""}, {IngressClassParams, "", "public"}}},
		"IngressClassParams of a group": {parsed[v1beta1.IngressClassParams](t, "spec: {group: {name: edge}}"),
			[]Ref{{Group, "", "edge"}}},
		"a ReferenceGrant: whom it permits references": {parsed[gatewayv1beta1.ReferenceGrant](t, "spec: {from: ["+
			"{kind: HTTPRoute, namespace: apps}, {kind: HTTPRoute, namespace: apps}]}"),
			[]Ref{{HTTPRoute, "apps", "shop"}, {HTTPRoute, "apps", ""}}},
		"a Service": {parsed[corev1.Service](t, "metadata: {name: web}"), nil},
	} {
		if d := cmp.Diff(c.want, References(c.object)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestReferencesOfRoutes(t *testing.T) {
	t.Parallel()
	const extension = "{extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: auth}}"
	for name, c := range map[string]struct {
		object metav1.Object
		want   []Ref
	}{
		"an HTTPRoute: parents, those of its status, backends and configurations": {
			parsed[gatewayv1.HTTPRoute](t, `
spec:
  parentRefs: [`+edge+`, {name: more, kind: ListenerSet}, `+edge+`, {group: "", kind: Service, name: mesh}]
  rules:
  - filters: [`+extension+`, {extensionRef: {group: other, kind: ListenerRuleConfiguration, name: x}}, {}]
    backendRefs: [{name: web}, {kind: Service, namespace: other, name: web}, {kind: TargetGroupName, name: tg}]
status: {parents: [{parentRef: `+edge+`}, {parentRef: {name: former}}]}`),
			[]Ref{namesEdge, {ListenerSet, "shop", "more"}, {Gateway, "shop", "former"}, {Service, "shop", "web"},
				{Service, "other", "web"}, {ListenerRuleConfiguration, "shop", "auth"}}},
		"a GRPCRoute": {parsed[gatewayv1.GRPCRoute](t, "spec: {parentRefs: ["+edge+"], rules: [{filters: ["+extension+
			"], backendRefs: [{name: greeter}]}]}"),
			[]Ref{namesEdge, {Service, "shop", "greeter"}, {ListenerRuleConfiguration, "shop", "auth"}}},
		"a TCPRoute with a Gateway as backend": {parsed[gatewayv1.TCPRoute](t, "spec: {parentRefs: ["+edge+
			"], rules: [{backendRefs: [{kind: Gateway, name: alb}]}]}"), []Ref{namesEdge, {Gateway, "shop", "alb"}}},
		"a UDPRoute": {parsed[gatewayv1.UDPRoute](t, "spec: {parentRefs: ["+edge+"], rules: [{backendRefs: [{name: dns}]}]}"),
			[]Ref{namesEdge, {Service, "shop", "dns"}}},
		"a TLSRoute": {parsed[gatewayv1.TLSRoute](t, "spec: {parentRefs: ["+edge+
			"], rules: [{backendRefs: [{name: vault}]}]}"), []Ref{namesEdge, {Service, "shop", "vault"}}},
	} {
		if d := cmp.Diff(c.want, References(c.object)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestReferencesOfGatewaysAndTheirConfigurations(t *testing.T) {
	t.Parallel()
	target := func(reference string) metav1.Object {
		return parsed[lbcgatewayv1.TargetGroupConfiguration](t, "spec: {targetReference: "+reference+"}")
	}
	for name, c := range map[string]struct {
		object metav1.Object
		want   []Ref
	}{
		"a Gateway: class, configuration, certificates and authorities": {parsed[gatewayv1.Gateway](t, `
spec:
  gatewayClassName: alb
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: public}}
  listeners: [{tls: {certificateRefs: [{name: tls, namespace: certs}]}}]
  tls:
    frontend:
      default: {validation: {caCertificateRefs: [{kind: ConfigMap, name: ca}]}}
      perPort: [{tls: {validation: {caCertificateRefs: [{kind: Secret, name: ca2}]}}}, {}]`),
			[]Ref{{GatewayClass, "", "alb"}, {LoadBalancerConfiguration, "shop", "public"}, {Secret, "certs", "tls"},
				{ConfigMap, "shop", "ca"}, {Secret, "shop", "ca2"}}},
		"a Gateway whose configuration is of another kind": {parsed[gatewayv1.Gateway](t, "spec: {gatewayClassName: alb, "+
			"infrastructure: {parametersRef: {kind: Pod, name: public}}}"), []Ref{{GatewayClass, "", "alb"}}},
		"a GatewayClass": {parsed[gatewayv1.GatewayClass](t, "spec: {parametersRef: {group: gateway.k8s.aws, "+
			"kind: LoadBalancerConfiguration, namespace: infra, name: public}}"),
			[]Ref{{LoadBalancerConfiguration, "infra", "public"}}},
		"a GatewayClass whose configuration has no namespace": {parsed[gatewayv1.GatewayClass](t, "spec: {parametersRef: "+
			"{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: public}}"), nil},
		"a LoadBalancerConfiguration": {parsed[lbcgatewayv1.LoadBalancerConfiguration](t,
			"spec: {defaultTargetGroupConfiguration: {name: ip}}"), []Ref{{TargetGroupConfiguration, "shop", "ip"}}},
		"a TargetGroupConfiguration":              {target("{name: web}"), []Ref{{Service, "shop", "web"}}},
		"a TargetGroupConfiguration of a Gateway": {target("{kind: Gateway, name: alb}"), []Ref{{Gateway, "shop", "alb"}}},
		"a TargetGroupConfiguration of a Service with the group of other objects, which the existing controller " +
			"does not check": {target("{group: example.com, kind: Service, name: web}"), []Ref{{Service, "shop", "web"}}},
		"a TargetGroupConfiguration of another kind": {target("{group: example.com, kind: Widget, name: web}"),
			[]Ref{{Kind("Widget"), "shop", "web"}}},
		"a TargetGroupConfiguration that is a default": {parsed[lbcgatewayv1.TargetGroupConfiguration](t, "{}"), nil},
	} {
		if d := cmp.Diff(c.want, References(c.object)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestObjectsAreFoundByWhatTheyName(t *testing.T) {
	t.Parallel()
	route := func(namespace, name, gateway string) *gatewayv1.HTTPRoute {
		return &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: parents(
				gatewayv1.ParentReference{Name: gatewayv1.ObjectName(gateway), Namespace: ptr.To(gatewayv1.Namespace("infra"))})}}
	}
	v := FromObjects([]metav1.Object{route("shop", "b", "edge"), route("shop", "a", "edge"), route("a", "z", "edge"),
		route("shop", "c", "other")})
	to := Ref{Gateway, "infra", "edge"}
	var got []string
	for _, r := range Naming[*gatewayv1.HTTPRoute](v, HTTPRoute, to) {
		got = append(got, r.Namespace+"/"+r.Name)
	}
	if d := cmp.Diff([]string{"a/z", "shop/a", "shop/b"}, got); d != "" {
		t.Error(d)
	}
	if n := len(Naming[*gatewayv1.GRPCRoute](v, GRPCRoute, to)); n != 0 || !v.Serves(GRPCRoute) {
		t.Error(n, "GRPCRoutes")
	}
	want := []Read{{Kind: GRPCRoute, Names: to}, {Kind: HTTPRoute, Names: to}}
	if d := cmp.Diff(want, v.Reads()); d != "" {
		t.Error(d)
	}
	read := want[1]
	for name, c := range map[string]struct {
		change Change
		want   bool
	}{
		"created":         {ChangeOf(HTTPRoute, nil, route("x", "y", "edge")), true},
		"deleted":         {ChangeOf(HTTPRoute, route("x", "y", "edge"), nil), true},
		"attached":        {ChangeOf(HTTPRoute, route("x", "y", "other"), route("x", "y", "edge")), true},
		"detached":        {ChangeOf(HTTPRoute, route("x", "y", "edge"), route("x", "y", "other")), true},
		"of another one":  {ChangeOf(HTTPRoute, route("x", "y", "other"), route("x", "y", "another")), false},
		"of another kind": {ChangeOf(GRPCRoute, nil, route("x", "y", "edge")), false},
		"of the named one": {
			ChangeOf(Gateway, nil, &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "edge"}}), false},
	} {
		if got := read.Matches(c.change); got != c.want {
			t.Errorf("a route %s: %v", name, got)
		}
	}
}

func grant(f func(*gatewayv1beta1.ReferenceGrant)) *gatewayv1beta1.ReferenceGrant {
	g := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "backend", Name: "g"}}
	g.Spec.From = []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: "shop"}}
	g.Spec.To = []gatewayv1.ReferenceGrantTo{{Kind: "Service"}}
	f(g)
	return g
}

func TestAReferenceGrantPermitsAReferenceToAnotherNamespace(t *testing.T) {
	t.Parallel()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "backend", Name: "web"}}
	to := Ref{Service, "backend", "web"}
	for name, c := range map[string]struct {
		from  From
		grant *gatewayv1beta1.ReferenceGrant
		want  bool
	}{
		"any Service": {From{HTTPRoute, "shop"}, grant(func(*gatewayv1beta1.ReferenceGrant) {}), true},
		"the Service by name": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.To[0].Name = ptr.To(gatewayv1.ObjectName("web")) }), true},
		"another Service by name": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.To[0].Name = ptr.To(gatewayv1.ObjectName("x")) }), false},
		"another kind of object": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.To[0].Kind = "Secret" }), false},
		"another group of objects": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.To[0].Group = "x" }), false},
		"routes of another kind": {From{GRPCRoute, "shop"}, grant(func(*gatewayv1beta1.ReferenceGrant) {}), false},
		"routes of another group": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.From[0].Group = "" }), false},
		"another namespace": {From{HTTPRoute, "other"}, grant(func(*gatewayv1beta1.ReferenceGrant) {}), false},
		"a grant elsewhere": {From{HTTPRoute, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Namespace = "shop" }), false},
		"no grants for Ingresses": {From{Ingress, "shop"},
			grant(func(g *gatewayv1beta1.ReferenceGrant) { g.Spec.From[0].Kind = "Ingress" }), false},
		"two froms and two tos": {From{HTTPRoute, "shop"}, grant(func(g *gatewayv1beta1.ReferenceGrant) {
			g.Spec.From = append([]gatewayv1.ReferenceGrantFrom{{}}, g.Spec.From...)
			g.Spec.To = append([]gatewayv1.ReferenceGrantTo{{}}, g.Spec.To...)
		}), true},
	} {
		v := FromObjects([]metav1.Object{service, c.grant})
		_, err := Get[*corev1.Service](v, c.from, to)
		var foreign *ForeignError
		if c.want != (err == nil) || !c.want && !errors.As(err, &foreign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithoutAGrantNothingIsLearnedOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	from, to := From{HTTPRoute, "shop"}, Ref{Service, "backend", "web"}
	present,
		absent := FromObjects([]metav1.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "backend", Name: "web"}}}), FromObjects([]metav1.Object{})
	_, a := Get[*corev1.Service](present, from, to)
	_, b := Get[*corev1.Service](absent, from, to)
	const text = "No explicit ReferenceGrant exists to allow the reference."
	if a.Error() != text || b.Error() != text {
		t.Errorf("%q, %q", a, b)
	}
	if d := cmp.Diff([]Read{{Kind: ReferenceGrant, Names: Ref{HTTPRoute, "shop", "backend"}}}, present.Reads()); d != "" {
		t.Error(d)
	}
	permitted := FromObjects([]metav1.Object{grant(func(*gatewayv1beta1.ReferenceGrant) {})})
	if _, err := Get[*corev1.Service](permitted, from, to); !errors.Is(err, ErrAbsent) {
		t.Errorf("with a grant: %v", err)
	}
}

func TestClassesNameObjectsOfAnyNamespace(t *testing.T) {
	t.Parallel()
	v := FromObjects([]metav1.Object{&lbcgatewayv1.LoadBalancerConfiguration{ObjectMeta: meta("public")}})
	if _, err := Get[*lbcgatewayv1.LoadBalancerConfiguration](v, From{Kind: GatewayClass}, Ref{LoadBalancerConfiguration,
		"shop", "public"}); err != nil {
		t.Error(err)
	}
}
