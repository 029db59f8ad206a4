package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// removeOverruled is the remedy for an annotation that a class parameter overrides.
const removeOverruled = "remove it, or change the class parameters"

// parameter is a class parameter that overrides an annotation. values are its entries; none = it is not set.
type parameter struct {
	key    annotation.Key
	path   string
	values []string
}

// parameters are the class parameters that override a whole annotation of the Ingress, except those that translate
// notes where it reads them.
func (t *translation) parameters() []parameter {
	spec := t.class.Params.Spec
	text := func(s string) []string { return slices.DeleteFunc([]string{s}, func(s string) bool { return s == "" }) }
	all := []parameter{
		{annotation.LoadBalancerName, "spec.loadBalancerName", text(spec.LoadBalancerName)},
		{annotation.Scheme, "spec.scheme", text(string(ptr.Deref(spec.Scheme, "")))},
		{annotation.IPAddressType, "spec.ipAddressType", text(string(ptr.Deref(spec.IPAddressType, "")))},
		{annotation.CertificateARN, "spec.certificateArn", spec.CertificateArn},
		{annotation.SSLPolicy, "spec.sslPolicy", text(spec.SSLPolicy)},
		{annotation.SSLRedirect, "spec.sslRedirectPort", text(spec.SSLRedirectPort)},
		{annotation.InboundCIDRs, "spec.inboundCIDRs", spec.InboundCIDRs},
		{annotation.PrefixLists, "spec.prefixListsIDs", slices.Concat(spec.PrefixListsIDs, legacy(spec))},
		{annotation.WebACLName, "spec.wafv2AclName", text(spec.WAFv2ACLName)},
		{annotation.WebACLARN, "spec.wafv2AclArn", text(spec.WAFv2ACLArn)},
	}
	if spec.Group != nil {
		all = append(all, parameter{annotation.GroupName, "spec.group.name", []string{spec.Group.Name}})
	}
	if s := t.subnets(spec.Subnets); spec.Subnets != nil && s.Source.OfClass() {
		all = append(all, parameter{annotation.Subnets, s.Source.Path(), append(slices.Clone(s.Value.IDsOrNames),
			slices.Sorted(maps.Keys(s.Value.Tags))...)})
	}
	if c := spec.MinimumLoadBalancerCapacity; c != nil {
		all = append(all, parameter{annotation.Capacity, "spec.minimumLoadBalancerCapacity.capacityUnits", []string{
			fmt.Sprintf("%s=%d", annotation.CapacityUnits, c.CapacityUnits)}})
	}
	if c := spec.IPAMConfiguration; c != nil {
		all = append(all, parameter{annotation.IPAMPool, "spec.ipamConfiguration.ipv4IPAMPoolId", text(ptr.Deref(
			c.IPv4IPAMPoolId, ""))})
	}
	if spec.ImportTLSSecrets != nil {
		all = append(all, parameter{annotation.ImportTLSSecrets, "spec.importTLSSecrets", []string{
			strconv.FormatBool(*spec.ImportTLSSecrets)}})
	}
	return all
}

// noteOverruled notes the annotations of the Ingress that a class parameter overrides with another value.
func (t *translation) noteOverruled() {
	if t.class.Params == nil {
		return
	}
	for _, p := range t.parameters() {
		raw, _, declared := t.read.Raw(p.key)
		if !declared || len(p.values) == 0 || slices.Equal(split(raw), p.values) {
			continue
		}
		t.overruled(t.read, p.key, t.params(p.path))
	}
}

// split are the entries of a list as an annotation has them.
func split(raw string) (out []string) {
	for s := range strings.SplitSeq(raw, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// overruled notes that a class parameter overrides an annotation. It is a warning if the load balancer is public for
// that.
func (t *translation) overruled(r annotation.Reader, k annotation.Key, by intent.Source) {
	text := fmt.Sprintf("annotation %s has no effect: %s overrides it", k, by.Place())
	raw, _, _ := r.Raw(k)
	if raw == stack.Internal && (k == annotation.Scheme || k == annotation.FrontendScheme) {
		r.Note(k, diag.GuardNotApplied, text+", so that the load balancer is reachable from the internet", removeOverruled)
		return
	}
	r.Ignored(k, text, removeOverruled)
}

// prefer returns the value of the class parameters, otherwise that of an annotation. It notes an annotation that has
// another value.
func (t *translation) prefer(class, own intent.Field[string], k annotation.Key) intent.Field[string] {
	if !class.Set {
		return own
	}
	if own.Set && own.Value != class.Value {
		t.overruled(t.read, k, class.Source)
	}
	return class
}

// overlaid returns the entries of an annotation as fields, overridden key by key by those of a class parameter. It
// notes those of another value.
func (t *translation) overlaid(r annotation.Reader, k annotation.Key, own intent.Field[map[string]string],
	class map[string]string, path string) map[string]intent.Field[string] {
	var keys []string
	for key, value := range class {
		if was, declared := own.Value[key]; declared && was != value {
			keys = append(keys, key)
		}
	}
	if slices.Sort(keys); len(keys) > 0 {
		text := keys[0]
		if more := len(keys) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		r.Ignored(k, fmt.Sprintf("%s in annotation %s has no effect: %s overrides it", text, k, t.params(path).Place()),
			removeOverruled)
	}
	return overlay(own, class, func() intent.Source { return t.params(path) })
}
