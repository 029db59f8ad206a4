package admission

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestBindableTargetGroupsAtAdmission(t *testing.T) {
	t.Parallel()
	const form = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/NAME/0123456789abcdef"
	arn := func(name string) string { return strings.Replace(form, "NAME", name, 1) }
	external := func(a string) bool { return a == arn("theirs") }
	for name, c := range map[string]struct {
		list, group, was string
		unread, refused  bool
	}{
		"every one":                   {list: "*", group: "theirs"},
		"none":                        {list: "none", group: "theirs", refused: true},
		"this one, for the namespace": {list: "ns=theirs", group: "theirs"},
		"this one, for another one":   {list: "other=theirs", group: "theirs", refused: true},
		"one of this cluster":         {list: "none", group: "k8s-ns-web"},
		"nobody knows whose":          {list: "none", group: "theirs", unread: true},
		"an edit of something else":   {list: "none", group: "theirs", was: "theirs"},
	} {
		l, err := allowlist.TargetGroups([]string{c.list})
		if err != nil {
			t.Fatal(err)
		}
		cfg := BindingConfig{Bindable: l, External: external}
		if c.unread {
			cfg.External = nil
		}
		b := &v1beta1.TargetGroupBinding{}
		b.Namespace, b.Name, b.Spec.TargetGroupARN, b.Spec.ServiceRef.Name = "ns", "x", arn(c.group), "web"
		var old *v1beta1.TargetGroupBinding
		if c.was != "" {
			old = b.DeepCopy()
			old.Spec.TargetGroupARN, old.Spec.ServiceRef.Name = arn(c.was), "former"
		}
		got := Binding(objects.New(objects.Snapshot{}), cfg, old, b)
		if (got.Finding != nil && got.Finding.Code == diag.TargetGroupNotAllowed) != c.refused ||
			(got.Denied != "") != c.refused {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
