// Package companions runs other programs beside the controller, each as its own project publishes it: external-dns, which makes names of the addresses
// in statuses, and Argo Rollouts, which shifts traffic by annotations of Ingresses. "make companions" builds and runs them; other runs of the tests skip
// them, as they take many minutes to compile.
package companions

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
)

func TestMain(m *testing.M) { harness.Main(m) }

// directoryVariable names the directory of the programs.
const directoryVariable = "LBC_COMPANIONS"

// start starts a program of the directory with the rights of the cluster's administrator and of the account's owner; the end of the test ends it. log is its file.
func start(t *testing.T, c *harness.Cluster, program string, args ...string) (log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), program+".log")
	p, err := process.Start(process.Options{
		Path: filepath.Join(os.Getenv(directoryVariable), program), Log: log, Args: append(args, "--kubeconfig="+c.Env.Kubeconfig),
		Env: append(c.Environ(), "HOME="+t.TempDir()),
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

// cluster skips a test that "make companions" does not run.
func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	if os.Getenv(directoryVariable) == "" {
		t.Skip("run \"make companions\"")
	}
	return harness.Start(t, harness.Options{})
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
