package account_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	ours "github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

const (
	region = "us-west-2"
	prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"
)

var (
	config = declare.Config{Cluster: "my-cluster", Region: region}
	web    = declare.KeyOf("default", "web")
)

// world is a simulated account with load balancers net/a to net/l, of which net/plain has no security groups, and one
// life of the controller after the other.
type world struct {
	t     testing.TB
	sim   *awssim.Simulator
	clock *clock.Stepped
	acc   *ours.Account

	mu     sync.Mutex
	calls  []string // since the last call of called
	refuse func(action string) error
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	profile := account.Profile{}
	sim, err := awssim.New(awssim.Options{Clock: w.clock, Profile: profile, Authorize: func(_ context.Context, service,
		action, _ string, _ any) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, action)
		if w.refuse != nil {
			return w.refuse(action)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	w.sim = sim
	sim.Account.Lock()
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "plain"} {
		lb := account.LoadBalancer{
			Name: "k8s-" + name, ARN: arn(name), DNSName: host(name), Type: "network", Scheme: "internet-facing",
			IPAddressType: "ipv4", VPC: "vpc-0a1de000000000001",
			SecurityGroups: []string{"sg-0a1de000000000001"}, Zones: []account.Zone{
				{Name: "us-west-2a", Subnet: "subnet-0a1de0000000000a1"}},
		}
		if name == "plain" {
			lb.SecurityGroups = nil
		}
		sim.Account.AddLoadBalancer(&lb)
	}
	sim.Account.Unlock()
	w.restart()
	return w
}

func arn(name string) string  { return prefix + "net/k8s-" + name + "/50dc" }
func host(name string) string { return "k8s-" + name + "-50dc.elb.us-west-2.amazonaws.com" }

// restart begins a new life that knows nothing.
func (w *world) restart() {
	w.acc = ours.New(awsclient.Clients{ELBV2: w.sim.Balancing, Accelerators: w.sim.Edge}, config, time.Hour, w.clock.Now)
	w.clock.Advance(time.Minute)
	w.called()
}

// called are the calls since the last time.
func (w *world) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.calls
	w.calls = nil
	return out
}

// declared is a valid accelerator with listeners.
func declared(key stack.Key, listeners ...accelerator.Listener) accelerator.Declared {
	return accelerator.Declared{
		Key: key, UID: "uid-" + key.ID.String(), Name: strings.ReplaceAll(key.ID.String(), "/", "-"),
		IPAddressType: accelerator.IPV4, Tags: config.Tracking(key), Listeners: listeners,
	}
}

func endpoint(name string) accelerator.Endpoint {
	yes := true
	return accelerator.Endpoint{ID: arn(name), Weight: 128, PreserveClientIP: &yes}
}

// reach brings the account to what is declared, and reports what AWS refused.
func (w *world) reach(d accelerator.Declared) (ours.Result, accelerator.Observed) {
	w.t.Helper()
	o, err := w.acc.Observe(w.t.Context(), d.Key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	p := diff.Plan(d, o)
	r := w.acc.Run(w.t.Context(), p, nil)
	after, err := w.acc.Observe(w.t.Context(), d.Key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	if !r.Complete() {
		w.t.Errorf("%+v\nfrom %s\nplan %s", r, text(o), p.Text(planOptions))
	}
	return r, after
}

func text(o accelerator.Observed) string {
	var b strings.Builder
	for _, l := range o.Listeners {
		fmt.Fprintf(&b, "%s %s\n", diff.Short(l.ARN), l.Key())
		for _, g := range l.Groups {
			fmt.Fprintf(&b, "  %s %g %v %d endpoints\n", g.Region, g.Dial, g.Overrides, len(g.Endpoints))
		}
	}
	return b.String()
}
