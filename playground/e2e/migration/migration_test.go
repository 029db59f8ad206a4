// Package migration shows end to end how load balancers move from Ingresses and Services to Gateways: lbc-migrate
// translates, the plans of both sides are compared as the console compares them, and traffic moves from one load
// balancer to the other. It has tests only.
package migration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const (
	// example.com and *.example.com
	wildcard     = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	migratedFrom = "gateway.k8s.aws/migrated-from"

	ingressPlan = `jsonpath={.metadata.annotations.alb\.ingress\.kubernetes\.io/dry-run-plan}`
	gatewayPlan = `jsonpath={.metadata.annotations.gateway\.k8s\.aws/dry-run-plan}`
)

func TestMain(m *testing.M) {
	harness.Parallel(6)
	harness.Main(m)
}

// cluster has a controller that writes the plans of Ingresses into an annotation.
func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{ExtraArgs: []string{"--feature-gates=IngressPlanAnnotation=true"}})
}

// wait repeats a look until it returns no complaint.
func wait(t *testing.T, c *harness.Cluster, what string, look func() string) {
	t.Helper()
	c.WaitFor(t, what, func(context.Context) error {
		if complaint := look(); complaint != "" {
			return errors.New(complaint)
		}
		return nil
	})
}

// binary is the command line under one of its names.
func binary(t *testing.T, c *harness.Cluster, name string) string {
	t.Helper()
	path := filepath.Join(string(c.Repo), "bin", "lbc")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// migrated runs lbc-migrate and returns its report. Each comparison in it must have found both sides equal.
func migrated(t *testing.T, c *harness.Cluster, output string, args ...string) string {
	t.Helper()
	return translated(t, c, "lbc-migrate", append(args, "--output-dir", output)...)
}

// translated runs the command line under one of its names as migrated does.
func translated(t *testing.T, c *harness.Cluster, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, c, name), args...)
	cmd.Env = c.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report := string(out)
	for _, wrong := range []string{"error", "difference(s)", "not compared", "skipped"} {
		if strings.Contains(report, wrong) {
			t.Errorf("%q in the report:\n%s", wrong, report)
		}
	}
	if !strings.Contains(report, "equal") {
		t.Errorf("nothing was compared:\n%s", report)
	}
	return report
}

// apply applies a file that the command line has written. The end of the test leaves the GatewayClass, which the tests
// share.
func apply(t *testing.T, c *harness.Cluster, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var own, classes []string
	for _, object := range strings.Split(string(text), "\n---\n") {
		if strings.Contains(object, "\nkind: GatewayClass\n") {
			classes = append(classes, object)
		} else {
			own = append(own, object)
		}
	}
	// Tests do this at the same time: an apply by the client that finds no object creates one, and is refused if another
	// test was faster.
	if len(classes) > 0 {
		c.Kubectl(t, "apply", "--server-side", "-f", write(t, "class.yaml", strings.Join(classes, "\n---\n")))
	}
	if len(own) > 0 {
		c.Apply(t, strings.Join(own, "\n---\n"))
	}
}

// write writes manifests into a file of a new directory, and returns its path.
func write(t *testing.T, name, manifests string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// field is one that differs in the plans of both sides, as the console has it.
type field struct {
	ResourceType, CorrelationID, Field, Status, KnownCause string
	Ingress, Gateway                                       any
	Known                                                  bool
}

// unknown are the fields in which the plan of a Gateway differs from that of its Ingresses, without those that differ
// in every migration.
func unknown(t *testing.T, c *harness.Cluster, namespace, gateway string) (out []string, from string) {
	t.Helper()
	seeded := c.Simulator.Seed()
	cmd := exec.CommandContext(t.Context(), binary(t, c, "lbc"), "console", "--listen", "127.0.0.1:0",
		"--kubeconfig", c.Env.Kubeconfig, "--cluster-name", seeded.Cluster.Name, "--aws-vpc-id", seeded.VPC.ID,
		"--aws-region", seeded.Region)
	cmd.Env = c.Environ()
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	status, body, err := harness.Page(t.Context(), strings.TrimSpace(url)+"/api/diff?namespace="+namespace+
		"&gateway="+gateway)
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK {
		return []string{body}, ""
	}
	var d struct {
		Entries      []field
		MigratedFrom string
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, e := range d.Entries {
		if e.Status != "same" && !e.Known && !ofEveryMigration(e) {
			out = append(out, fmt.Sprintf("%s %s %s %s: %v, %v", e.ResourceType, e.CorrelationID, e.Field, e.Status,
				e.Ingress, e.Gateway))
		}
	}
	return out, d.MigratedFrom
}

// ofEveryMigration reports whether a field differs in every migration besides those that the console knows: rules, which
// have other priorities, are compared by rulesOf.
func ofEveryMigration(e field) bool {
	return e.ResourceType == "AWS::ElasticLoadBalancingV2::ListenerRule" ||
		e.ResourceType == "AWS::ElasticLoadBalancingV2::Listener" && e.Field == "spec.defaultActions"
}

// gateways are the names of the Gateways of a namespace.
func gateways(t *testing.T, c *harness.Cluster, namespace string) []string {
	t.Helper()
	return strings.Fields(scene.Query(t, c, "get", "gateways", "-n", namespace, "-o",
		"jsonpath={.items[*].metadata.name}"))
}

// equivalent waits until both sides have plans that differ as in every migration only, of which the Ingress, as
// namespace/name, has one, and returns the name of the only Gateway of the namespace.
func equivalent(t *testing.T, c *harness.Cluster, namespace, ingress, from string) string {
	t.Helper()
	all := gateways(t, c, namespace)
	if len(all) != 1 {
		t.Fatalf("Gateways of %s: %q, want one", namespace, all)
	}
	wait(t, c, "a plan of the Gateway as that of "+from, func() string {
		if scene.Query(t, c, "get", "gateway", all[0], "-n", namespace, "-o", gatewayPlan) == "" {
			return "the Gateway has no plan"
		}
		differing, source := unknown(t, c, namespace, all[0])
		if len(differing) == 0 && source != from {
			return "it is compared with " + source
		}
		if len(differing) > 0 {
			return strings.Join(differing, "\n")
		}
		before, after := rulesOf(t, planOf(t, c, "ingress", ingress, ingressPlan)),
			rulesOf(t, planOf(t, c, "gateway", namespace+"/"+all[0], gatewayPlan))
		if len(before) == 0 || !slices.Equal(before, after) {
			return "rules of the Ingress:\n" + strings.Join(before, "\n") + "\nrules of the Gateway:\n" +
				strings.Join(after, "\n")
		}
		return ""
	})
	return all[0]
}

// planOf is the plan in an annotation of an object, named as namespace/name.
func planOf(t *testing.T, c *harness.Cluster, kind, object, annotation string) string {
	t.Helper()
	ns, name, _ := strings.Cut(object, "/")
	return scene.Query(t, c, "get", kind, name, "-n", ns, "-o", annotation)
}

// planned waits until the first of the Ingresses, each as namespace/name, has a plan, and fails the test if another one
// has.
func planned(t *testing.T, c *harness.Cluster, ingresses ...string) {
	t.Helper()
	plan := func(x string) string { return planOf(t, c, "ingress", x, ingressPlan) }
	wait(t, c, "the plan of "+ingresses[0], func() string {
		if !strings.Contains(plan(ingresses[0]), `"resources"`) {
			return "there is none"
		}
		return ""
	})
	for _, x := range ingresses[1:] {
		if p := plan(x); p != "" {
			t.Errorf("%s has a plan, too: %s", x, p)
		}
	}
}
