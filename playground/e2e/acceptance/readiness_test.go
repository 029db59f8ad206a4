package acceptance

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// gatedNamespace is a namespace whose pods wait for their targets.
func gatedNamespace(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: "+
		"{elbv2.k8s.aws/pod-readiness-gate-inject: enabled}}\n---\n", name)
}

// typedService is a Service whose targets are of a type of their own.
func typedService(namespace, name, targetType string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s, annotations: {alb.ingress.kubernetes.io/target-type: %[3]s}}
spec: {type: NodePort, selector: {app: %[2]s}, ports: [{name: http, port: 80, targetPort: http}]}
---
`, namespace, name, targetType)
}

// workload is a Deployment behind a Service of the same name. The readiness probe uses a port that the load balancer
// does not use; serves is what the port does that it uses.
func workload(namespace, name string, replicas int, serves string) string {
	// seconds for which pods serve after their deletion: on a loaded machine, load balancers and nodes may send them
	// requests for some time
	const patience = 15
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[2]s}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: %[2]s}, annotations: {playground.k8s-lbc.dev/stand-in: "8080=%[4]s"}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: %[2]s}]
        ports: [{name: http, containerPort: 8080}, {name: probe, containerPort: 8081}]
        readinessProbe: {httpGet: {path: /health, port: probe}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: %[5]d}}}
---
`, namespace, name, replicas, serves, patience)
}

// awaitBindings waits until there is a binding that registers pods for each of the applications, so that pods made now
// wait for it.
func awaitBindings(t *testing.T, c *harness.Cluster, namespace string, apps ...string) {
	t.Helper()
	n := len(apps)
	wait(t, c, fmt.Sprintf("%d bindings of pods in %s", n, namespace), func() string {
		types := strings.Fields(scene.Query(t, c, "get", "targetgroupbindings", "-n", namespace, "-o",
			"jsonpath={.items[*].spec.targetType}"))
		if got := len(slices.DeleteFunc(types, func(s string) bool { return s != "ip" })); got != n {
			return fmt.Sprintf("there are %v", types)
		}
		return ""
	})
	for _, app := range apps {
		awaitInjection(t, c, namespace, app, ".spec.readinessGates[*].conditionType",
			func(got string) bool { return got != "" })
	}
}

// awaitInjection waits until a pod of an application that was made now would be changed as complete requires, by what
// jsonpath shows of it: the controller's webhook gets bindings and configurations a little later than the API server
// has them.
func awaitInjection(t *testing.T, c *harness.Cluster, namespace, app, jsonpath string, complete func(string) bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pod.yaml")
	pod := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: awaited, namespace: %s, labels: {app: %s}}\nspec: "+
		"{containers: [{name: app, image: example.com/app}]}\n", namespace, app)
	if err := os.WriteFile(path, []byte(pod), 0o600); err != nil {
		t.Fatal(err)
	}
	wait(t, c, "what is injected into pods of "+app, func() string {
		got := scene.Query(t, c, "create", "--dry-run=server", "-f", path, "-o", "jsonpath={"+jsonpath+"}")
		if complete(got) {
			return ""
		}
		return fmt.Sprintf("%s would be %q", jsonpath, got)
	})
}

// pods are those of an application that are not on their way out.
func pods(t *testing.T, c *harness.Cluster, namespace, app string) []corev1.Pod {
	t.Helper()
	list, err := c.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// gate is the condition of the only gate of a pod.
func gate(p corev1.Pod) (corev1.PodCondition, error) {
	if len(p.Spec.ReadinessGates) != 1 || !strings.HasPrefix(string(p.Spec.ReadinessGates[0].ConditionType),
		"target-health.elbv2.k8s.aws/k8s-") {
		return corev1.PodCondition{}, fmt.Errorf("gates of %s: %v", p.Name, p.Spec.ReadinessGates)
	}
	for _, c := range p.Status.Conditions {
		if c.Type == p.Spec.ReadinessGates[0].ConditionType {
			return c, nil
		}
	}
	return corev1.PodCondition{}, nil
}

// expectOpen fails the test unless all pods of an application have waited for their targets and do not wait any more.
func expectOpen(t *testing.T, c *harness.Cluster, namespace, app string, n int) {
	t.Helper()
	all := pods(t, c, namespace, app)
	if len(all) != n {
		t.Errorf("%s has %d pods, want %d", app, len(all), n)
	}
	for _, p := range all {
		if got, err := gate(p); err != nil || got.Status != corev1.ConditionTrue {
			t.Errorf("%s: %+v %v", p.Name, got, err)
		}
	}
}

func expectNoGates(t *testing.T, c *harness.Cluster, namespace, app string) {
	t.Helper()
	for _, p := range pods(t, c, namespace, app) {
		if len(p.Spec.ReadinessGates) > 0 {
			t.Errorf("%s: %v", p.Name, p.Spec.ReadinessGates)
		}
	}
}

func rolledOut(t *testing.T, c *harness.Cluster, namespace string, apps ...string) {
	t.Helper()
	for _, app := range apps {
		c.Kubectl(t, "rollout", "status", "deployment", "-n", namespace, app, "--timeout="+(2*harness.Timeout).String())
	}
}

// TestOldPodsServeUntilTheTargetsOfNewOnesAreHealthy shows that no request fails in a rollout whose
// new pods are ready but not yet healthy targets.
func TestOldPodsServeUntilTheTargetsOfNewOnesAreHealthy(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "gates-rollout"
	c.Apply(t, gatedNamespace(ns)+typedService(ns, "web", "ip")+scene.Ingress(ns, "web", scene.Class, public(nil)))
	awaitBindings(t, c, ns, "web")
	c.Apply(t, workload(ns, "web", 3, "http"))
	rolledOut(t, c, ns, "web")
	expectOpen(t, c, ns, "web", 3)
	old := map[string]bool{}
	for _, p := range pods(t, c, ns, "web") {
		old[p.Name] = true
	}
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "web"))
	traffic := scene.Send(t, c, url(lb, "/"), "", scene.OK)
	scene.More(t, c, traffic, 50)

	// Containers of the next version are ready; the load balancer does not reach them.
	c.Apply(t, workload(ns, "web", 3, "none"))
	wait(t, c, "a new pod that waits for its target", func() string {
		for _, p := range pods(t, c, ns, "web") {
			if old[p.Name] {
				continue
			}
			got, err := gate(p)
			if err != nil {
				return err.Error()
			}
			if got.Status == corev1.ConditionFalse && strings.HasPrefix(got.Reason, "Target.") {
				return ""
			}
			return fmt.Sprintf("%s: %+v", p.Name, got)
		}
		return "there is none"
	})
	scene.More(t, c, traffic, 200)
	for _, p := range pods(t, c, ns, "web") {
		delete(old, p.Name)
	}
	if len(old) > 0 {
		t.Errorf("gone before a new pod was healthy: %v", old)
	}

	c.Apply(t, strings.Replace(workload(ns, "web", 3, "http"), "example.com/app", "example.com/app:3", 1))
	rolledOut(t, c, ns, "web")
	expectOpen(t, c, ns, "web", 3)
	scene.More(t, c, traffic, 100)
	if tally := traffic.Stop(); tally.Failed > 0 || tally.Requests == 0 {
		t.Errorf("traffic: %s", tally)
	}
}

// agentConfig is the configuration of target control agents in force in all namespaces.
const agentConfig = `apiVersion: elbv2.k8s.aws/v1beta1
kind: ALBTargetControlConfig
metadata: {name: aws-load-balancer-controller-alb-target-control-agent-config, namespace: kube-system}
spec:
  image: public.ecr.aws/aws-elb/target-optimizer/target-control-agent:latest
  dataAddress: "0.0.0.0:80"
  controlAddress: "0.0.0.0:3000"
  destinationAddress: "127.0.0.1:8080"
  maxConcurrency: 2
---
`

// TestAgentsAreInjectedAndCarryRequests shows that the webhook injects target control agents and
// that the ALB sends requests through them.
func TestAgentsAreInjectedAndCarryRequests(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "agents"
	c.Apply(t, agentConfig+fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s, labels: {elbv2.k8s.aws/alb-target-control-agent-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}]}
---
`, ns)+scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"target-control-port.web.80": "3000"}),
		scene.Path{Path: "/", Port: "number: 80"}))
	awaitInjection(t, c, ns, "web", ".spec.containers[*].name", func(got string) bool {
		return len(strings.Fields(got)) == 2
	})
	c.Apply(t, workload(ns, "web", 3, "http"))
	rolledOut(t, c, ns, "web")
	for _, p := range pods(t, c, ns, "web") {
		names := make([]string, 0, 2)
		for _, x := range p.Spec.Containers {
			names = append(names, x.Name)
		}
		if !slices.Equal(names, []string{"app", "alb-target-control-agent"}) ||
			p.Annotations["elbv2.k8s.aws/alb-target-control-agent-injected"] != "true" {
			t.Errorf("%s has containers %v, annotations %v", p.Name, names, p.Annotations)
		}
	}
	lb := check(t, c, ns, "web", balancer{groups: []string{"ip HTTP 80, 3 targets"}})
	if got := controlPort(t, c, lb.ARN); got != 3000 {
		t.Errorf("control port %d", got)
	}
	r := c.WaitGet(t, url(lb, "/"), "", 200, "web")
	from, err := netip.ParseAddrPort(r.Pod.RemoteAddr)
	if err != nil {
		t.Fatal(err)
	}
	targets := scene.Targets(c, c.TargetGroups(lb)[0].ARN)
	if !slices.ContainsFunc(targets, func(x simclient.Target) bool { return x.ID == from.Addr().String() }) {
		t.Errorf("the application was asked by %s, which is no agent of %v", from, targets)
	}
	expectNoWarnings(t, c, ns)
}

// controlPort is the control port of the only target group of a load balancer.
func controlPort(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{
		LoadBalancerArn: aws.String(arn)})
	if err != nil || len(out.TargetGroups) != 1 {
		t.Fatalf("target groups %+v, %v", out, err)
	}
	return aws.ToInt32(out.TargetGroups[0].TargetControlPort)
}
