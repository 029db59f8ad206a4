package gateway

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// TestDriftPoliciesAreDeclaredByConfigurationsThenAnnotation has a configuration of the class, of the Gateway, and the
// annotation of the Gateway.
func TestDriftPoliciesAreDeclaredByConfigurationsThenAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own, gateway string
		rules, tags         string
		found               string
		costs               diag.Scope
	}{
		"the Gateway's":       {"", "", "rules=ignore", "ignore", "", "", ""},
		"its configuration's": {"", "rules=report", "ignore", "report", "ignore", "", ""},
		"the class's":         {"rules=correct", "report", "ignore", "correct", "report", "", ""},
		"the class's mistake": {"rule=report", "report", "ignore", "correct", "correct",
			"metadata.annotations[elbv2.k8s.aws/drift-policy] of LoadBalancerConfiguration shop/class", diag.AddOn},
		"a mistake of a Gateway": {"", "tags=report", "reprot", "", "report",
			"metadata.annotations[gateway.k8s.aws/drift-policy]", diag.AddOn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := withPolicies(t, "drift-policy", c.class, c.own, c.gateway)
			if by := m.Settings.DriftPolicy; by["rules"].Value != c.rules || by["tags"].Value != c.tags {
				t.Errorf("rules %q, tags %q, want %q, %q", by["rules"].Value, by["tags"].Value, c.rules, c.tags)
			}
			wantMistake(t, m, c.found, c.costs)
		})
	}
}

// withPolicies translates a Gateway with an annotation, which the configuration of its class has too, and its own one.
// An empty value means that there is no annotation.
func withPolicies(t *testing.T, key, class, own, gateway string) intent.Member {
	t.Helper()
	annotated := func(prefix, value string) string {
		if value == "" {
			return ""
		}
		return `metadata: {annotations: {` + prefix + key + `: "` + value + `"}}, `
	}
	ref := func(name, namespace string) string {
		return "parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: " + name + namespace + "}"
	}
	m, _ := translated(t, albKey(), "GatewayClass shared {spec: {controllerName: gateway.k8s.aws/alb, "+
		ref("class", ", namespace: shop")+"}}\n"+
		"Gateway shop/web {"+annotated("gateway.k8s.aws/", gateway)+
		"spec: {gatewayClassName: shared, infrastructure: {"+ref("own", "")+"}, listeners: ["+httpListener+"]}}\n"+
		"LoadBalancerConfiguration shop/own {"+annotated("elbv2.k8s.aws/", own)+"spec: {}}\n"+
		"LoadBalancerConfiguration shop/class {"+annotated("elbv2.k8s.aws/", class)+"spec: {}}\n")
	return m
}

// wantMistake compares the findings of a member with where they are, empty for none, and what they cost.
func wantMistake(t *testing.T, m intent.Member, found string, costs diag.Scope) {
	t.Helper()
	if got := findings(m.Diagnostics); (found == "") != (len(m.Diagnostics) == 0) || !strings.Contains(got, found) {
		t.Errorf("findings %q, want one of %s", got, found)
	}
	for _, d := range m.Diagnostics {
		if d.Scope != costs {
			t.Errorf("a mistake costs %q, want %q", d.Scope, costs)
		}
	}
}
