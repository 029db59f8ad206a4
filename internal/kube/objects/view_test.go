package objects

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func held() []metav1.Object {
	return []metav1.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}},
		&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}},
	}
}

func TestAViewRecordsEveryReadIncludingWhatIsAbsent(t *testing.T) {
	t.Parallel()
	v := FromObjects(held())
	if _, ok := v.Service("default", "web"); !ok {
		t.Error("Service default/web not found")
	}
	if _, ok := v.Service("default", "gone"); ok {
		t.Error("Service default/gone found")
	}
	v.Service("default", "gone")
	if n := len(v.Ingresses()); n != 1 {
		t.Errorf("%d Ingresses, want 1", n)
	}
	v.IngressClass("alb")
	v.IngressClasses()
	v.IngressClassParams("p")
	v.Namespace("shop")
	_, _ = Get[*corev1.Secret](v, From{Kind: Ingress, Namespace: "shop"}, Ref{Kind: Secret, Name: "s"})
	v.Services("shop")
	v.TargetGroupBindings("shop")
	v.TargetGroupBindings("")
	v.Ingress("shop", "web")
	want := []Read{
		{Ingress, "", "", Ref{}}, {Ingress, "shop", "web", Ref{}},
		{IngressClass, "", "", Ref{}}, {IngressClass, "", "alb", Ref{}},
		{IngressClassParams, "", "p", Ref{}},
		{Namespace, "", "shop", Ref{}},
		{Secret, "shop", "s", Ref{}},
		{Service, "default", "gone", Ref{}}, {Service, "default", "web", Ref{}}, {Service, "shop", "", Ref{}},
		{TargetGroupBinding, "", "", Ref{}}, {TargetGroupBinding, "shop", "", Ref{}},
	}
	if d := cmp.Diff(want, v.Reads()); d != "" {
		t.Error(d)
	}
}

func TestAForkKeepsItsReadsUntilTheyAreAdopted(t *testing.T) {
	t.Parallel()
	v := FromObjects(held())
	fork := v.Fork()
	fork.IngressClass("alb")
	if len(v.Reads()) != 0 {
		t.Error(v.Reads())
	}
	v.Adopt(fork)
	if d := cmp.Diff([]Read{{IngressClass, "", "alb", Ref{}}}, v.Reads()); d != "" {
		t.Error(d)
	}
}

func TestAReadMatchesTheObjectsThatCouldChangeItsAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		read Read
		want bool
	}{
		{Read{Service, "shop", "web", Ref{}}, true},
		{Read{Service, "shop", "api", Ref{}}, false},
		{Read{Service, "other", "web", Ref{}}, false},
		{Read{Service, "shop", "", Ref{}}, true},
		{Read{Service, "other", "", Ref{}}, false},
		{Read{Service, "", "", Ref{}}, true},
		{Read{Ingress, "", "", Ref{}}, false},
	} {
		if got := c.read.Matches(Change{Kind: Service, Namespace: "shop", Name: "web"}); got != c.want {
			t.Errorf("%v: %v", c.read, got)
		}
	}
}

func TestAReferenceIsFollowedWithinItsNamespaceOnly(t *testing.T) {
	t.Parallel()
	v, from := FromObjects(held()), From{Ingress, "shop"}
	if s, err := Get[*corev1.Service](v, From{Ingress, "default"}, Ref{Service, "", "web"}); err != nil ||
		s.Name != "web" {
		t.Error(s, err)
	}
	if _, err := Get[*corev1.Service](v, from, Ref{Service, "shop", "web"}); !errors.Is(err, ErrAbsent) {
		t.Errorf("a Service that does not exist: %v", err)
	}
	var foreign *ForeignError
	if s, err := Get[*corev1.Service](v, from, Ref{Service, "default", "web"}); s != nil || !errors.As(err, &foreign) {
		t.Errorf("a Service of another namespace: %v, %v", s, err)
	}
	if d := cmp.Diff([]Read{{Service, "default", "web", Ref{}}, {Service, "shop", "web", Ref{}}}, v.Reads()); d != "" {
		t.Error(d)
	}
}

func TestASnapshotForgetsDeletedObjects(t *testing.T) {
	t.Parallel()
	s := Snapshot{}
	if s.Put(&corev1.Event{}) {
		t.Error("an Event is not a kind of the View")
	}
	if !s.Put(&corev1.Secret{}) {
		t.Error("a Secret is a kind of the View")
	}
	s.Delete(Secret, "", "")
	delete(s, Secret)
	s.Put(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b"}})
	if s.String() != "map[Service:1]" {
		t.Error(s)
	}
	s.Delete(Service, "a", "b")
	if _, ok := s.Get(Service, "a", "b"); ok {
		t.Error("still there")
	}
}
