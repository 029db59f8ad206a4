package bindings

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestOneOfSeveralBindingsServesATargetGroup(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/k8s-web/1234567890abcdef"
	of := func(namespace, name string, age time.Duration, shared bool) v1beta1.TargetGroupBinding {
		return v1beta1.TargetGroupBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(
				time.Unix(100000, 0).Add(-age))},
			Spec: v1beta1.TargetGroupBindingSpec{TargetGroupARN: arn, MultiClusterTargetGroup: shared},
		}
	}
	owned := inventory.Owner{Stack: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
		TargetGroup: "shop/web-web:80"}
	permits, err := allowlist.TargetGroups([]string{"blog=k8s-web"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		owner inventory.Owner
		o, x  v1beta1.TargetGroupBinding
		want  string // "" = o serves
	}{
		"the older one of two": {inventory.Owner{}, of("shop", "b", time.Hour, false),
			of("shop", "a", 0, false), ""},
		"the younger one of two": {inventory.Owner{}, of("shop", "a", 0, false),
			of("shop", "b", time.Hour, false), "already bound to TargetGroupBinding shop/b, which is older"},
		"of one age, the first by name": {inventory.Owner{}, of("shop", "b", 0, false),
			of("shop", "a", 0, false), "already bound to TargetGroupBinding shop/a"},
		"both that share it": {inventory.Owner{}, of("shop", "a", 0, true),
			of("shop", "b", time.Hour, true), ""},
		"one that shares it with one that does not": {inventory.Owner{}, of("shop", "a", 0, true),
			of("shop", "b", time.Hour, false), "already bound"},
		"of a stack's, the one under its name": {owned, of("shop", "k8s-web", 0, false),
			of("shop", "older", time.Hour, false), ""},
		"of a stack's, another one in its namespace": {owned, of("shop", "older", time.Hour, false),
			of("shop", "k8s-web", 0, false), "already bound to TargetGroupBinding shop/k8s-web"},
		"of a stack's, one of another namespace": {owned, of("blog", "k8s-web", time.Hour, false),
			of("shop", "k8s-web", 0, false), "in the namespace of the object that it was made for"},
		"of a stack's, one of another namespace that shares": {owned, of("blog", "copy", time.Hour, true),
			of("shop", "k8s-web", 0, true), ""},
		"of a stack's, one that shares without permission": {owned, of("mal", "copy", time.Hour, true),
			of("shop", "k8s-web", 0, true), "in the namespace of the object that it was made for"},
		"the stack's beside one that shares without permission": {owned, of("shop", "k8s-web", 0, true),
			of("mal", "copy", time.Hour, true), ""},
		"of a stack's, one of another namespace that says so": {owned, of("blog", "copy", time.Hour, true),
			of("shop", "k8s-web", 0, false), "already bound to TargetGroupBinding shop/k8s-web"},
	} {
		d := Conflicts{permits}.Superseded(c.owner, &c.o, []v1beta1.TargetGroupBinding{c.x})
		if (d == nil) != (c.want == "") || d != nil && !strings.Contains(d.Text, c.want) {
			t.Errorf("%s: %v, want %q", name, d, c.want)
		}
	}
}
