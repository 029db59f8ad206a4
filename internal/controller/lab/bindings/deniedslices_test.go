package bindings

import (
	"slices"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestDeniedListOfSlicesLetsNewPodsRegister has the caches lack one of two slices, and the API server refuse to list
// them, while a pod joins the Service.
func TestDeniedListOfSlicesLetsNewPodsRegister(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.asking()
	seen := ""
	for _, name := range []string{"x", "y", "z", "seen"} {
		if !lab.CutOff(name) {
			seen = name
		}
	}
	other := l.slice.DeepCopy()
	l.endpoints(l.pods[0])
	other.Name, other.ResourceVersion, other.UID = "a", "", ""
	if !lab.CutOff(other.Name) || seen == "" {
		t.Fatal("the slices are not cut off as the test needs it")
	}
	l.Must(l.Client.Delete(t.Context(), l.slice))
	l.slice.Name, l.slice.ResourceVersion, l.slice.UID = seen, "", ""
	other.Endpoints = other.Endpoints[1:]
	l.Create(l.slice, other)
	l.registered("before", 2)
	struck := l.Misreads.Fail("discovery/v1.EndpointSlice", "list cut off, denied")
	fresh := l.pods[0].DeepCopy()
	fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
	l.Create(fresh)
	l.slice.Endpoints = append(l.slice.Endpoints, *l.slice.Endpoints[0].DeepCopy())
	last := &l.slice.Endpoints[len(l.slice.Endpoints)-1]
	last.Addresses, last.TargetRef.Name = []string{"10.0.128.52"}, fresh.Name
	l.Must(l.Client.Update(t.Context(), l.slice))
	expect := func(when string, want ...string) {
		t.Helper()
		for range 4 {
			_, _ = l.Round()
			l.Clock.Advance(time.Second)
		}
		if got := slices.Sorted(slices.Values(l.Targets(l.arn))); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", when, got, want)
		}
	}
	expect("denied", "10.0.128.50:8080", "10.0.128.51:8080", "10.0.128.52:8080")
	if struck() == 0 {
		t.Error("no list was denied")
	}
	l.Misreads.End()
	l.Must(l.Client.Delete(t.Context(), &discoveryv1.EndpointSlice{ObjectMeta: other.ObjectMeta}))
	expect("once the API server answers", "10.0.128.50:8080", "10.0.128.52:8080")
}
