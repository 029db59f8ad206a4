package behaviour

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
)

// replica is another process of the controller beside the playground's own.
type replica struct {
	process         *process.Process
	log             string
	health, metrics string // URLs without path
}

func startReplica(t *testing.T, c *harness.Cluster) replica {
	t.Helper()
	seeded := c.Simulator.Seed()
	p := c.StartProcess(t, []string{
		"AWS_ENDPOINT_URL=" + c.Env.URL, "AWS_REGION=" + seeded.Region, "AWS_ACCESS_KEY_ID=AKIAREPLICA000000001",
		"AWS_SECRET_ACCESS_KEY=playground", "AWS_EC2_METADATA_DISABLED=true",
	}, "--aws-region="+seeded.Region, "--aws-vpc-id="+seeded.VPC.ID)
	return replica{process: p.Process, log: p.Log, health: p.Health, metrics: p.Metrics}
}

var get = harness.Page

// leads is the metric that is 1 if a controller leads; one that does not run for it has none.
const leads = "leader_election_master_status"

// metricNames are those that dashboards of users read from a controller that has worked.
var metricNames = []string{
	"aws_api_calls_total", "aws_api_call_duration_seconds", "aws_api_call_retries", "aws_target_group_info",
	"controller_runtime_reconcile_total", "controller_runtime_reconcile_errors_total",
	"controller_runtime_reconcile_time_seconds",
	"workqueue_depth", "rest_client_requests_total", "leader_election_master_status", "go_goroutines",
	"process_resident_memory_bytes",
	"lbc_plan_steps_total",
}

// TestAStandbyIsReadyAndTakesOverWhenTheLeaderStops shows that a second process is ready, calls
// nothing in AWS, and serves once the leader releases its Lease.
func TestAStandbyIsReadyAndTakesOverWhenTheLeaderStops(t *testing.T) {
	const elect, ns = "--enable-leader-election=true", "leading"
	c := harness.Start(t, harness.Options{ExtraArgs: []string{elect}})
	settled(t, c)
	mark := c.Mark()
	standby := startReplica(t, c)
	for _, path := range []string{"/healthz", "/healthz/health-ping", "/readyz"} {
		c.WaitFor(t, path, func(ctx context.Context) error {
			status, body, err := get(ctx, standby.health+path)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				return fmt.Errorf("it answers %d: %s", status, body)
			}
			return nil
		})
	}
	var m samples
	c.WaitFor(t, "the standby's metrics", func(ctx context.Context) (err error) { // which are served beside its probes
		m, err = scrape(ctx, standby.metrics+"/metrics")
		return err
	})
	if m.sum(leads) != 0 || m.sum("controller_runtime_reconcile_total") != 0 {
		t.Errorf("the standby leads: %v, makes passes: %v", m.sum(leads), m.sum("controller_runtime_reconcile_total"))
	}
	for _, call := range c.Calls(mark) {
		if strings.Contains(call.Caller, "AKIAREPLICA") {
			t.Errorf("the standby calls AWS: %s", call.Action)
		}
	}

	c.Env.StopController()
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	serve(t, c, ns, "web", "/")
	c.WaitFor(t, "the new leader's metrics", func(ctx context.Context) error {
		m, err := scrape(ctx, standby.metrics+"/metrics")
		if err != nil {
			return err
		}
		if m.sum(leads) != 1 {
			return fmt.Errorf("%s is %v", leads, m.sum(leads))
		}
		for _, name := range metricNames {
			if !m.has(name) {
				return fmt.Errorf("no metric %s", name)
			}
		}
		if n := m.sum("aws_target_group_info", `namespace="`+ns+`"`, `service="web"`); n != 1 {
			return fmt.Errorf("aws_target_group_info is %v", n)
		}
		return nil
	})
	expectNoWarnings(t, c, ns)

	// And back again; the one that stops logs that and ends well.
	c.RestartController(t, elect)
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	standby.process.Stop(ctx)
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// TestALeaderThatLosesItsLeaseIsStartedAgain shows that the harness restarts a controller that lost
// its Lease, as a kubelet does. On a busy machine the API server may take so long to answer that a
// leader ends.
func TestALeaderThatLosesItsLeaseIsStartedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease that nobody renews, of 15 seconds")
	}
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--enable-leader-election=true"}})
	settled(t, c)
	former, leases := c.Env.ControllerPID(), c.Client.CoordinationV1().Leases("kube-system")
	c.WaitFor(t, "another holder of the lease", func(ctx context.Context) error {
		l, err := leases.Get(ctx, "aws-load-balancer-controller-leader", metav1.GetOptions{})
		if err != nil {
			return err
		}
		l.Spec.HolderIdentity, l.Spec.RenewTime = ptr.To("another"), ptr.To(metav1.NowMicro())
		_, err = leases.Update(ctx, l, metav1.UpdateOptions{})
		return err // of a conflict with a renewal
	})
	c.WaitFor(t, "another process", func(context.Context) error {
		if now := c.Env.ControllerPID(); now == former || now == 0 {
			return fmt.Errorf("process %d", now)
		}
		return nil
	})
	settled(t, c)
}
