package controller

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/objects"
)

func read(kind objects.Kind, namespace, name string) objects.Read {
	return objects.Read{Kind: kind, Namespace: namespace, Name: name}
}

func TestAnEventReachesExactlyTheUnitsThatReadTheObject(t *testing.T) {
	t.Parallel()
	x := newIndex[string]()
	x.update("a", x.begin(), []objects.Read{read(objects.Service, "ns", "web"), read(objects.IngressClass, "", "alb")})
	x.update("b", x.begin(), []objects.Read{read(objects.Service, "ns", "")})
	x.update("c", x.begin(), []objects.Read{read(objects.Service, "other", "web"), read(objects.Service, "", "")})
	for _, tc := range []struct {
		name string
		kind objects.Kind
		ns   string
		obj  string
		want []string
	}{
		{"by name and by list", objects.Service, "ns", "web", []string{"a", "b", "c"}},
		{"by lists only", objects.Service, "ns", "new", []string{"b", "c"}},
		{"cluster-scoped", objects.IngressClass, "", "alb", []string{"a"}},
		{"nobody", objects.Namespace, "", "ns", nil},
	} {
		got := x.happened(tc.kind, tc.ns, tc.obj)
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	x.update("a", x.begin(), []objects.Read{read(objects.IngressClass, "", "alb")})
	x.forget("b")
	if got := x.happened(objects.Service, "ns", "web"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("after a stopped reading it and b went: %v, want c", got)
	}
	if len(x.reads) != 2 || len(x.byName) != 2 {
		t.Errorf("something of dropped reads is left: %v, %v", x.reads, x.byName)
	}
}

func TestAnEventBetweenReadingAndRemarkingIsNotLost(t *testing.T) {
	t.Parallel()
	x := newIndex[string]()
	begun := x.begin()
	x.happened(objects.Service, "ns", "other")
	if x.update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("an event about something else makes the unit stale")
	}
	begun = x.begin()
	x.happened(objects.Service, "ns", "web")
	if !x.update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("the event about what was read is lost")
	}
	begun = x.begin()
	for range len(x.recent) + 1 {
		x.happened(objects.Namespace, "", "busy")
	}
	if !x.update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("more events than are remembered must count as possibly relevant")
	}
}
