package service

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func (t *translation) settings() intent.Settings {
	s := intent.Settings{
		Name:              t.read.String(annotation.ServiceName),
		Scheme:            t.scheme(),
		IPAddressType:     t.read.String(annotation.ServiceIPAddressType),
		SecurityGroups:    t.read.NonEmptyList(annotation.ServiceSecurityGroups),
		NoSecurityGroups:  t.read.Bool(annotation.ServiceDisableSecurityGroups),
		ManageBackend:     t.read.Bool(annotation.ServiceManageBackend),
		Attributes:        t.attributes(),
		Tags:              intent.Entries(t.read.Map(annotation.ServiceTags)),
		SourceNAT:         t.read.String(annotation.ServiceSourceNAT),
		PrivateLinkRules:  t.read.String(annotation.ServicePrivateLinkRules),
		DriftPolicy:       t.read.DriftPolicy(annotation.ServiceDriftPolicy),
		ReplacementPolicy: t.read.ReplacementPolicy(annotation.ServiceReplacementPolicy),
		AddOns:            intent.AddOns{Capacity: t.read.Capacity(annotation.ServiceCapacity, !t.config.CapacityOff)},
	}
	s.Existing, s.Adopted = t.read.OfOthers(intent.Field[string]{}, annotation.ServiceOwnership,
		annotation.ServiceExistingLoadBalancer)
	t.read.CheckApproval(annotation.ServiceApprovedPlan)
	t.read.CheckDeletionPolicy(annotation.ServiceDeletionPolicy)
	// applied when the load balancer is deleted; an invalid value is reported here
	t.read.Bool(annotation.ServiceAllowDeletion)
	if s.Name.Set && s.Name.Value == "" {
		t.read.Invalid(annotation.ServiceName, "load balancer name cannot be empty",
			"write a name of at most 32 characters, or remove the annotation")
	}
	if subnets := t.read.List(annotation.ServiceSubnets); subnets.Set && len(subnets.Value) == 0 {
		t.read.Invalid(annotation.ServiceSubnets, "the list of subnets is empty",
			"name subnets, or remove the annotation")
	} else if subnets.Set {
		s.Subnets = intent.Of(intent.SubnetSelector{IDsOrNames: subnets.Value}, subnets.Source)
	}
	if s.SourceNAT.Value == "on" && s.IPAddressType.Or(stack.IPv4) == stack.IPv4 {
		t.read.Invalid(annotation.ServiceSourceNAT,
			"enable-prefix-for-ipv6-source-nat annotation is only applicable to Network Load Balancers using Dualstack "+
				"IP address type",
			"set "+string(annotation.ServiceIPAddressType)+": dualstack, or remove the annotation")
	}
	if s.PrivateLinkRules.Set && s.NoSecurityGroups.Value {
		t.read.Ignored(annotation.ServicePrivateLinkRules, fmt.Sprintf("annotation %s has no effect: the load "+
			"balancer has no security groups", annotation.ServicePrivateLinkRules),
			"remove this annotation, or annotation "+string(annotation.ServiceDisableSecurityGroups))
		s.PrivateLinkRules = intent.Field[string]{}
	}
	if s.NoSecurityGroups.Value {
		t.read.Ignored(annotation.ServiceSecurityGroups, fmt.Sprintf("annotation %s has no effect together with %s: the "+
			"load balancer has no security groups", annotation.ServiceSecurityGroups, annotation.ServiceDisableSecurityGroups),
			"remove one of them")
	}
	t.noteManageBackend(&s)
	t.mappings(&s)
	return s
}

// noteManageBackend notes that the rules of pods' and nodes' groups are managed whatever the annotation says.
func (t *translation) noteManageBackend(s *intent.Settings) {
	if !s.ManageBackend.Set || s.SecurityGroups.Set || s.NoSecurityGroups.Value || s.Existing.Set || s.Adopted.Set {
		return
	}
	t.read.Ignored(annotation.ServiceManageBackend,
		fmt.Sprintf("annotation %s has no effect without %s: the load balancer has the controller's security groups, and "+
			"the controller manages their rules", annotation.ServiceManageBackend, annotation.ServiceSecurityGroups),
		fmt.Sprintf("name security groups (%s), have none (%s), or remove it", annotation.ServiceSecurityGroups,
			annotation.ServiceDisableSecurityGroups))
}

// scheme is the scheme of the annotation or, without it, of its former spelling.
func (t *translation) scheme() intent.Field[string] {
	if _, _, ok := t.read.Raw(annotation.ServiceScheme); ok {
		return t.read.String(annotation.ServiceScheme)
	}
	internal := t.read.Bool(annotation.ServiceInternal)
	switch {
	case !internal.Set:
		return intent.Field[string]{}
	case internal.Value:
		return intent.Of(stack.Internal, internal.Source)
	}
	return intent.Of(stack.InternetFacing, internal.Source)
}

// Attribute keys with annotations of their own, or with restricted values.
const (
	accessLogEnabled     = "access_logs.s3.enabled"
	accessLogBucket      = "access_logs.s3.bucket"
	accessLogPrefix      = "access_logs.s3.prefix"
	crossZone            = "load_balancing.cross_zone.enabled"
	clientRoutingPolicy  = "dns_record.client_routing_policy"
	proxyProtocolEnabled = "proxy_protocol_v2.enabled"
	preserveClientIP     = "preserve_client_ip.enabled"
)

var clientRoutingPolicies = []string{"any_availability_zone", "partial_availability_zone_affinity",
	"availability_zone_affinity"}

// attributes returns the load balancer's attributes: the map, overridden by the annotations for single attributes.
func (t *translation) attributes() map[string]intent.Field[string] {
	out := intent.Entries(t.read.Attributes(annotation.ServiceAttributes))
	set := func(k string, f intent.Field[string]) {
		if out == nil {
			out = map[string]intent.Field[string]{}
		}
		out[k] = f
	}
	if p, ok := out[clientRoutingPolicy]; ok && !slices.Contains(clientRoutingPolicies, p.Value) {
		t.read.Invalid(annotation.ServiceAttributes,
			fmt.Sprintf("dns_record.client_routing_policy is %q, and must be any_availability_zone, "+
				"partial_availability_zone_affinity or availability_zone_affinity",
				p.Value),
			"write one of them")
	}
	bucket, prefix := t.read.String(annotation.ServiceAccessLogBucket), t.read.String(annotation.ServiceAccessLogPrefix)
	if log := t.read.Bool(annotation.ServiceAccessLog); log.Value {
		set(accessLogEnabled, intent.Of("true", log.Source))
		if bucket.Set {
			set(accessLogBucket, bucket)
		}
		if prefix.Set {
			set(accessLogPrefix, prefix)
		}
	} else {
		for _, k := range []annotation.Key{annotation.ServiceAccessLogBucket, annotation.ServiceAccessLogPrefix} {
			t.read.Ignored(k, fmt.Sprintf("annotation %s has an effect only together with %s: \"true\"", k,
				annotation.ServiceAccessLog), "set it, or remove this one")
		}
		if _, declared := out[accessLogEnabled]; log.Set && !declared {
			t.read.Ignored(annotation.ServiceAccessLog, fmt.Sprintf("annotation %s has no effect: false does not end logs that "+
				"are on", annotation.ServiceAccessLog), fmt.Sprintf("to end them, add %s=false to annotation %s", accessLogEnabled,
				annotation.ServiceAttributes))
		}
	}
	if cross := t.read.Bool(annotation.ServiceCrossZone); cross.Set {
		set(crossZone, intent.Of(strconv.FormatBool(cross.Value), cross.Source))
	}
	return out
}

// mappings sets the addresses of the load balancer by index; compile assigns them to subnets.
func (t *translation) mappings(s *intent.Settings) {
	eips := t.read.NonEmptyList(annotation.ServiceEIPAllocations)
	v4 := t.read.NonEmptyList(annotation.ServicePrivateIPv4)
	v6 := t.read.NonEmptyList(annotation.ServiceIPv6Addresses)
	if eips.Set && s.Scheme.Set && s.Scheme.Value != stack.InternetFacing {
		t.read.Invalid(annotation.ServiceEIPAllocations, "Elastic IP addresses need an internet-facing load balancer",
			"set "+string(annotation.ServiceScheme)+": internet-facing, or remove the annotation")
	}
	if v4.Set && s.Scheme.Set && s.Scheme.Value != stack.Internal {
		t.read.Invalid(annotation.ServicePrivateIPv4, "private IPv4 addresses can only be set for internal load balancers",
			"set "+string(annotation.ServiceScheme)+": internal, or remove the annotation")
	}
	if v6.Set && s.IPAddressType.Or(stack.IPv4) != stack.Dualstack {
		t.read.Invalid(annotation.ServiceIPv6Addresses, "IPv6 addresses can only be set for dualstack load balancers",
			"set "+string(annotation.ServiceIPAddressType)+": dualstack, or remove the annotation")
	}
	nat := t.sourceNATPrefixes(s)
	t.checkAllocations(eips.Value)
	for _, of := range []struct {
		key  annotation.Key
		what string
		n    int
	}{{annotation.ServiceEIPAllocations, "EIP allocations", len(eips.Value)}, {annotation.ServicePrivateIPv4,
		"private IPv4 addresses", len(v4.Value)}, {annotation.ServiceIPv6Addresses, "IPv6 addresses", len(v6.Value)}} {
		if subnets := len(s.Subnets.Value.IDsOrNames); of.n > 0 && subnets > 0 && of.n != subnets {
			t.read.Invalid(of.key, fmt.Sprintf("count of %s (%d) and subnets (%d) must match", of.what, of.n, subnets),
				"give one for each subnet of "+string(annotation.ServiceSubnets))
		}
	}
	out := make([]stack.SubnetMapping, max(len(eips.Value), len(v4.Value), len(v6.Value), len(nat.Value)))
	for i, id := range eips.Value {
		out[i].AllocationID = id
	}
	for i, a := range v4.Value {
		out[i].PrivateIPv4 = t.address(annotation.ServicePrivateIPv4, "private IPv4", a, netip.Addr.Is4)
	}
	for i, a := range v6.Value {
		out[i].IPv6 = t.address(annotation.ServiceIPv6Addresses, "IPv6", a, netip.Addr.Is6)
	}
	for i, p := range nat.Value {
		out[i].SourceNATPrefix = p
	}
	s.AddressSources = intent.AddressSources{Allocations: eips.Source, PrivateIPv4: v4.Source, IPv6: v6.Source,
		SourceNATPrefixes: nat.Source}
	for _, f := range []intent.Field[[]string]{eips, v4, v6, nat} {
		if f.Set {
			s.Mappings = intent.Of(out, f.Source)
			return
		}
	}
}

// checkAllocations reports what cannot be the allocations of Elastic IP addresses.
func (t *translation) checkAllocations(ids []string) {
	for i, id := range ids {
		switch {
		case !strings.HasPrefix(id, "eipalloc-"):
			t.read.Invalid(annotation.ServiceEIPAllocations,
				fmt.Sprintf("%q is not the id of an allocation of an Elastic IP address", id),
				"write ids such as eipalloc-0123456789abcdef0")
		case slices.Contains(ids[:i], id):
			t.read.Invalid(annotation.ServiceEIPAllocations,
				fmt.Sprintf("allocation %s is listed twice, and an address is of one subnet", id),
				"give each subnet a different allocation")
		}
	}
}

// sourceNATPrefixes are the prefixes for source NAT in canonical text, which need a dualstack load balancer with source
// NAT.
func (t *translation) sourceNATPrefixes(s *intent.Settings) intent.Field[[]string] {
	const key = annotation.ServiceSourceNATPrefixes
	prefixes := t.read.NonEmptyList(key)
	switch {
	case !prefixes.Set:
		return prefixes
	case s.IPAddressType.Or(stack.IPv4) != stack.Dualstack:
		t.read.Invalid(key, "source-nat-ipv6-prefixes annotation can only be set for Network Load Balancers using "+
			"Dualstack IP address type",
			"set "+string(annotation.ServiceIPAddressType)+": dualstack, or remove the annotation")
	case s.SourceNAT.Value != "on":
		t.read.Invalid(key, "source-nat-ipv6-prefixes annotation is only applicable if enable-prefix-for-ipv6-source-nat "+
			"annotation is set to on",
			"set "+string(annotation.ServiceSourceNAT)+": \"on\", or remove the annotation")
	}
	for i, p := range prefixes.Value {
		canonical, err := stack.SourceNATPrefix(p)
		if err != nil {
			t.read.Invalid(key, fmt.Sprintf("source-nat-ipv6-prefixes: %s: %v", p, err),
				"write a prefix of 80 bits in the subnet, or "+stack.AutoAssigned)
		}
		prefixes.Value[i] = canonical
	}
	return prefixes
}

// address is the canonical text of an address of a family. An invalid text is reported and returned as it is.
func (t *translation) address(k annotation.Key, what, text string, family func(netip.Addr) bool) string {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		t.read.Invalid(k, fmt.Sprintf("%s addresses must be valid IP address: %s", what, text), "")
	case !family(a):
		version := "IPv4"
		if what == "IPv6" {
			version = "IPv6"
		}
		t.read.Invalid(k, fmt.Sprintf("%s addresses must be valid %s address: %s", what, version, text), "")
	default:
		return a.String()
	}
	return text
}
