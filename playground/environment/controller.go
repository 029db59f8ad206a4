package environment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// controller is the child process, which may be started and stopped many times.
type controller struct {
	mu      sync.Mutex
	process *process.Process
	health  string // host:port of its health probes
	metrics string // host:port of its metrics
	ready   string // path of the probe of readiness
}

func (c *controller) current() *process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

func (c *controller) failed() error {
	if p := c.current(); p != nil {
		return p.Err()
	}
	return nil
}

// StartController starts the controller's binary with the given further arguments, which win over the usual ones.
func (e *Environment) StartController(args ...string) error {
	if e.options.Controller == "" {
		return errors.New("start the controller: no binary was named")
	}
	kubeconfig, err := e.Cluster.Plane.ControllerKubeconfig()
	if err != nil {
		return err
	}
	free, err := process.FreeAddresses(2)
	if err != nil {
		return err
	}
	health, metrics := free[0], free[1]
	seeded := e.Simulator.Seed()
	all := []string{
		"--cluster-name=" + seeded.Cluster.Name,
		"--kubeconfig=" + kubeconfig,
		"--aws-region=" + seeded.Region,
		"--aws-vpc-id=" + seeded.VPC.ID,
		// No other process could lead. A leader ends when the API server takes ten seconds for an answer, as it may on a machine
		// with much to do, and one that was killed keeps its successor waiting for fifteen.
		"--enable-leader-election=false", "--leader-election-namespace=kube-system",
		"--health-probe-bind-addr=" + health,
		"--metrics-bind-addr=" + metrics,
	}
	ours := process.HasFlag(e.options.Controller, "webhook-bind-host")
	all = append(all, e.webhooks.args(ours)...)
	if process.HasFlag(e.options.Controller, "trust-store-bucket") {
		all = append(all, "--trust-store-bucket="+trustStoreBucket)
	}
	all = append(append(all, e.options.ControllerArgs...), args...)
	c := &e.control
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return errors.New("start the controller: it runs already")
	}
	p, err := process.Start(process.Options{Path: e.options.Controller, Args: all, Env: e.controllerEnvironment(), Log: e.LogPath("controller")})
	if err != nil {
		return err
	}
	c.process, c.health, c.metrics = p, health, metrics
	// Only this project's controller has a check by this name.
	c.ready = "/healthz"
	if ours && e.webhooks.address != "" {
		c.ready = "/readyz/ready-webhook"
	}
	return nil
}

// UseController names another binary for the next start.
func (e *Environment) UseController(path string) error {
	if err := repository.CheckBinary(path); err != nil {
		return err
	}
	e.options.Controller = path
	return nil
}

// RunController starts the controller and returns when it is healthy.
func (e *Environment) RunController(ctx context.Context, args ...string) error {
	if e.options.Controller == "" {
		return errors.New("this playground was started without a controller (--no-controller): name one with --controller")
	}
	if e.webhooks.address == "" {
		if err := e.InstallWebhooks(ctx); err != nil {
			return err
		}
	}
	if err := e.StartController(args...); err != nil {
		return err
	}
	return e.WaitController(ctx)
}

// controllerEnvironment replaces everything by which the user's own AWS account could be reached.
func (e *Environment) controllerEnvironment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "KUBECONFIG=") && !strings.HasPrefix(v, "KUBERNETES_") {
			env = append(env, v)
		}
	}
	return append(env,
		"AWS_ENDPOINT_URL="+e.URL,
		"AWS_REGION="+e.Simulator.Seed().Region,
		"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001",
		"AWS_SECRET_ACCESS_KEY=playground",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
	)
}

// WaitController returns when the controller reports that it is healthy and serves admission, if it is to; leadership and caches may
// still be to come.
func (e *Environment) WaitController(ctx context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if err := e.control.failed(); err != nil {
			return err
		}
		e.control.mu.Lock()
		address, path := e.control.health, e.control.ready
		e.control.mu.Unlock()
		resp, err := client.Get("http://" + address + path)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s answers %s", path, resp.Status)
		}
		t := time.NewTimer(25 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("the controller is not healthy: %w (last: %w); the end of its log (%s):\n%s",
				ctx.Err(), err, e.LogPath("controller"), process.Tail(e.LogPath("controller"), 20))
		}
	}
}

// StopController sends the controller SIGTERM and waits for its end.
func (e *Environment) StopController() {
	if p := e.control.take(); p != nil {
		ctx, cancel := context.WithTimeout(context.Background(), process.Grace)
		defer cancel()
		p.Stop(ctx)
	}
}

// KillController ends the controller as a crash would.
func (e *Environment) KillController() {
	if p := e.control.take(); p != nil {
		p.Kill()
	}
}

func (c *controller) take() *process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.process
	c.process = nil
	return p
}

// ControllerPID is the process id of the controller, 0 if none runs.
func (e *Environment) ControllerPID() int {
	if p := e.control.current(); p != nil {
		return p.PID()
	}
	return 0
}

// ControllerMetrics is the URL of the controller's metrics.
func (e *Environment) ControllerMetrics() string {
	e.control.mu.Lock()
	defer e.control.mu.Unlock()
	return "http://" + e.control.metrics + "/metrics"
}
