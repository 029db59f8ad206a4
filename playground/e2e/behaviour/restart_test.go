package behaviour

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// The tests in this file are not parallel: the controller, and the whole account, are theirs.

// TestKilledControllerCreatesOnceAndLeavesNothing shows that a process killed at random writes
// creates each AWS resource once and leaves none after deletion.
func TestKilledControllerCreatesOnceAndLeavesNothing(t *testing.T) {
	c := cluster(t)
	const ns, n = "killed", 10
	withoutLoadBalancers(t, c)
	before := c.Simulator.Resources()
	var all strings.Builder
	for i := range n {
		all.WriteString(scene.Ingress(ns, fmt.Sprintf("web%d", i), scene.Class, public(nil)))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	t.Run("alive", func(t *testing.T) {
		c.Apply(t, scene.Namespace(ns, 1))
		mark := c.Mark()
		scene.Change(t, c, all.String())
		for writes := 0; ; {
			// Some 70 writes make everything: each controller lives for up to 20 of them.
			writes += 1 + random.IntN(20)
			if writes >= 65 {
				break
			}
			wait(t, c, fmt.Sprintf("%d writes", writes), func() string {
				if now := len(c.Writes(mark)); now < writes {
					return fmt.Sprintf("%d", now)
				}
				return ""
			})
			c.KillController()
			c.RestartController(t)
		}
		for i := range n {
			serve(t, c, ns, fmt.Sprintf("web%d", i), "/")
		}
		wait(t, c, "everything once", func() string { // an answer may come before the last pass has ended
			r := c.Simulator.Resources()
			if got, want := []int{len(r.LoadBalancers), len(r.TargetGroups), len(r.SecurityGroups)},
				[]int{len(before.LoadBalancers) + n, len(before.TargetGroups) + n, len(before.SecurityGroups) + n +
					1}; !slices.Equal(got, want) {
				return fmt.Sprintf("load balancers, target groups, security groups: %v, want %v", got, want)
			}
			for _, lb := range r.LoadBalancers {
				if len(lb.Listeners) != 1 || len(lb.Listeners[0].Rules) != 2 {
					return fmt.Sprintf("%s has %d listeners: %+v", lb.Name, len(lb.Listeners), lb.Listeners)
				}
			}
			return ""
		})
		bindings(t, c, ns, n)
		// While it deletes, too.
		mark = c.Mark()
		c.Kubectl(t, "delete", "ingress", "-n", ns, "--all", "--wait=false")
		wait(t, c, "the middle of the deletion", func() string {
			if now := len(c.Writes(mark)); now < 5+random.IntN(15) {
				return fmt.Sprintf("%d writes", now)
			}
			return ""
		})
		c.KillController()
		c.RestartController(t)
		wait(t, c, "the Ingresses to go", func() string {
			return scene.Query(t, c, "get", "ingress", "-n", ns, "-o", "name")
		})
	})
	c.WaitAccount(t, before)
}

// settled waits until the running controller has nothing to do any more, and has looked at objects of the kinds.
func settled(t *testing.T, c *harness.Cluster, kinds ...string) {
	t.Helper()
	quiet := 0
	c.WaitFor(t, "an idle controller", func(context.Context) error {
		m, err := scrape(t.Context(), c.Env.ControllerMetrics())
		if err != nil {
			return err
		}
		if m.has(leads) && m.sum(leads) != 1 { // one that waits for the lease is idle, but has not begun
			quiet = 0
			return errors.New("it does not lead")
		}
		for _, controller := range []string{"ingress", "service", "targetGroupBinding"} {
			passes := m.sum("controller_runtime_reconcile_total", `controller="`+controller+`"`)
			depth, busy := m.sum("workqueue_depth", `name="`+controller+`"`), m.sum("controller_runtime_active_workers",
				`controller="`+controller+`"`)
			if passes == 0 && slices.Contains(kinds, controller) || depth > 0 || busy > 0 {
				quiet = 0
				return fmt.Errorf("%s: %v passes, %v queued, %v at work", controller, passes, depth, busy)
			}
		}
		if quiet++; quiet < 80 { // two seconds and more: an event may be late
			return fmt.Errorf("idle for %d looks", quiet)
		}
		return nil
	})
}

// TestAControllerThatFindsEverythingInPlaceWritesNothing shows that a restarted or crashed
// controller writes nothing to AWS or to a real API server when all is in place.
func TestAControllerThatFindsEverythingInPlaceWritesNothing(t *testing.T) {
	c := cluster(t)
	const ns = "inplace"
	all := []string{"ingress", "service", "targetGroupBinding"}
	namespace, class, ingresses, service := everything(ns)
	c.Apply(t, class+namespace+ingresses+service)
	serve(t, c, ns, "web", "/")
	serve(t, c, ns, "member", "/")
	c.WaitGet(t, "http://"+c.ServiceAddress(t, ns, "balanced")+"/", "", 200, "web")
	settled(t, c, all...)
	objects := func() string {
		return scene.Query(t, c, "get", "ingress,service,targetgroupbindings", "-n", ns, "-o",
			"jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion} {.status}{'\\n'}{end}")
	}
	was, mark := objects(), c.Mark()
	traffic := scene.Send(t, c, "http://"+c.IngressAddress(t, ns, "web")+"/", "", scene.OK)
	for _, how := range []string{"graceful", "crash"} {
		if how == "crash" {
			c.KillController()
		}
		c.RestartController(t)
		settled(t, c, all...)
		if w := c.Writes(mark); len(w) > 0 {
			t.Errorf("after a %s restart: %s", how, strings.Join(w, ", "))
		}
		if now := objects(); now != was {
			t.Errorf("after a %s restart objects were written:\n%s\nbefore:\n%s", how, now, was)
		}
	}
	noneWrong(t, "traffic", traffic.Stop())
	expectNoWarnings(t, c, ns)
}
