package behaviour

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// The test in this file is not parallel: the controller is its own.

// happened is an entry of lbc timeline.
type happened struct {
	Time      time.Time
	Kind      string
	Object    string
	By        string
	Text      string
	Steps     []string
	RequestID string
}

// timelineOf runs lbc timeline of Ingress web. unread is empty once the controller has written its record.
func timelineOf(t *testing.T, c *harness.Cluster, ns string, since time.Time) (all []happened, unread string) {
	t.Helper()
	out, errOut, status := runLBC(t, c, "timeline", "ingress/web", "-n", ns, "--since", time.Since(since).String(),
		"-o", "json")
	var d struct {
		Entries []happened
		Unread  []string
	}
	if status != 0 || json.Unmarshal([]byte(out), &d) != nil {
		t.Fatalf("status %d: %s%s", status, out, errOut)
	}
	return d.Entries, strings.Join(d.Unread, "\n")
}

// inOrder is what of the wanted entries is missing after those before it; empty = all are there in their order.
func inOrder(all []happened, want ...func(happened) bool) string {
	at := 0
	for n, ok := range want {
		next := slices.IndexFunc(all[at:], ok)
		if next < 0 {
			return fmt.Sprintf("entry %d of %d is missing after entry %d of the list:\n%+v", n+1, len(want), at, all)
		}
		at += next + 1
	}
	return ""
}

// editAs changes the idle timeout as a manager, and returns the request that AWS got. It returns in a later second than
// that of the request: the API server rounds the times of edits down to seconds.
func editAs(t *testing.T, c *harness.Cluster, ns, manager, seconds string) (request string) {
	t.Helper()
	mark := c.Mark()
	c.Kubectl(t, "annotate", "ingress", "web", "-n", ns, "--overwrite", "--field-manager="+manager,
		"alb.ingress.kubernetes.io/load-balancer-attributes=idle_timeout.timeout_seconds="+seconds)
	var called time.Time
	wait(t, c, "the call for the edit of "+manager, func() string {
		if request == "" {
			for _, call := range c.Calls(mark) {
				if call.Action == "ModifyLoadBalancerAttributes" {
					request, called = call.RequestID, time.Now()
				}
			}
		}
		if request == "" || time.Since(called) <= time.Second {
			return "not a second ago"
		}
		return ""
	})
	return request
}

// TestTimelineShowsEditsToEffectsAcrossLeaders shows that lbc timeline lists each edit with its manager, then its plan,
// calls with request ids and event, across a change of leaders.
func TestTimelineShowsEditsToEffectsAcrossLeaders(t *testing.T) {
	c, began := cluster(t), time.Now()
	const ns = "told"
	lead := func() { c.RestartController(t, elected, "--leader-election-namespace=kube-system") }
	lead()
	t.Cleanup(func() { c.RestartController(t) })
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}))
	serve(t, c, ns, "web", "/")
	scene.WaitSuccess(t, c, ns, "web", 0)

	edited := func(manager string) func(happened) bool {
		return func(h happened) bool { return h.Kind == "edit" && h.By == manager && h.Object == "Ingress "+ns+"/web" }
	}
	planned := func(h happened) bool {
		return h.Kind == "plan" && len(h.Steps) == 1 && strings.HasSuffix(h.Steps[0], ": done")
	}
	called := func(request string) func(happened) bool {
		return func(h happened) bool {
			return h.Kind == "call" && strings.HasPrefix(h.Text, "ModifyLoadBalancerAttributes") && h.RequestID == request
		}
	}
	created := func(h happened) bool { return h.Kind == "call" && strings.HasPrefix(h.Text, "CreateLoadBalancer ") }
	leader := func(h happened) bool { return h.Kind == "leader" && strings.HasPrefix(h.Text, "became the leader") }
	succeeded := func(h happened) bool { return h.Kind == "event" && strings.Contains(h.Text, "SuccessfullyReconciled") }

	first := editAs(t, c, ns, "ada", "61")
	wait(t, c, "the first leader's record", func() string {
		all, unread := timelineOf(t, c, ns, began)
		return cmp.Or(unread, inOrder(all, created, called(first)), inOrder(all, edited("ada"), planned, called(first)))
	})
	lead()
	second := editAs(t, c, ns, "grace", "62")
	third := editAs(t, c, ns, "ada", "63") // the API server forgets her first edit
	wait(t, c, "the timeline", func() string {
		all, unread := timelineOf(t, c, ns, began)
		return cmp.Or(unread,
			inOrder(all, edited("ada"), planned, called(first), edited("grace"), planned, called(second), edited("ada"), planned,
				called(third)),
			inOrder(all, called(first), leader, called(second)), inOrder(all, planned, succeeded))
	})
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String())
}
