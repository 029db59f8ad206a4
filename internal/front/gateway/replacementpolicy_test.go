package gateway

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestAReplacementPolicyIsDeclaredByConfigurationsElseAnnotation has a configuration of the class, of the Gateway, and
// the annotation of the Gateway.
func TestAReplacementPolicyIsDeclaredByConfigurationsElseAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own, gateway, want string
		found                     string
		costs                     diag.Scope
	}{
		"none":                {"", "", "", "", "", ""},
		"the Gateway's":       {"", "", "refuse", "refuse", "", ""},
		"its configuration's": {"", "refuse", "allow", "refuse", "", ""},
		"the class's":         {"allow,keep=1h", "refuse", "refuse", "allow,keep=1h0m0s", "", ""},
		"the class's mistake": {"deny", "allow", "allow", "refuse",
			"metadata.annotations[elbv2.k8s.aws/replacement-policy] of LoadBalancerConfiguration shop/class", diag.AddOn},
		"a mistake of a Gateway": {"", "", "deny", "", "metadata.annotations[gateway.k8s.aws/replacement-policy]",
			diag.AddOn},
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
				"Gateway shop/web {"+annotated("gateway.k8s.aws/replacement-policy", c.gateway)+
				"spec: {gatewayClassName: shared, infrastructure: {"+ref("own", "")+"}, listeners: ["+httpListener+"]}}\n"+
				"LoadBalancerConfiguration shop/own {"+annotated("elbv2.k8s.aws/replacement-policy", c.own)+"spec: {}}\n"+
				"LoadBalancerConfiguration shop/class {"+annotated("elbv2.k8s.aws/replacement-policy", c.class)+"spec: {}}\n")
			if got := m.Settings.ReplacementPolicy; got.Value != c.want || got.Set != (c.want != "") {
				t.Errorf("%q, want %q", got.Value, c.want)
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
