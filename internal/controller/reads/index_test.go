package reads

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

func read(kind objects.Kind, namespace, name string) objects.Read {
	return objects.Read{Kind: kind, Namespace: namespace, Name: name}
}

func TestAnEventReachesExactlyTheUnitsThatReadTheObject(t *testing.T) {
	t.Parallel()
	x := NewIndex[string]()
	x.Update("a", x.Begin(), []objects.Read{read(objects.Service, "ns", "web"), read(objects.IngressClass, "", "alb")})
	x.Update("b", x.Begin(), []objects.Read{read(objects.Service, "ns", "")})
	x.Update("c", x.Begin(), []objects.Read{read(objects.Service, "other", "web"), read(objects.Service, "", "")})
	for _, tc := range []struct {
		name string
		kind objects.Kind
		ns   string
		obj  string
		want []string
	}{
		{"by name and by list", objects.Service, "ns", "web", []string{"a", "b", "c"}},
		{"by lists only", objects.Service, "ns", "new", []string{"b", "c"}},
		{"by name and by list of one unit", objects.Service, "other", "web", []string{"c"}},
		{"cluster-scoped", objects.IngressClass, "", "alb", []string{"a"}},
		{"nobody", objects.Namespace, "", "ns", nil},
	} {
		got := x.Affected(objects.Change{Kind: tc.kind, Namespace: tc.ns, Name: tc.obj})
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	x.Update("a", x.Begin(), []objects.Read{read(objects.IngressClass, "", "alb")})
	x.Forget("b")
	if got := x.Affected(objects.Change{Kind: objects.Service, Namespace: "ns", Name: "web"}); !slices.Equal(got,
		[]string{"c"}) {
		t.Errorf("after a stopped reading it and b went: %v, want c", got)
	}
	if len(x.reads) != 2 || len(x.readers) != 3 {
		t.Errorf("something of dropped reads is left: %v, %v", x.reads, x.readers)
	}
}

func TestAnEventBetweenReadingAndRemarkingIsNotLost(t *testing.T) {
	t.Parallel()
	x := NewIndex[string]()
	begun := x.Begin()
	x.Affected(objects.Change{Kind: objects.Service, Namespace: "ns", Name: "other"})
	if x.Update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("an event about something else makes the unit stale")
	}
	begun = x.Begin()
	x.Affected(objects.Change{Kind: objects.Service, Namespace: "ns", Name: "web"})
	if !x.Update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("the event about what was read is lost")
	}
	begun = x.Begin()
	for range mostRecent + 1 {
		x.Affected(objects.Change{Kind: objects.Namespace, Namespace: "", Name: "busy"})
	}
	if !x.Update("a", begun, []objects.Read{read(objects.Service, "ns", "web")}) {
		t.Error("more events than are remembered must count as possibly relevant")
	}
}

func TestReadersOfOneObjectMayBeFewAndMany(t *testing.T) {
	t.Parallel()
	x, shared := NewIndex[string](), objects.Change{Kind: objects.IngressClass, Name: "alb"}
	want := map[string]bool{}
	look := func() {
		t.Helper()
		got := map[string]bool{}
		for _, u := range x.Affected(shared) {
			got[u] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("the readers are %v, want %v", got, want)
		}
	}
	for n := range 3 * mostFew {
		u := fmt.Sprint(n)
		for range 2 { // a unit that reads again is one reader
			x.Update(u, x.Begin(), []objects.Read{read(objects.IngressClass, "", "alb"), read(objects.Service, "ns", u)})
		}
		want[u] = true
		look()
	}
	for n := range 3 * mostFew {
		x.Forget(fmt.Sprint(n))
		delete(want, fmt.Sprint(n))
		look()
	}
	if x.IsRead(read(objects.IngressClass, "", "alb")) || len(x.readers) > 0 {
		t.Errorf("something of dropped reads is left: %v", x.readers)
	}
}

func TestAnObjectThatOneUnitReadsCostsNoMap(t *testing.T) {
	const each = 1000
	reads := make([]objects.Read, each)
	for n := range reads {
		reads[n] = read(objects.Service, "ns", fmt.Sprint(n))
	}
	if got := testing.AllocsPerRun(5, func() { NewIndex[string]().Update("a", 0, reads) }) / each; got > 1.5 {
		t.Errorf("%.1f allocations for each read", got)
	}
	x := NewIndex[string]()
	x.Update("a", 0, reads)
	if got := testing.AllocsPerRun(5, func() { x.Update("a", 0, reads) }); got > 0 {
		t.Errorf("%.0f allocations for a pass that reads what the one before has read", got)
	}
}
