package bench

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// population is what rows create by number: number i is served by app i.
type population struct {
	name    func(i int) string
	objects func(i int) []metav1.Object // declare number i
	// apps is how many apps serve a number, with a binding each; 0: one. Those of number i begin with app i*apps.
	apps int
	main schema.GroupVersionResource // whose status shows the load balancer
	// attribute changes an attribute of the load balancer of a number, n being one more than at the change before; path
	// adds a path before the first one; nil = no row does.
	attribute func(i, n int) edit
	path      func(i int) edit
	// port adds a port to the load balancer of a number; nil = no row does.
	port func(i int) edit
	// balanced is the Service of a number that has the endpoints of the app besides the app's own Service; nil: none.
	balanced func(i int) string
}

// edit is a patch of an object.
type edit struct {
	resource schema.GroupVersionResource
	name     string
	kind     types.PatchType
	patch    any
}

var (
	ingressResource       = networkingv1.SchemeGroupVersion.WithResource("ingresses")
	gatewayResource       = schema.GroupVersion(gatewayv1.GroupVersion).WithResource("gateways")
	routeResource         = schema.GroupVersion(gatewayv1.GroupVersion).WithResource("httproutes")
	serviceResource       = corev1.SchemeGroupVersion.WithResource("services")
	configurationResource = configv1.GroupVersion.WithResource("loadbalancerconfigurations")
)

func (p *population) appsEach() int { return max(1, p.apps) }

func app(i int) string      { return fmt.Sprintf("app-%03d", i) }
func member(i int) string   { return fmt.Sprintf("member-%03d", i) }
func balancer(i int) string { return fmt.Sprintf("balancer-%03d", i) }

// The populations.
var (
	// ingresses have a load balancer each.
	ingresses = &population{
		name: app, main: ingressResource, objects: func(i int) []metav1.Object {
			return []metav1.Object{ingress(app(i), app(i), "")}
		},
		attribute: func(i, n int) edit {
			return annotation(ingressResource, app(i), "alb.ingress.kubernetes.io/load-balancer-attributes",
				fmt.Sprintf("idle_timeout.timeout_seconds=%d", 60+n))
		},
		path: func(i int) edit {
			return edit{ingressResource, app(i), types.JSONPatchType, []map[string]any{
				{"op": "add", "path": "/spec/rules/0/http/paths/0", "value": pathTo("/api", app(i))}}}
		},
	}
	// members are Ingresses of one group.
	members = &population{
		name: member, main: ingressResource, objects: func(i int) []metav1.Object {
			return []metav1.Object{ingress(member(i), app(i), group)}
		},
	}
	// gateways have a load balancer and a route each.
	gateways = &population{
		name: app, main: gatewayResource, objects: gatewayWithRoute,
		attribute: func(i, n int) edit {
			return edit{configurationResource, app(i), types.MergePatchType, map[string]any{
				"spec": map[string]any{"loadBalancerAttributes": idleTimeout(60 + n)}}}
		},
		path: func(i int) edit {
			return edit{routeResource, app(i), types.JSONPatchType, []map[string]any{
				{"op": "add", "path": "/spec/rules/0", "value": ruleTo("/api", app(i))}}}
		},
	}
	// routes are of one Gateway, which the first one brings along.
	routes = &population{
		name: member, main: routeResource, objects: func(i int) []metav1.Object {
			out := []metav1.Object{route(member(i), app(i), group)}
			if i == 0 {
				out = append(out, gateway(group))
			}
			return out
		},
	}
	// services have an NLB each.
	services = &population{
		name: balancer, main: serviceResource, objects: func(i int) []metav1.Object {
			return []metav1.Object{service(balancer(i), app(i))}
		},
		balanced: balancer,
		attribute: func(i, n int) edit {
			return annotation(serviceResource, balancer(i), "service.beta.kubernetes.io/aws-load-balancer-attributes",
				"dns_record.client_routing_policy="+policies[n%len(policies)])
		},
		port: func(i int) edit {
			return edit{serviceResource, balancer(i), types.JSONPatchType, []map[string]any{
				{"op": "add", "path": "/spec/ports/-", "value": servicePort(morePort, 81)}}}
		},
	}
	populations = []*population{ingresses, members, gateways, routes, services, largestTenants, smallTenants}
)

// policies are values of an attribute of NLBs that differ from the one that AWS gives.
var policies = []string{"availability_zone_affinity", "partial_availability_zone_affinity"}

// configured is the Gateway with a configuration of its own, whose edit is measured.
const configured = many / 2

func gatewayWithRoute(i int) []metav1.Object {
	g := gateway(app(i))
	out := []metav1.Object{g, route(app(i), app(i), app(i))}
	if i == configured {
		g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
			Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "LoadBalancerConfiguration", Name: app(i),
		}}
		c := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Name: app(i)}}
		out = slices.Insert(out, 0,
			metav1.Object(typed(c, &c.TypeMeta, configv1.GroupVersion.WithKind("LoadBalancerConfiguration"))))
	}
	return out
}

// typed sets the kind of an object.
func typed[T any](o T, of *metav1.TypeMeta, kind schema.GroupVersionKind) T {
	of.SetGroupVersionKind(kind)
	return o
}

func annotation(resource schema.GroupVersionResource, name, key, value string) edit {
	return edit{resource, name, types.MergePatchType, map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{key: value}}}}
}

func idleTimeout(seconds int) []configv1.Attribute {
	return []configv1.Attribute{{Key: "idle_timeout.timeout_seconds", Value: fmt.Sprint(seconds)}}
}

// ingress is the object of every row: one host, one path, HTTP, ip targets.
func ingress(name, app, groupName string) *networkingv1.Ingress {
	i := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"alb.ingress.kubernetes.io/scheme":      "internet-facing",
			"alb.ingress.kubernetes.io/target-type": "ip",
		}},
		Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("alb"),
			Rules: []networkingv1.IngressRule{{
				Host: name + ".example.com",
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{pathTo("/", app)},
				}},
			}},
		},
	}
	if groupName != "" {
		i.Annotations["alb.ingress.kubernetes.io/group.name"] = groupName
	}
	return typed(i, &i.TypeMeta, networkingv1.SchemeGroupVersion.WithKind("Ingress"))
}

func pathTo(p, app string) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{
		Path: p, PathType: ptr.To(networkingv1.PathTypePrefix),
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: app, Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}
}

// The names of the ports of Services. The endpoints of an app have both.
const (
	firstPort = "http"
	morePort  = "more"
)

// service is that of a load balancer: one TCP port, ip targets.
func service(name, app string) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"service.beta.kubernetes.io/aws-load-balancer-scheme":          "internet-facing",
			"service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
		}},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: ptr.To("service.k8s.aws/nlb"),
			Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{servicePort(firstPort, 80)},
		},
	}
	return typed(s, &s.TypeMeta, corev1.SchemeGroupVersion.WithKind("Service"))
}

func servicePort(name string, number int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: number, TargetPort: intstr.FromInt32(port), Protocol: corev1.ProtocolTCP}
}

// gateway has one HTTP listener. Its class declares what annotations of an Ingress do.
func gateway(name string) *gatewayv1.Gateway {
	g := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: namespace, Listeners: []gatewayv1.Listener{
			{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}}},
	}
	return typed(g, &g.TypeMeta, schema.GroupVersion(gatewayv1.GroupVersion).WithKind("Gateway"))
}

// route has one host and one path.
func route(name, app, gateway string) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: gatewayv1.HTTPRouteSpec{
		CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{
			{Name: gatewayv1.ObjectName(gateway)}}},
		Hostnames: []gatewayv1.Hostname{gatewayv1.Hostname(name + ".example.com")},
		Rules:     []gatewayv1.HTTPRouteRule{ruleTo("/", app)},
	}}
	return typed(r, &r.TypeMeta, schema.GroupVersion(gatewayv1.GroupVersion).WithKind("HTTPRoute"))
}

func ruleTo(p, app string) gatewayv1.HTTPRouteRule {
	return gatewayv1.HTTPRouteRule{
		Matches: []gatewayv1.HTTPRouteMatch{
			{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: &p}}},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(app),
				Port: ptr.To[gatewayv1.PortNumber](80)},
		}}},
	}
}

// class is the class of all Gateways, with its configuration, which is in another namespace than they.
func class() []metav1.Object {
	targets := &configv1.TargetGroupConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: classNamespace,
		Name: namespace}, Spec: configv1.TargetGroupConfigurationSpec{
		DefaultConfiguration: configv1.TargetGroupProps{TargetType: ptr.To(configv1.TargetType("ip"))},
	}}
	balancer := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: classNamespace,
		Name: namespace}, Spec: configv1.LoadBalancerConfigurationSpec{
		Scheme:                          ptr.To(configv1.Scheme("internet-facing")),
		DefaultTargetGroupConfiguration: &configv1.DefaultTargetGroupConfiguration{Name: namespace},
	}}
	c := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: gatewayv1.GatewayClassSpec{
		ControllerName: "gateway.k8s.aws/alb",
		ParametersRef: &gatewayv1.ParametersReference{
			Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "LoadBalancerConfiguration",
			Namespace: ptr.To(gatewayv1.Namespace(classNamespace)), Name: namespace,
		},
	}}
	return []metav1.Object{
		typed(targets, &targets.TypeMeta, configv1.GroupVersion.WithKind("TargetGroupConfiguration")),
		typed(balancer, &balancer.TypeMeta, configv1.GroupVersion.WithKind("LoadBalancerConfiguration")),
		typed(c, &c.TypeMeta, schema.GroupVersion(gatewayv1.GroupVersion).WithKind("GatewayClass")),
	}
}
