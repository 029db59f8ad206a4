package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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
	*Group
	members  []member
	ports    []port
	redirect int32 // port to which HTTP listeners redirect; 0 = they do not
	rules    map[string]*configv1.ListenerRuleConfiguration
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

func (b *balancer) translate() {
	b.rules = map[string]*configv1.ListenerRuleConfiguration{}
	b.mergePorts()
	if f := Merged(b.Group, "ssl-redirect", func(s *intent.Settings) intent.Field[int32] {
		return s.SSLRedirectPort
	}); f.Set {
		b.redirect = f.Value
	}
	b.addConfiguration()
	b.addGateway()
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
				b.Find(Failed, m.Object, annotation.ListenPorts.Path(),
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

func (b *balancer) addConfiguration() {
	c := b.Configuration()
	s := &c.Spec
	s.LoadBalancerName = b.Text("load balancer name", func(s *intent.Settings) intent.Field[string] { return s.Name })
	s.CustomerOwnedIPv4Pool = b.Text("customer-owned pool", func(s *intent.Settings) intent.Field[string] {
		return s.AddOns.CustomerOwnedPool
	})
	s.IPv4IPAMPoolID = b.Text("IPAM pool", func(s *intent.Settings) intent.Field[string] { return s.AddOns.IPAMPool })
	if f := Merged(b.Group, "subnets", func(s *intent.Settings) intent.Field[intent.SubnetSelector] {
		return s.Subnets
	}); f.Set {
		for _, id := range f.Value.IDsOrNames {
			s.LoadBalancerSubnets = append(s.LoadBalancerSubnets, configv1.SubnetConfiguration{Identifier: id})
		}
		s.LoadBalancerSubnetsSelector = f.Value.Tags
	}
	if len(s.SecurityGroups) > 0 {
		s.ManageBackendSecurityGroupRules = Pointer(Merged(b.Group, "management of backend rules",
			func(s *intent.Settings) intent.Field[bool] { return s.ManageBackend }))
	} else {
		b.ranges(s)
	}
	b.addOns(s)
	for _, p := range b.ports {
		if l, ok := b.listenerConfiguration(p); ok {
			s.ListenerConfigurations = append(s.ListenerConfigurations, l)
		}
	}
	b.Add(c)
}

func (b *balancer) addOns(s *configv1.LoadBalancerConfigurationSpec) {
	acl := Merged(b.Group, "web ACL", func(s *intent.Settings) intent.Field[string] { return s.AddOns.WebACL })
	byName := Merged(b.Group, "web ACL", func(s *intent.Settings) intent.Field[string] { return s.AddOns.WebACLName })
	switch {
	case byName.Set && byName.Source.OfClass() && byName.Value != intent.None:
		r := b.Fates[annotation.WebACLName]
		b.Find(Failed, b.members[0].Object, byName.Source.Place(), r.Why, r.Remedy)
	case byName.Set:
	case acl.Set && acl.Value != intent.None && acl.Value != "":
		s.WAFv2 = &configv1.WAFv2Configuration{WebACL: acl.Value}
	}
	if f := Merged(b.Group, "shield protection", func(s *intent.Settings) intent.Field[bool] {
		return s.AddOns.Shield
	}); f.Set {
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
			b.Find(Failed, b.members[0].Object, annotation.InboundCIDRs.Path(),
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
			l.SSLPolicy = Pointer(of.SSLPolicy)
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
			b.Find(Warning, b.members[0].Object, annotation.CertificateARN.Path(),
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
					b.Find(Warning, m.Object, fmt.Sprintf("spec.tls[%d].hosts", i),
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

func (b *balancer) addGateway() {
	var listeners []gatewayv1.Listener
	for _, p := range b.ports {
		listeners = append(listeners, gatewayv1.Listener{Name: gatewayv1.SectionName(p.section()), Port: p.number,
			Protocol: gatewayv1.ProtocolType(p.protocol)})
	}
	b.AddGateway(listeners)
}
