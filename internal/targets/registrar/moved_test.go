package registrar

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// portBench is a registry of one group whose pods are reached on one port or another.
type portBench struct {
	*testing.T
	*balancing
	r      *Registry
	clock  *clock.Stepped
	passes chan stack.ID
}

func newPortBench(t *testing.T) *portBench {
	t.Helper()
	p := &portBench{T: t, balancing: &balancing{}, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		passes: make(chan stack.ID, 10)}
	p.r = newRegistry(p.balancing, p.write, func(string) bool { return true })
	p.r.Clock, p.r.Progress = p.clock, func(binding stack.ID) { p.passes <- binding }
	return p
}

// sync has pods wanted on a port; those of nodes have no pod.
func (p *portBench) sync(port int32, most int, pod bool, ids ...string) []Endpoint {
	p.Helper()
	q := Request{Group: tg, Binding: stack.ID{Namespace: "shop", Name: "web"}, Max: most}
	q.Want = wantAs(func(e *Endpoint) {
		if e.Port = port; pod {
			e.Namespace, e.Pod = "shop", "pod-"+e.ID
		}
	}, ids...)
	if _, err := p.r.Sync(p.Context(), q); err != nil {
		p.Fatal(err)
	}
	return p.r.Moved(q)
}

// look lets the time pass until a look at the health of targets, which states have by key, and waits for so many calls
// to end.
func (p *portBench) look(after time.Duration, calls int, states map[string]types.TargetHealthStateEnum) {
	p.Helper()
	p.mu.Lock()
	p.held = nil
	for _, port := range []int32{80, 81} {
		for _, id := range []string{"10.0.0.1", "10.0.0.2"} {
			if state, ok := states[Target{ID: id, Port: port}.Key()]; ok {
				p.held = append(p.held, types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String(id),
					Port: aws.Int32(port)}, TargetHealth: &types.TargetHealth{State: state}})
			}
		}
	}
	p.mu.Unlock()
	before := p.reads.Load()
	p.clock.Advance(after)
	for range calls {
		<-p.passes
	}
	if got := p.reads.Load() - before; got != 1 {
		p.Errorf("%d reads within %s", got, after)
	}
}

func (p *portBench) expect(want ...string) {
	p.Helper()
	await.Equal(p, "calls", func() string { return fmt.Sprintf("%q", p.done()) }, fmt.Sprintf("%q", want))
}

func TestTargetsOfOldPortStayUntilNewAreHealthy(t *testing.T) {
	t.Parallel()
	p := newPortBench(t)
	p.sync(80, 0, true, "10.0.0.1", "10.0.0.2")
	moved := p.sync(81, 0, true, "10.0.0.1", "10.0.0.2")
	if len(moved) != 2 || moved[0].Key() != "10.0.0.1:80" || moved[0].Pod != "pod-10.0.0.1" ||
		moved[1].Key() != "10.0.0.2:80" {
		t.Errorf("%+v stay", moved)
	}
	p.expect("register 2 from 10.0.0.1", "register 2 from 10.0.0.1")
	const healthy, initial, unhealthy = types.TargetHealthStateEnumHealthy, types.TargetHealthStateEnumInitial,
		types.TargetHealthStateEnumUnhealthy
	p.look(10*time.Second, 1, map[string]types.TargetHealthStateEnum{"10.0.0.1:80": healthy, "10.0.0.2:80": healthy,
		"10.0.0.1:81": initial, "10.0.0.2:81": initial})
	p.expect("register 2 from 10.0.0.1", "register 2 from 10.0.0.1")
	p.look(20*time.Second, 2, map[string]types.TargetHealthStateEnum{"10.0.0.1:80": healthy, "10.0.0.2:80": healthy,
		"10.0.0.1:81": healthy, "10.0.0.2:81": unhealthy})
	p.expect("register 2 from 10.0.0.1", "register 2 from 10.0.0.1", "deregister 1 from 10.0.0.1")
	states := map[string]types.TargetHealthStateEnum{"10.0.0.2:80": unhealthy, "10.0.0.1:81": healthy,
		"10.0.0.2:81": unhealthy}
	// what never gets healthy is waited for five minutes
	for _, after := range []time.Duration{40 * time.Second, time.Minute, time.Minute, time.Minute} {
		p.look(after, 1, states)
		p.expect("register 2 from 10.0.0.1", "register 2 from 10.0.0.1", "deregister 1 from 10.0.0.1")
	}
	p.look(time.Minute, 2, states)
	p.expect("register 2 from 10.0.0.1", "register 2 from 10.0.0.1", "deregister 1 from 10.0.0.1",
		"deregister 1 from 10.0.0.2")
	if n := p.clock.Pending(); n != 0 {
		t.Errorf("%d timers are left", n)
	}
	// they are registered anew, whatever their health was
	if moved := p.sync(80, 0, true, "10.0.0.1", "10.0.0.2"); len(moved) != 2 {
		t.Errorf("%+v stay on the way back", moved)
	}
}

// TestHealthyTargetsOfAFormerPortStay has pods that do not listen on the new port.
func TestHealthyTargetsOfAFormerPortStay(t *testing.T) {
	t.Parallel()
	const healthy, unhealthy = types.TargetHealthStateEnumHealthy, types.TargetHealthStateEnumUnhealthy
	p := newPortBench(t)
	p.sync(80, 0, true, "10.0.0.1", "10.0.0.2")
	p.sync(81, 0, true, "10.0.0.1", "10.0.0.2")
	states := map[string]types.TargetHealthStateEnum{"10.0.0.1:80": healthy, "10.0.0.2:80": healthy,
		"10.0.0.1:81": unhealthy, "10.0.0.2:81": unhealthy}
	calls := []string{"register 2 from 10.0.0.1", "register 2 from 10.0.0.1"}
	for _, after := range []time.Duration{10, 20, 40, 60, 60, 60, 60, 600, 600} {
		p.look(after*time.Second, 1, states)
		p.expect(calls...)
	}
	q := Request{Group: tg, Want: wantAs(func(e *Endpoint) {
		e.Port, e.Namespace, e.Pod = 81, "shop", "pod-"+e.ID
	}, "10.0.0.1", "10.0.0.2")}
	if vain := p.r.MovedInVain(tg, p.r.Moved(q)); len(vain) != 2 || vain[0].Key() != "10.0.0.1:80" {
		t.Errorf("in vain %+v", vain)
	}
	states["10.0.0.1:80"] = unhealthy // its pod does not serve there any more
	p.look(10*time.Minute, 2, states)
	p.expect(append(calls, "deregister 1 from 10.0.0.1")...)
	q.Binding = stack.ID{Namespace: "shop", Name: "web"}
	p.r.KeepServing(q, true, func(Endpoint) bool { return true }) // consent
	if _, err := p.r.Sync(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	p.expect(append(calls, "deregister 1 from 10.0.0.1", "deregister 1 from 10.0.0.2")...)
}

func TestTargetsOfAnotherPortDoNotStay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		most int
		pod  bool
		ids  []string
	}{
		"of nodes, whose old port is closed":       {0, false, []string{"10.0.0.1", "10.0.0.2"}},
		"of pods that are not wanted any more":     {0, true, []string{"10.0.0.3", "10.0.0.4"}},
		"where there is no room for twice as many": {3, true, []string{"10.0.0.1", "10.0.0.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPortBench(t)
			p.sync(80, 0, tc.pod, "10.0.0.1", "10.0.0.2")
			if moved := p.sync(81, tc.most, tc.pod, tc.ids...); len(moved) > 0 {
				t.Errorf("%+v stay", moved)
			}
			if steps := p.done(); !slices.Contains(steps, "deregister 2 from 10.0.0.1") {
				t.Errorf("%q", steps)
			}
			if n := p.clock.Pending(); n != 0 {
				t.Errorf("%d timers are left", n)
			}
		})
	}
}
