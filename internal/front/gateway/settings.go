package gateway

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const deletionProtection = "deletion_protection.enabled"

// spec is short for the part of a LoadBalancerConfiguration that is read.
type spec = configv1.LoadBalancerConfigurationSpec

// text is a field of a type based on string.
func text[S ~string](l *Loaded, field string, read func(*spec) *S) intent.Field[string] {
	f := configuration.Value(l.configuration, field, read)
	if !f.Set || f.Value == "" {
		return intent.Field[string]{}
	}
	return intent.Of(string(f.Value), f.Source)
}

func (l *Loaded) attributes() map[string]intent.Field[string] {
	return configuration.Attributes(l.configuration, "loadBalancerAttributes", func(s *spec) []configv1.Attribute {
		return s.LoadBalancerAttributes
	})
}

// settings returns the settings of the load balancer as a whole.
func (t *translation) settings(d *Decisions) intent.Settings {
	l := t.Loaded
	s := intent.Settings{
		Name:          text(l, "loadBalancerName", func(s *spec) *string { return s.LoadBalancerName }),
		Scheme:        text(l, "scheme", func(s *spec) *configv1.Scheme { return s.Scheme }),
		IPAddressType: text(l, "ipAddressType", func(s *spec) *configv1.IPAddressType { return s.IPAddressType }),
		SecurityGroups: configuration.List(l.configuration, "securityGroups", func(s *spec) []string {
			return s.SecurityGroups
		}),
		NoSecurityGroups: configuration.Value(l.configuration, "disableSecurityGroup",
			func(s *spec) *bool { return s.DisableSecurityGroup }),
		ManageBackend: configuration.Value(l.configuration, "manageBackendSecurityGroupRules",
			func(s *spec) *bool { return s.ManageBackendSecurityGroupRules }),
		Attributes:        l.attributes(),
		Tags:              configuration.Map(l.configuration, "tags", func(s *spec) map[string]string { return s.Tags }),
		AddOns:            t.addOns(d),
		DriftPolicy:       t.driftPolicy(),
		ReplacementPolicy: t.replacementPolicy(),
	}
	if s.NoSecurityGroups.Set && l.Family == attachment.Application {
		t.ignored(s.NoSecurityGroups.Source, "an Application Load Balancer always has security groups",
			"name some in securityGroups, or remove the field")
		s.NoSecurityGroups = intent.Field[bool]{}
	}
	t.noteWithoutEffect(&s)
	var ownership intent.Field[string]
	t.annotated(func(annotation.Reader) {}, func(r annotation.Reader) {
		if f := r.ClassOwnership(); f.Set {
			ownership = f
		}
	})
	t.annotated(func(r annotation.Reader) {
		r.CheckApproval(annotation.GatewayApprovedPlan)
		r.CheckDeletionPolicy(annotation.GatewayDeletionPolicy)
		s.Existing, s.Adopted = r.OfOthers(ownership, annotation.GatewayOwnership, annotation.GatewayExisting)
	}, func(annotation.Reader) {})
	t.privateLinkRules(&s)
	t.subnets(&s)
	t.addresses(&s)
	return s
}

// noteWithoutEffect notes fields whose effect depends on another one.
func (t *translation) noteWithoutEffect(s *intent.Settings) {
	if f := s.ManageBackend; f.Set && !s.SecurityGroups.Set {
		why, remedy := "the load balancer has the controller's security groups, and the controller manages their rules",
			"name security groups in securityGroups, or remove the field"
		if s.NoSecurityGroups.Value {
			why, remedy = "the load balancer has no security groups", "remove the field"
		}
		t.ignored(f.Source, why, remedy)
	}
	if len(t.configurations) > 0 && t.configurations[0] != nil && t.configurations[0].Spec.MergingMode != nil {
		own := t.configurations[0]
		t.ignored(intent.At(configuration.Object(own), "spec.mergingMode"),
			"the controller reads mergingMode only in the configuration of a GatewayClass",
			"remove spec.mergingMode here")
	}
}

// driftPolicy are the policies of the annotation, under those that the annotations of configurations declare.
func (t *translation) driftPolicy() map[string]intent.Field[string] {
	out := map[string]intent.Field[string]{}
	t.annotated(func(r annotation.Reader) { maps.Copy(out, r.DriftPolicy(annotation.GatewayDriftPolicy)) },
		func(r annotation.Reader) { maps.Copy(out, r.ClassDriftPolicy()) })
	return out
}

// replacementPolicy is the policy that the annotation of a configuration declares, else that of the Gateway's.
func (t *translation) replacementPolicy() (out intent.Field[string]) {
	t.annotated(func(r annotation.Reader) { out = r.ReplacementPolicy(annotation.GatewayReplacementPolicy) },
		func(r annotation.Reader) {
			if f := r.ClassReplacementPolicy(); f.Set {
				out = f
			}
		})
	return out
}

// annotated reads annotations of the Gateway, and then those of its configurations, the one that takes precedence last.
// What is wrong with any is reported on the Gateway.
func (t *translation) annotated(own, class func(annotation.Reader)) {
	f := &annotation.Findings{}
	own(annotation.NewReader(f, Object(t.Gateway), t.Gateway.Annotations))
	for _, c := range t.configurations {
		if c != nil {
			class(annotation.NewReader(f, configuration.Object(c), c.Annotations))
		}
	}
	for _, d := range f.List() {
		d.Object, d.Path = Object(t.Gateway), intent.At(d.Object, d.Path).Place()
		t.add(d)
	}
}

// privateLinkRules reads whether inbound rules apply to PrivateLink traffic, which only a load balancer with security
// groups can have.
func (t *translation) privateLinkRules(s *intent.Settings) {
	f := text(t.Loaded, "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic", func(s *spec) *string {
		return s.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic
	})
	switch {
	case !f.Set:
	case t.Family == attachment.Application:
		t.ignored(f.Source, "PrivateLink reaches Network Load Balancers only", "remove the field")
	case s.NoSecurityGroups.Value:
		t.ignored(f.Source, "the load balancer has no security groups", "remove this field, or remove disableSecurityGroup")
	case f.Value != "on" && f.Value != "off":
		t.report(f.Source, diag.InvalidConfiguration, fmt.Sprintf("%q is neither on nor off", f.Value), "write on or off")
	default:
		s.PrivateLinkRules = f
	}
}

// each is the values of a field of the subnets that have one, and false if some have it and others do not.
func each(subnets []configv1.SubnetConfiguration, read func(configv1.SubnetConfiguration) string) (out []string,
	agree bool) {
	for _, s := range subnets {
		if v := read(s); v != "" {
			out = append(out, v)
		}
	}
	return out, len(out) == 0 || len(out) == len(subnets)
}

// subnets reads subnets and the addresses there. Each field is set for all subnets or for none.
func (t *translation) subnets(s *intent.Settings) {
	l := t.Loaded
	list := configuration.List(l.configuration, "loadBalancerSubnets", func(s *spec) []configv1.SubnetConfiguration {
		return s.LoadBalancerSubnets
	})
	if list.Set {
		t.subnetList(s, list)
	}
	selector := configuration.Value(l.configuration, "loadBalancerSubnetsSelector", func(s *spec) *map[string][]string {
		if len(s.LoadBalancerSubnetsSelector) == 0 {
			return nil
		}
		return &s.LoadBalancerSubnetsSelector
	})
	switch {
	case !selector.Set:
	case s.Subnets.Set:
		t.ignored(selector.Source, "loadBalancerSubnets already names subnets", "remove one of them")
	default:
		s.Subnets = intent.Of(intent.SubnetSelector{Tags: selector.Value}, selector.Source)
	}
}

// sources are the ranges and prefix lists that the security group of the load balancer admits.
func (t *translation) sources() (ranges, lists intent.Field[[]string], icmp intent.Field[string]) {
	l := t.Loaded
	ranges = configuration.Value(l.configuration, "sourceRanges", func(s *spec) *[]string { return s.SourceRanges })
	lists = configuration.List(l.configuration, "securityGroupPrefixes", func(s *spec) []string {
		return s.SecurityGroupPrefixes
	})
	// the existing controller opens all addresses in addition to the lists
	if lists.Set && !ranges.Set && t.rules == rule.Compatible {
		ranges = intent.Of([]string{"0.0.0.0/0"}, lists.Source)
		if strings.HasPrefix(text(l, "ipAddressType", func(s *spec) *configv1.IPAddressType { return s.IPAddressType }).Value,
			stack.Dualstack) {
			ranges.Value = append(ranges.Value, "::/0")
		}
		t.ignoredGuard(true, lists.Source, "without sourceRanges, all addresses are admitted in rule construction compatible",
			"set sourceRanges, also to an empty list, or annotate the Gateway with "+ConstructionAnnotation+": standard")
	}
	if f := configuration.Value(l.configuration, "enableICMP", func(s *spec) *bool { return s.EnableICMP }); f.Value {
		icmp = intent.Of("on", f.Source)
	}
	for _, r := range ranges.Value {
		if _, _, err := net.ParseCIDR(r); err != nil {
			t.report(ranges.Source, diag.InvalidConfiguration, fmt.Sprintf("source range %q is not an address range", r),
				"write address ranges such as 198.51.100.0/24")
		}
	}
	if groups := configuration.List(l.configuration, "securityGroups", func(s *spec) []string {
		return s.SecurityGroups
	}); groups.Set {
		for _, s := range []struct {
			set, guards bool
			source      intent.Source
		}{{ranges.Set, !overlap.AdmitsAll(ranges.Value), ranges.Source},
			{lists.Set, !overlap.AdmitsAll(ranges.Value), lists.Source},
			{icmp.Set, false, icmp.Source}} {
			if s.set {
				t.ignoredGuard(s.guards, s.source, "securityGroups names the groups of the load balancer, and the controller "+
					"does not manage their rules", "put the rules into these groups, or remove securityGroups")
			}
		}
	} else if ranges.Set && len(ranges.Value) == 0 && !lists.Set {
		t.report(ranges.Source, diag.NoClientAdmitted, "sourceRanges is empty, and there are no securityGroupPrefixes: the "+
			"security group of the load balancer admits no clients", "add ranges or prefix lists, or remove sourceRanges to "+
			"admit all clients")
	}
	return ranges, lists, icmp
}

// mutual is the handling of client certificates that a listener configuration declares.
func (t *translation) mutual(c configuration.Layer[configv1.ListenerConfiguration],
	protocol string) intent.Field[stack.MutualAuthentication] {
	m := c.Spec.MutualAuthentication
	if m == nil {
		return intent.Field[stack.MutualAuthentication]{}
	}
	source := within(c, "mutualAuthentication")
	if protocol != "HTTPS" {
		t.ignoredGuard(verifies(m), source, "only HTTPS listeners have mutual authentication",
			"use protocol HTTPS, or remove mutualAuthentication")
		return intent.Field[stack.MutualAuthentication]{}
	}
	out := stack.MutualAuthentication{Mode: string(m.Mode), TrustStore: ptr.Deref(m.TrustStore, "")}
	if m.IgnoreClientCertificateExpiry != nil {
		out.IgnoreExpiry = *m.IgnoreClientCertificateExpiry
	}
	if m.AdvertiseTrustStoreCANames != nil {
		out.AdvertiseNames = *m.AdvertiseTrustStoreCANames == "on"
	}
	known := []string{stack.MutualOff, stack.MutualPassthrough, stack.MutualVerify}
	verify := out.Mode == stack.MutualVerify
	switch {
	case !slices.Contains(known, out.Mode):
		t.report(source, diag.InvalidConfiguration, fmt.Sprintf("mode %q is not off, passthrough or verify", out.Mode),
			"write one of them")
	case verify && out.TrustStore == "":
		t.report(source, diag.InvalidConfiguration, "trustStore is required when mode is verify",
			"name a trust store, by name or ARN")
	case !verify && (m.TrustStore != nil || m.IgnoreClientCertificateExpiry != nil || m.AdvertiseTrustStoreCANames != nil):
		t.report(source, diag.InvalidConfiguration, fmt.Sprintf("mode %s has no trustStore, ignoreClientCertificateExpiry "+
			"or advertiseTrustStoreCaNames", out.Mode), "remove these fields, or set mode verify")
	default:
		return intent.Of(out, source)
	}
	return intent.Field[stack.MutualAuthentication]{}
}

// verifies reports whether mutual authentication keeps out clients without a certificate.
func verifies(m *configv1.MutualAuthentication) bool {
	return m != nil && string(m.Mode) == stack.MutualVerify
}

// within is a field of a listener configuration.
func within(c configuration.Layer[configv1.ListenerConfiguration], field string) intent.Source {
	return intent.At(c.Object, c.Path+"."+field)
}

// listenerAttributes are the attributes of a listener configuration; of one key twice, the later one holds.
func listenerAttributes(c configuration.Layer[configv1.ListenerConfiguration]) map[string]intent.Field[string] {
	if len(c.Spec.ListenerAttributes) == 0 {
		return nil
	}
	return maps.Clone(configuration.Attributes(configuration.Layers[configv1.ListenerConfiguration]{c},
		"listenerAttributes",
		func(s *configv1.ListenerConfiguration) []configv1.Attribute { return s.ListenerAttributes }))
}
