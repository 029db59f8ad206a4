package network

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Protocols of listeners.
const (
	tcp    = "TCP"
	udp    = "UDP"
	tls    = "TLS"
	tcpUDP = "TCP_UDP"
)

// quicOf are the protocols of listeners of a Gateway that quicEnabled makes a protocol of.
var quicOf = map[string]string{"QUIC": udp, "TCP_QUIC": tcpUDP}

// deletionProtection is the attribute that keeps a load balancer from being deleted.
const deletionProtection = "deletion_protection.enabled"

// certificateOption is in the listeners that end TLS: the schema wants certificateRefs or options there, and
// certificates of ACM are neither. The controller reads no options.
const certificateOption, ofConfiguration = "gateway.k8s.aws/certificates", "LoadBalancerConfiguration"

// balancer is the translation of one load balancer.
type balancer struct {
	*migrate.Group
	members    []*member
	ports      []port
	stickiness map[int32]bool // by port
}

// port is a listener of the load balancer.
type port struct {
	intent.Listener
	of       *member
	protocol string // TCP, UDP, TLS or TCP_UDP
	quic     bool
}

// transports are the protocols of the Gateway's listeners. The route is at the first: a port has one, and of two the
// controller would serve the older one.
func (p port) transports() []string {
	if p.protocol == tcpUDP {
		return []string{tcp, udp}
	}
	return []string{p.protocol}
}

func section(protocol string, port int32) string {
	return strings.ToLower(protocol) + "-" + strconv.Itoa(int(port))
}

func (b *balancer) translate() {
	b.stickiness = map[int32]bool{}
	b.mergePorts()
	for _, p := range b.ports {
		b.addRoute(p)
	}
	b.addConfiguration()
	b.addGateway()
	for _, m := range b.members {
		b.noteCutover(m)
	}
}

// mergePorts joins the listeners of the members, ascending by port.
func (b *balancer) mergePorts() {
	taken := map[int32]*member{}
	for _, m := range b.members {
		for _, l := range m.Listeners {
			if other := taken[l.Port]; other != nil {
				b.Find(migrate.Failed, m.Object, "spec.ports", fmt.Sprintf("port %d is also one of %s, which has the listener",
					l.Port, other.Object), "use another port")
				continue
			}
			taken[l.Port] = m
			p := port{Listener: l, of: m, protocol: l.Protocol}
			if of, ok := quicOf[l.Protocol]; ok {
				p.protocol, p.quic = of, true
			}
			b.ports = append(b.ports, p)
		}
	}
	slices.SortFunc(b.ports, func(x, y port) int { return int(x.Port - y.Port) })
}

func (b *balancer) addConfiguration() {
	c := b.Configuration()
	s := &c.Spec
	s.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = b.Text("use of inbound rules for PrivateLink",
		func(s *intent.Settings) intent.Field[string] { return s.PrivateLinkRules })
	b.subnets(s)
	s.DisableSecurityGroup = migrate.Pointer(migrate.Merged(b.Group, "absence of security groups",
		func(s *intent.Settings) intent.Field[bool] { return s.NoSecurityGroups }))
	s.ManageBackendSecurityGroupRules = migrate.Pointer(migrate.Merged(b.Group, "management of backend rules",
		func(s *intent.Settings) intent.Field[bool] { return s.ManageBackend }))
	if len(s.SecurityGroups) == 0 && !ptr.Deref(s.DisableSecurityGroup, false) {
		b.ranges(s)
	}
	for _, p := range b.ports {
		if l, ok := b.listenerConfiguration(p); ok {
			s.ListenerConfigurations = append(s.ListenerConfigurations, l)
		}
	}
	b.Add(c)
}

// subnets sets the subnets, and for source NAT a prefix of each that AWS chooses: prefixes that the Service names are
// of its load balancer.
func (b *balancer) subnets(s *configv1.LoadBalancerConfigurationSpec) {
	for _, id := range migrate.Merged(b.Group, "subnets", func(s *intent.Settings) intent.Field[intent.SubnetSelector] {
		return s.Subnets
	}).Value.IDsOrNames {
		s.LoadBalancerSubnets = append(s.LoadBalancerSubnets, configv1.SubnetConfiguration{Identifier: id})
	}
	nat := migrate.Merged(b.Group, "source NAT", func(s *intent.Settings) intent.Field[string] { return s.SourceNAT })
	if nat.Value != "on" {
		return
	}
	mappings := migrate.Merged(b.Group, "addresses", func(s *intent.Settings) intent.Field[[]stack.SubnetMapping] {
		return s.Mappings
	}).Value
	if slices.ContainsFunc(mappings, func(m stack.SubnetMapping) bool {
		return m.SourceNATPrefix != "" && m.SourceNATPrefix != stack.AutoAssigned
	}) {
		b.Find(migrate.Failed, nat.Source.Object(), annotation.ServiceSourceNATPrefixes.Path(),
			"a prefix belongs to one load balancer, and the Service's load balancer has it while both serve: AWS chooses "+
				"other prefixes for the Gateway",
			"name other prefixes of the subnets in spec.loadBalancerSubnets[].sourceNatIPv6Prefix of the "+
				"LoadBalancerConfiguration, if targets know them")
	}
	if len(s.LoadBalancerSubnets) == 0 {
		s.LoadBalancerSubnets = make([]configv1.SubnetConfiguration, len(mappings))
	}
	if len(s.LoadBalancerSubnets) == 0 {
		b.Find(migrate.Failed, nat.Source.Object(), nat.Source.Path(),
			"a LoadBalancerConfiguration has source NAT by a prefix for each subnet, and the Service names no subnets",
			"name the subnets in spec.loadBalancerSubnets of the LoadBalancerConfiguration, each with sourceNatIPv6Prefix: "+
				stack.AutoAssigned)
	}
	for i := range s.LoadBalancerSubnets {
		s.LoadBalancerSubnets[i].SourceNatIPv6Prefix = ptr.To(stack.AutoAssigned)
	}
}

// ranges sets who may reach the listeners. A Service that names prefix lists only admits no other address.
func (b *balancer) ranges(s *configv1.LoadBalancerConfigurationSpec) {
	for i, p := range b.ports {
		cidrs, lists := p.InboundCIDRs.Value, p.PrefixLists.Value
		if i == 0 {
			if len(cidrs) > 0 {
				s.SourceRanges = &cidrs
			} else if len(lists) > 0 {
				s.SourceRanges = &[]string{}
			}
			s.SecurityGroupPrefixes = lists
		} else if first := b.ports[0]; !slices.Equal(first.InboundCIDRs.Value, cidrs) ||
			!slices.Equal(first.PrefixLists.Value, lists) || first.ICMP.Set != p.ICMP.Set {
			b.Find(migrate.Failed, p.of.Object, rangesAt(p),
				fmt.Sprintf("port %d admits other addresses than port %d of %s, but a Gateway admits the same addresses to all "+
					"its ports; the output uses those of port %d", p.Port, first.Port, first.of.Object, first.Port),
				"name security groups with the rules in spec.securityGroups of the LoadBalancerConfiguration")
		}
	}
	if len(b.ports) == 0 || !b.ports[0].ICMP.Set {
		return
	}
	s.EnableICMP = ptr.To(true)
	if len(s.SecurityGroupPrefixes) > 0 {
		b.Find(migrate.Failed, b.ports[0].of.Object, annotation.ServiceICMP.Path(),
			"a Gateway admits ICMP from source ranges only, and the Service also from its prefix lists",
			"name security groups with the rules in spec.securityGroups of the LoadBalancerConfiguration")
	}
}

// rangesAt is where a Service declares who may reach it.
func rangesAt(p port) string {
	for _, f := range []intent.Field[[]string]{p.InboundCIDRs, p.PrefixLists} {
		if f.Set {
			return f.Source.Place()
		}
	}
	return annotation.ServiceSourceRanges.Path()
}

// listenerConfiguration is what the LoadBalancerConfiguration says of a port; ok is false if that is nothing.
func (b *balancer) listenerConfiguration(p port) (l configv1.ListenerConfiguration, ok bool) {
	l.ProtocolPort = configv1.ProtocolPort(fmt.Sprintf("%s:%d", p.protocol, p.Port))
	l.SSLPolicy, l.ALPNPolicy = migrate.Pointer(p.SSLPolicy), (*configv1.ALPNPolicy)(migrate.Pointer(p.ALPN))
	for i, arn := range p.Certificates.Value {
		if i == 0 {
			l.DefaultCertificate = &arn
		} else {
			l.Certificates = append(l.Certificates, arn)
		}
	}
	attributes := map[string]string{}
	for k, f := range p.Attributes {
		attributes[k] = f.Value
	}
	l.ListenerAttributes = migrate.AttributesOf(attributes)
	if sticky, set := b.stickiness[p.Port]; set {
		l.TargetGroupStickiness = &sticky
	}
	if p.quic {
		l.QUICEnabled = ptr.To(true)
	}
	return l, l.SSLPolicy != nil || l.ALPNPolicy != nil || l.DefaultCertificate != nil || len(l.ListenerAttributes) > 0 ||
		l.TargetGroupStickiness != nil || p.quic
}

func (b *balancer) addGateway() {
	var listeners []gatewayv1.Listener
	for _, p := range b.ports {
		for _, protocol := range p.transports() {
			l := gatewayv1.Listener{Name: gatewayv1.SectionName(section(protocol, p.Port)), Port: p.Port,
				Protocol: gatewayv1.ProtocolType(protocol)}
			if protocol == tls {
				l.TLS = &gatewayv1.ListenerTLSConfig{
					Mode: ptr.To(gatewayv1.TLSModeTerminate), Options: map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue{
						certificateOption: ofConfiguration},
				}
			}
			listeners = append(listeners, l)
		}
	}
	b.AddGateway(listeners)
}

// noteCutover reports how the Service gives up its load balancer once that of the Gateway has all clients. It then
// stays as the backend of the route: nodes as targets need its node ports.
func (b *balancer) noteCutover(m *member) {
	kind := corev1.ServiceTypeClusterIP
	if m.nodes {
		kind = corev1.ServiceTypeNodePort
	}
	spec := map[string]any{"type": kind}
	if len(m.service.Spec.LoadBalancerSourceRanges) > 0 {
		spec["loadBalancerSourceRanges"] = nil // the API server admits them for type LoadBalancer only
	}
	patch := map[string]any{"spec": spec}
	// which asks for a load balancer, whatever the type
	if _, typed := m.service.Annotations[string(annotation.ServiceType)]; typed {
		patch["metadata"] = map[string]any{"annotations": map[string]any{string(annotation.ServiceType): nil}}
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return // of strings only
	}
	remedy := fmt.Sprintf("when no client uses its address any more: kubectl patch service -n %s %s --type merge -p '%s'",
		m.service.Namespace, m.service.Name, text)
	if m.Settings.Attributes[deletionProtection].Value == "true" {
		remedy += "; before that, set " + deletionProtection + "=false on the Service, as its load balancer is protected"
	}
	b.Find(migrate.Note, m.Object, "spec.type", "the load balancers of the Service and of the Gateway both serve until "+
		"you change the type of the Service; the Service stays, because the routes use it as backend", remedy)
	if m.nodes && m.service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		b.Find(migrate.Warning, m.Object, "spec.externalTrafficPolicy",
			"nodes are checked on the health check node port, which the API server gives to Services of type LoadBalancer "+
				"only: when the type is changed, the checks of the Gateway's target groups fail",
			"before that, set healthCheckConfig of the TargetGroupConfiguration to protocol TCP and port traffic-port, on "+
				"which nodes without a pod do not answer under policy Local; or use target type ip")
	}
}

// addRoute adds the route of a port. It is a TCPRoute also where the listener ends TLS: a TLSRoute wants hostnames, by
// which a network load balancer does not select connections.
func (b *balancer) addRoute(p port) {
	protocol := p.transports()[0]
	svc := p.of.service
	name := migrate.Name(svc.Namespace, svc.Name, section(protocol, p.Port))
	kind := "TCPRoute"
	if protocol == udp {
		kind = "UDPRoute"
	}
	ref := b.ParentRef(svc.Namespace, section(protocol, p.Port))
	id := configv1.RouteIdentifier{Kind: kind, Namespace: svc.Namespace, Name: name}
	refs := b.backends(p, id)
	if len(refs) == 0 {
		return // which is reported
	}
	typed := metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: kind}
	meta := metav1.ObjectMeta{Namespace: svc.Namespace, Name: name}
	common := gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{ref}}
	if protocol == udp {
		b.Add(&gatewayv1.UDPRoute{TypeMeta: typed, ObjectMeta: meta, Spec: gatewayv1.UDPRouteSpec{CommonRouteSpec: common,
			Rules: []gatewayv1.UDPRouteRule{{BackendRefs: refs}}}})
		return
	}
	b.Add(&gatewayv1.TCPRoute{TypeMeta: typed, ObjectMeta: meta, Spec: gatewayv1.TCPRouteSpec{CommonRouteSpec: common,
		Rules: []gatewayv1.TCPRouteRule{{BackendRefs: refs}}}})
}

// backends are the backends of the listener of a port, whose target groups are noted for their configuration.
func (b *balancer) backends(p port, route configv1.RouteIdentifier) (out []gatewayv1.BackendRef) {
	for _, a := range p.Default {
		if a.Stickiness != nil {
			b.stickiness[p.Port] = a.Stickiness.Enabled
		}
		for _, x := range a.Backends {
			g := x.TargetGroup
			if g == nil {
				b.Find(migrate.Failed, p.of.Object, x.Source.Place(),
					fmt.Sprintf("target group %s is attached to the Service's load balancer, and AWS allows one for each target group",
						x.TargetGroupARN),
					"make another target group of the same targets, and name it in backendRefs of "+route.Kind+" "+route.Name+
						" with kind: TargetGroupName")
				continue
			}
			number, err := strconv.ParseInt(g.ServicePort, 10, 32)
			if err != nil {
				continue // Services have their ports by number
			}
			ref := gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
				Name: gatewayv1.ObjectName(g.ServiceName), Port: ptr.To(int32(number))}, Weight: x.Weight}
			out = append(out, ref)
			p.of.nodes = p.of.nodes || g.ServiceName == p.of.service.Name && g.TargetType == stack.TargetInstance
			if !b.Configurations.Note(g.ServiceNamespace, g.ServiceName, route, b.properties(p, g)) {
				b.Find(migrate.Failed, p.of.Object, x.Source.Place(), "the ports of Service "+g.ServiceName+
					" have different settings, and a route has one for all ports of a Service", "make a Service for each port")
			}
		}
	}
	return out
}
