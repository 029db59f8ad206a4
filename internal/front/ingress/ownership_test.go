package ingress

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestAnOwnershipIsDeclaredByClassElseAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own, existing string
		shared, adopted      string
		found                diag.Code
		deleted              bool
		ofClass              string // as it is known also of an Ingress that is deleted
	}{
		"neither":     {},
		"own":         {own: "adopted", existing: "platform", adopted: "platform"},
		"the class's": {class: "adopted", existing: "platform", adopted: "platform", ofClass: "adopted"},
		"both": {class: "shared", own: "adopted", existing: "platform", shared: "platform",
			found: diag.IgnoredSetting, ofClass: "shared"},
		"nothing is named": {class: "adopted", found: diag.InvalidAnnotation, ofClass: "adopted"},
		"something is named in vain": {class: "managed", own: "shared", existing: "platform", found: diag.IgnoredSetting,
			ofClass: "managed"},
		"a mistake of its own": {own: "Adopted", existing: "platform", found: diag.InvalidAnnotation},
		"the class's mistake": {class: "Adopted", existing: "platform", own: "adopted",
			found: diag.InvalidAnnotation, ofClass: "observed"},
		"an Ingress that is deleted":    {class: "observed", deleted: true, ofClass: "observed"},
		"its own one, as it is deleted": {own: "observed", deleted: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ing, v := web(keyed{annotation.Ownership: c.own, annotation.ExistingLoadBalancer: c.existing},
				keyed{annotation.ClassOwnership: c.class})
			if c.deleted {
				now := metav1.Now()
				ing.DeletionTimestamp, ing.Finalizers = &now, []string{"ingress.k8s.aws/resources"}
			}
			g := loadWeb(v)
			if got, known := ClassOwnership(v, g)["shop/web"]; got != c.ofClass || known != (c.ofClass != "") {
				t.Errorf("the class's is %q, want %q", got, c.ofClass)
			}
			if c.deleted {
				return
			}
			m := Translate(v, defaults(), g).Members[0]
			if m.Settings.Existing.Value != c.shared || m.Settings.Adopted.Value != c.adopted {
				t.Errorf("shared %q, adopted %q", m.Settings.Existing.Value, m.Settings.Adopted.Value)
			}
			var found diag.Code
			for _, d := range m.Diagnostics {
				if d.Code == diag.InvalidAnnotation || found == "" && d.Code == diag.IgnoredSetting {
					found = d.Code
				}
			}
			if found != c.found {
				t.Errorf("found %q, want %q: %v", found, c.found, m.Diagnostics)
			}
		})
	}
}
