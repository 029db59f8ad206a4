// Package environment is everything that a playground runs: the AWS simulator with its data plane, the simulated
// cluster on the same virtual network, and the real controller binary as a child process. It has no command line and
// prints nothing. It imports the other packages of this module, and the simulator.
package environment

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/cluster"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// Options configure Start.
type Options struct {
	Dir  string // for data, certificates and logs/; it must exist
	Repo repository.Root
	// ControlPlane is the command that runs the control plane: see controlplane.Options.
	ControlPlane []string
	// Controller is the binary to run; empty: none is run.
	Controller     string
	ControllerArgs []string // of every start, after ours, so that they win
	FirstArgs      []string // of the first start only
	// Manifests are files and directories that are applied before the controller starts, such as further CRDs and rights.
	Manifests []string
	// WithoutGatewayAPI leaves the definitions of the Gateway API, the controller's own for it, and the GatewayClasses
	// out.
	WithoutGatewayAPI bool
	// GlobalAccelerator installs the definition of GlobalAccelerators and has the controller serve them.
	GlobalAccelerator bool
	// Release has the controller installed as the Helm chart does it; nil: by the rights of package cluster and
	// config/webhook.
	Release *Release
	// Emulated is an older minor version of Kubernetes, such as 1.34, that the API server emulates; empty: none.
	Emulated string
	// Requests is a file that gets an audit event for each request of the controller to the API server; empty: none.
	Requests string
	// Account is what the simulated account holds at first; nil: the built-in one.
	Account *seed.File
	Profile account.Profile // how long AWS takes; the zero value: nothing takes time
	// Speed is how much faster than the machine's the clock of the account runs, by which the times of Profile,
	// deregistration delays and intervals of health checks pass; 0: it is the machine's.
	Speed float64
	// StandIns are images of which it is known what they serve, beside the built-in ones.
	StandIns []node.StandIn
	// DualStack gives nodes and pods IPv6 addresses beside those of IPv4, and Services that ask for them.
	DualStack bool
	// Listen is the simulator's address; empty: a free port of 127.0.0.1.
	Listen string
	// HealthInterval and HealthTimeout replace those of all target groups when not 0.
	HealthInterval, HealthTimeout time.Duration
	// Grace is how long the controller gets to end by itself; 0: process.Grace.
	Grace time.Duration
	// Progress, if not nil, gets what became ready and how long after the start.
	Progress func(what string, after time.Duration)
}

// Environment is a running playground.
type Environment struct {
	Simulator  *awssim.Simulator
	Cluster    *cluster.Cluster
	AWS        *simclient.Client // of the simulator's administration
	URL        string            // of the simulator
	Kubeconfig string            // all rights
	Dir        string

	options Options
	server  *http.Server
	served  chan struct{}
	logs    []*os.File
	control controller

	webhooks webhooks
	service  service // of the webhooks of a release
	egress   *egress // nil without a release
}

// Start starts everything. An error leaves nothing running.
func Start(ctx context.Context, o Options) (_ *Environment, err error) {
	if o.Controller != "" {
		if err := repository.CheckBinary(o.Controller); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	e := &Environment{options: o, Dir: o.Dir}
	e.control.pods.running = make(chan struct{})
	defer func() {
		if err != nil {
			e.Stop()
		}
	}()
	if err := os.MkdirAll(filepath.Join(o.Dir, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of the logs: %w", err)
	}
	if err := e.startSimulator(); err != nil {
		return nil, fmt.Errorf("start the AWS simulator: %w", err)
	}
	e.progress("AWS simulator", time.Since(began))
	if err := e.startCluster(ctx, began); err != nil {
		return nil, err
	}
	if o.Controller == "" {
		return e, nil
	}
	if err := e.RunController(ctx, o.FirstArgs...); err != nil {
		return nil, err
	}
	what := "load balancer controller"
	if n := len(e.control.current()); n > 1 {
		what = fmt.Sprintf("load balancer controller, %d replicas", n)
	}
	e.progress(what, time.Since(began))
	return e, nil
}

func (e *Environment) startCluster(ctx context.Context, began time.Time) error {
	o := e.options
	nodes, err := e.nodes()
	if err != nil {
		return err
	}
	nodeLog, err := e.openLog("nodes")
	if err != nil {
		return err
	}
	var installation []*unstructured.Unstructured
	if o.Release != nil {
		if err := o.Release.render(o.Repo.Chart(), e.Simulator.Seed()); err != nil {
			return err
		}
		installation = o.Release.objects()
		if e.egress, err = listenEgress(&e.service); err != nil {
			return fmt.Errorf("open the API server's way to the webhooks: %w", err)
		}
	}
	before := time.Since(began)
	e.Cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: o.Dir, ControlPlane: o.ControlPlane,
		Network: e.Simulator.Network, Nodes: nodes, Assign: e.assign, Release: e.release,
		Firewall: e.Simulator.Admits,
		CRDs:     o.Repo.CRDs(), Rights: o.Repo.Rights(), GatewayAPI: !o.WithoutGatewayAPI,
		GlobalAccelerator: o.GlobalAccelerator, DualStack: o.DualStack, Emulated: o.Emulated, Manifests: o.Manifests,
		Installation: installation, Egress: e.egress.socket(),
		Requests: o.Requests, Launcher: e.launcher(), StandIns: o.StandIns, Logf: nodeLog.Printf,
		Progress: func(what string, after time.Duration) { e.progress(what, before+after) },
	})
	if err != nil {
		return err
	}
	if e.egress != nil {
		e.egress.serve(webhookServices(e.Cluster.Client), nodeLog)
	}
	e.Kubeconfig, err = e.Cluster.Plane.AdminKubeconfig()
	return err
}

func (e *Environment) progress(what string, after time.Duration) {
	if e.options.Progress != nil {
		e.options.Progress(what, after)
	}
}

// buckets is where the load balancers' logs are delivered, a folder per S3 bucket.
func (e *Environment) buckets() string { return filepath.Join(e.Dir, "buckets") }

// BucketDir is the folder of an S3 bucket; it is there once a load balancer has delivered a log.
func (e *Environment) BucketDir(name string) string { return filepath.Join(e.buckets(), name) }

// TrustStoreBucket is the S3 bucket for the authorities that Gateways name.
const TrustStoreBucket = "playground-trust-stores"

func (e *Environment) startSimulator() error {
	logger, err := e.openLog("simulator")
	if err != nil {
		return err
	}
	o := e.options
	var scaled clock.Clock
	if o.Speed > 0 {
		scaled = clock.NewScaled(o.Speed)
	}
	e.Simulator, err = awssim.New(awssim.Options{
		Seed: o.Account, Clock: scaled, Profile: o.Profile, DataPlane: true, HealthInterval: o.HealthInterval,
		HealthTimeout:    o.HealthTimeout,
		IdentityProvider: "127.0.0.1:0", Logf: logger.Printf, LogDirectory: e.buckets(),
	})
	if err != nil {
		return err
	}
	e.Simulator.Account.Lock()
	err = e.Simulator.Account.Buckets.Make(TrustStoreBucket)
	e.Simulator.Account.Unlock()
	if err != nil {
		return err
	}
	address := o.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	e.URL = "http://" + listener.Addr().String()
	e.AWS = simclient.New(e.URL, &http.Client{Timeout: time.Minute})
	e.server = &http.Server{Handler: e.Simulator.Handler(), ReadHeaderTimeout: time.Minute, ErrorLog: logger}
	e.served = make(chan struct{})
	go func() {
		defer close(e.served)
		if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Printf("HTTP server: %v", err)
		}
	}()
	return nil
}

// Endpoints lists the load balancers and where they listen on this machine.
func (e *Environment) Endpoints(ctx context.Context) ([]simclient.Endpoint, error) {
	return e.AWS.Topology(ctx)
}

// LogPath is the log of a component: controller, simulator, nodes, apiserver, etcd, controller-manager or scheduler.
func (e *Environment) LogPath(component string) string { return state.Dir(e.Dir).LogPath(component) }

func (e *Environment) openLog(component string) (*log.Logger, error) {
	f, err := process.OpenLog(e.LogPath(component))
	if err != nil {
		return nil, err
	}
	e.logs = append(e.logs, f)
	return log.New(f, "", log.Ldate|log.Ltime|log.Lmicroseconds), nil
}

// Failed reports the first part that ended by itself, nil if all run.
func (e *Environment) Failed() error {
	if err := e.ClusterFailed(); err != nil {
		return err
	}
	return e.ControllerFailed()
}

// ClusterFailed reports the first part of the cluster that ended by itself.
func (e *Environment) ClusterFailed() error {
	if e.Cluster == nil {
		return nil
	}
	return e.Cluster.Plane.Failed()
}

// ControllerFailed is how the controller ended by itself, nil if it runs or was stopped.
func (e *Environment) ControllerFailed() error { return e.control.failed() }

// Stop ends everything that was started: the controller first, which must not see a cluster that falls apart.
func (e *Environment) Stop() {
	e.StopController()
	if e.Cluster != nil {
		e.Cluster.Stop()
	}
	if e.egress != nil {
		e.egress.stop()
	}
	if e.server != nil {
		_ = e.server.Close()
		<-e.served
	}
	if e.Simulator != nil {
		_ = e.Simulator.Close()
	}
	for _, f := range e.logs {
		_ = f.Close()
	}
}

// assign gives a pod of a node addresses of the node's network interface.
func (e *Environment) assign(name string) (addrs []netip.Addr, err error) {
	err = e.atInterface(name, func(a *account.Account, eni string) error {
		first, err := a.AssignAddress(eni, netip.Addr{})
		if err != nil {
			return err
		}
		addrs = append(addrs, first)
		if !e.options.DualStack {
			return nil
		}
		second, err := a.AssignIPv6(eni)
		if err != nil {
			return errors.Join(err, a.UnassignAddress(eni, first))
		}
		addrs = append(addrs, second)
		return nil
	})
	return addrs, err
}

func (e *Environment) release(name string, addrs []netip.Addr) error {
	return e.atInterface(name, func(a *account.Account, eni string) error {
		for _, addr := range addrs {
			unassign := a.UnassignAddress
			if addr.Is6() {
				unassign = a.UnassignIPv6
			}
			if err := unassign(eni, addr); err != nil {
				return err
			}
		}
		return nil
	})
}

// atInterface changes the network interface of a node, under the account's lock.
func (e *Environment) atInterface(name string, change func(a *account.Account, eni string) error) error {
	a := e.Simulator.Account
	a.Lock()
	eni, err := e.interfaceOf(name)
	if err == nil {
		err = change(a, eni.ID)
	}
	a.Unlock()
	if err == nil {
		a.Changed()
	}
	return err
}
