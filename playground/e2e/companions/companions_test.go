// Package companions runs other programs beside the controller, each as its own project publishes it: external-dns,
// which makes names of the addresses in statuses, Argo Rollouts, which shifts traffic by annotations of Ingresses,
// Flagger, which shifts traffic by weights of HTTPRoutes, and cert-manager, which proves names by paths of Ingresses and
// Gateways. Package helm, in a directory below, runs Helm. "make companions" builds and runs them; other runs of the
// tests skip them, as they take many minutes to compile.
package companions

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/sandbox"
)

func TestMain(m *testing.M) {
	if sandbox.Inside() {
		os.Exit(sandbox.Main())
	}
	harness.Main(m)
}

// directoryVariable names the directory of the programs.
const directoryVariable = "LBC_COMPANIONS"

// start starts a program of the directory with the rights of the cluster's administrator and of the account's owner;
// the end of the test ends it. log is its file.
func start(t *testing.T, c *harness.Cluster, program string, args ...string) (log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), program+".log")
	p, err := process.Start(process.Options{
		Path: filepath.Join(os.Getenv(directoryVariable), program), Log: log,
		Args: append(args, "--kubeconfig="+c.Env.Kubeconfig),
		Env:  append(c.Environ(), "HOME="+t.TempDir()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), process.Grace)
		defer cancel()
		p.Stop(ctx)
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", program, process.Tail(log, 40))
		}
	})
	return log
}

// cluster is the playground with flags of the controller. It skips a test that "make companions" does not run.
func cluster(t *testing.T, flags ...string) *harness.Cluster {
	t.Helper()
	if os.Getenv(directoryVariable) == "" {
		t.Skip("run \"make companions\"")
	}
	return harness.Start(t, harness.Options{ExtraArgs: flags})
}

// sources is the directory of a companion's module, which has its definitions.
func sources(t *testing.T, c *harness.Cluster, tool, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-C", filepath.Join(string(c.Repo), "hack", "tools", tool),
		"-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// define applies the definitions of custom resources of the files, and waits until the API server has one of them.
func define(t *testing.T, c *harness.Cluster, pattern, one string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("definitions %s: %v, %v", pattern, files, err)
	}
	for _, file := range files {
		c.Kubectl(t, "apply", "--server-side", "-f", file)
	}
	established(t, c, one)
}

// established waits until the API server serves definitions. "kubectl wait" refuses one whose status has no conditions
// yet.
func established(t *testing.T, c *harness.Cluster, names ...string) {
	t.Helper()
	for _, name := range names {
		c.WaitFor(t, "definition "+name, func(context.Context) error {
			_, err := c.TryKubectl(t, "wait", "--for=condition=Established", "--timeout=5s", "crd", name)
			return err
		})
	}
}

// freePorts are ports of loopback that nothing listens on.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	free, err := process.FreeAddresses(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range free {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}
