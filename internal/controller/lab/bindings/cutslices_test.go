package bindings

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestCacheWithoutSomeSlicesDeregistersNothing has the cache lack one of two slices of a Service whose pods serve, for
// as long as the API server has it.
func TestCacheWithoutSomeSlicesDeregistersNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"list cut off", "list cut off, denied"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			l.Misreads = &lab.Misreads{}
			l.Restart()
			arn := b.Spec.TargetGroupARN
			first := l.Targets(arn)
			more := lab.ChaosEndpoints("cut", "node-a", "10.0.1.3", "10.0.1.4")
			slice, ok := more[0].(*discoveryv1.EndpointSlice)
			if !ok {
				t.Fatal("no slice")
			}
			if slice.Name = "a"; !lab.CutOff(slice.Name) {
				t.Fatal("the slice is not the one that is cut off")
			}
			slice.Labels = map[string]string{discoveryv1.LabelServiceName: b.Spec.ServiceRef.Name}
			for _, o := range more {
				if p, ok := o.(*corev1.Pod); ok {
					p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady,
						Status: corev1.ConditionTrue})
				}
			}
			l.Create(more...)
			l.Settle()
			want := append(slices.Clone(first), "10.0.1.3:8080", "10.0.1.4:8080")
			slices.Sort(want)
			registered := func() []string { return slices.Sorted(slices.Values(l.Targets(arn))) }
			if got := registered(); !slices.Equal(got, want) {
				t.Fatalf("registered at first: %v, want %v", got, want)
			}
			struck := l.Misreads.Fail("discovery/v1.EndpointSlice", way)
			_, _ = l.Round()
			_, _ = l.Round()
			if got := registered(); struck() == 0 || !slices.Equal(got, want) {
				t.Errorf("registered: %v, want %v\n%s", got, want, strings.Join(l.Events, "\n"))
			}
			if way == "list cut off, denied" && !strings.Contains(strings.Join(l.Events, "\n"),
				"the cache lacks EndpointSlices of Service shop/web, and the API server was asked") {
				t.Errorf("no event has the cause:\n%s", strings.Join(l.Events, "\n"))
			}
			l.Misreads.End()
			l.Must(l.Client.Delete(t.Context(), slice))
			l.Settle()
			if got := registered(); !slices.Equal(got, first) {
				t.Errorf("once the API server does not have it: %v, want %v", got, first)
			}
		})
	}
}
