package behaviour

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// by are the calls of a caller since a mark, those that write alone if so asked.
func by(c *harness.Cluster, mark uint64, caller string, writes bool) (actions []string) {
	for _, call := range c.Simulator.Gate.Calls(gate.Filter{After: mark}) {
		if strings.Contains(call.Caller, caller) && (!writes || !harness.IsRead(call.Action)) {
			actions = append(actions, call.Action)
		}
	}
	return actions
}

// noSearch has a controller whose reads are counted search for no drift: a search reads what was edited half a minute
// before, and a minute after a start what the former process left.
const noSearch = "--drift-check-interval=0"

// TestRestartUsesCheckpointAndStandbyWritesNothing shows how few AWS reads a restart with a hundred
// load balancers makes, and that a frozen leader writes nothing when it wakes. The test freezes the
// leader until a second process leads. It is not parallel: the controllers are its own.
func TestRestartUsesCheckpointAndStandbyWritesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease that nobody renews, of 15 seconds")
	}
	const elect, ns, n = "--enable-leader-election=true", "leased", 100
	c := harness.Start(t, harness.Options{ExtraArgs: []string{elect, noSearch}})
	const quota = "application-load-balancers" // 50 by default
	was := c.Simulator.Account.Quota(quota)
	set := func(n int) {
		if err := c.Simulator.SetQuotas(map[string]int{quota: n}); err != nil {
			t.Fatal(err)
		}
	}
	set(was + n)
	t.Cleanup(func() { set(was) })
	all := scene.Namespace(ns, 1)
	for i := range n {
		all += scene.Ingress(ns, fmt.Sprintf("web%d", i), scene.Class, public(nil))
	}
	c.Apply(t, all)
	for i := range n {
		serve(t, c, ns, fmt.Sprintf("web%d", i), "/")
	}
	settled(t, c, "ingress", "targetGroupBinding")

	c.Env.StopController() // which may read the health of targets until then
	mark := c.Mark()
	c.RestartController(t, elect, noSearch)
	settled(t, c, "ingress", "targetGroupBinding")
	calls, writes := by(c, mark, "", false), by(c, mark, "", true)
	t.Logf("a restart takes %d calls", len(calls))
	if len(calls)-len(writes) > 25 || len(writes) > 0 {
		t.Errorf("a restart reads %d times and writes %v", len(calls)-len(writes), writes)
	}

	// A second process waits, whatever there is to do.
	standby := startReplica(t, c)
	c.WaitFor(t, "the standby", func(ctx context.Context) error {
		status, body, err := get(ctx, standby.health+"/readyz")
		if err == nil && status != 200 {
			err = fmt.Errorf("it answers %d: %s", status, body)
		}
		return err
	})
	mark = c.Mark()
	edit := func(name, path string) string {
		return scene.Ingress(ns, name, scene.Class, public(nil), scene.Path{Path: "/"}, scene.Path{Path: path})
	}
	rules := func(name string) int {
		lb := c.LoadBalancer(t, c.IngressAddress(t, ns, name))
		return len(lb.Listeners[0].Rules)
	}
	before := rules("web0")
	scene.Change(t, c, edit("web0", "/first"))
	wait(t, c, "the first edit", func() string { return differs("rules", rules("web0"), before+1) })
	if got := by(c, mark, "AKIAREPLICA", false); len(got) > 0 {
		t.Errorf("the standby calls AWS: %v", got)
	}

	// The leader stops in the middle of everything, as on a machine that is suspended, and goes on when it is deposed.
	leader := c.Env.ControllerPID()
	c.LetControllerEnd()
	if err := syscall.Kill(leader, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	frozen := true
	t.Cleanup(func() {
		if frozen {
			_ = syscall.Kill(leader, syscall.SIGCONT)
		}
	})
	mark = c.Mark()
	scene.Change(t, c, edit("web1", "/second"))
	wait(t, c, "the second edit, which the other process carries out", func() string {
		return differs("rules", rules("web1"), before+1)
	})
	takeover := by(c, mark, "AKIAREPLICA", false)
	t.Logf("a take-over from a crash and an edit take %d calls", len(takeover))
	if made := by(c, mark, "AKIAREPLICA", true); !slices.Equal(made, []string{"CreateRule"}) {
		t.Errorf("the new leader writes %v, want the rule", made)
	}
	mark = c.Mark()
	if frozen = false; syscall.Kill(leader, syscall.SIGCONT) != nil {
		t.Fatal("the former leader is gone")
	}
	scene.Change(t, c, edit("web2", "/third"))
	wait(t, c, "the third edit", func() string { return differs("rules", rules("web2"), before+1) })
	c.WaitFor(t, "the end of the former leader", func(context.Context) error {
		if c.Env.ControllerPID() == leader && syscall.Kill(leader, 0) == nil {
			return fmt.Errorf("process %d lives", leader)
		}
		return nil
	})
	if late := by(c, mark, harness.ControllerKey, true); len(late) > 0 {
		t.Errorf("the former leader writes %v", late)
	}
	expectNoWarnings(t, c, ns)
	stop, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	standby.process.Stop(stop)
	c.RestartController(t) // without a lease, which a machine with much to do may take from it while everything is deleted
}
