package ingress

import (
	"maps"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestGuardThatAClassOverridesIsAWarning has class parameters override annotations. The finding is a warning if the
// parameters admit, or no longer protect, what the annotation keeps out or protects.
func TestGuardThatAClassOverridesIsAWarning(t *testing.T) {
	t.Parallel()
	type spec = v1beta1.IngressClassParamsSpec
	attribute := func(key, value string) []v1beta1.Attribute { return []v1beta1.Attribute{{Key: key, Value: value}} }
	public, internal := v1beta1.LoadBalancerScheme("internet-facing"), v1beta1.LoadBalancerScheme("internal")
	const acl = "arn:aws:wafv2:us-west-2:1:regional/webacl/"
	for name, c := range map[string]struct {
		key, value string
		class      spec
		of         map[string]string
		guards     bool
	}{
		"ranges": {"inbound-cidrs", "10.0.0.0/8", spec{InboundCIDRs: []string{"0.0.0.0/0"}}, nil, true},
		"other ranges": {"inbound-cidrs", "10.0.0.0/8", spec{InboundCIDRs: []string{"10.1.0.0/16", "198.51.100.0/24"}}, nil,
			true},
		"narrower ranges": {"inbound-cidrs", "10.0.0.0/8", spec{InboundCIDRs: []string{"10.1.0.0/16"}}, nil, false},
		"no restriction":  {"inbound-cidrs", "0.0.0.0/0", spec{InboundCIDRs: []string{"10.0.0.0/8"}}, nil, false},
		"prefix lists": {"security-group-prefix-lists", "pl-00000001", spec{PrefixListsIDs: []string{"pl-00000001",
			"pl-00000002"}}, nil, true},
		"fewer prefix lists": {"security-group-prefix-lists", "pl-00000001,pl-00000002", spec{PrefixListsIDs: []string{
			"pl-00000001"}}, nil, false},
		"scheme":       {"scheme", "internal", spec{Scheme: &public}, nil, true},
		"tight scheme": {"scheme", "internet-facing", spec{Scheme: &internal}, nil, false},
		"web ACL":      {"wafv2-acl-arn", acl + "own/1", spec{WAFv2ACLArn: acl + "class/2"}, nil, true},
		"no web ACL":   {"wafv2-acl-arn", "none", spec{WAFv2ACLArn: acl + "class/2"}, nil, false},
		"named ACL":    {"wafv2-acl-name", "own", spec{WAFv2ACLName: "class"}, nil, true},
		"name, by ARN": {"wafv2-acl-name", "own", spec{WAFv2ACLArn: acl + "class/2"}, nil, true},
		"protection": {"load-balancer-attributes", "deletion_protection.enabled=true", spec{
			LoadBalancerAttributes: attribute("deletion_protection.enabled", "false")}, nil, true},
		"default of AWS": {"load-balancer-attributes", "routing.http.xff_header_processing.mode=append", spec{
			LoadBalancerAttributes: attribute("routing.http.xff_header_processing.mode", "preserve")}, nil, true},
		"more protection": {"load-balancer-attributes", "routing.http.desync_mitigation_mode=defensive", spec{
			LoadBalancerAttributes: attribute("routing.http.desync_mitigation_mode", "strictest")}, nil, false},
		"other attribute": {"load-balancer-attributes", "idle_timeout.timeout_seconds=61", spec{
			LoadBalancerAttributes: attribute("idle_timeout.timeout_seconds", "62")}, nil, false},
		"ownership": {"ownership", "observed", spec{}, map[string]string{string(annotation.ClassOwnership): "managed"}, true},
		"ownership that is no guard": {"ownership", "managed", spec{}, map[string]string{
			string(annotation.ClassOwnership): "observed"}, false},
	} {
		own := map[string]string{annotation.IngressPrefix + c.key: c.value}
		params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "of", Annotations: maps.Clone(c.of)},
			Spec: c.class}
		found := examined(own, params)
		at := slices.IndexFunc(found, func(d diag.Diagnostic) bool {
			return strings.Contains(d.Text, annotation.IngressPrefix+c.key+" has no ") ||
				strings.Contains(d.Text, " in annotation "+annotation.IngressPrefix+c.key)
		})
		if at < 0 || c.guards != (found[at].Code == diag.GuardNotApplied) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestGuardOfAClassThatTheLegacyAnnotationDropsIsAWarning has an Ingress name its class twice.
func TestGuardOfAClassThatTheLegacyAnnotationDropsIsAWarning(t *testing.T) {
	t.Parallel()
	type spec = v1beta1.IngressClassParamsSpec
	internal := v1beta1.LoadBalancerScheme("internal")
	ranges := spec{InboundCIDRs: []string{"10.0.0.0/8"}}
	for name, c := range map[string]struct {
		class  spec
		own    map[string]string
		guards bool
	}{
		"ranges":     {ranges, nil, true},
		"own ranges": {ranges, map[string]string{annotation.IngressPrefix + "inbound-cidrs": "10.1.0.0/16"}, false},
		"scheme":     {spec{Scheme: &internal}, nil, true},
		"web ACL":    {spec{WAFv2ACLName: "class"}, nil, true},
		"no guard":   {spec{Tags: []v1beta1.Tag{{Key: "a", Value: "b"}}}, nil, false},
	} {
		own := map[string]string{"kubernetes.io/ingress.class": "alb"}
		maps.Copy(own, c.own)
		found := examined(own, &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{
			Name: "of"}, Spec: c.class})
		at := slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Path == "spec.ingressClassName" })
		if at < 0 || c.guards != (found[at].Code == diag.GuardNotApplied) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestRestrictionBesideNamedSecurityGroupsIsAWarning has restrictions that the groups of an Ingress replace.
func TestRestrictionBesideNamedSecurityGroupsIsAWarning(t *testing.T) {
	t.Parallel()
	for ranges, guards := range map[string]bool{"10.0.0.0/8": true, "0.0.0.0/0, ::/0": false} {
		found := examined(map[string]string{string(annotation.SecurityGroups): "sg-1",
			string(annotation.InboundCIDRs): ranges}, &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "of"}})
		at := slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Path == annotation.InboundCIDRs.Path() })
		if at < 0 || guards != (found[at].Code == diag.GuardNotApplied) {
			t.Errorf("%s: %v", ranges, found)
		}
	}
}

// examined are the findings about an Ingress with annotations, of a class with parameters.
func examined(annotations map[string]string, params *v1beta1.IngressClassParams) diag.List {
	name, group := "alb", paramsGroup
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: annotations},
		Spec: networkingv1.IngressSpec{IngressClassName: &name}}
	_, found := Examine(objects.FromObjects([]metav1.Object{ing, params, &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{Controller: Controller,
			Parameters: &networkingv1.IngressClassParametersReference{APIGroup: &group, Kind: paramsKind,
				Name: params.Name}}}}), Config{}, ing)
	return found
}
