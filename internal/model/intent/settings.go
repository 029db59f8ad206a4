package intent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Settings concern the whole load balancer.
type Settings struct {
	Name             Field[string]
	Scheme           Field[string]
	IPAddressType    Field[string]
	Subnets          Field[SubnetSelector]
	SecurityGroups   Field[[]string] // ids ("sg-…") or Name tag values; an empty list is not set
	NoSecurityGroups Field[bool]     // NLB only: aws-load-balancer-disable-nlb-sg
	ManageBackend    Field[bool]     // manage-backend-security-group-rules
	Attributes       map[string]Field[string]
	Tags             map[string]Field[string]
	SSLRedirectPort  Field[int32]
	// Mappings are an NLB's addresses, without subnets: entry i has the i-th value of each of the four declared lists.
	// AllocationID belongs to the i-th subnet. PrivateIPv4, IPv6 and SourceNATPrefix (unless it is auto_assigned) belong
	// to the subnet whose range contains them.
	Mappings Field[[]stack.SubnetMapping]
	// AddressSources says where the lists of Mappings are declared, if each has its own place.
	AddressSources AddressSources `json:",omitzero"`
	SourceNAT      Field[string]  // NLB: enable-prefix-for-ipv6-source-nat, "on" or "off"
	// PrivateLinkRules says whether the inbound rules of an NLB's groups apply to PrivateLink traffic, "on" or "off".
	PrivateLinkRules Field[string]
	// Addresses are Elastic IP addresses, one for each subnet, of an NLB or of the frontend of an ALB. They replace
	// Mappings and Frontend.Allocations.
	Addresses Field[[]string]
	AddOns    AddOns
	Frontend  Frontend
	// Existing is a load balancer of others, by ARN or name, on which listeners and rules are created. No other setting
	// applies to it.
	Existing Field[string] `json:",omitzero"`
	// Adopted is a load balancer of others, by ARN or name, that the stack adopts.
	Adopted Field[string] `json:",omitzero"`
	// DriftPolicy has the policies for changes made in AWS by hand, by group of fields.
	DriftPolicy map[string]Field[string] `json:",omitempty"`
	// ReplacementPolicy is the policy for edits that would replace the load balancer, in the text of package replacement.
	ReplacementPolicy Field[string] `json:",omitzero"`
}

// AddressSources are the sources of the addresses of an NLB by their kind; the zero Source = that of Mappings.
type AddressSources struct{ Allocations, PrivateIPv4, IPv6, SourceNATPrefixes Source }

// SubnetSelector is exactly one of its fields.
type SubnetSelector struct {
	IDsOrNames []string
	Tags       map[string][]string
}

// None is the name, ARN or id of a web ACL that removes the association.
const None = "none"

// AddOns are the optional features of a load balancer that carry no traffic. A feature that no member sets does not
// change in AWS.
type AddOns struct {
	CustomerOwnedPool Field[string] // of an Outpost
	IPAMPool          Field[string] // not set = Amazon's addresses
	Capacity          Field[int32]  // reserved units; 0 = none
	WebACLName        Field[string] // WAFv2, or None; a name of any member has precedence over ARNs
	WebACL            Field[string] // WAFv2, an ARN or None
	Shield            Field[bool]   // Shield Advanced
}

// Certificate is a certificate in ACM that a member requests for itself.
type Certificate struct {
	ID     string // identity as in stack.Certificate.ID
	Source Source
	Names  []string // sorted, the first is the certificate's domain
	// Authority is the private authority that issues it; empty = Amazon, which validates each name by a DNS record.
	Authority string
	// Import is the content of a Secret; nil = the certificate is requested.
	Import *stack.KeyPair
	// Broken marks an invalid Secret: the certificate that was imported from it stays in use.
	Broken bool
}

// Frontend is the desired network load balancer in front of an ALB. Members that share a load balancer share its
// frontend.
type Frontend struct {
	Enabled        Field[bool]
	Scheme         Field[string]
	Subnets        Field[[]string] // ids or Name tag values; an empty list is not set
	SecurityGroups Field[[]string] // ids or Name tag values; an empty list is not set
	Allocations    Field[[]string] // of Elastic IP addresses; the i-th belongs to the i-th subnet
	Attributes     Field[map[string]string]
	Tags           Field[map[string]string]
	// Ports maps ports of the frontend to ports of the ALB. Not set = the ports of the member's listeners, each to itself.
	Ports       Field[map[int32]int32]
	HealthCheck FrontendHealthCheck
	// Broken marks an invalid setting: an existing frontend does not change, and none is created.
	Broken bool
}

// FrontendHealthCheck is how the frontend checks the ALB.
type FrontendHealthCheck struct {
	Protocol           Field[string] // HTTP or HTTPS
	Port               Field[string] // "traffic-port" or decimal
	Path               Field[string]
	Matcher            Field[string]
	IntervalSeconds    Field[int32]
	TimeoutSeconds     Field[int32]
	HealthyThreshold   Field[int32]
	UnhealthyThreshold Field[int32]
}

// Sources returns the sources of the settings that have an effect only with a frontend.
func (f *Frontend) Sources() []Source {
	return append(sources(f.Scheme, f.Subnets, f.SecurityGroups, f.Allocations, f.Attributes, f.Tags, f.Ports),
		f.HealthCheck.Sources()...)
}

// Sources returns the sources of the settings.
func (h *FrontendHealthCheck) Sources() []Source {
	return sources(h.Protocol, h.Port, h.Path, h.Matcher, h.IntervalSeconds, h.TimeoutSeconds, h.HealthyThreshold,
		h.UnhealthyThreshold)
}

// Sources returns the sources of what class parameters can set.
func (s *Settings) Sources() []Source {
	out := sources(s.Scheme, s.IPAddressType, s.Subnets, s.SecurityGroups, s.ManageBackend, s.SSLRedirectPort,
		s.PrivateLinkRules, s.AddOns.Capacity, s.AddOns.WebACLName, s.AddOns.WebACL, s.AddOns.Shield)
	return append(append(out, sourcesOf(s.Attributes)...), sourcesOf(s.Tags)...)
}

// Sources returns the sources of what class parameters can set of a listener.
func (l *Listener) Sources() []Source {
	return append(sources(l.Certificates, l.SSLPolicy, l.Mutual, l.ALPN, l.InboundCIDRs, l.PrefixLists),
		sourcesOf(l.Attributes)...)
}

func sourcesOf(fields map[string]Field[string]) (out []Source) {
	for _, f := range fields {
		out = append(out, f.Source)
	}
	return out
}

// Shown returns a value of a setting as findings print it: lists with commas, maps as "key=value" sorted by key.
func Shown(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ", ")
	case map[string]string:
		return pairs(v, func(s string) string { return s })
	case SubnetSelector:
		if v.Tags != nil {
			return "tags " + pairs(v.Tags, func(values []string) string { return strings.Join(values, "|") })
		}
		return strings.Join(v.IDsOrNames, ", ")
	case []stack.SubnetMapping:
		subnets := make([]string, 0, len(v))
		for _, m := range v {
			subnets = append(subnets, m.Subnet)
		}
		return strings.Join(subnets, ", ")
	}
	return fmt.Sprint(value)
}

// pairs are the entries of a map, sorted by key.
func pairs[T any](m map[string]T, shown func(T) string) string {
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+shown(m[k]))
	}
	return strings.Join(out, ", ")
}
