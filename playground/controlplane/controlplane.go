// Package controlplane runs a real Kubernetes control plane inside this process: etcd without fsync, kube-apiserver
// with token authentication and RBAC, the kube controllers that Ingress, Service and Pod objects need, and
// kube-scheduler, all on loopback. It has no nodes, no AWS and no load balancer controller. It imports
// k8s.io/kubernetes, etcd and client-go, nothing of the root module.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// Options configure Start.
type Options struct {
	// Dir receives data, certificates, kubeconfigs and, below logs/, one file per component. It must exist. The data of an
	// earlier run in it is not reused.
	Dir string
	// Progress, if not nil, gets each component that became ready and how long after the start.
	Progress func(component string, after time.Duration)
	// OnlyAPI leaves kube-controller-manager and kube-scheduler out: objects are as written, and nothing else
	// takes processor time.
	OnlyAPI bool
	// DualStack gives Services addresses of IPv6 too, if they ask for them.
	DualStack bool
	// Emulated is an older minor version, such as 1.33, that the API server emulates; empty: none.
	Emulated string
	// Requests is a file that gets a line of JSON, an audit event, for each request of the load balancer controller;
	// empty: none.
	Requests string
}

// ControlPlane is a running control plane. Kubernetes components keep process-wide state (klog, feature gates), so a
// process runs one at a time.
type ControlPlane struct {
	dir     string
	creds   *credentials
	options Options
	etcd    *etcdServer
	door    *door  // of the API server
	address string // its host:port

	mu      sync.Mutex // guards running
	running []*component
}

// component is one started part, stopped by cancelling its context.
type component struct {
	name     string
	cancel   context.CancelFunc
	done     chan struct{}
	err      error // valid after done is closed
	stopping bool  // its end is no failure
}

// Start starts every part and returns when the API server is ready; controllers and scheduler may still be filling
// their caches. ctx bounds the start only. The error names the component that failed and its log file.
func Start(ctx context.Context, opts Options) (_ *ControlPlane, err error) {
	began := time.Now()
	progress := opts.Progress
	if progress == nil {
		progress = func(string, time.Duration) {}
	}
	if err := os.RemoveAll(filepath.Join(opts.Dir, "data")); err != nil {
		return nil, fmt.Errorf("remove the data of an earlier run: %w", err)
	}
	for _, d := range []string{"data", "pki", "logs"} {
		if err := os.MkdirAll(filepath.Join(opts.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("create the control plane's directory: %w", err)
		}
	}
	cp := &ControlPlane{dir: opts.Dir, options: opts}
	defer func() {
		if err != nil {
			cp.Stop()
		}
	}()
	if err := takeLogs(cp.LogPath("apiserver")); err != nil {
		return nil, err
	}
	if cp.creds, err = newCredentials(filepath.Join(opts.Dir, "pki")); err != nil {
		return nil, err
	}
	if cp.etcd, err = startEtcd(ctx, cp.etcdDir(), cp.LogPath("etcd")); err != nil {
		return nil, fmt.Errorf("start etcd (log %s): %w", cp.LogPath("etcd"), err)
	}
	progress("etcd", time.Since(began))

	if err := cp.startAPIServer(opts); err != nil {
		return nil, fmt.Errorf("start kube-apiserver (log %s): %w", cp.LogPath("apiserver"), err)
	}
	if err := cp.waitReady(ctx); err != nil {
		return nil, fmt.Errorf("start kube-apiserver (log %s): %w", cp.LogPath("apiserver"), err)
	}
	progress("kube-apiserver", time.Since(began))
	if opts.OnlyAPI {
		return cp, nil
	}

	if err := cp.startControllers(); err != nil {
		return nil, fmt.Errorf("start kube-controller-manager (log %s): %w", cp.LogPath("controller-manager"), err)
	}
	if err := cp.startScheduler(); err != nil {
		return nil, fmt.Errorf("start kube-scheduler (log %s): %w", cp.LogPath("scheduler"), err)
	}
	progress("kube-controller-manager and kube-scheduler", time.Since(began))
	return cp, nil
}

// Stop ends all parts in reverse order and waits for them, at most a few seconds each. It may be called more than once.
func (cp *ControlPlane) Stop() {
	cp.mu.Lock()
	running := cp.running
	cp.running = nil
	cp.mu.Unlock()
	if cp.door != nil {
		cp.door.letGo() // what ends may have something to say first
	}
	for _, c := range slices.Backward(running) {
		c.cancel()
		select {
		case <-c.done:
		case <-time.After(5 * time.Second): // the process is about to end; an open watch must not hold it
		}
	}
	if cp.door != nil {
		cp.door.close()
	}
	if cp.etcd != nil {
		cp.etcd.stop()
		cp.etcd = nil
	}
	flushLogs()
}

// Failed reports the first component that ended by itself, nil if all run.
func (cp *ControlPlane) Failed() error {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	for _, c := range cp.running {
		if c.stopping {
			continue
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended: %w", c.name, c.err)
		default:
		}
	}
	return nil
}

// Address is the host:port on which the API server listens.
func (cp *ControlPlane) Address() string { return cp.address }

// LogPath is the log file of a component: apiserver, etcd, controller-manager or scheduler.
func (cp *ControlPlane) LogPath(component string) string {
	return filepath.Join(cp.dir, "logs", component+".log")
}

// AdminConfig is the configuration of a client in the group system:masters, without client-side rate limits.
func (cp *ControlPlane) AdminConfig() *rest.Config { return cp.config(userAdmin) }

// NodeConfig is the configuration of the simulated kubelets and of the node port proxy.
func (cp *ControlPlane) NodeConfig() *rest.Config { return cp.config(userNodes) }

func (cp *ControlPlane) config(u user) *rest.Config {
	return &rest.Config{
		Host:            "https://" + cp.address,
		BearerToken:     cp.creds.tokens[u.name],
		UserAgent:       "playground/" + u.short,
		QPS:             -1, // API priority and fairness is the limit that matters
		TLSClientConfig: rest.TLSClientConfig{CAData: cp.creds.caPEM},
		// Else what the components are warned of, such as the old kind Endpoints, goes wherever a kubectl in this process
		// prints.
		WarningHandler: rest.NoWarnings{},
	}
}

// AdminKubeconfig writes a kubeconfig with all rights and returns its path.
func (cp *ControlPlane) AdminKubeconfig() (string, error) { return cp.kubeconfig(userAdmin) }

// ControllerKubeconfig writes a kubeconfig of the service account that the load balancer controller's manifests use;
// its rights are whatever RBAC gives to kube-system/aws-load-balancer-controller.
func (cp *ControlPlane) ControllerKubeconfig() (string, error) { return cp.kubeconfig(userController) }

// run starts f as a component with a context of its own.
func (cp *ControlPlane) run(ctx context.Context, name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &component{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		if c.err = f(ctx); c.err == nil {
			c.err = errors.New("without an error")
		}
	}()
	cp.mu.Lock()
	defer cp.mu.Unlock()
	cp.running = append(slices.DeleteFunc(cp.running, func(c *component) bool { return c.stopping }), c)
}
