package environment

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// controller are the child processes, one but for a release of the chart, which may be started and stopped many times.
type controller struct {
	mu       sync.Mutex
	replicas []replica
	ready    string // path of the probe of readiness
	hooked   bool   // the webhook configurations are in the cluster
	pods     pods   // of a release, whose replicas they start
}

// replica is one process of the controller.
type replica struct {
	process *process.Process
	log     string   // component whose log it writes
	ready   bool     // of a release: it has been ready
	health  string   // host:port of its health probes
	metrics string   // host:port of its metrics
	webhook string   // host:port of its webhooks; empty: those of the environment
	env     []string // further variables of its environment
	account string   // name of the service account of its pod; empty: that of the controller's manifests
}

func (c *controller) current() []replica {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.replicas)
}

// first is the oldest replica; the zero value if none runs.
func (c *controller) first() replica {
	if all := c.current(); len(all) > 0 {
		return all[0]
	}
	return replica{}
}

func (c *controller) failed() error {
	for _, r := range c.current() {
		if err := r.process.Err(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods.crashed
}

// StartController starts the controller's binary with the given further arguments, which win over the usual ones.
func (e *Environment) StartController(args ...string) error {
	if e.options.Controller == "" {
		return errors.New("start the controller: no binary was named")
	}
	e.control.mu.Lock()
	defer e.control.mu.Unlock()
	if len(e.control.replicas) > 0 {
		return errors.New("start the controller: it runs already")
	}
	if e.options.Release != nil {
		return e.startRelease(args)
	}
	free, err := process.FreeAddresses(2)
	if err != nil {
		return err
	}
	r := replica{log: "controller", health: free[0], metrics: free[1]}
	seeded := e.Simulator.Seed()
	usual := []string{
		"--cluster-name=" + seeded.Cluster.Name,
		"--aws-region=" + seeded.Region,
		"--aws-vpc-id=" + seeded.VPC.ID,
		// No other process could lead. A leader ends when the API server takes ten seconds for an answer, as it may on a
		// machine with much to do, and one that was killed keeps its successor waiting for fifteen.
		"--enable-leader-election=false",
	}
	ours := process.HasFlag(e.options.Controller, "webhook-bind-host")
	usual = append(usual, e.webhooks.args(ours)...)
	if process.HasFlag(e.options.Controller, "trust-store-bucket") {
		usual = append(usual, "--trust-store-bucket="+TrustStoreBucket)
	}
	if _, err := e.startReplica(r, usual, args); err != nil {
		return err
	}
	// Only this project's controller has a check by this name.
	e.control.ready = "/healthz"
	if ours && e.webhooks.address != "" {
		e.control.ready = "/readyz/ready-webhook"
	}
	return nil
}

// startReplica starts a process with the usual arguments, those of its addresses, those of the options, and further
// ones. The caller holds the lock.
func (e *Environment) startReplica(r replica, usual, further []string) (replica, error) {
	kubeconfig, err := e.Cluster.Plane.ControllerKubeconfig()
	if r.account != "" {
		kubeconfig, err = e.Cluster.Plane.AccountKubeconfig(releaseNamespace, r.account)
	}
	if err != nil {
		return replica{}, err
	}
	if e.options.GlobalAccelerator {
		// those of the options are added to it
		usual = append(slices.Clone(usual), "--feature-gates=GlobalAcceleratorController=true")
	}
	args := slices.Concat(usual, []string{
		"--kubeconfig=" + kubeconfig, "--leader-election-namespace=kube-system", "--health-probe-bind-addr=" + r.health,
		"--metrics-bind-addr=" + r.metrics,
	}, e.options.ControllerArgs, further)
	r.process, err = process.Start(process.Options{Path: e.options.Controller, Args: args,
		Env: append(e.controllerEnvironment(), r.env...), Log: e.LogPath(r.log)})
	if err == nil {
		e.control.replicas = append(e.control.replicas, r)
	}
	return r, err
}

// UseController names another binary for the next start.
func (e *Environment) UseController(path string) error {
	if err := repository.CheckBinary(path); err != nil {
		return err
	}
	e.control.mu.Lock()
	defer e.control.mu.Unlock()
	e.options.Controller = path
	return nil
}

// RunController starts the controller and returns when it is healthy.
func (e *Environment) RunController(ctx context.Context, args ...string) error {
	if e.options.Controller == "" {
		return errors.New("this playground was started without a controller (--no-controller): name one with --controller")
	}
	if !e.control.hooked {
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

// WaitController returns when every replica of the controller reports that it is healthy and serves admission, if it is
// to; leadership and caches may still be to come.
func (e *Environment) WaitController(ctx context.Context) error {
	if e.options.Release != nil {
		if err := e.waitFor(ctx, e.available); err != nil {
			return err
		}
		return e.waitFor(ctx, e.published)
	}
	for _, r := range e.control.current() {
		if err := e.waitFor(ctx, func(ctx context.Context) error {
			return probe(ctx, "http://"+r.health+e.control.ready)
		}); err != nil {
			return err
		}
	}
	return nil
}

// probe reports why a probe fails.
func probe(ctx context.Context, url string) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL.Path, resp.Status)
	}
	return nil
}

// waitFor waits until a condition holds, as long as the controller runs.
func (e *Environment) waitFor(ctx context.Context, condition func(context.Context) error) error {
	for {
		if err := e.control.failed(); err != nil {
			return err
		}
		err := condition(ctx)
		if err == nil {
			return nil
		}
		if sleep.For(ctx, 25*time.Millisecond) != nil {
			return fmt.Errorf("the controller is not healthy: %w (last: %w); the end of its log (%s):\n%s",
				ctx.Err(), err, e.LogPath("controller"), process.Tail(e.LogPath("controller"), 20))
		}
	}
}

// StopController sends the controller SIGTERM and waits for its end.
func (e *Environment) StopController() {
	var ending sync.WaitGroup
	for _, r := range e.control.take() {
		ending.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(e.options.Grace, process.Grace))
			defer cancel()
			r.process.Stop(ctx)
		})
	}
	ending.Wait()
}

// KillController ends the controller as a crash would.
func (e *Environment) KillController() {
	for _, r := range e.control.take() {
		r.process.Kill()
	}
}

// KillReplica ends one replica as a crash would, given the URL of its metrics; the others go on. Its container is
// started again.
func (e *Environment) KillReplica(metrics string) error {
	for _, r := range e.control.current() {
		if metricsURL(r) == metrics {
			r.process.Kill()
			return nil
		}
	}
	return fmt.Errorf("no replica has its metrics at %s", metrics)
}

// ReplicaPID is the process id of a replica, given the URL of its metrics; 0 if there is none.
func (e *Environment) ReplicaPID(metrics string) int {
	for _, r := range e.control.current() {
		if metricsURL(r) == metrics {
			return r.process.PID()
		}
	}
	return 0
}

// KillLeader ends the controller as a crash would and returns its process id; of several replicas the one that leads.
// The others go on, and a container is started again; a single controller stays away until the next start.
func (e *Environment) KillLeader(ctx context.Context) (pid int, err error) {
	all := e.control.current()
	if e.options.Release == nil {
		pid := e.ControllerPID()
		e.KillController()
		return pid, nil
	}
	for _, r := range all {
		leads, err := r.leads(ctx)
		if err != nil {
			continue // it starts, or ends
		}
		if leads {
			r.process.Kill()
			return r.process.PID(), nil
		}
	}
	return 0, fmt.Errorf("none of %d replicas leads at the moment: try again in a few seconds", len(all))
}

// leads reports whether a replica leads, by its metrics.
func (r replica) leads(ctx context.Context) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metricsURL(r), nil)
	if err != nil {
		return false, err
	}
	resp, err := (&http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, value, _ := strings.Cut(lines.Text(), "} "); strings.HasPrefix(name, "leader_election_master_status{") {
			return value == "1", nil
		}
	}
	return false, lines.Err()
}

// UpgradeController has another binary take over and returns when it is healthy: a single controller is stopped first,
// replicas are replaced one after another, as by the rollout of a new image.
func (e *Environment) UpgradeController(ctx context.Context, path string) error {
	if err := e.UseController(path); err != nil {
		return err
	}
	if e.options.Release == nil || len(e.control.current()) == 0 {
		e.StopController()
		return e.RunController(ctx)
	}
	patch := fmt.Appendf(nil,
		`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`,
		time.Now().Format(time.RFC3339Nano))
	d, err := e.installed(ctx)
	if err != nil {
		return err
	}
	if _, err := e.Cluster.Client.AppsV1().Deployments(d.Namespace).Patch(ctx, d.Name, types.StrategicMergePatchType,
		patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("roll out the new binary: %w", err)
	}
	return e.WaitController(ctx)
}

// take returns the replicas, and forgets them; none is started before the next start of the controller.
func (c *controller) take() []replica {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.replicas
	c.replicas = nil
	c.pods.stop()
	return all
}

// ControllerPID is the process id of the controller, of its first replica, 0 if none runs.
func (e *Environment) ControllerPID() int {
	if r := e.control.first(); r.process != nil {
		return r.process.PID()
	}
	return 0
}

// ControllerReplicas is the number of processes of the controller.
func (e *Environment) ControllerReplicas() int { return len(e.control.current()) }

// ControllerMetrics is the URL of the controller's metrics, those of its first replica.
func (e *Environment) ControllerMetrics() string { return metricsURL(e.control.first()) }

// ReplicaMetrics are the URLs of the metrics of all replicas.
func (e *Environment) ReplicaMetrics() []string {
	var out []string
	for _, r := range e.control.current() {
		out = append(out, metricsURL(r))
	}
	return out
}

func metricsURL(r replica) string { return "http://" + r.metrics + "/metrics" }
