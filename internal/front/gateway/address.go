package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
