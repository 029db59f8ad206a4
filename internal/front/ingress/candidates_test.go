package ingress

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestAGroupHasAllThatBelongToItHoweverTheyDeclareIt compares the members of a group with what each Ingress of the
// cluster declares, in random clusters.
func TestAGroupHasAllThatBelongToItHoweverTheyDeclareIt(t *testing.T) {
	t.Parallel()
	one := func(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }
	id := stack.ID{Name: "g"}
	members, carriers := 0, 0
	for seed := range uint64(sample.Count(100, 300)) {
		r := rand.New(rand.NewPCG(seed, 1))
		var objs []any
		for _, class := range []string{"plain", "first", "second"} {
			c := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Spec: networkingv1.IngressClassSpec{
				Controller: one(r, Controller, Controller, "example.com/other")}}
			if r.IntN(6) == 0 {
				c.Annotations = map[string]string{defaultClassAnnotation: "true"}
			}
			if class != "plain" {
				c.Spec.Parameters = &networkingv1.IngressClassParametersReference{
					APIGroup: ptr.To(one(r, paramsGroup, paramsGroup, "example.com")), Kind: paramsKind,
					Name: one(r, "a", "b", "missing")}
			}
			objs = append(objs, c)
		}
		for _, name := range []string{"a", "b"} {
			p := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if group := one(r, "", "g", "other"); group != "" {
				p.Spec.Group = &v1beta1.IngressGroup{Name: group}
			}
			objs = append(objs, p)
		}
		var all []*networkingv1.Ingress
		for i := range 12 {
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("i", i),
				Annotations: map[string]string{}}}
			if class := one(r, "", "plain", "first", "second", "missing"); class != "" {
				ing.Spec.IngressClassName = &class
			}
			if legacy := one(r, "", "", "", "alb", "nginx"); legacy != "" {
				ing.Annotations[LegacyClassAnnotation] = legacy
			}
			if group := one(r, "", "", "g", "other", "Not A Name"); group != "" {
				ing.Annotations[string(annotation.GroupName)] = group
			}
			if finalizer := one(r, "", "", "group.ingress.k8s.aws/g", "group.ingress.k8s.aws/other",
				"ingress.k8s.aws/resources"); finalizer != "" {
				ing.Finalizers = []string{finalizer}
			}
			if r.IntN(8) == 0 {
				ing.DeletionTimestamp = &metav1.Time{}
			}
			all, objs = append(all, ing), append(objs, ing)
		}
		cfg := defaults()
		cfg.IngressClass = one(r, "", "alb")
		got := Load(objects.FromObjects(objs), cfg, id)
		for _, ing := range all {
			in, ok, _ := GroupOf(objects.FromObjects(objs), cfg, ing)
			carries := slices.Contains(naming.StacksOfFinalizers(stack.Ingress, ing), id)
			if belongs := ok && in == id; belongs != slices.Contains(got.Active, ing) {
				t.Fatalf("seed %d: %s declares the group: %t; active: %t", seed, ing.Name, belongs, !belongs)
			} else if belongs {
				members++
			}
			if carries && !slices.Contains(slices.Concat(got.Active, got.Former, got.Inactive), ing) {
				t.Fatalf("seed %d: %s has the finalizer of the group and is no member", seed, ing.Name)
			} else if carries {
				carriers++
			}
		}
	}
	if members < 100 || carriers < 100 {
		t.Errorf("%d members and %d Ingresses with a finalizer are too few to show something", members, carriers)
	}
}

// gets counts the objects that are read one by one or with all of their kind.
type gets struct {
	objects.Reader
	n map[objects.Kind]int
}

func (g gets) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	g.n[kind]++
	return g.Reader.Get(kind, namespace, name)
}

func (g gets) List(kind objects.Kind, namespace string) []metav1.Object {
	all := g.Reader.List(kind, namespace)
	g.n[kind] += len(all)
	return all
}

// TestGroupMembersAreFoundByIndex has a thousand groups. A look at each Ingress for each group took
// most of the controller's time.
func TestGroupMembersAreFoundByIndex(t *testing.T) {
	t.Parallel()
	s := objects.Snapshot{}
	s.Put(&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller, Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup),
			Kind: paramsKind, Name: "p"}}})
	s.Put(&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
	for i := range 1000 {
		s.Put(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("i", i),
			Finalizers:  []string{fmt.Sprint("group.ingress.k8s.aws/g", i/5)},
			Annotations: map[string]string{string(annotation.GroupName): fmt.Sprint("g", i/5)}}, Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("alb")}})
	}
	read := gets{s, map[objects.Kind]int{}}
	if g := Load(objects.New(read), defaults(), stack.ID{Name: "g7"}); len(g.Active) != 5 {
		t.Fatalf("%d members, want 5", len(g.Active))
	}
	for kind, n := range read.n {
		if n > 20 {
			t.Errorf("%d reads of kind %s for a group of five", n, kind)
		}
	}
}
