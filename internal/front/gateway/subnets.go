package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// subnetList reads the subnets that a configuration lists, with their addresses.
func (t *translation) subnetList(s *intent.Settings, list intent.Field[[]configv1.SubnetConfiguration]) {
	invalid := func(remedy, format string, args ...any) {
		t.report(list.Source, diag.InvalidConfiguration, fmt.Sprintf(format, args...), remedy)
	}
	ids, agree := each(list.Value, func(c configv1.SubnetConfiguration) string { return c.Identifier })
	if !agree {
		invalid("give each subnet an identifier, or none", "Either specify all subnet identifiers or none.")
	} else if len(ids) > 0 {
		s.Subnets = intent.Of(intent.SubnetSelector{IDsOrNames: ids}, list.Source)
	}
	mappings := make([]stack.SubnetMapping, len(list.Value))
	used := false
	for _, f := range subnetAddresses(s) {
		values, agree := each(list.Value, f.read)
		switch {
		case !agree:
			invalid("declare the "+f.what+" of all subnets, or of none", "Either specify all %s or none.", f.what)
		case len(values) == 0:
		case t.Family != attachment.Network:
			invalid("remove the "+f.what+", or use a GatewayClass for Network Load Balancers",
				"%s can only be set for Network Load Balancers", f.what)
		case f.refuse != "":
			invalid("remove the "+f.what+", or change scheme or ipAddressType", "%s", f.refuse)
		default:
			used = true
			for i, v := range values {
				if wrong := f.set(&mappings[i], v); wrong != "" {
					invalid("write an address of the subnet", "%s", wrong)
				}
			}
		}
	}
	if used {
		s.Mappings = intent.Of(mappings, list.Source)
	}
	if used && mappings[0].SourceNATPrefix != "" {
		s.SourceNAT = intent.Of("on", list.Source)
	}
}

// subnetAddress is a kind of addresses that a configuration gives subnets.
type subnetAddress struct {
	what   string
	read   func(configv1.SubnetConfiguration) string
	refuse string // why the values cannot be used, beside being of an ALB
	set    func(m *stack.SubnetMapping, v string) (wrong string)
}

// subnetAddresses are all kinds, for a load balancer with these settings.
func subnetAddresses(s *intent.Settings) []subnetAddress {
	scheme, dualstack := s.Scheme, s.IPAddressType.Value == stack.Dualstack
	return []subnetAddress{{
		what: "EIP allocations", read: func(c configv1.SubnetConfiguration) string { return ptr.Deref(c.EIPAllocation, "") },
		refuse: unless(!scheme.Set || scheme.Value == stack.InternetFacing,
			"Elastic IP addresses need an internet-facing load balancer"),
		set: func(m *stack.SubnetMapping, v string) string { m.AllocationID = v; return "" },
	}, {
		what: "private IPv4 addresses", read: func(c configv1.SubnetConfiguration) string {
			return ptr.Deref(c.PrivateIPv4Allocation, "")
		},
		refuse: unless(!scheme.Set || scheme.Value == stack.Internal,
			"private IPv4 addresses can only be set for internal load balancers"),
		set: func(m *stack.SubnetMapping, v string) (wrong string) {
			m.PrivateIPv4, wrong = address("private IPv4", v, netip.Addr.Is4)
			return wrong
		},
	}, {
		what: "IPv6 addresses", read: func(c configv1.SubnetConfiguration) string { return ptr.Deref(c.IPv6Allocation, "") },
		refuse: unless(dualstack, "IPv6 addresses can only be set for dualstack load balancers"),
		set: func(m *stack.SubnetMapping, v string) (wrong string) {
			m.IPv6, wrong = address("IPv6", v, netip.Addr.Is6)
			return wrong
		},
	}, {
		what: "source NAT prefixes", read: func(c configv1.SubnetConfiguration) string {
			return ptr.Deref(c.SourceNatIPv6Prefix, "")
		},
		refuse: unless(dualstack, "source NAT prefixes can only be set for dualstack load balancers"),
		set: func(m *stack.SubnetMapping, v string) (wrong string) {
			var err error
			if m.SourceNATPrefix, err = stack.SourceNATPrefix(v); err != nil {
				return fmt.Sprintf("source NAT prefix %s: %v", v, err)
			}
			return ""
		},
	}}
}

func unless(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

// address is the canonical text of an address of a family, or what is wrong with it.
func address(what, text string, family func(netip.Addr) bool) (canonical, wrong string) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return text, fmt.Sprintf("%s addresses must be valid IP address: %s", what, text)
	case !family(a):
		version := "IPv4"
		if what == "IPv6" {
			version = "IPv6"
		}
		return text, fmt.Sprintf("%s addresses must be valid %s address: %s", what, version, text)
	}
	return a.String(), ""
}

// addresses reads spec.addresses. An entry without a value asks for any address. IP addresses are Elastic IP addresses
// of the account: those of a Network Load Balancer, or of the one in front of an Application Load Balancer.
func (t *translation) addresses(s *intent.Settings) {
	var ips []string
	for i, a := range t.Gateway.Spec.Addresses {
		source := t.here(fmt.Sprintf("spec.addresses[%d]", i))
		if a.Routability != "" {
			t.ignored(t.here(fmt.Sprintf("spec.addresses[%d].routability", i)), "the scheme of the load balancer decides who "+
				"reaches it", "remove it, and set scheme in a LoadBalancerConfiguration")
		}
		unusable := func(text, remedy string) { t.report(source, diag.AddressNotUsable, text, remedy) }
		kind := gatewayv1.IPAddressType
		if a.Type != nil {
			kind = *a.Type
		}
		switch {
		case kind != gatewayv1.IPAddressType && kind != gatewayv1.HostnameAddressType:
			text := fmt.Sprintf("address type %q is not supported, so the load balancer does not get this address",
				kind)
			t.report(source, diag.UnsupportedAddress, text, "use type IPAddress or Hostname, or remove the address")
			if t.refused == nil {
				t.refused = &attachment.Problem{Reason: string(gatewayv1.GatewayReasonUnsupportedAddress), Message: text}
			}
		case a.Value == "":
		case kind == gatewayv1.HostnameAddressType:
			if !slices.ContainsFunc(t.Gateway.Status.Addresses, func(have gatewayv1.GatewayStatusAddress) bool {
				return strings.EqualFold(have.Value, a.Value)
			}) {
				unusable(fmt.Sprintf("hostname %s is not the load balancer's hostname, which AWS chooses", a.Value),
					"leave the value empty, and point a DNS record to the hostname in the status")
			}
		default:
			if ip, err := netip.ParseAddr(a.Value); err != nil || !ip.Is4() {
				unusable(fmt.Sprintf("%s is not an IPv4 address", a.Value), "use an Elastic IP address of the account")
			} else {
				ips = append(ips, ip.String())
			}
		}
	}
	if len(ips) == 0 {
		return
	}
	source := t.here("spec.addresses")
	if s.Mappings.Set {
		t.ignored(s.Mappings.Source, "spec.addresses of the Gateway already has addresses", "remove one of them")
		s.Mappings = intent.Field[[]stack.SubnetMapping]{}
	}
	s.Addresses = intent.Of(ips, source)
	if t.Family == attachment.Application {
		s.Frontend.Enabled, s.Frontend.Scheme = intent.Of(true, source), intent.Of(stack.InternetFacing, source)
	}
}
