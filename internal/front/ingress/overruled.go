package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
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
		t.overruled(t.read, p.key, t.params(p.path), lost(p.key, split(raw), p.values))
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

// overruled notes that a class parameter overrides an annotation.
func (t *translation) overruled(r annotation.Reader, k annotation.Key, by intent.Source, lost string) {
	code, text := overruledBy(k, by, lost)
	r.Note(k, code, text, removeOverruled)
}

// overruledBy is the note about an annotation that a class parameter overrides. It is a warning if a guard is lost.
func overruledBy(k annotation.Key, by intent.Source, lost string) (code diag.Code, text string) {
	text = fmt.Sprintf("annotation %s has no effect: %s overrides it", k, by.Place())
	if lost != "" {
		return diag.GuardNotApplied, text + ", " + lost
	}
	return diag.IgnoredSetting, text
}

// lost says which guard is lost if a class parameter overrides an annotation with other values; empty if none is.
func lost(k annotation.Key, own, class []string) string {
	set := func(v string) bool { return slices.Equal(own, []string{v}) }
	switch {
	case (k == annotation.Scheme || k == annotation.FrontendScheme) && set(stack.Internal):
		return "so that the load balancer is reachable from the internet"
	case (k == annotation.InboundCIDRs || k == annotation.PrefixLists) && overlap.Admits(class, own):
		return "and admits clients that the annotation keeps out"
	case (k == annotation.WebACLName || k == annotation.WebACLARN) && len(own) > 0 && !set(intent.None):
		return "so that the web ACL of the annotation filters no requests"
	case k == annotation.Ownership && set(annotation.ObservedIt):
		return "so that the controller does not only observe the load balancer"
	}
	return ""
}

// prefer returns the value of the class parameters, otherwise that of an annotation. It notes an annotation that has
// another value.
func (t *translation) prefer(class, own intent.Field[string], k annotation.Key) intent.Field[string] {
	if !class.Set {
		return own
	}
	if own.Set && own.Value != class.Value {
		t.overruled(t.read, k, class.Source, lost(k, []string{own.Value}, []string{class.Value}))
	}
	return class
}

// overlaid returns the entries of an annotation as fields, overridden key by key by those of a class parameter. It
// notes those of another value, with a warning if an attribute that protects is lost.
func (t *translation) overlaid(r annotation.Reader, k annotation.Key, own intent.Field[map[string]string],
	class map[string]string, path string) map[string]intent.Field[string] {
	var keys, guards []string
	for key, value := range class {
		switch was, declared := own.Value[key]; {
		case !declared || was == value:
		case k == annotation.LoadBalancerAttributes && constraint.Weakens(key, value, was):
			guards = append(guards, key)
		default:
			keys = append(keys, key)
		}
	}
	note := func(keys []string, code diag.Code, more string) {
		if slices.Sort(keys); len(keys) > 0 {
			r.Note(k, code, fmt.Sprintf("%s in annotation %s has no effect: %s overrides it%s", diag.First(keys, 1, ", "), k,
				t.params(path).Place(), more), removeOverruled)
		}
	}
	note(guards, diag.GuardNotApplied, " and protects the load balancer less")
	note(keys, diag.IgnoredSetting, "")
	return overlay(own, class, func() intent.Source { return t.params(path) })
}
