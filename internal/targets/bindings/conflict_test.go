package bindings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

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
		all := []v1beta1.TargetGroupBinding{c.x, c.o}
		if got := (Conflicts{permits}).Serving(c.owner, all); slices.Contains(got, &all[1]) != (c.want == "") {
			t.Errorf("%s: %d bindings serve", name, len(got))
		}
		if (d == nil) != (c.want == "") || d != nil && !strings.Contains(d.Text, c.want) {
			t.Errorf("%s: %v, want %q", name, d, c.want)
		}
	}
}

// TestServingBindingsAreThoseThatNoneSupersedes draws bindings of a target group.
func TestServingBindingsAreThoseThatNoneSupersedes(t *testing.T) {
	t.Parallel()
	permits, err := allowlist.TargetGroups([]string{"blog=k8s-web"})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		owner := inventory.Owner{}
		if rapid.Bool().Draw(t, "of a stack") {
			owner = inventory.Owner{Stack: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
				TargetGroup: "shop/web-web:80"}
		}
		var all []v1beta1.TargetGroupBinding
		for i := range rapid.IntRange(1, 6).Draw(t, "bindings") {
			o := v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i),
				Namespace:         rapid.SampledFrom([]string{"shop", "blog", "mal"}).Draw(t, "namespace"),
				CreationTimestamp: metav1.Unix(rapid.Int64Range(1, 3).Draw(t, "age"), 0)}}
			o.Spec.TargetGroupARN = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/k8s-web/1234567890abcdef"
			o.Spec.MultiClusterTargetGroup = rapid.Bool().Draw(t, "shares")
			all = append(all, o)
		}
		c := Conflicts{permits}
		serving := c.Serving(owner, all)
		for i := range all {
			rest := slices.Concat(all[:i], all[i+1:])
			if want := c.Superseded(owner, &all[i], rest) == nil; slices.Contains(serving, &all[i]) != want {
				t.Errorf("%s/%s serves: want %t", all[i].Namespace, all[i].Name, want)
			}
		}
	})
}
