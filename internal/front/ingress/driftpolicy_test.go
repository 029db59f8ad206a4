package ingress

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestDriftPoliciesAreDeclaredByClassThenAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own  string
		rules, tags string
		costs       diag.Scope // of the finding, if there is one
	}{
		"own":                  {"", "rules=ignore", "ignore", "", ""},
		"the class's":          {"report", "", "report", "report", ""},
		"both":                 {"rules=report", "ignore", "report", "ignore", ""},
		"a mistake of its own": {"rules=report", "reprot", "report", "", diag.AddOn},
		"the class's mistake":  {"rules=reprot", "ignore", "correct", "correct", diag.AddOn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, v := web(keyed{annotation.DriftPolicy: c.own}, keyed{annotation.ClassDriftPolicy: c.class})
			m, costs := translateWeb(v)
			if by := m.Settings.DriftPolicy; by["rules"].Value != c.rules || by["tags"].Value != c.tags {
				t.Errorf("rules %q, tags %q, want %q, %q", by["rules"].Value, by["tags"].Value, c.rules, c.tags)
			}
			if costs != c.costs {
				t.Errorf("a mistake costs %q, want %q: %v", costs, c.costs, m.Diagnostics)
			}
		})
	}
}
