package behaviour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// The tests in this file are not parallel: the controller is theirs.

// elected has a controller that holds a Lease, by which lbc finds that it is alive, and the checkpoint beside it.
const elected = "--enable-leader-election=true"

// runLBC runs lbc against the cluster and its account.
func runLBC(t *testing.T, c *harness.Cluster, args ...string) (out, errOut string, status int) {
	t.Helper()
	binary := filepath.Join(string(c.Repo), "bin", "lbc")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--kubeconfig", c.Env.Kubeconfig, "--cluster-name",
		c.Simulator.Seed().Cluster.Name)...)
	cmd.Env = c.Environ()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// abandon serves an Ingress, and then deletes it while no controller runs, without its finalizer.
func abandon(t *testing.T, c *harness.Cluster, ns string) simclient.LoadBalancer {
	t.Helper()
	c.RestartController(t, elected)
	t.Cleanup(func() { c.RestartController(t) })
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	lb := serve(t, c, ns, "web", "/")
	c.KillController()
	c.Kubectl(t, "patch", "ingress", "-n", ns, "web", "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	return lb
}

// foreign makes a load balancer in the subnets of another one, which looks like it and has the tags of another cluster,
// or none of a cluster.
func foreign(t *testing.T, c *harness.Cluster, like simclient.LoadBalancer, name string,
	tags map[string]string) string {
	t.Helper()
	in := &elb.CreateLoadBalancerInput{Name: &name, Type: types.LoadBalancerTypeEnumNetwork,
		Scheme: types.LoadBalancerSchemeEnumInternal}
	for _, z := range like.Zones {
		in.Subnets = append(in.Subnets, z.Subnet)
	}
	for k, v := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	out, err := c.Simulator.Balancing.CreateLoadBalancer(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
	t.Cleanup(func() {
		if _, err := c.Simulator.Balancing.DeleteLoadBalancer(context.WithoutCancel(t.Context()),
			&elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn}); err != nil {
			t.Error(err)
		}
	})
	return arn
}

// ofStack are the resources in AWS with the tag of a stack and of the cluster.
func ofStack(c *harness.Cluster, stack string) (all []string) {
	ours := func(tags map[string]string) bool {
		return tags["ingress.k8s.aws/stack"] == stack && tags["elbv2.k8s.aws/cluster"] == c.Simulator.Seed().Cluster.Name
	}
	r := c.Simulator.Resources()
	for _, x := range r.LoadBalancers {
		if ours(x.Tags) {
			all = append(all, x.ARN)
		}
	}
	for _, x := range r.TargetGroups {
		if ours(x.Tags) {
			all = append(all, x.ARN)
		}
	}
	for _, x := range r.SecurityGroups {
		if ours(x.Tags) {
			all = append(all, x.ID)
		}
	}
	return all
}

// listedOrphan is one that lbc orphans lists.
type listedOrphan struct {
	Stack, Tag, Why, Delete string
	Keep                    []string
}

func listOrphan(t *testing.T, c *harness.Cluster, stack string) (found listedOrphan, ok bool) {
	t.Helper()
	out, errOut, status := runLBC(t, c, "orphans", "-o", "json")
	var d struct{ Orphans []listedOrphan }
	if err := json.Unmarshal([]byte(out), &d); err != nil || status != 4 && len(d.Orphans) > 0 || status != 0 &&
		len(d.Orphans) == 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errOut)
	}
	n := slices.IndexFunc(d.Orphans, func(o listedOrphan) bool { return o.Stack == stack })
	if n < 0 {
		return found, false
	}
	return d.Orphans[n], true
}

// TestControllerKeepsOrphansThatLbcLists shows that a controller process keeps an orphan of an
// earlier process, also with the flag that once deleted it, and that lbc orphans lists it.
func TestControllerKeepsOrphansThatLbcLists(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills and restarts the controller, which is to do nothing")
	}
	c := cluster(t)
	const ns, key = "abandoned", "ingress.k8s.aws:abandoned/web"
	lb := abandon(t, c, ns)
	held := ofStack(c, ns+"/web")
	mark := c.Mark()
	c.RestartController(t, elected, "--delete-orphans-after=1s")
	c.Apply(t, scene.Namespace("beside", 1)+scene.Ingress("beside", "web", scene.Class, public(nil)))
	serve(t, c, "beside", "web", "/")
	o, ok := listOrphan(t, c, key)
	if !ok || !strings.HasSuffix(o.Delete, "--ignore-controller") || o.Tag != "ingress.k8s.aws/stack="+ns+"/web" ||
		!strings.Contains(strings.Join(o.Keep, "\n"), "aws elbv2 remove-tags --resource-arns "+lb.ARN) {
		t.Errorf("lbc orphans lists %+v", o)
	}
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 {
		t.Errorf("written in AWS: %s", strings.Join(w, ", "))
	}
	if now := ofStack(c, ns+"/web"); !slices.Equal(now, held) {
		t.Errorf("AWS holds %q, held %q", now, held)
	}
	if _, errOut, status := runLBC(t, c, "cleanup", "--stack", key, "--ignore-controller", "--yes"); status != 0 {
		t.Errorf("status %d: %s", status, errOut)
	}
}

// TestWhatAControllerThatIsGoneHasLeftIsDeletedByLbc shows that the lbc binary refuses to clean up
// while a Lease is held, and deletes only its own stack afterwards.
func TestWhatAControllerThatIsGoneHasLeftIsDeletedByLbc(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease that nobody renews, of 15 seconds")
	}
	c := cluster(t)
	const ns, key = "goner", "ingress.k8s.aws:goner/web"
	lb := abandon(t, c, ns)
	other := foreign(t, c, lb, "k8s-goner-web-other", map[string]string{"elbv2.k8s.aws/cluster": "another",
		"ingress.k8s.aws/stack": ns + "/web", "ingress.k8s.aws/resource": "LoadBalancer"})
	args := []string{"cleanup", "--stack", key}

	// The Lease of the one that was killed counts for a while.
	if _, errOut, status := runLBC(t, c, args...); status != 1 || !strings.Contains(errOut, "a controller is running") {
		t.Errorf("status %d: %s", status, errOut)
	}
	c.WaitFor(t, "a Lease that nobody renews", func(context.Context) error {
		// Nobody answers the question: the plan is shown, and nothing is deleted.
		out, errOut, status := runLBC(t, c, args...)
		if status != 1 || !strings.Contains(errOut, "nothing was deleted") || !strings.Contains(out, "DeleteLoadBalancer") {
			return fmt.Errorf("status %d: %s%s", status, out, errOut)
		}
		return nil
	})
	if len(ofStack(c, ns+"/web")) == 0 {
		t.Fatal("it is deleted without consent")
	}
	out, errOut, status := runLBC(t, c, append(args, "--yes")...)
	if status != 0 || !strings.Contains(out, key+": gone") {
		t.Fatalf("status %d: %s%s", status, out, errOut)
	}
	if left := ofStack(c, ns+"/web"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if left := scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "name"); left != "" {
		t.Errorf("left in the cluster: %s", left)
	}
	if !slices.ContainsFunc(c.Simulator.Resources().LoadBalancers, func(x simclient.LoadBalancer) bool {
		return x.ARN == other
	}) {
		t.Errorf("%s is gone", other)
	}
	if out, errOut, status := runLBC(t, c, append(args, "--yes")...); status != 0 {
		t.Errorf("a second run: status %d: %s%s", status, out, errOut)
	}
}
