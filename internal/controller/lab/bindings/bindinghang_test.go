package bindings

import (
	"slices"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestACallThatHangsDelaysNoOtherChangeOfItsBinding has a pass end while its registration hangs, and the next pass
// deregister.
func TestACallThatHangsDelaysNoOtherChangeOfItsBinding(t *testing.T) {
	t.Parallel()
	for _, hangs := range []string{"RegisterTargets", "DeregisterTargets"} {
		t.Run(hangs, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			progress := make(chan stack.ID, 100)
			l.Bound.Registry.Async, l.Bound.Registry.Progress = true, func(id stack.ID) { progress <- id }
			_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "hangs", Action: hangs, Latency: 24 * time.Hour})
			l.Must(err)
			slice := &discoveryv1.EndpointSlice{}
			l.Get(slice, "web-a")
			l.Readdress(slice, "10.0.128.51")
			l.Must(l.Client.Update(t.Context(), slice))
			if r := binding(l); r.RequeueAfter != 0 {
				t.Errorf("%+v: the end of the calls brings the binding back", r)
			}
			// the call that does not hang has ended
			<-progress
			// of the first, only the deregistration
			want := map[string][]string{"RegisterTargets": {}, "DeregisterTargets": {"10.0.128.50:8080",
				"10.0.128.51:8080"}}[hangs]
			if got := l.Targets(b.Spec.TargetGroupARN); len(got) != len(want) || len(want) > 0 && !slices.Equal(got, want) {
				t.Errorf("registered %v, want %v", got, want)
			}
		})
	}
}

// TestFailureCountsWhileTheNextAttemptIsUnderWay: else metrics of failures, and alerts, would end at each attempt.
func TestFailureCountsWhileTheNextAttemptIsUnderWay(t *testing.T) {
	t.Parallel()
	l, _ := lab.BoundLab(t)
	board, _ := l.Board()
	progress := make(chan stack.ID, 100)
	l.Bound.Registry.Async, l.Bound.Registry.Progress = true, func(id stack.ID) { progress <- id }
	l.Fault(gate.Fault{Action: "RegisterTargets", Code: "TooManyTargets", Message: "no", Status: 400})
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-a")
	l.Readdress(slice, "10.0.128.51")
	l.Must(l.Client.Update(t.Context(), slice))
	for n := 0; board.Failing()[diag.Quota] != 1; n++ {
		if n == 10 {
			t.Fatalf("the refusal does not count: %v", board.Failing())
		}
		_ = binding(l)
		select {
		case <-progress:
		case <-time.After(100 * time.Millisecond):
		}
	}
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "budget", Action: "RegisterTargets", Latency: 24 * time.Hour})
	l.Must(err)
	l.Clock.Advance(10 * time.Minute)
	_ = binding(l)
	if n := board.Failing()[diag.Quota]; n != 1 {
		t.Errorf("during the next attempt %d bindings fail", n)
	}
}
