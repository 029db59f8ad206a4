package companions

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// shift is the progress of a rollout as its status has it.
type shift struct {
	Phase            string
	CurrentStepIndex int
	ALB              struct{ LoadBalancer struct{ ARN string } } `json:"alb"`
}

// pauses are the steps of a rollout that follow a weight, which is verified before they begin.
var pauses = map[int]int{1: 20, 3: 60}

// verified are the lines in which the controller of Argo Rollouts writes that it has found a weight in AWS.
var verified = regexp.MustCompile(`Desired weight \(stepIdx: \d+\) (\d+) verified`)

// TestArgoRolloutsShiftsTrafficAndFindsItsWeightsInAWS shows that the real Argo Rollouts shifts
// weights through an Ingress, as docs/tasks/argo-rollouts.md says. It verifies each in AWS, and no request fails.
func TestArgoRolloutsShiftsTrafficAndFindsItsWeightsInAWS(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the programs of make companions")
	}
	c := cluster(t)
	const ns = "rollouts"
	define(t, c, filepath.Join(sources(t, c, "argorollouts", "github.com/argoproj/argo-rollouts"), "manifests", "crds",
		"*-crd.yaml"), "rollouts.argoproj.io")
	ports := freePorts(t, 2)
	log := start(t, c, "rollouts-controller", "--namespaced", "--namespace="+ns, "--aws-verify-target-group",
		"--leader-elect=false", "--loglevel=debug", "--metricsPort="+ports[0], "--healthzPort="+ports[1])

	files := filesOf(t, c, "argo-rollouts.md")
	c.Apply(t, files["application.yaml"])
	c.Apply(t, files["rollout.yaml"])
	address := c.IngressAddress(t, ns, "web")
	c.WaitGet(t, "http://"+address+"/", "", 200, "first")
	lb := c.LoadBalancer(t, address)
	c.WaitFor(t, "the first version to be in service", func(context.Context) error {
		if now := progress(t, c, ns); now.Phase != "Healthy" {
			return fmt.Errorf("the Rollout is %s", now.Phase)
		}
		return nil
	})

	var mu sync.Mutex
	served := map[string]int{}
	traffic := scene.Send(t, c, "http://"+address+"/", "", func(r harness.Response) bool {
		mu.Lock()
		defer mu.Unlock()
		served[r.Pod.Service]++
		return r.Status == 200
	})
	scene.More(t, c, traffic, 50)
	scene.Change(t, c, strings.Replace(files["rollout.yaml"], "value: first", "value: second", 1))
	shown := map[int]bool{}
	c.WaitFor(t, "the second version to be in service", func(context.Context) error {
		before, weight, after := progress(t, c, ns), shownWeight(t, c, ns), progress(t, c, ns)
		if step := before.CurrentStepIndex; step == after.CurrentStepIndex && after.Phase != "Healthy" {
			shown[weight] = shown[weight] || pauses[step] == weight
		}
		if arn := after.ALB.LoadBalancer.ARN; arn != "" && arn != lb.ARN {
			t.Errorf("Argo Rollouts has found load balancer %q, not %s", arn, lb.ARN)
		}
		mu.Lock()
		defer mu.Unlock()
		if after.Phase != "Healthy" || served["second"] == 0 {
			return fmt.Errorf("the Rollout is %s, in step %d; answers came from %v", after.Phase, after.CurrentStepIndex, served)
		}
		return nil
	})
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range verified.FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = true
	}
	for _, weight := range pauses {
		if !found[strconv.Itoa(weight)] {
			t.Errorf("Argo Rollouts has not found weight %d in AWS; it has found %v", weight, found)
		}
		if !shown[weight] {
			t.Errorf("in the pause after weight %d the LoadBalancer object does not show it", weight)
		}
	}
	scene.More(t, c, traffic, 100)
	time.Sleep(time.Second) // a pod of the first version may be about to end
	if result := traffic.Stop(); result.Failed > 0 || result.Requests == 0 {
		t.Errorf("traffic during the rollout: %s", result)
	}
	c.WaitFor(t, "all requests to go to the second version", func(ctx context.Context) error {
		for range 20 {
			r, err := c.Get(ctx, "http://"+address+"/", "")
			if err != nil {
				return err
			}
			if r.Pod.Service != "second" {
				return fmt.Errorf("version %q answers", r.Pod.Service)
			}
		}
		return nil
	})
	t.Logf("weights found in AWS: %v; answers: %v", found, served)
	c.Kubectl(t, "delete", "ingress,rollout", "-n", ns, "--all")
}

func progress(t *testing.T, c *harness.Cluster, namespace string) (s shift) {
	t.Helper()
	text, err := c.TryKubectl(t, "get", "rollout", "-n", namespace, "web", "-o", "jsonpath={.status}")
	if err != nil || text == "" {
		return s
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// shownWeight is the weight of the canary that the LoadBalancer object of the Ingress shows.
func shownWeight(t *testing.T, c *harness.Cluster, namespace string) (weight int) {
	t.Helper()
	text, err := c.TryKubectl(t, "get", "lb", "-n", namespace, "ingress-web", "-o",
		`jsonpath={.status.rules[0].forward[?(@.service.name=="canary")].weight}`)
	if err != nil || text == "" {
		return 0
	}
	if _, err := fmt.Sscan(text, &weight); err != nil {
		t.Fatalf("weight %q: %v", text, err)
	}
	return weight
}
