package accelerator

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// unreadFaults are the ways in which a read of AWS fails; nil = it hangs.
var unreadFaults = map[string]*gate.Fault{
	"denied":    {Code: "AccessDeniedException", Status: 403},
	"empty":     {Empty: true},
	"expired":   {Code: "ExpiredTokenException", Status: 403},
	"failing":   {Code: "InternalServiceErrorException", Status: 500},
	"hanging":   nil,
	"partial":   {Partial: true},
	"throttled": {Kind: "throttled"},
}

// readsOfAccelerators are the reads that docs/permissions.md has for accelerators, with that of load balancers.
func readsOfAccelerators(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"elasticloadbalancing:DescribeLoadBalancers"}
	for _, row := range regexp.MustCompile("(?m)^\\| `(globalaccelerator:([A-Za-z]+))` ").FindAllStringSubmatch(
		string(page), -1) {
		if awsclient.IsRead(row[2]) {
			out = append(out, row[1])
		}
	}
	if len(out) < 6 {
		t.Fatalf("the page has the reads %v", out)
	}
	return out
}

// TestFailedReadTakesNoEndpointAway has each read fail in each way while a Service gets a port: what the accelerator has
// before and after stays, no second one is made, and the port is there once the read works again.
func TestFailedReadTakesNoEndpointAway(t *testing.T) {
	t.Parallel()
	for _, permission := range readsOfAccelerators(t) {
		for way, fault := range unreadFaults {
			for _, restarts := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, restart %t", permission, way, restarts), func(t *testing.T) {
					t.Parallel()
					unread(t, permission, fault, restarts)
				})
			}
		}
	}
}

func unread(t *testing.T, permission string, fault *gate.Fault, restarts bool) {
	t.Helper()
	w := example(t)
	w.settle()
	before := w.accelerators()
	of, action, _ := strings.Cut(permission, ":")
	if fault == nil {
		w.judge = func(_ context.Context, s, a string, _ any) error {
			if s == of && a == action {
				return context.DeadlineExceeded
			}
			return nil
		}
	} else {
		f := *fault
		f.Service, f.Action = of, action
		_, err := w.sim.Gate.AddFault(f)
		w.must(err)
	}
	if restarts {
		w.restart()
	} else {
		w.clock.Advance(2 * time.Hour) // what was read is old
	}
	w.must(w.client.Status().Update(t.Context(), service("default", "web", "k8s-default-web-1a2b", 80, 81, 443)))
	for range 4 {
		_, _ = w.pass()
		now := w.accelerators()
		for line := range strings.Lines(before) {
			if kept := strings.Contains(now, strings.TrimSuffix(line, " 80-81\n")); !kept {
				t.Errorf("gone: %s of\n%s", line, now)
			}
		}
		if n := strings.Count(now, " IPV4 "); n != 1 {
			t.Errorf("%d accelerators:\n%s", n, now)
		}
		w.clock.Advance(time.Minute)
	}
	w.mu.Lock()
	w.judge = nil
	w.mu.Unlock()
	w.sim.Gate.ClearFaults()
	w.clock.Advance(2 * time.Hour)
	w.restart()
	for range 20 {
		r, _ := w.pass()
		w.clock.Advance(max(r.RequeueAfter%(5*time.Minute), 5*time.Second))
	}
	w.want("in the end", w.accelerators(), strings.Replace(before, " 80-81", " 80-81 443-443", 1))
}

// TestFailedReadChangesNoPreservationOfAddresses has a new process that cannot read whether a network load balancer
// preserves the addresses of clients, which one without security groups does not. An edit is in effect all the same.
func TestFailedReadChangesNoPreservationOfAddresses(t *testing.T) {
	t.Parallel()
	plain := agav1beta1.Endpoint{Type: agav1beta1.EndpointID, EndpointID: to(prefix + "net/k8s-plain/50dc"),
		Weight: to(int32(128)), ClientIPPreservationEnabled: to(true)}
	w := newWorld(t, object([]int32{80}, plain))
	w.balancer("k8s-plain", func(lb *simaccount.LoadBalancer) { lb.SecurityGroups = nil })
	w.settle()
	before := w.accelerators()
	if !strings.Contains(before, "k8s-plain/50dc 128 false") {
		t.Fatal(before)
	}
	_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeLoadBalancers", Code: "AccessDenied", Status: 403})
	w.must(err)
	w.restart()
	ga := w.get()
	ga.Spec.Listeners[0].PortRanges[0].ToPort = 81
	ga.Generation++
	w.must(w.client.Update(t.Context(), ga))
	for range 4 {
		if _, err := w.pass(); err != nil {
			t.Errorf("%v\n%s", err, strings.Join(w.events, "\n"))
		}
		w.clock.Advance(time.Minute)
	}
	w.want("account", w.accelerators(), strings.Replace(before, "80-80", "80-81", 1))
}
