package ingress

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestAReplacementPolicyIsDeclaredByClassElseAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own string
		want       string
		costs      diag.Scope // of the finding, if there is one
	}{
		"neither":              {"", "", "", ""},
		"own":                  {"", "refuse,except=web", "refuse,except=web", ""},
		"the class's":          {"refuse", "", "refuse", ""},
		"both":                 {"refuse", "allow", "refuse", ""},
		"a mistake of its own": {"", "deny", "", diag.AddOn},
		"the class's mistake":  {"deny", "allow", "refuse", diag.AddOn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, v := web(keyed{annotation.ReplacementPolicy: c.own},
				keyed{annotation.ClassReplacementPolicy: c.class})
			m, costs := translateWeb(v)
			if got := m.Settings.ReplacementPolicy; got.Value != c.want || got.Set != (c.want != "") {
				t.Errorf("%q, want %q", got.Value, c.want)
			}
			if costs != c.costs {
				t.Errorf("a mistake costs %q, want %q: %v", costs, c.costs, m.Diagnostics)
			}
		})
	}
}
