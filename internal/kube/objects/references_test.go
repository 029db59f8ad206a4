package objects

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
)

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }

func parents(refs ...gatewayv1.ParentReference) gatewayv1.CommonRouteSpec {
	return gatewayv1.CommonRouteSpec{ParentRefs: refs}
}

func backendRef(kind, namespace, name string) gatewayv1.BackendRef {
	b := gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(name)}}
	if kind != "" {
		b.Kind = ptr.To(gatewayv1.Kind(kind))
	}
	if namespace != "" {
		b.Namespace = ptr.To(gatewayv1.Namespace(namespace))
	}
	return b
}

func TestReferencesAreWhatAnObjectNamesWithItsNamespace(t *testing.T) {
	t.Parallel()
	extension := &gatewayv1.LocalObjectReference{Group: "gateway.k8s.aws", Kind: "ListenerRuleConfiguration", Name: "auth"}
	gateway, set := gatewayv1.ParentReference{Name: "edge", Namespace: ptr.To(gatewayv1.Namespace("infra"))},
		gatewayv1.ParentReference{Name: "more", Kind: ptr.To(gatewayv1.Kind("ListenerSet"))}
	namesEdge := Ref{Gateway, "infra", "edge"}
	for name, c := range map[string]struct {
		object metav1.Object
		want   []Ref
	}{
		"an Ingress: its group, and finalizers": {
			&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web", Annotations: map[string]string{string(annotation.GroupName): "edge"},
				Finalizers: []string{"group.ingress.k8s.aws/former"},
			}},
			[]Ref{{Group, "", "edge"}, {Finalizer, "", "group.ingress.k8s.aws/former"}, {IngressClass, "", ""}},
		},
		"a Service: its group": {
			&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
				string(annotation.ServiceGroupName): "edge", string(annotation.GroupName): "no"}}},
			[]Ref{{Group, "", "edge"}},
		},
		"an HTTPRoute: parents, those of its status, backends and configurations": {
			&gatewayv1.HTTPRoute{ObjectMeta: meta("r"),
				Spec: gatewayv1.HTTPRouteSpec{
					CommonRouteSpec: parents(gateway, set, gateway, gatewayv1.ParentReference{Group: ptr.To(gatewayv1.Group("")),
						Kind: ptr.To(gatewayv1.Kind("Service")), Name: "mesh"}),
					Rules: []gatewayv1.HTTPRouteRule{{
						Filters: []gatewayv1.HTTPRouteFilter{{ExtensionRef: extension},
							{ExtensionRef: &gatewayv1.LocalObjectReference{Group: "other", Kind: "ListenerRuleConfiguration", Name: "x"}},
							{}},
						BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: backendRef("", "", "web")},
							{BackendRef: backendRef("Service", "other", "web")}, {BackendRef: backendRef("TargetGroupName", "", "tg")}},
					}},
				},
				Status: gatewayv1.HTTPRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: []gatewayv1.RouteParentStatus{
					{ParentRef: gateway}, {ParentRef: gatewayv1.ParentReference{Name: "former"}}}}}},
			[]Ref{namesEdge, {ListenerSet, "shop", "more"}, {Gateway, "shop", "former"}, {Service, "shop", "web"},
				{Service, "other", "web"}, {ListenerRuleConfiguration, "shop", "auth"}},
		},
		"a GRPCRoute": {
			&gatewayv1.GRPCRoute{ObjectMeta: meta("r"), Spec: gatewayv1.GRPCRouteSpec{CommonRouteSpec: parents(gateway),
				Rules: []gatewayv1.GRPCRouteRule{{
					Filters: []gatewayv1.GRPCRouteFilter{{ExtensionRef: extension}}, BackendRefs: []gatewayv1.GRPCBackendRef{
						{BackendRef: backendRef("", "", "greeter")}},
				}}}},
			[]Ref{namesEdge, {Service, "shop", "greeter"}, {ListenerRuleConfiguration, "shop", "auth"}},
		},
		"a TCPRoute with a Gateway as backend": {
			&gatewayv1.TCPRoute{ObjectMeta: meta("r"), Spec: gatewayv1.TCPRouteSpec{CommonRouteSpec: parents(gateway),
				Rules: []gatewayv1.TCPRouteRule{{BackendRefs: []gatewayv1.BackendRef{backendRef("Gateway", "", "alb")}}}}},
			[]Ref{namesEdge, {Gateway, "shop", "alb"}},
		},
		"a UDPRoute": {
			&gatewayv1.UDPRoute{ObjectMeta: meta("r"), Spec: gatewayv1.UDPRouteSpec{CommonRouteSpec: parents(gateway),
				Rules: []gatewayv1.UDPRouteRule{{BackendRefs: []gatewayv1.BackendRef{backendRef("", "", "dns")}}}}},
			[]Ref{namesEdge, {Service, "shop", "dns"}},
		},
		"a TLSRoute": {
			&gatewayv1.TLSRoute{ObjectMeta: meta("r"), Spec: gatewayv1.TLSRouteSpec{CommonRouteSpec: parents(gateway),
				Rules: []gatewayv1.TLSRouteRule{{BackendRefs: []gatewayv1.BackendRef{backendRef("", "", "vault")}}}}},
			[]Ref{namesEdge, {Service, "shop", "vault"}},
		},
		"a ListenerSet": {
			&gatewayv1.ListenerSet{ObjectMeta: meta("s"), Spec: gatewayv1.ListenerSetSpec{
				ParentRef: gatewayv1.ParentGatewayReference{Name: "edge"},
				Listeners: []gatewayv1.ListenerEntry{
					{TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "tls"}}}}, {}}}},
			[]Ref{{Gateway, "shop", "edge"}, {Secret, "shop", "tls"}},
		},
		"a Gateway: class, configuration, certificates and authorities": {
			&gatewayv1.Gateway{ObjectMeta: meta("g"), Spec: gatewayv1.GatewaySpec{GatewayClassName: "alb",
				Infrastructure: &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
					Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "public"}},
				Listeners: []gatewayv1.Listener{
					{TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{
						{Name: "tls", Namespace: ptr.To(gatewayv1.Namespace("certs"))}}}}},
				TLS: &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{
					Default: gatewayv1.TLSConfig{Validation: &gatewayv1.FrontendTLSValidation{
						CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: "ca"}}}},
					PerPort: []gatewayv1.TLSPortConfig{
						{TLS: gatewayv1.TLSConfig{Validation: &gatewayv1.FrontendTLSValidation{
							CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "Secret", Name: "ca2"}}}}}, {}},
				}}}},
			[]Ref{{GatewayClass, "", "alb"}, {LoadBalancerConfiguration, "shop", "public"}, {Secret, "certs", "tls"},
				{ConfigMap, "shop", "ca"}, {Secret, "shop", "ca2"}},
		},
		"a Gateway whose configuration is of another kind": {
			&gatewayv1.Gateway{ObjectMeta: meta("g"), Spec: gatewayv1.GatewaySpec{GatewayClassName: "alb",
				Infrastructure: &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
					Kind: "Pod", Name: "public"}}}},
			[]Ref{{GatewayClass, "", "alb"}},
		},
		"a GatewayClass": {
			&gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: gatewayv1.GatewayClassSpec{
				ParametersRef: &gatewayv1.ParametersReference{
					Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Namespace: ptr.To(gatewayv1.Namespace("infra")),
					Name: "public"}}},
			[]Ref{{LoadBalancerConfiguration, "infra", "public"}},
		},
		"a GatewayClass whose configuration has no namespace": {
			&gatewayv1.GatewayClass{Spec: gatewayv1.GatewayClassSpec{ParametersRef: &gatewayv1.ParametersReference{
				Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "public"}}}, nil,
		},
		"a LoadBalancerConfiguration": {
			&lbcgatewayv1.LoadBalancerConfiguration{ObjectMeta: meta("c"), Spec: lbcgatewayv1.LoadBalancerConfigurationSpec{
				DefaultTargetGroupConfiguration: &lbcgatewayv1.DefaultTargetGroupConfiguration{Name: "ip"}}},
			[]Ref{{TargetGroupConfiguration, "shop", "ip"}},
		},
		"a TargetGroupConfiguration": {
			&lbcgatewayv1.TargetGroupConfiguration{ObjectMeta: meta("c"), Spec: lbcgatewayv1.TargetGroupConfigurationSpec{
				TargetReference: &lbcgatewayv1.TargetReference{Name: "web"}}},
			[]Ref{{Service, "shop", "web"}},
		},
		"a TargetGroupConfiguration of a Gateway": {
			&lbcgatewayv1.TargetGroupConfiguration{ObjectMeta: meta("c"), Spec: lbcgatewayv1.TargetGroupConfigurationSpec{
				TargetReference: &lbcgatewayv1.TargetReference{Kind: ptr.To("Gateway"), Name: "alb"}}},
			[]Ref{{Gateway, "shop", "alb"}},
		},
		"a TargetGroupConfiguration of a Service with the group of other objects, which the existing controller " +
			"does not check": {
			&lbcgatewayv1.TargetGroupConfiguration{ObjectMeta: meta("c"), Spec: lbcgatewayv1.TargetGroupConfigurationSpec{
				TargetReference: &lbcgatewayv1.TargetReference{Group: ptr.To("example.com"), Kind: ptr.To("Service"),
					Name: "web"}}},
			[]Ref{{Service, "shop", "web"}},
		},
		"a TargetGroupConfiguration of another kind": {
			&lbcgatewayv1.TargetGroupConfiguration{ObjectMeta: meta("c"), Spec: lbcgatewayv1.TargetGroupConfigurationSpec{
				TargetReference: &lbcgatewayv1.TargetReference{Group: ptr.To("example.com"), Kind: ptr.To("Widget"), Name: "web"}}},
			[]Ref{{Kind("Widget"), "shop", "web"}},
		},
		"a TargetGroupConfiguration that is a default": {&lbcgatewayv1.TargetGroupConfiguration{}, nil},
		"an Ingress with a class": {
			&networkingv1.Ingress{ObjectMeta: meta("i"), Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}},
			[]Ref{{IngressClass, "", "alb"}},
		},
		"the default IngressClass, with parameters": {
			&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb", Annotations: map[string]string{
				networkingv1.AnnotationIsDefaultIngressClass: "true"}}, Spec: networkingv1.IngressClassSpec{
				Parameters: &networkingv1.IngressClassParametersReference{Name: "public"}}},
			[]Ref{{IngressClass, "", ""}, {IngressClassParams, "", "public"}},
		},
		"IngressClassParams of a group": {
			&v1beta1.IngressClassParams{Spec: v1beta1.IngressClassParamsSpec{Group: &v1beta1.IngressGroup{Name: "edge"}}},
			[]Ref{{Group, "", "edge"}},
		},
		"a ReferenceGrant: whom it permits references": {
			&gatewayv1beta1.ReferenceGrant{ObjectMeta: meta("g"), Spec: gatewayv1beta1.ReferenceGrantSpec{
				From: []gatewayv1.ReferenceGrantFrom{{Kind: "HTTPRoute", Namespace: "apps"}, {Kind: "HTTPRoute",
					Namespace: "apps"}}}},
			[]Ref{{HTTPRoute, "apps", "shop"}, {HTTPRoute, "apps", ""}},
		},
		"a Service": {&corev1.Service{ObjectMeta: meta("web")}, nil},
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

// TestManyReferencesCostInProportion has a ListenerSet name as many Secrets as the Gateway API admits. Each event of the
// kind waits until its references are in the index.
func TestManyReferencesCostInProportion(t *testing.T) {
	t.Parallel()
	set := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: "set"}}
	for i := range 64 {
		l := gatewayv1.ListenerEntry{TLS: &gatewayv1.ListenerTLSConfig{}}
		for j := range 64 {
			name := gatewayv1.ObjectName(fmt.Sprint("secret-", i*64+j))
			l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, gatewayv1.SecretObjectReference{Name: name},
				gatewayv1.SecretObjectReference{Name: name})
		}
		set.Spec.Listeners = append(set.Spec.Listeners, l)
	}
	var refs []Ref
	if took := cputime.Of(func() { refs = References(set) }); took > 60*time.Millisecond {
		t.Errorf("the references take %s", took)
	}
	if len(refs) != 64*64 {
		t.Errorf("%d references", len(refs))
	}
}
