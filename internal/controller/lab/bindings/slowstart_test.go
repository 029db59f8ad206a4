package bindings

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// TestSlowStartRegistersNothingThatIsRegistered has a process begin without checkpoints at an AWS that does not answer
// the reads of targets. A pod is replaced meanwhile.
func TestSlowStartRegistersNothingThatIsRegistered(t *testing.T) {
	t.Parallel()
	slow, mu := make(chan struct{}), sync.Mutex{}
	close(slow)
	hang := func() chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		slow = make(chan struct{})
		return slow
	}
	l := lab.NewObserved(t, account.Profile{}, func(_ context.Context, _, action string, _ any) error {
		mu.Lock()
		wait := slow
		mu.Unlock()
		if action == "DescribeTargetHealth" {
			<-wait
		}
		return nil
	}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50", "10.0.128.51")...)
	l.Settle(lab.Key("web"))
	arn := l.Sim.Resources().TargetGroups[0].ARN
	if got := len(l.Targets(arn)); got != 2 {
		t.Fatalf("%d targets are registered", got)
	}
	end := hang()
	l.Restart()
	l.Bound.Registry.Async = true
	mark := l.Mark()
	for range 3 {
		_, _ = l.Round(lab.Key("web"))
		l.Clock.Advance(time.Minute)
	}
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a start without checkpoints writes %v", writes)
	}
	for _, o := range lab.Pods("a", "10.0.128.51", "10.0.128.52") {
		l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		l.Create(o)
	}
	await.Until(t, "the writes of a replaced pod", func() bool {
		_, _ = l.Round(lab.Key("web"))
		got := l.Writes(mark)
		slices.Sort(got)
		return slices.Equal(got, []string{"DeregisterTargets", "RegisterTargets"})
	})
	close(end)
	await.Until(t, "the targets as they are wanted", func() bool {
		_, _ = l.Round(lab.Key("web"))
		return slices.Equal(l.Targets(arn), []string{"10.0.128.51:8080", "10.0.128.52:8080"})
	})
	if got := l.Writes(mark); len(got) != 2 {
		t.Errorf("writes: %v", got)
	}
}
