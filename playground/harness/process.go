package harness

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/playground/process"
)

// Process is a controller that a test starts itself, with its own environment, in addition to the playground's
// controller or without it.
type Process struct {
	*process.Process
	Log             string // file
	Health, Metrics string // URLs without path
}

// StartProcess starts a controller that the end of the test ends. Its environment has no AWS but what env adds; args
// win over the usual arguments.
func (c *Cluster) StartProcess(t *testing.T, env []string, args ...string) *Process {
	t.Helper()
	binary := os.Getenv("CONTROLLER")
	if binary == "" {
		var err error
		if binary, err = c.Repo.Controller(); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig, err := c.Env.Cluster.Plane.ControllerKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	free, err := process.FreeAddresses(2)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Log: filepath.Join(t.TempDir(), "controller.log"), Health: "http://" + free[0],
		Metrics: "http://" + free[1]}
	p.Process, err = process.Start(process.Options{
		Path: binary, Log: p.Log,
		Args: slices.Concat([]string{
			"--cluster-name=" + c.Simulator.Seed().Cluster.Name, "--kubeconfig=" + kubeconfig,
			"--leader-election-namespace=kube-system",
			"--health-probe-bind-addr=" + free[0], "--metrics-bind-addr=" + free[1],
		}, args),
		Env: append([]string{"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "HOME=" +
			t.TempDir()}, env...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), process.Grace)
		defer cancel()
		p.Stop(ctx)
		if t.Failed() {
			t.Logf("the end of the controller's log:\n%s", process.Tail(p.Log, 30))
		}
	})
	return p
}

// Page is status and body of a page.
func Page(ctx context.Context, url string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
