package doctor

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestStatusesWithoutAControllerAreFound shows that lbc wait and lbc doctor see by the Lease
// that the controller has ended, or that the existing controller has taken its place. It is the last
// test: the controller of the others has no Lease, and the objects would name this one's.
func TestStatusesWithoutAControllerAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it restarts the controller; the tests of cmd/lbc and internal/lbc/checks show each case")
	}
	c := cluster(t)
	t.Cleanup(func() { c.RestartController(t) })
	c.RestartController(t, "--enable-leader-election=true")
	c.Kubectl(t, "wait", "--for=jsonpath={.status.controller}=Lease kube-system/aws-load-balancer-controller-leader", "-n",
		served, "lb/ingress-web", "--timeout=2m")
	if out, status := waitFor(t, c, "lb/ingress-web"); status != 0 {
		t.Errorf("while the controller runs: status %d\n%s", status, out)
	}

	c.Env.StopController()
	holding(t, c, "", time.Now().Add(-3*time.Minute)) // three minutes later
	for _, object := range []string{"lb/ingress-web", "ingress/web"} {
		if out, status := waitFor(t, c, object); status != 1 || !strings.Contains(out, "no controller updates") ||
			!strings.Contains(out, "3 minutes ago") {
			t.Errorf("%s of a controller that has ended: status %d\n%s", object, status, out)
		}
	}
	found(t, c, trouble{check: "status-unattended", severity: "warning", object: "LoadBalancer " + served + "/ingress-web",
		evidence: "3 minutes ago"})

	holding(t, c, "existing-1_5b2c", time.Now().Add(time.Minute))
	if out, status := waitFor(t, c, "lb/ingress-web"); status != 1 || !strings.Contains(out, "held by existing-1_5b2c") {
		t.Errorf("the existing controller leads: status %d\n%s", status, out)
	}
	found(t, c, trouble{check: "status-unattended", severity: "warning", object: "LoadBalancer " + served + "/ingress-web",
		evidence: "held by existing-1_5b2c"})
}

// holding writes who holds the Lease of the leader, and when it was renewed.
func holding(t *testing.T, c *harness.Cluster, holder string, renewed time.Time) {
	t.Helper()
	c.Kubectl(t, "patch", "lease", "-n", "kube-system", "aws-load-balancer-controller-leader", "--type=merge", "-p",
		`{"spec":{"holderIdentity":"`+holder+`","renewTime":"`+renewed.UTC().Format("2006-01-02T15:04:05.000000Z")+`"}}`)
}

// waitFor runs lbc wait for an object of the namespace that is well.
func waitFor(t *testing.T, c *harness.Cluster, object string) (out string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"), "wait", object, "-n", served,
		"--timeout", "1m", "--kubeconfig", c.Env.Kubeconfig)
	cmd.Env = c.Environ()
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return all.String(), cmd.ProcessState.ExitCode()
}
