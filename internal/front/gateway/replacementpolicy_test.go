package gateway

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestConfigurationDeclaresReplacementPolicy has a configuration of the class, of the Gateway, and
// the annotation of the Gateway.
func TestConfigurationDeclaresReplacementPolicy(t *testing.T) {
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
			m := withPolicies(t, "replacement-policy", c.class, c.own, c.gateway)
			if got := m.Settings.ReplacementPolicy; got.Value != c.want || got.Set != (c.want != "") {
				t.Errorf("%q, want %q", got.Value, c.want)
			}
			wantMistake(t, m, c.found, c.costs)
		})
	}
}
