package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/playground/controlplane"
	"github.com/k8s-lbc/lbc/playground/state"
)

// controlPlane is a running control plane. Its parts end with the process.
type controlPlane struct {
	creds   *controlplane.Credentials
	options controlplane.Options
	etcd    *etcdServer
	door    *door  // of the API server
	address string // its host:port

	mu      sync.Mutex // guards running and failure
	running []*component
	failure error               // of the first component that ended by itself
	report  func(failure error) // is called with it
}

// component is one started part, stopped by cancelling its context.
type component struct {
	name     string
	cancel   context.CancelFunc
	done     chan struct{}
	stopping bool // its end is no failure
}

// start starts every part and returns when the API server is ready; controllers and scheduler may still be filling
// their caches. ctx bounds the start only. The error names the component that failed and its log file.
func (cp *controlPlane) start(ctx context.Context, progress func(component string)) (err error) {
	if cp.etcd, err = startEtcd(ctx, cp.etcdDir(), cp.logPath("etcd")); err != nil {
		return fmt.Errorf("start etcd (log %s): %w", cp.logPath("etcd"), err)
	}
	progress("etcd")

	if err := cp.startAgain(ctx); err != nil {
		return err
	}
	progress("kube-apiserver")
	if cp.options.OnlyAPI {
		return nil
	}

	if err := cp.startControllers(); err != nil {
		return fmt.Errorf("start kube-controller-manager (log %s): %w", cp.logPath("controller-manager"), err)
	}
	if err := cp.startScheduler(); err != nil {
		return fmt.Errorf("start kube-scheduler (log %s): %w", cp.logPath("scheduler"), err)
	}
	progress("kube-controller-manager and kube-scheduler")
	return nil
}

func (cp *controlPlane) failed() error {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	return cp.failure
}

func (cp *controlPlane) logPath(component string) string {
	return state.Dir(cp.options.Dir).LogPath(component)
}

// run starts f as a component with a context of its own.
func (cp *controlPlane) run(ctx context.Context, name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &component{name: name, cancel: cancel, done: make(chan struct{})}
	cp.mu.Lock()
	cp.running = append(slices.DeleteFunc(cp.running, func(c *component) bool { return c.stopping }), c)
	cp.mu.Unlock()
	go func() {
		defer close(c.done)
		err := f(ctx)
		if err == nil {
			err = errors.New("without an error")
		}
		cp.mu.Lock()
		defer cp.mu.Unlock()
		if !c.stopping && cp.failure == nil {
			cp.failure = fmt.Errorf("%s ended: %w", name, err)
			cp.report(cp.failure)
		}
	}()
}
