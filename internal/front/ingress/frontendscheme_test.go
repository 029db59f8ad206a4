package ingress

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestSchemeOfAFrontendIsDeclaredByClassElseAnnotation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		class, own, want string
		ofClass, told    bool
	}{
		{class: "", own: "internet-facing", want: "internet-facing"},
		{class: "internet-facing", own: "internal", want: "internet-facing", ofClass: true, told: true},
		{class: "internal", want: "internal", ofClass: true},
		{class: "Internet-Facing", own: "internal", want: "internal", told: true},
	} {
		_, v := web(keyed{annotation.Frontend: "true", annotation.FrontendScheme: c.own},
			keyed{annotation.ClassFrontendScheme: c.class})
		m, _ := translateWeb(v)
		got := m.Settings.Frontend.Scheme
		if got.Value != c.want || got.Source.OfClass() != c.ofClass {
			t.Errorf("class %q, own %q: %q of %s", c.class, c.own, got.Value, got.Source)
		}
		told := false
		for _, d := range m.Diagnostics {
			told = told || slices.Contains(
				[]diag.Code{diag.IgnoredSetting, diag.GuardNotApplied}, d.Code) && d.Object == m.Object
		}
		if told != c.told {
			t.Errorf("class %q, own %q: %v", c.class, c.own, m.Diagnostics)
		}
	}
}
