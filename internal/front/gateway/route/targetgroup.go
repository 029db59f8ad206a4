package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// h2c is the appProtocol of a Service port that speaks HTTP/2 without TLS.
const h2c = "kubernetes.io/h2c"

// wss is the appProtocol of a Service port that speaks WebSocket over TLS.
const wss = "kubernetes.io/wss"

// maxName is AWS's limit of the name of a target group.
const maxName = 32

type props = lbcgatewayv1.TargetGroupProps

// group builds one target group of a route.
type group struct {
	t      *translation
	layers configuration.Layers[props]
	at     string // the backendRef
	svc    *corev1.Service
	site   *site
	last   *intent.TargetGroup // of the last valid version of the route; nil = it is not known
	*intent.TargetGroup
}

// propsOf are the properties of target groups of a backend for the route, and the backend's own
// TargetGroupConfiguration; nil = there is none. Several of one backend are a mistake: the first by name counts. last
// is the last version of the target group.
func (t *translation) propsOf(backend objects.Ref, last *intent.TargetGroup) (ls configuration.Layers[props],
	own *lbcgatewayv1.TargetGroupConfiguration) {
	kind, namespace, name, former := backend.Kind, backend.Namespace, backend.Name, ""
	if last != nil {
		former = last.Configuration
	}
	layers, all := Properties(t.in.View, t.in.Defaults, backend, t.configured(), former)
	const most = 8 // notes
	for i, c := range all[:min(len(all), most)] {
		if to := TargetOf(c); to != backend {
			t.ignoredOf(ObjectOf(c, "TargetGroupConfiguration"), "spec.targetReference", fmt.Sprintf("%s %s/%s does not exist; "+
				"the settings still apply to %s %s/%s", to.Kind, to.Namespace, to.Name, kind, namespace, name),
				"correct the reference; to reset the settings, delete the TargetGroupConfiguration")
		}
		if r := c.Spec.TargetReference; r != nil && r.Group != nil && *r.Group != "" && *r.Group != gatewayv1.GroupName {
			t.ignoredOf(ObjectOf(c, "TargetGroupConfiguration"), "spec.targetReference.group", "group has no effect: kind and "+
				"name decide", "remove it")
		}
		if i > 0 {
			t.ignoredOf(ObjectOf(c, "TargetGroupConfiguration"), "spec.targetReference",
				fmt.Sprintf("TargetGroupConfiguration %s already configures %s %s/%s, so this one has no effect", all[0].Name,
					kind, namespace, name), "delete one of the two")
		}
	}
	if len(all) > 0 {
		own = all[0]
	}
	return layers, own
}

// TargetOf returns the object that a TargetGroupConfiguration with a targetReference is about.
func TargetOf(c *lbcgatewayv1.TargetGroupConfiguration) objects.Ref {
	return objects.Ref{Kind: objects.Kind(cmp.Or(ptr.Deref(c.Spec.TargetReference.Kind, ""), string(objects.Service))),
		Namespace: c.Namespace, Name: c.Spec.TargetReference.Name}
}

// Stray reports whether a TargetGroupConfiguration with a targetReference is about an object that does not exist.
func Stray(v *objects.View, c *lbcgatewayv1.TargetGroupConfiguration) bool {
	to := TargetOf(c)
	if to.Kind != objects.Service && to.Kind != objects.Gateway {
		return true
	}
	_, exists := objects.Lookup[metav1.Object](v, to.Kind, to.Namespace, to.Name)
	return !exists && v.Why(to.Kind, to.Namespace, to.Name) == nil
}

// Properties returns the properties of target groups of a backend for a route, and the TargetGroupConfigurations that
// name the backend, of which the first counts. If none does, it is the former one while that names nothing that exists:
// such an edit is a mistake, for which no target group changes.
func Properties(v *objects.View, defaults configuration.Defaults, backend objects.Ref, of configuration.Route,
	former string) (configuration.Layers[props], []*lbcgatewayv1.TargetGroupConfiguration) {
	all := objects.Naming[*lbcgatewayv1.TargetGroupConfiguration](v, objects.TargetGroupConfiguration, backend)
	if len(all) == 0 && former != "" {
		c, ok := objects.Lookup[*lbcgatewayv1.TargetGroupConfiguration](v, objects.TargetGroupConfiguration,
			backend.Namespace, former)
		if ok && c.Spec.TargetReference != nil && Stray(v, c) {
			all = append(all, c)
		}
	}
	var own *lbcgatewayv1.TargetGroupConfiguration
	if len(all) > 0 {
		own = all[0]
	}
	if backend.Kind != objects.Service {
		defaults = configuration.Defaults{}
	}
	return configuration.TargetGroup(own, defaults, of), all
}

// fail records a mistake in a configuration or Service.
func (g *group) fail(f intent.Source, code diag.Code, text, remedy string) {
	if f.Object().Name != "" {
		text = f.Object().String() + ", " + f.Path() + ": " + text
	}
	g.t.mistake(g.ServiceNamespace, diag.New(g.t.object, g.at, code, text, remedy).In(diag.Route))
	g.t.drop(g.at, text, remedy)
}

// ofService is the backend of a Service port.
func (t *translation) ofService(svc *corev1.Service, port corev1.ServicePort, at string, s *site) *backend {
	backendRef := objects.Ref{Kind: objects.Service, Namespace: svc.Namespace, Name: svc.Name}
	g := &group{t: t, at: at, svc: svc, site: s, last: t.last(backendRef)}
	var own *lbcgatewayv1.TargetGroupConfiguration
	if g.layers, own = t.propsOf(backendRef, g.last); !g.fits(own, svc.Namespace) {
		return &backend{}
	}
	targetType := value(g.layers, "targetType", func(p *props) *lbcgatewayv1.TargetType { return p.TargetType })
	kind := string(targetType.Or(lbcgatewayv1.TargetType(cmp.Or(t.in.Config.DefaultTargetType, stack.TargetInstance))))
	g.TargetGroup = g.base(svc.Namespace, svc.Name, kind)
	if !g.configure(own, t.in.Defaults) {
		return &backend{}
	}
	g.ServiceUID, g.ServicePort = string(svc.UID), strconv.Itoa(int(port.Port))
	g.IPv6 = slices.Contains(svc.Spec.IPFamilies, corev1.IPv6Protocol)
	g.IPv4 = g.IPv6 && slices.Contains(svc.Spec.IPFamilies, corev1.IPv4Protocol)
	g.MultiCluster = value(g.layers, "enableMultiCluster", func(p *props) *bool { return p.EnableMultiCluster }).Value
	if f := value(g.layers, "ipAddressType", func(p *props) *lbcgatewayv1.TargetGroupIPAddressType {
		return p.IPAddressType
	}); f.Set && (f.Value == stack.IPv6) != g.IPv6 {
		t.ignoredOf(f.Source.Object(), f.Source.Path(), "ipAddressType has no effect: a target group has the address type "+
			"of its Service", "remove it, or change ipFamilies of the Service")
	}
	if !g.named() || !g.protocols(port) {
		return &backend{}
	}
	if unfit := cmp.Or(g.unfit(), g.version(port)); unfit != "" {
		return &backend{unfit: unfit}
	}
	g.noteTransport(port)
	g.Port, g.TargetPort = serviceport.Target(port, kind)
	_, written := serviceport.Target(port, stack.TargetIP)
	g.ID = t.identity(g.TargetGroup, written).ID()
	if g.Port == 0 {
		text, remedy := serviceport.NoEndpoints(svc)
		if text == "" {
			text = fmt.Sprintf("TargetGroup port is empty. When using Instance targets, your service must be of type "+
				"'NodePort' or 'LoadBalancer': port %d of Service %s/%s has no node port", port.Port, svc.Namespace, svc.Name)
			remedy = "change the Service's type, or set targetType ip in a TargetGroupConfiguration"
		}
		g.fail(intent.Source{}, diag.WrongServiceType, text, remedy)
		return &backend{}
	}
	control := value(g.layers, "targetControlPort", func(p *props) *int32 { return p.TargetControlPort })
	if g.ControlPort = control.Value; control.Set && (kind != stack.TargetIP || t.in.Family == attachment.Network) {
		remedy := "remove targetControlPort, or set targetType ip"
		if t.in.Family == attachment.Network {
			remedy = "remove targetControlPort"
		}
		g.fail(control.Source, diag.InvalidRule, "a target control port is for ip targets of an application load balancer",
			remedy)
		return &backend{}
	}
	if !g.nodes(kind) || !g.healthCheck(port) {
		return &backend{}
	}
	g.noteUDPCheck(port)
	return &backend{Backend: intent.Backend{TargetGroup: g.TargetGroup}, usable: true}
}

// ofBalancer is the backend of an application load balancer.
func (t *translation) ofBalancer(gateway *gatewayv1.Gateway, port int32, arn, at string, s *site) *backend {
	backendRef := objects.Ref{Kind: objects.Gateway, Namespace: gateway.Namespace, Name: gateway.Name}
	g := &group{t: t, at: at, site: s, last: t.last(backendRef)}
	var own *lbcgatewayv1.TargetGroupConfiguration
	if g.layers, own = t.propsOf(backendRef, g.last); !g.fits(own, gateway.Namespace) {
		return &backend{}
	}
	g.TargetGroup = g.base(gateway.Namespace, gateway.Name, stack.TargetALB)
	if !g.configure(own, configuration.Defaults{}) {
		return &backend{}
	}
	g.Port, g.TargetPort, g.ServicePort, g.Balancer = port, strconv.Itoa(int(port)), strconv.Itoa(int(port)), arn
	g.Protocol = protocolTCP
	if p := value(g.layers, "protocol", func(p *props) *lbcgatewayv1.Protocol { return p.Protocol }); p.Set &&
		p.Value != protocolTCP {
		g.fail(p.Source, diag.InvalidRule, fmt.Sprintf("protocol %s: a target group of a load balancer has protocol TCP",
			p.Value), "remove protocol")
		return &backend{}
	}
	g.ID = t.identity(g.TargetGroup, g.TargetPort).ID()
	if unfit := g.unfit(); unfit != "" {
		return &backend{unfit: unfit}
	}
	if !g.named() || !g.healthCheck(corev1.ServicePort{}) {
		return &backend{}
	}
	return &backend{Backend: intent.Backend{TargetGroup: g.TargetGroup}, usable: true}
}

// base is what target groups of all kinds have.
func (g *group) base(namespace, name, targetType string) *intent.TargetGroup {
	out := &intent.TargetGroup{
		Object: g.t.object, ServiceNamespace: namespace, ServiceName: name, TargetType: targetType, Source: g.t.source(g.at),
		Tags: plain(configuration.Map(g.layers, "tags", func(p *props) map[string]string { return p.Tags })),
	}
	if targetType != stack.TargetALB {
		out.SetAttributes(configuration.Attributes(g.layers, "targetGroupAttributes",
			func(p *props) []lbcgatewayv1.Attribute { return p.TargetGroupAttributes }))
	}
	return out
}

// named sets the declared name; ok is false if it is invalid, which is recorded.
func (g *group) named() (ok bool) {
	f := value(g.layers, "targetGroupName", func(p *props) *string { return p.TargetGroupName })
	if g.Name, g.NameSource = f.Value, f.Source; len(g.Name) > maxName {
		g.fail(f.Source, diag.InvalidRule, fmt.Sprintf("targetGroupName %s has %d characters: the name of a target group "+
			"has at most %d", g.Name, len(g.Name), maxName), "shorten it, or remove it to have a generated name")
		return false
	}
	return true
}

// identity is what the identity of a target group depends on. written is the target port as the Service has it.
func (t *translation) identity(g *intent.TargetGroup, written string) naming.GatewayTargetGroup {
	return naming.GatewayTargetGroup{
		Gateway: naming.StackID(t.in.Gateway.Namespace, t.in.Gateway.Name), RouteKind: g.Object.Kind,
		RouteNamespace: g.Object.Namespace, RouteName: g.Object.Name,
		BackendNamespace: g.ServiceNamespace, BackendName: g.ServiceName, TargetPort: written,
	}
}

func value[V any](ls configuration.Layers[props], field string, read func(*props) *V) intent.Field[V] {
	return configuration.Value(ls, field, read)
}

// plain are the values of fields; nil if there are none.
func plain(fields map[string]intent.Field[string]) map[string]string {
	if len(fields) == 0 {
		return nil
	}
	out := make(map[string]string, len(fields))
	for k, f := range fields {
		out[k] = f.Value
	}
	return out
}

// protocols sets the protocol; ok is false if it is invalid, which is recorded. The existing controller has HTTP for
// WebSocket over TLS, too.
func (g *group) protocols(port corev1.ServicePort) (ok bool) {
	p := value(g.layers, "protocol", func(p *props) *lbcgatewayv1.Protocol { return p.Protocol })
	written := string(p.Value)
	if g.t.in.Family != attachment.Network {
		byDefault := protocolHTTP
		if ptr.Deref(port.AppProtocol, "") == wss && g.t.in.Construction == rule.Standard {
			byDefault = protocolHTTPS
		}
		if g.Protocol = cmp.Or(written, byDefault); g.Protocol != protocolHTTP && g.Protocol != protocolHTTPS {
			g.fail(p.Source, diag.InvalidRule, fmt.Sprintf("protocol %s: a target group of an application load balancer has "+
				"protocol HTTP or HTTPS", written), "write HTTP or HTTPS")
			return false
		}
		if name := ptr.Deref(port.AppProtocol, ""); written == "" && g.Protocol == protocolHTTP && (name == wss ||
			name == "https") {
			g.t.ignored(g.at, fmt.Sprintf("appProtocol %s of port %d of Service %s/%s has no effect: targets get HTTP without "+
				"TLS", name, port.Port, g.ServiceNamespace, g.ServiceName), "set protocol HTTPS in a "+
				"TargetGroupConfiguration, or remove appProtocol")
		}
		return true
	}
	switch {
	case g.site.protocol == protocolBoth, g.site.quic:
		g.Protocol = g.site.protocol
	case written != "":
		g.Protocol = written
	case g.t.route.Route.Kind == "UDPRoute":
		g.Protocol = protocolUDP
	case g.t.route.Route.Kind == "TLSRoute" && g.site.protocol == protocolTLS && !g.site.terminates():
		g.Protocol = protocolTLS // the existing controller encrypts again
	default:
		g.Protocol = protocolTCP
	}
	if !g.site.quic && !slices.Contains([]string{protocolTCP, protocolTLS, protocolUDP, protocolBoth}, g.Protocol) {
		g.fail(p.Source, diag.InvalidRule, fmt.Sprintf("protocol %s: a target group of a network load balancer has "+
			"protocol TCP, TLS, UDP or TCP_UDP", written), "write one of these")
		return false
	}
	return true
}

// unfit is why a listener of a network load balancer cannot forward to the protocol of the target group; empty = it
// can.
func (g *group) unfit() string {
	if g.t.in.Family != attachment.Network {
		return ""
	}
	problem := constraint.OfForwarding(constraint.Forwarding{Type: stack.Network, Protocol: g.site.protocol,
		Port: g.site.port, TargetGroup: stack.TargetGroup{Protocol: g.Protocol}})
	p := value(g.layers, "protocol", func(p *props) *lbcgatewayv1.Protocol { return p.Protocol })
	if p.Set && problem != "" {
		problem = p.Source.Object().String() + ", " + p.Source.Path() + ": " + problem
	}
	return problem
}

// terminates reports whether a listener of the port ends TLS with certificates of the cluster.
func (s *site) terminates() bool {
	return s.protocol == protocolTLS && slices.ContainsFunc(s.listeners, func(i int) bool {
		return s.all[i].TLS != nil && len(s.all[i].TLS.CertificateRefs) > 0
	})
}

// version sets the protocol version of an application load balancer's target group. HTTP listeners have HTTP/1 only.
// unfit is why the listener cannot have the backend.
func (g *group) version(port corev1.ServicePort) (unfit string) {
	v := value(g.layers, "protocolVersion", func(p *props) *lbcgatewayv1.ProtocolVersion { return p.ProtocolVersion })
	if g.t.in.Family == attachment.Network {
		if v.Set {
			g.t.ignoredOf(v.Source.Object(), v.Source.Path(), "protocolVersion has no effect on target groups of a network "+
				"load balancer", "remove it")
		}
		return ""
	}
	g.ProtocolVersion = "HTTP1"
	switch {
	case v.Set:
		g.ProtocolVersion = string(v.Value)
	case g.t.route.Route.Kind == "GRPCRoute":
		g.ProtocolVersion = "GRPC"
	case ptr.Deref(port.AppProtocol, "") == h2c:
		g.ProtocolVersion = "HTTP2"
	}
	if g.ProtocolVersion == "HTTP1" {
		if g.t.route.Route.Kind == "GRPCRoute" {
			g.t.tell(g.t.finding(g.at, diag.UnsupportedFeature, "protocolVersion HTTP1 of its TargetGroupConfiguration carries "+
				"no gRPC: calls fail", "set protocolVersion GRPC, or remove it"))
		}
		return ""
	}
	if g.t.in.Construction == rule.Compatible {
		if g.t.http {
			g.t.ignored(g.at, fmt.Sprintf("the backend gets HTTP/1 instead of %s, because the route is also attached to an "+
				"HTTP listener, which shares the target group", g.ProtocolVersion),
				"attach the route to HTTPS listeners only, or annotate the Gateway with "+
					string(annotation.GatewayRuleConstruction)+": standard")
			g.ProtocolVersion = "HTTP1"
		}
		return ""
	}
	if g.site.protocol != protocolHTTPS {
		return fmt.Sprintf("the backend speaks %s, for which a load balancer needs an HTTPS listener, and a listener of "+
			"the route has protocol HTTP; attach the route to HTTPS listeners only", g.ProtocolVersion)
	}
	return ""
}

// noteTransport notes a port of a Service that has another transport than the target group. Ports of both transports,
// and of QUIC, forward both.
func (g *group) noteTransport(port corev1.ServicePort) {
	transport, has := corev1.ProtocolTCP, cmp.Or(port.Protocol, corev1.ProtocolTCP)
	switch g.Protocol {
	case protocolBoth, quicOf[protocolUDP], quicOf[protocolBoth]:
		return
	case protocolUDP:
		transport = corev1.ProtocolUDP
	}
	if has != transport {
		g.t.tell(g.t.finding(g.at, diag.NoTargets, fmt.Sprintf("port %d of Service %s/%s has protocol %s, and the load "+
			"balancer sends %s to its targets", port.Port, g.ServiceNamespace, g.ServiceName, has, transport),
			fmt.Sprintf("name a port of the Service with protocol %s", transport)))
	}
}

// nodes sets which nodes are registered; ok is false if the selector is invalid, which is recorded.
func (g *group) nodes(targetType string) (ok bool) {
	f := value(g.layers, "nodeSelector", func(p *props) *metav1.LabelSelector { return p.NodeSelector })
	if !f.Set {
		return true
	}
	if targetType != stack.TargetInstance {
		g.t.ignoredOf(f.Source.Object(), f.Source.Path(), "nodeSelector has no effect on ip targets",
			"remove it, or use targetType instance")
		return true
	}
	if _, err := metav1.LabelSelectorAsSelector(&f.Value); err != nil {
		g.fail(f.Source, diag.InvalidRule, fmt.Sprintf("nodeSelector does not parse: %v", err),
			"write it as a selector of labels, such as matchLabels: {pool: web}")
		return false
	}
	if len(f.Value.MatchLabels) > 0 {
		g.NodeLabels = maps.Clone(f.Value.MatchLabels)
	}
	for _, e := range f.Value.MatchExpressions {
		g.NodeExpressions = append(g.NodeExpressions, stack.NodeExpression{Key: e.Key, Operator: string(e.Operator),
			Values: e.Values})
	}
	return true
}
