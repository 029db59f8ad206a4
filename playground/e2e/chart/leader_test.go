package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const installation = "aws-load-balancer-controller"

// lease is that of the leader.
func lease(ctx context.Context, c *harness.Cluster) (*coordinationv1.Lease, error) {
	return c.Client.CoordinationV1().Leases("kube-system").Get(ctx, installation+"-leader", metav1.GetOptions{})
}

// holder is who holds the lease, and since when; empty: it was released.
func holder(t *testing.T, c *harness.Cluster) (string, time.Time) {
	t.Helper()
	l, err := lease(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if l.Spec.HolderIdentity == nil || l.Spec.AcquireTime == nil {
		return "", time.Time{}
	}
	return *l.Spec.HolderIdentity, l.Spec.AcquireTime.Time
}

// awaitHolder waits until another process than before holds the lease.
func awaitHolder(t *testing.T, c *harness.Cluster, before string) (now string, since time.Time) {
	t.Helper()
	c.WaitFor(t, "another leader", func(context.Context) error {
		if now, since = holder(t, c); now == "" || now == before {
			return fmt.Errorf("the lease is held by %q", now)
		}
		return nil
	})
	return now, since
}

// gated is a namespace with an Ingress to pods that wait for their targets, and its load balancer's URL.
func gated(t *testing.T, c *harness.Cluster, ns string) (url string) {
	t.Helper()
	namespace := strings.Replace(scene.Patient(scene.Namespace(ns, 3)), "{name: "+ns+"}", "{name: "+ns+
		", labels: {elbv2.k8s.aws/pod-readiness-gate-inject: enabled}}", 1)
	c.Apply(t, namespace+scene.Ingress(ns, "web", scene.Class, map[string]string{"scheme": "internet-facing",
		"target-type": "ip", "target-group-attributes": "deregistration_delay.timeout_seconds=1"}))
	url = "http://" + c.IngressAddress(t, ns, "web") + "/"
	c.WaitGet(t, url, "", 200, "web")
	c.WaitFor(t, "pods with readiness gates", func(context.Context) error {
		// Pods that are made before the binding have none.
		c.Kubectl(t, "rollout", "restart", "deployment", "-n", ns, "web")
		rolledOut(t, c, ns, "web")
		if gates := c.Kubectl(t, "get", "pods", "-n", ns, "-o",
			"jsonpath={.items[*].spec.readinessGates[*].conditionType}"); len(strings.Fields(gates)) < 3 {
			return fmt.Errorf("gates: %q", gates)
		}
		return nil
	})
	return url
}

// replicas waits until there are so many pods of the controller, of which none ends, and returns their names.
func replicas(t *testing.T, c *harness.Cluster, n int) (names []string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%d pods of the controller", n), func(ctx context.Context) error {
		list, err := c.Client.CoreV1().Pods("kube-system").List(ctx, metav1.ListOptions{
			LabelSelector: "app.kubernetes.io/name=" + installation})
		if err != nil {
			return err
		}
		names = nil
		for _, p := range list.Items {
			if names = append(names, p.Name); p.DeletionTimestamp != nil {
				return fmt.Errorf("%s ends", p.Name)
			}
		}
		if len(names) != n {
			return fmt.Errorf("there are %v", names)
		}
		return nil
	})
	return names
}

func rolledOut(t *testing.T, c *harness.Cluster, ns, deployment string) {
	t.Helper()
	c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, deployment, "--timeout="+harness.Timeout.String())
}

// deleted removes what gated and others have made.
func deleted(t *testing.T, c *harness.Cluster, ns string) {
	t.Helper()
	c.Kubectl(t, "delete", "ingress", "-n", ns, "--all", "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// onceOnly reports writes since a mark that were made twice, and those of other actions than expected. Targets are
// counted singly.
func onceOnly(t *testing.T, c *harness.Cluster, mark uint64, actions ...string) {
	t.Helper()
	seen := map[string]int{}
	for _, call := range c.Calls(mark) {
		if harness.IsRead(call.Action) || call.Failed() {
			continue
		}
		if len(actions) > 0 && !slices.Contains(actions, call.Action) {
			t.Errorf("%s is called: %s", call.Action, inputOf(t, call))
		}
		for _, what := range written(t, call) {
			if seen[what]++; seen[what] > 1 {
				t.Errorf("written %d times: %s", seen[what], what)
			}
		}
	}
}

// written are the parts of a write, each of which is to be written once.
func written(t *testing.T, call gate.Call) (parts []string) {
	t.Helper()
	var group *string
	var targets []elbtypes.TargetDescription
	switch in := call.Input.(type) {
	case *elbv2.RegisterTargetsInput:
		group, targets = in.TargetGroupArn, in.Targets
	case *elbv2.DeregisterTargetsInput:
		group, targets = in.TargetGroupArn, in.Targets
	default:
		return []string{call.Action + " " + inputOf(t, call)}
	}
	for _, target := range targets {
		parts = append(parts, fmt.Sprintf("%s %s %s:%d", call.Action, aws.ToString(group), aws.ToString(target.Id),
			aws.ToInt32(target.Port)))
	}
	return parts
}

func inputOf(t *testing.T, call gate.Call) string {
	t.Helper()
	b, err := json.Marshal(call.Input)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// registrationGoal is how soon after it leads a process registers the targets that became ready before, on a machine
// that is idle. readsBeforeTargets bounds the calls before, on which that time depends in AWS.
const (
	registrationGoal   = 100 * time.Millisecond
	readsBeforeTargets = 25
)

// TestLeaderKilledDuringRolloutFailsNoRequest shows that no request fails and no target is written
// twice when the leader is killed during a rollout.
func TestLeaderKilledDuringRolloutFailsNoRequest(t *testing.T) {
	c := start(t)
	const ns = "killedrollout"
	url := gated(t, c, ns)
	leader := waitLeader(t, c)
	before, _ := holder(t, c)
	traffic := scene.Send(t, c, url, "", scene.OK)
	scene.More(t, c, traffic, 50)
	mark := c.Mark()
	if err := c.Env.KillReplica(leader); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", ns, "web")
	_, leads := awaitHolder(t, c, before)
	t.Logf("another process leads after %v", leads.Sub(killed))
	expectLeaseDuration(t, c)
	rolledOut(t, c, ns, "web")
	scene.More(t, c, traffic, 100)
	if wrong := traffic.Stop(); wrong.Failed > 0 {
		t.Errorf("%s", wrong)
	}
	onceOnly(t, c, mark, "RegisterTargets", "DeregisterTargets")

	reads := 0
	for _, call := range c.Calls(mark) {
		if harness.IsRead(call.Action) {
			reads++
			continue
		}
		after := call.Time.Sub(leads)
		t.Logf("after leadership, the first target is registered in %v, after %d reads (the goal is %v)", after, reads,
			registrationGoal)
		if reads > readsBeforeTargets {
			t.Errorf("the first target is registered after %d reads, want at most %d", reads, readsBeforeTargets)
		}
		break
	}
	deleted(t, c, ns)
	rolledOut(t, c, "kube-system", installation)
}

// TestControllerUpgradeDuringRolloutFailsNoRequest shows that no request fails when controller and
// application are rolled out at once, and how short the gap of leadership is.
func TestControllerUpgradeDuringRolloutFailsNoRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestLeaderKilledDuringRolloutFailsNoRequest, which make test runs")
	}
	c := start(t)
	const ns = "upgraded"
	url := gated(t, c, ns)
	waitLeader(t, c)
	former := c.Kubectl(t, "get", "pods", "-n", "kube-system", "-l", "app.kubernetes.io/name="+installation, "-o", "name")
	traffic := scene.Send(t, c, url, "", scene.OK)
	scene.More(t, c, traffic, 50)
	mark := c.Mark()
	watched, stop := context.WithCancel(t.Context())
	gaps := make(chan time.Duration)
	go func() { gaps <- longestGap(watched, c) }()
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", "kube-system", installation)
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", ns, "web")
	rolledOut(t, c, "kube-system", installation)
	rolledOut(t, c, ns, "web")
	c.WaitFor(t, "the former pods of the controller to be gone", func(ctx context.Context) error {
		now := c.Kubectl(t, "get", "pods", "-n", "kube-system", "-o", "name")
		for _, pod := range strings.Fields(former) {
			if strings.Contains(now, pod) {
				return errors.New(pod + " is there")
			}
		}
		return nil
	})
	waitLeader(t, c)
	stop()
	if gap := <-gaps; gap == 0 {
		t.Error("the lease was not released")
	} else {
		t.Logf("the longest time without a leader is %v", gap)
	}
	scene.More(t, c, traffic, 100)
	if wrong := traffic.Stop(); wrong.Failed > 0 {
		t.Errorf("%s", wrong)
	}
	onceOnly(t, c, mark, "RegisterTargets", "DeregisterTargets")
	deleted(t, c, ns)
}

// expectLeaseDuration compares how long the lease holds that its holder does not renew: that bounds the time without a
// leader.
func expectLeaseDuration(t *testing.T, c *harness.Cluster) {
	t.Helper()
	l, err := lease(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(ptr.Deref(l.Spec.LeaseDurationSeconds, 0)) * time.Second; got != leaseDuration {
		t.Errorf("the lease holds for %v, want %v", got, leaseDuration)
	}
}

// longestGap is the longest time that the lease had no holder, by the times that its holders wrote, until ctx ends.
func longestGap(ctx context.Context, c *harness.Cluster) (longest time.Duration) {
	var released time.Time
	for ctx.Err() == nil {
		w, err := c.Client.CoordinationV1().Leases("kube-system").Watch(ctx, metav1.ListOptions{
			FieldSelector: "metadata.name=" + installation + "-leader"})
		if err != nil {
			time.Sleep(100 * time.Millisecond) // the API server may be busy
			continue
		}
		for e := range w.ResultChan() {
			l, ok := e.Object.(*coordinationv1.Lease)
			if !ok || l.Spec.RenewTime == nil || l.Spec.AcquireTime == nil {
				continue
			}
			switch held := l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != ""; {
			case !held && released.IsZero():
				released = l.Spec.RenewTime.Time
			case held && !released.IsZero():
				longest, released = max(longest, l.Spec.AcquireTime.Sub(released)), time.Time{}
			}
		}
	}
	return longest
}

// TestDeposedLeaderWritesNothingWhenItWakes shows that a leader suspended between two writes makes
// no AWS write after another pod has taken its Lease. It is suspended as on a machine that is
// migrated.
func TestDeposedLeaderWritesNothingWhenItWakes(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease that nobody renews, of 15 seconds; " + "TestLeaderKilledDuringRolloutFailsNoRequest does in the core")
	}
	c := start(t)
	const ns, n = "suspended", 10
	leader := waitLeader(t, c)
	before, _ := holder(t, c)
	pid := c.Env.ReplicaPID(leader)
	c.Apply(t, scene.Namespace(ns, 1))
	all := ""
	for i := range n {
		all += scene.Ingress(ns, fmt.Sprintf("web%d", i), scene.Class, map[string]string{"scheme": "internet-facing",
			"target-type": "ip"})
	}
	mark := c.Mark()
	scene.Change(t, c, all)
	c.WaitFor(t, "the first writes", func(context.Context) error {
		if len(c.Writes(mark)) == 0 {
			return errors.New("there are none")
		}
		return nil
	})
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // if the test ends early
	t.Logf("suspended after %d writes", len(c.Writes(mark)))
	awaitHolder(t, c, before)
	for i := range n {
		c.WaitGet(t, "http://"+c.IngressAddress(t, ns, fmt.Sprintf("web%d", i))+"/", "", 200, "web")
	}
	idle(t, c, leader)
	mark2 := c.Mark()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "the end of the deposed process", func(context.Context) error {
		if c.Env.ReplicaPID(leader) != 0 {
			return errors.New("it runs")
		}
		return nil
	})
	rolledOut(t, c, "kube-system", installation)
	if late := c.Writes(mark2); len(late) > 0 {
		t.Errorf("the deposed process writes %v", late)
	}
	made := map[string]int{}
	for _, call := range c.Calls(mark) {
		if strings.HasPrefix(call.Action, "Create") && !call.Failed() {
			made[call.Action]++
		}
	}
	if made["CreateLoadBalancer"] != n || made["CreateTargetGroup"] != n {
		t.Errorf("%d load balancers and %d target groups are made, want %d of each", made["CreateLoadBalancer"],
			made["CreateTargetGroup"], n)
	}
	deleted(t, c, ns)
}

// idle waits until the replicas but for one that is suspended have nothing to do, and nothing was written for some
// time.
func idle(t *testing.T, c *harness.Cluster, suspended string) {
	t.Helper()
	last, since := c.Mark(), time.Now()
	c.WaitFor(t, "an idle controller", func(ctx context.Context) error {
		open, err := work(ctx, c, suspended)
		if err != nil {
			return err
		}
		if now := c.Mark(); open > 0 || len(c.Writes(last)) > 0 {
			last, since = now, time.Now()
			return fmt.Errorf("%d queues hold something, or it wrote a moment ago", open)
		}
		if time.Since(since) < 3*time.Second {
			return errors.New("it had work a moment ago")
		}
		return nil
	})
}

// work is how many queues of the replicas but for one hold something, or are at work.
func work(ctx context.Context, c *harness.Cluster, suspended string) (open int, err error) {
	for _, url := range c.Env.ReplicaMetrics() {
		if url == suspended {
			continue // it answers nothing
		}
		_, page, err := harness.Page(ctx, url)
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(page) {
			if name, _, _ := strings.Cut(line, "{"); (name == "workqueue_depth" ||
				name == "controller_runtime_active_workers") && !strings.HasSuffix(strings.TrimSpace(line), " 0") {
				open++
			}
		}
	}
	return open, nil
}

// TestRows13And14KubectlShowsTheDeploymentAsInACluster shows that the kubectl commands of the
// guides print the Deployment, pods and image of an installed chart.
func TestRows13And14KubectlShowsTheDeploymentAsInACluster(t *testing.T) {
	c := start(t)
	replicas(t, c, 2)
	rolledOut(t, c, "kube-system", installation)
	if out := strings.Join(strings.Fields(c.Kubectl(t, "get", "deployment", "-n", "kube-system", installation)),
		" "); !strings.Contains(out, installation+" 2/2 2 2") {
		t.Errorf("kubectl get deployment: %s", out)
	}
	pods := c.Kubectl(t, "get", "pods", "-n", "kube-system", "-l", "app.kubernetes.io/name="+installation, "--no-headers")
	if lines := strings.Split(strings.TrimSpace(pods), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "1/1") ||
		!strings.Contains(lines[1], "Running") {
		t.Errorf("kubectl get pods:\n%s", pods)
	}
	var images []string
	for line := range strings.Lines(c.Kubectl(t, "get", "deploy", installation, "-n=kube-system", "-o", "yaml")) {
		if strings.Contains(line, "image:") {
			images = append(images, strings.TrimSpace(line))
		}
	}
	version := c.Kubectl(t, "get", "deploy", installation, "-n=kube-system", "-o",
		`jsonpath={.metadata.labels.app\.kubernetes\.io/version}`)
	if len(images) != 1 || !strings.HasSuffix(images[0], "/"+installation+":"+version) {
		t.Errorf("the images are %q, of version %s", images, version)
	}
	c.Kubectl(t, "scale", "deployment", "-n", "kube-system", installation, "--replicas=3")
	rolledOut(t, c, "kube-system", installation)
	if n := len(c.Env.ReplicaMetrics()); n != 3 {
		t.Errorf("%d replicas run, want 3", n)
	}
	c.Kubectl(t, "scale", "deployment", "-n", "kube-system", installation, "--replicas=2")
	c.WaitFor(t, "the third replica to end", func(context.Context) error {
		if n := len(c.Env.ReplicaMetrics()); n != 2 {
			return fmt.Errorf("%d replicas run", n)
		}
		return nil
	})
	waitLeader(t, c)
}
