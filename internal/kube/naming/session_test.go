package naming

import (
	"strings"
	"testing"
)

func TestRoleSessionNamesMatchExamplesAndFitSTS(t *testing.T) {
	t.Parallel()
	for cluster, want := range map[string]string{
		"my cluster/1":          "AWS-LBC-mycluster1",
		"prod/eu west:1_blue":   "AWS-LBC-prodeuwest1_blue",
		"demo":                  "AWS-LBC-demo",
		strings.Repeat("x", 57): "AWS-LBC-" + strings.Repeat("x", 56),
	} {
		if got := RoleSession(cluster); got != want {
			t.Errorf("%q: %q", cluster, got)
		}
	}
}
