// Package controlplane runs a real Kubernetes control plane as a child process that never outlives this one: etcd
// without fsync, kube-apiserver with token authentication and RBAC, the kube controllers that Ingress, Service and Pod
// objects need, and kube-scheduler, all on loopback. It has no nodes, no AWS and no load balancer controller. The child
// runs package server; this package does not link it, so that a program that uses a control plane stays small. It
// imports client-go and process, nothing of the root module.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/state"
)

// Options configure Start.
type Options struct {
	// Program is the command of the child, such as "bin/playground controlplane". It runs server.Serve with its standard
	// input and output.
	Program []string `json:"-"`
	// Dir receives data, certificates, kubeconfigs and, below logs/, one file per component. It must exist. The data of an
	// earlier run in it is not reused.
	Dir string
	// Progress, if not nil, gets each component that became ready and how long after the start.
	Progress func(component string, after time.Duration) `json:"-"`
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
	// Egress is the Unix socket of a proxy, by HTTP CONNECT, through which the API server reaches kubelets and the
	// addresses of Services; empty: it dials them itself.
	Egress string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	dir     string
	creds   *Credentials
	address string // of the API server, host:port
	child   *process.Process
	calls   *calls
}

// Start starts the child and returns when the API server is ready; controllers and scheduler may still be filling
// their caches. ctx bounds the start only. The error names the component that failed and its log file.
func Start(ctx context.Context, opts Options) (_ *ControlPlane, err error) {
	began := time.Now()
	if err := os.RemoveAll(filepath.Join(opts.Dir, "data")); err != nil {
		return nil, fmt.Errorf("remove the data of an earlier run: %w", err)
	}
	for _, d := range []string{"data", "pki", "logs"} {
		if err := os.MkdirAll(filepath.Join(opts.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("create the control plane's directory: %w", err)
		}
	}
	cp := &ControlPlane{dir: opts.Dir}
	if err := takeLogs(cp.LogPath("apiserver")); err != nil {
		return nil, err
	}
	if cp.creds, err = newCredentials(filepath.Join(opts.Dir, "pki")); err != nil {
		return nil, err
	}
	progress := func(component string) {
		if opts.Progress != nil {
			opts.Progress(component, time.Since(began))
		}
	}
	if err := cp.launch(opts.Program, progress); err != nil {
		return nil, fmt.Errorf("start the control plane: %w", err)
	}
	answer, err := cp.ask(ctx, Request{Action: ActionStart, Options: &opts, Credentials: cp.creds})
	if err != nil {
		cp.Stop()
		return nil, err
	}
	cp.address = answer.Address
	return cp, nil
}

// launch starts the child. The process-wide log of its libraries, and its trace if it crashes, are the API server's
// log.
func (cp *ControlPlane) launch(program []string, progress func(component string)) error {
	if len(program) == 0 {
		return errors.New("no program runs it")
	}
	in, requests, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	messages, out, err := os.Pipe()
	if err != nil {
		return errors.Join(err, requests.Close())
	}
	defer out.Close()
	cp.calls = &calls{requests: requests, messages: messages, progress: progress, ended: make(chan struct{}),
		waiting: map[int]chan Message{}}
	if cp.child, err = process.Start(process.Options{Path: program[0], Args: program[1:], Env: os.Environ(),
		Stdin: in, Stdout: out, Log: cp.LogPath("apiserver")}); err != nil {
		return errors.Join(err, requests.Close(), messages.Close())
	}
	go cp.calls.listen()
	return nil
}

// Stop ends the child and waits for it, a few seconds at most. It may be called more than once.
func (cp *ControlPlane) Stop() {
	cp.calls.end()
	ctx, cancel := context.WithTimeout(context.Background(), process.Grace)
	defer cancel()
	cp.child.Stop(ctx)
	klog.Flush()
}

// Failed reports the first component that ended by itself, or the end of the child; nil if all run.
func (cp *ControlPlane) Failed() error {
	if err := cp.calls.failed(); err != nil {
		return err
	}
	if err := cp.child.Err(); err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	return nil
}

// RestartAPIServer stops the API server, which cuts all its connections, and starts it again at the same address. Until
// it is ready connections end at once. Everything else keeps running.
func (cp *ControlPlane) RestartAPIServer(ctx context.Context) error {
	_, err := cp.ask(ctx, Request{Action: ActionRestart})
	return err
}

// PauseAPIServer has the API server stand still, as a process that is suspended: connections stay, and nothing is
// answered.
func (cp *ControlPlane) PauseAPIServer() error {
	_, err := cp.ask(context.Background(), Request{Action: ActionPause})
	return err
}

// ResumeAPIServer ends PauseAPIServer.
func (cp *ControlPlane) ResumeAPIServer() error {
	_, err := cp.ask(context.Background(), Request{Action: ActionResume})
	return err
}

// CutAPIServer ends all connections of the API server, so that all watches begin anew.
func (cp *ControlPlane) CutAPIServer() {
	_, _ = cp.ask(context.Background(), Request{Action: ActionCut}) // a child that has ended has no connections
}

// SnapshotEtcd copies the content of etcd to a directory that must not exist. What is written meanwhile may be part of
// it.
func (cp *ControlPlane) SnapshotEtcd(dir string) error {
	_, err := cp.ask(context.Background(), Request{Action: ActionSnapshot, Snapshot: dir})
	return err
}

// RestoreEtcd restores the content of etcd from a snapshot and starts the API server again, so resource versions go
// back. Watches of clients begin again. Other components are not restarted: client-go needs up to 45 s until it
// lists again.
func (cp *ControlPlane) RestoreEtcd(ctx context.Context, snapshot string) error {
	_, err := cp.ask(ctx, Request{Action: ActionRestore, Snapshot: snapshot})
	return err
}

// Address is the host:port on which the API server listens.
func (cp *ControlPlane) Address() string { return cp.address }

// LogPath is the log file of a component: apiserver, etcd, controller-manager or scheduler.
func (cp *ControlPlane) LogPath(component string) string { return state.Dir(cp.dir).LogPath(component) }

// AdminConfig is the configuration of a client in the group system:masters, without client-side rate limits.
func (cp *ControlPlane) AdminConfig() *rest.Config { return cp.creds.Config(cp.address, Admin) }

// NodeConfig is the configuration of the simulated kubelets and of the node port proxy.
func (cp *ControlPlane) NodeConfig() *rest.Config { return cp.creds.Config(cp.address, Nodes) }

// AdminKubeconfig writes a kubeconfig with all rights and returns its path.
func (cp *ControlPlane) AdminKubeconfig() (string, error) {
	return cp.creds.Kubeconfig(cp.dir, cp.address, Admin)
}

// ControllerKubeconfig writes a kubeconfig of the service account that the load balancer controller's manifests use;
// its rights are whatever RBAC gives to kube-system/aws-load-balancer-controller.
func (cp *ControlPlane) ControllerKubeconfig() (string, error) {
	return cp.creds.Kubeconfig(cp.dir, cp.address, Controller)
}

// AccountKubeconfig writes a kubeconfig of any service account and returns its path. Its rights are whatever RBAC gives
// to the account.
func (cp *ControlPlane) AccountKubeconfig(namespace, name string) (string, error) {
	return cp.creds.Kubeconfig(cp.dir, cp.address, account(namespace, name))
}
