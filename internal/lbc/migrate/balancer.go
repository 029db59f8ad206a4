package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	protocolHTTP  = "HTTP"
	protocolHTTPS = "HTTPS"
)

// balancer is the translation of one group.
type balancer struct {
	*translator
	id        stack.ID
	members   []member
	namespace string // of the Gateway
	gateway   string
	ports     []port
	redirect  int32 // port to which HTTP listeners redirect; 0 = they do not
	rules     map[string]*configv1.ListenerRuleConfiguration
}

// port is a listener of the Gateway, with those of the members.
type port struct {
	number   int32
	protocol string
	of       []intent.Listener
}

func (p port) section() string {
	return strings.ToLower(p.protocol) + "-" + strconv.Itoa(int(p.number))
}

func (b *balancer) explicit() bool { return b.id.Namespace == "" }

// origin is the value of OriginTag of what members share.
func (b *balancer) origin() string {
	if b.explicit() {
		return "ingress-group/" + b.id.Name
	}
	return b.members[0].origin
}

func (b *balancer) translate() {
	first := b.members[0].ingress
	b.namespace, b.gateway = first.Namespace, Name(first.Namespace, first.Name, "gateway")
	configuration := Name(first.Namespace, first.Name, "lb-config")
	if b.explicit() {
		b.gateway, configuration = Name("", b.id.Name, "grp-gw"), Name("", b.id.Name, "grp-lb")
	}
	b.rules = map[string]*configv1.ListenerRuleConfiguration{}
	b.mergePorts()
	if f := merged(b, "ssl-redirect", func(s *intent.Settings) intent.Field[int32] { return s.SSLRedirectPort }); f.Set {
		b.redirect = f.Value
	}
	p := Pair{
		Before: stack.Key{Owner: stack.Ingress, ID: b.id}, After: stack.Key{Owner: stack.GatewayALB, ID: stack.ID{
			Namespace: b.namespace, Name: b.gateway}},
		From: "Ingress " + b.id.String(), To: "Gateway " + b.namespace + "/" + b.gateway,
	}
	if b.explicit() {
		p.From = "group " + b.id.Name
	}
	for _, m := range b.members {
		p.Members = append(p.Members, m.Object.String())
	}
	b.result.Pairs = append(b.result.Pairs, p)
	b.add(b.loadBalancerConfiguration(configuration))
	b.addGateway(configuration)
	b.addRoutes()
}

// mergePorts joins the listeners of the members, ascending by port.
func (b *balancer) mergePorts() {
	byNumber := map[int32]*port{}
	for _, m := range b.members {
		for _, l := range m.Listeners {
			p := byNumber[l.Port]
			if p == nil {
				p = &port{number: l.Port, protocol: l.Protocol}
				byNumber[l.Port] = p
			}
			if p.protocol != l.Protocol {
				b.find(Failed, m.Object, annotation.ListenPorts.Path(),
					fmt.Sprintf("port %d is %s here and %s on another Ingress of the group", l.Port, l.Protocol, p.protocol),
					"have the Ingresses of the group agree before the migration")
				continue
			}
			p.of = append(p.of, l)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		b.ports = append(b.ports, *byNumber[n])
	}
}

// merged is the value of a setting that members share: that of class parameters, else of the first member that has one.
// A disagreement is reported: the controller may have another member's value in effect.
func merged[T any](b *balancer, what string, get func(*intent.Settings) intent.Field[T]) (out intent.Field[T]) {
	for _, ofClass := range []bool{true, false} {
		for i := range b.members {
			f := get(&b.members[i].Settings)
			if !f.Set || f.Source.OfClass() != ofClass {
				continue
			}
			if out.Set && fmt.Sprint(out.Value) != fmt.Sprint(f.Value) {
				b.find(Warning, b.members[i].Object, f.Source.Place(),
					fmt.Sprintf("%s %v differs from %v of %s, which is used", what, f.Value, out.Value, out.Source.Object()),
					"check which value is in effect, and have the Ingresses of the group agree")
			}
			if !out.Set {
				out = f
			}
		}
	}
	return out
}

// mergedKeys is merged for each key of maps.
func mergedKeys(b *balancer, what string,
	get func(*intent.Settings) map[string]intent.Field[string]) map[string]string {
	keys := map[string]bool{}
	for i := range b.members {
		for k := range get(&b.members[i].Settings) {
			keys[k] = true
		}
	}
	out := map[string]string{}
	for k := range keys {
		out[k] = merged(b, what+" "+k, func(s *intent.Settings) intent.Field[string] { return get(s)[k] }).Value
	}
	return out
}

// AttributesOf are attributes as configurations have them, sorted by key.
func AttributesOf(m map[string]string) (out []configv1.Attribute) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, configv1.Attribute{Key: k, Value: m[k]})
	}
	return out
}

// pointer is the value of a field, or nil.
func pointer[T any](f intent.Field[T]) *T {
	if !f.Set {
		return nil
	}
	return &f.Value
}

func (b *balancer) loadBalancerConfiguration(name string) *configv1.LoadBalancerConfiguration {
	c := &configv1.LoadBalancerConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: configv1.GroupVersion.String(), Kind: "LoadBalancerConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
	}
	s := &c.Spec
	text := func(what string, get func(*intent.Settings) intent.Field[string]) *string {
		return pointer(merged(b, what, get))
	}
	s.LoadBalancerName = text("load balancer name", func(s *intent.Settings) intent.Field[string] { return s.Name })
	s.Scheme = (*configv1.Scheme)(text("scheme", func(s *intent.Settings) intent.Field[string] { return s.Scheme }))
	s.IPAddressType = (*configv1.IPAddressType)(
		text("IP address type", func(s *intent.Settings) intent.Field[string] { return s.IPAddressType }))
	s.CustomerOwnedIPv4Pool = text("customer-owned pool", func(s *intent.Settings) intent.Field[string] {
		return s.AddOns.CustomerOwnedPool
	})
	s.IPv4IPAMPoolID = text("IPAM pool", func(s *intent.Settings) intent.Field[string] { return s.AddOns.IPAMPool })
	if f := merged(b, "subnets", func(s *intent.Settings) intent.Field[intent.SubnetSelector] {
		return s.Subnets
	}); f.Set {
		for _, id := range f.Value.IDsOrNames {
			s.LoadBalancerSubnets = append(s.LoadBalancerSubnets, configv1.SubnetConfiguration{Identifier: id})
		}
		s.LoadBalancerSubnetsSelector = f.Value.Tags
	}
	s.SecurityGroups = merged(b, "security groups", func(s *intent.Settings) intent.Field[[]string] {
		return s.SecurityGroups
	}).Value
	if len(s.SecurityGroups) > 0 {
		s.ManageBackendSecurityGroupRules = pointer(merged(b, "management of backend rules",
			func(s *intent.Settings) intent.Field[bool] { return s.ManageBackend }))
	} else {
		b.ranges(s)
	}
	s.LoadBalancerAttributes = AttributesOf(
		mergedKeys(b, "attribute", func(s *intent.Settings) map[string]intent.Field[string] { return s.Attributes }))
	s.Tags = mergedKeys(b, "tag", func(s *intent.Settings) map[string]intent.Field[string] { return s.Tags })
	s.Tags[OriginTag] = b.origin()
	if f := merged(b, "capacity", func(s *intent.Settings) intent.Field[int32] { return s.AddOns.Capacity }); f.Set {
		s.MinimumLoadBalancerCapacity = &configv1.MinimumLoadBalancerCapacity{CapacityUnits: f.Value}
	}
	b.addOns(s)
	for _, p := range b.ports {
		if l, ok := b.listenerConfiguration(p); ok {
			s.ListenerConfigurations = append(s.ListenerConfigurations, l)
		}
	}
	return c
}

func (b *balancer) addOns(s *configv1.LoadBalancerConfigurationSpec) {
	acl := merged(b, "web ACL", func(s *intent.Settings) intent.Field[string] { return s.AddOns.WebACL })
	byName := merged(b, "web ACL", func(s *intent.Settings) intent.Field[string] { return s.AddOns.WebACLName })
	switch {
	case byName.Set && byName.Source.OfClass() && byName.Value != intent.None:
		r := b.fates[annotation.WebACLName]
		b.find(Failed, b.members[0].Object, byName.Source.Place(), r.Why, r.Remedy)
	case byName.Set:
	case acl.Set && acl.Value != intent.None && acl.Value != "":
		s.WAFv2 = &configv1.WAFv2Configuration{WebACL: acl.Value}
	}
	if f := merged(b, "shield protection", func(s *intent.Settings) intent.Field[bool] { return s.AddOns.Shield }); f.Set {
		s.ShieldConfiguration = &configv1.ShieldConfiguration{Enabled: f.Value}
	}
}

// ranges sets who may reach the listeners. An Ingress that names prefix lists only admits no other address.
func (b *balancer) ranges(s *configv1.LoadBalancerConfigurationSpec) {
	var ranges, lists *[]string
	for _, p := range b.ports {
		var cidrs, prefixes []string
		for _, l := range p.of { // compile reports members that disagree about a port, and has the stricter one in effect
			if cidrs == nil && l.InboundCIDRs.Set {
				cidrs = l.InboundCIDRs.Value
			}
			if prefixes == nil && l.PrefixLists.Set {
				prefixes = l.PrefixLists.Value
			}
		}
		if cidrs == nil && prefixes == nil {
			cidrs = []string{}
		}
		if ranges == nil {
			ranges, lists = &cidrs, &prefixes
			continue
		}
		if !slices.Equal(*ranges, cidrs) || !slices.Equal(*lists, prefixes) {
			b.find(Failed, b.members[0].Object, annotation.InboundCIDRs.Path(),
				fmt.Sprintf("port %d admits other addresses than port %d, but a Gateway admits the same addresses to all its "+
					"ports; the output uses those of port %d", p.number, b.ports[0].number, b.ports[0].number),
				"name security groups with the rules in spec.securityGroups of the LoadBalancerConfiguration")
		}
	}
	if ranges == nil {
		return
	}
	if len(*ranges) > 0 {
		s.SourceRanges = ranges
	}
	if s.SecurityGroupPrefixes = *lists; len(*lists) > 0 && len(*ranges) == 0 {
		s.SourceRanges = &[]string{}
	}
}

// listenerConfiguration is what the LoadBalancerConfiguration says of a port; ok is false if that is nothing.
func (b *balancer) listenerConfiguration(p port) (l configv1.ListenerConfiguration, ok bool) {
	l.ProtocolPort = configv1.ProtocolPort(fmt.Sprintf("%s:%d", p.protocol, p.number))
	var certificates []string
	discovers := false
	attributes := map[string]string{}
	for _, of := range p.of {
		for _, arn := range of.Certificates.Value {
			if !slices.Contains(certificates, arn) {
				certificates = append(certificates, arn)
			}
		}
		discovers = discovers || p.protocol == protocolHTTPS && !of.Certificates.Set && len(of.DiscoverHosts) > 0
		if l.SSLPolicy == nil {
			l.SSLPolicy = pointer(of.SSLPolicy)
		}
		if m := of.Mutual; m.Set && l.MutualAuthentication == nil {
			l.MutualAuthentication = mutual(m.Value)
		}
		for k, f := range of.Attributes {
			if _, has := attributes[k]; !has || f.Source.OfClass() {
				attributes[k] = f.Value
			}
		}
	}
	if l.ListenerAttributes = AttributesOf(attributes); len(certificates) > 0 {
		l.DefaultCertificate, l.Certificates = &certificates[0], certificates[1:]
		if discovers {
			b.find(Warning, b.members[0].Object, annotation.CertificateARN.Path(),
				fmt.Sprintf("some Ingresses of the group name certificates for port %d, and others have them found by host; a "+
					"Gateway with named ones finds none", p.number),
				"add the certificates of the other hosts to spec.listenerConfigurations of the LoadBalancerConfiguration")
		}
	}
	if discovers {
		b.unroutedHosts(p)
	}
	return l, l.DefaultCertificate != nil || l.SSLPolicy != nil || l.MutualAuthentication != nil ||
		len(l.ListenerAttributes) > 0
}

// unroutedHosts reports hosts of spec.tls that no rule has: certificates of a Gateway are found by the hosts of its
// routes.
func (b *balancer) unroutedHosts(p port) {
	for _, m := range b.members {
		routed := map[string]bool{}
		for _, r := range m.ingress.Spec.Rules {
			routed[r.Host] = true
		}
		for i, tls := range m.ingress.Spec.TLS {
			for _, h := range tls.Hosts {
				if !routed[h] {
					b.find(Warning, m.Object, fmt.Sprintf("spec.tls[%d].hosts", i),
						fmt.Sprintf("host %s has no rule, and certificates of a Gateway are found by the hosts of its routes", h),
						fmt.Sprintf("name the certificates of port %d in spec.listenerConfigurations of the LoadBalancerConfiguration",
							p.number))
				}
			}
		}
	}
}

func mutual(m stack.MutualAuthentication) *configv1.MutualAuthentication {
	out := &configv1.MutualAuthentication{Mode: configv1.MutualAuthenticationMode(m.Mode)}
	if out.Mode == configv1.MutualAuthenticationVerify {
		advertise := configv1.AdvertiseTrustStoreCANames("off")
		if m.AdvertiseNames {
			advertise = "on"
		}
		out.TrustStore, out.IgnoreClientCertificateExpiry, out.AdvertiseTrustStoreCANames = &m.TrustStore,
			&m.IgnoreExpiry, &advertise
	}
	return out
}

func (b *balancer) addGateway(configuration string) {
	g := &gatewayv1.Gateway{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway"},
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: b.gateway, Annotations: b.annotationsOfGateway()},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: ClassName,
			Infrastructure: &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
				Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "LoadBalancerConfiguration", Name: configuration,
			}},
		},
	}
	foreign := slices.ContainsFunc(b.members, func(m member) bool { return m.ingress.Namespace != b.namespace })
	for _, p := range b.ports {
		l := gatewayv1.Listener{Name: gatewayv1.SectionName(p.section()), Port: p.number, Protocol: gatewayv1.ProtocolType(
			p.protocol)}
		if foreign {
			l.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
				From: ptr.To(gatewayv1.NamespacesFromAll)}}
		}
		g.Spec.Listeners = append(g.Spec.Listeners, l)
	}
	if foreign {
		b.find(Warning, b.members[0].Object, annotation.GroupName.Path(),
			"the Ingresses of the group are in several namespaces, so the listeners of the Gateway admit routes of all "+
				"namespaces (allowedRoutes.namespaces.from: All)",
			"replace it by a selector of the namespaces of the group")
	}
	b.add(g)
}

func (b *balancer) annotationsOfGateway() map[string]string {
	out := map[string]string{}
	if b.options.DryRun {
		out[string(annotation.GatewayDryRun)] = "true"
	}
	for _, c := range carried {
		for _, m := range b.members {
			if v, ok := m.ingress.Annotations[string(c.from)]; ok {
				out[string(c.to)] = cmp.Or(out[string(c.to)], v)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
