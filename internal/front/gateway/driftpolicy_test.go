package gateway

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
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
			annotated := func(key, value string) string {
				if value == "" {
					return ""
				}
				return `metadata: {annotations: {` + key + `: "` + value + `"}}, `
			}
			ref := func(name, namespace string) string {
				return "parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: " + name + namespace + "}"
			}
			m, _ := translated(t, albKey(), "GatewayClass shared {spec: {controllerName: gateway.k8s.aws/alb, "+
				ref("class", ", namespace: shop")+"}}\n"+
				"Gateway shop/web {"+annotated("gateway.k8s.aws/drift-policy", c.gateway)+
				"spec: {gatewayClassName: shared, infrastructure: {"+ref("own", "")+"}, listeners: ["+httpListener+"]}}\n"+
				"LoadBalancerConfiguration shop/own {"+annotated("elbv2.k8s.aws/drift-policy", c.own)+"spec: {}}\n"+
				"LoadBalancerConfiguration shop/class {"+annotated("elbv2.k8s.aws/drift-policy", c.class)+"spec: {}}\n")
			if by := m.Settings.DriftPolicy; by["rules"].Value != c.rules || by["tags"].Value != c.tags {
				t.Errorf("rules %q, tags %q, want %q, %q", by["rules"].Value, by["tags"].Value, c.rules, c.tags)
			}
			got := findings(m.Diagnostics)
			if (c.found == "") != (len(m.Diagnostics) == 0) || !strings.Contains(got, c.found) {
				t.Errorf("findings %q, want one of %s", got, c.found)
			}
			for _, d := range m.Diagnostics {
				if d.Scope != c.costs {
					t.Errorf("a mistake costs %q, want %q", d.Scope, c.costs)
				}
			}
		})
	}
}
