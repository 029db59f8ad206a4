package companions

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/e2e/markdown"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// releases is the namespace of docs/tasks/flagger.md.
const releases = "releases"

// lag is how long a weight of a route may take to reach AWS on a busy machine. On an idle one, it takes a second at most.
const lag = 20 * time.Second

// TestFlaggerReleasesThroughAnHTTPRoute shows that the real Flagger releases through an HTTPRoute, as
// docs/tasks/flagger.md says. Each weight is in AWS and in the status of the LoadBalancer object, and
// no request fails.
func TestFlaggerReleasesThroughAnHTTPRoute(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the programs of make companions")
	}
	c := cluster(t)
	source := sources(t, c, "flagger", "github.com/fluxcd/flagger")
	define(t, c, filepath.Join(source, "artifacts", "flagger", "crd.yaml"), "canaries.flagger.app")
	established(t, c, "metrictemplates.flagger.app", "alertproviders.flagger.app")
	start(t, c, "flagger", "-mesh-provider=gatewayapi:v1", "-namespace="+releases, "-port="+freePorts(t, 1)[0],
		"-metrics-server=http://127.0.0.1:1")
	files := filesOf(t, c, "flagger.md")
	c.Apply(t, files["application.yaml"])
	c.Apply(t, files["canary.yaml"])
	waitPhase(t, c, "Initialized", nil)
	// Flagger creates these pods before it creates the route, so that no load balancer is known to need them.
	if sleep := c.Kubectl(t, "get", "pods", "-n", releases, "-l", "app=web-primary", "-o",
		"jsonpath={.items[0].spec.containers[0].lifecycle.preStop.sleep.seconds}"); sleep == "" {
		t.Fatal("the first pods have no sleep before their end")
	}
	address := scene.GatewayAddress(t, c, releases, "web")
	c.WaitGet(t, "http://"+address+"/", "", 200, "first")

	var mu sync.Mutex
	served := map[string]int{}
	traffic := scene.Send(t, c, "http://"+address+"/", "", func(r harness.Response) bool {
		mu.Lock()
		defer mu.Unlock()
		served[r.Pod.Service]++
		return r.Status == 200
	})
	scene.More(t, c, traffic, 50)
	wanted, mark, shown := watchWeights(t, c), c.Mark(), map[int]bool{}
	c.Kubectl(t, "set", "env", "-n", releases, "deployment/web", "SERVICE_NAME=second")
	waitPhase(t, c, "Succeeded", func() { shown[shownCanaryWeight(t, c)] = true })
	c.WaitGet(t, "http://"+address+"/", "", 200, "second")
	scene.More(t, c, traffic, 100)
	result := traffic.Stop()
	if result.Failed > 0 || result.Requests == 0 || served["first"] == 0 || served["second"] == 0 {
		t.Errorf("traffic during the release: %s, answers %v", result, served)
	}
	inAWS := writtenWeights(c, mark)
	for _, weight := range []int32{20, 40, 60} {
		at, ok := wanted()[weight]
		if took := inAWS[weight].Sub(at); !ok || inAWS[weight].IsZero() || took > lag {
			t.Errorf("weight %d: in the route %t, in AWS at %s, after %s", weight, ok, inAWS[weight], took)
		}
		if !shown[int(weight)] {
			t.Errorf("the LoadBalancer object does not show weight %d: %v", weight, shown)
		}
	}
	t.Logf("weights in AWS: %v; answers: %v", inAWS, served)
}

// filesOf are the files that a page of docs/tasks has its reader write.
func filesOf(t *testing.T, c *harness.Cluster, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(c.Repo), "docs", "tasks", page))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, b := range markdown.Blocks(string(text)) {
		if b.Language == "yaml" {
			files[b.File()] = b.Text
		}
	}
	return files
}

// waitPhase waits until the Canary has a phase, and looks at something each time before.
func waitPhase(t *testing.T, c *harness.Cluster, phase string, look func()) {
	t.Helper()
	c.WaitFor(t, "phase "+phase+" of the Canary", func(context.Context) error {
		if look != nil {
			look()
		}
		got, err := c.TryKubectl(t, "get", "canary", "-n", releases, "web", "-o", "jsonpath={.status.phase}")
		if err == nil && got != phase {
			err = fmt.Errorf("phase %s", got)
		}
		return err
	})
}

// watchWeights watches the route of the Canary. The function that it returns has the time at which each weight of the
// canary first was in the route.
func watchWeights(t *testing.T, c *harness.Cluster) func() map[int32]time.Time {
	t.Helper()
	routes := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	w, err := c.Dynamic.Resource(routes).Namespace(releases).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	first := map[int32]time.Time{}
	t.Cleanup(w.Stop)
	go func() {
		for event := range w.ResultChan() {
			now, route := time.Now(), gatewayv1.HTTPRoute{}
			u, ok := event.Object.(*unstructured.Unstructured)
			if !ok || runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &route) != nil {
				continue
			}
			for _, rule := range route.Spec.Rules {
				for _, b := range rule.BackendRefs {
					mu.Lock()
					if _, seen := first[aws.ToInt32(b.Weight)]; b.Name == "web-canary" && !seen {
						first[aws.ToInt32(b.Weight)] = now
					}
					mu.Unlock()
				}
			}
		}
	}()
	return func() map[int32]time.Time {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(first)
	}
}

// writtenWeights are the times at which AWS first got each weight of the canary's target group.
func writtenWeights(c *harness.Cluster, after uint64) map[int32]time.Time {
	canary := map[string]bool{}
	for _, tg := range c.Simulator.Resources().TargetGroups {
		canary[tg.ARN] = strings.Contains(fmt.Sprint(tg.Tags), releases+"-web-canary")
	}
	first := map[int32]time.Time{}
	for _, call := range c.Calls(after) {
		in, ok := call.Input.(*elasticloadbalancingv2.ModifyRuleInput)
		if !ok || call.Failed() {
			continue
		}
		for _, a := range in.Actions {
			if a.ForwardConfig == nil {
				continue
			}
			for _, tg := range a.ForwardConfig.TargetGroups {
				if _, seen := first[aws.ToInt32(tg.Weight)]; canary[aws.ToString(tg.TargetGroupArn)] && !seen {
					first[aws.ToInt32(tg.Weight)] = call.Time
				}
			}
		}
	}
	return first
}

// shownCanaryWeight is the weight of the canary that the LoadBalancer object of the Gateway shows.
func shownCanaryWeight(t *testing.T, c *harness.Cluster) (weight int) {
	t.Helper()
	text, err := c.TryKubectl(t, "get", "lb", "-n", releases, "gateway-alb-web", "-o",
		`jsonpath={.status.rules[0].forward[?(@.service.name=="web-canary")].weight}`)
	if err != nil || text == "" {
		return 0
	}
	if _, err := fmt.Sscan(text, &weight); err != nil {
		t.Fatalf("weight %q: %v", text, err)
	}
	return weight
}
