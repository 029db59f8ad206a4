package behaviour

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// lbc runs the command line against the cluster and its account, and returns what it prints and its exit status.
func lbc(t *testing.T, c *harness.Cluster, args ...string) (out string, status int) {
	t.Helper()
	binary := filepath.Join(string(c.Repo), "bin", "lbc")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	seeded := c.Simulator.Seed()
	args = append(args, "--kubeconfig", c.Env.Kubeconfig, "--cluster-name", seeded.Cluster.Name, "--aws-vpc-id",
		seeded.VPC.ID, "--aws-region", seeded.Region)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = c.Environ()
	var o, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("lbc %s: %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), o.String(), errOut.String())
	return o.String(), cmd.ProcessState.ExitCode()
}

func toolsGateway(ns, annotations string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: web
  namespace: ` + ns + `
  annotations: {` + annotations + `}
spec:
  gatewayClassName: alb
  listeners:
  - {name: http, port: 80, protocol: HTTP}
`
}

func toolsRoute(ns string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: front, namespace: ` + ns + `}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: web, port: 80}]
`
}

// TestCommandLinePlansAndExplainsAGateway shows that lbc plans and explains a Gateway of a live
// cluster as the controller deploys it after a dry run.
func TestCommandLinePlansAndExplainsAGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "gwtools"
	const planned = `jsonpath={.metadata.annotations.gateway\.k8s\.aws/dry-run-plan}`
	const programmed = `jsonpath={range .status.conditions[?(@.type=="Programmed")]}{.status} {.reason} {.message}{end}`
	mark := c.Mark()
	c.Apply(t, scene.Namespace(ns, 1)+"---"+toolsGateway(ns, `gateway.k8s.aws/dry-run: "true"`)+"---"+toolsRoute(ns))
	e := c.WaitEvent(t, "Gateway", ns, "web", "DryRun")
	if e.Type != "Normal" || !strings.Contains(e.Message, "nothing of this Gateway is deployed; deploying it means ") {
		t.Errorf("event: %s %s", e.Type, e.Message)
	}
	wait(t, c, "the plan with the route", func() string {
		if text := scene.Query(t, c, "get", "gateway", "web", "-n", ns, "-o", planned); !strings.Contains(text,
			`"shop.example.com"`) {
			return "the plan is " + text
		}
		return ""
	})
	wait(t, c, "the dry run in the status", func() string {
		if text := scene.Query(t, c, "get", "gateway", "web", "-n", ns, "-o", programmed); !strings.HasPrefix(text,
			"False Pending Dry run: nothing is deployed") {
			return text
		}
		return ""
	})
	if f := scene.Query(t, c, "get", "gateway", "web", "-n", ns, "-o", "jsonpath={.metadata.finalizers}"); f != "" {
		t.Errorf("finalizers: %s", f)
	}
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 {
		t.Errorf("written to AWS: %q", w)
	}

	c.Kubectl(t, "annotate", "gateway", "web", "-n", ns, "gateway.k8s.aws/dry-run-")
	wait(t, c, "the load balancer", func() string {
		if text := scene.Query(t, c, "get", "gateway", "web", "-n", ns, "-o", programmed); !strings.HasPrefix(text,
			"True Programmed arn:") {
			return text
		}
		return ""
	})
	wait(t, c, "the end of the plan", func() string {
		return scene.Query(t, c, "get", "gateway", "web", "-n", ns, "-o", planned)
	})
	wait(t, c, "the LoadBalancer object", func() string {
		if text := scene.Query(t, c, "get", "loadbalancers.elbv2.k8s.aws", "-n", ns, "-o", "name"); !strings.Contains(text,
			"gateway-alb-web") {
			return "there is " + text
		}
		return ""
	})
	wait(t, c, "an empty plan", func() string {
		if out, _ := lbc(t, c, "plan", "-n", ns); !strings.Contains(out, "gateway.k8s.aws.alb:"+ns+"/web: nothing to do\n") ||
			strings.Contains(out, "elbv2.k8s.aws:") {
			return out
		}
		return ""
	})

	out, status := lbc(t, c, "explain", "httproute", ns+"/front", "--request", "http://shop.example.com/cart")
	if status != 0 || !strings.Contains(out, "for listener http of the Gateway") ||
		!strings.Contains(out, "✓ rule 80:1") || !strings.Contains(out, "HTTPRoute "+ns+"/front spec.rules[0]") {
		t.Errorf("status %d\n%s", status, out)
	}
	out, status = lbc(t, c, "explain", "gateway", ns+"/web")
	if status != 0 || !strings.Contains(out, "rule construction: plain-hosts") || !strings.Contains(out, "HTTPRoute "+ns+
		"/front (shop.example.com)") || strings.Contains(out, "does not exist yet") {
		t.Errorf("status %d\n%s", status, out)
	}

	// What the other construction of rules changes is planned before. A manifest without the annotation leaves the
	// recorded one.
	planOfFile := func(annotations string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "gateway.yaml")
		if err := os.WriteFile(file, []byte(toolsGateway(ns, annotations)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := lbc(t, c, "plan", "-f", file)
		return out
	}
	if out := planOfFile(""); !strings.Contains(out, "gateway.k8s.aws.alb:"+ns+"/web: nothing to do\n") {
		t.Errorf("the plan of the manifest as it was applied:\n%s", out)
	}
	out = planOfFile("gateway.k8s.aws/rule-construction: standard")
	if !strings.Contains(out,
		`matches host shop.example.com, path /* → host regex ^shop\.example\.com(:[0-9]+)?$, path /*`) ||
		!strings.Contains(out, "0 to create, 1 to change, 0 to replace, 0 to delete") {
		t.Errorf("the plan of the other construction:\n%s", out)
	}
}
