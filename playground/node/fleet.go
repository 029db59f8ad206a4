// Package node simulates kubelets: Node objects with leases, and for each scheduled pod an address of the node's
// subnet, stand-in servers, probes, status, readiness gates and an orderly end. It has no AWS: addresses come from
// functions. It imports client-go, the virtual network and the stand-ins.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Spec describes one node.
type Spec struct {
	Name         string
	Instance     string // EC2 instance id
	Region       string
	Zone         string
	Architecture string // as Kubernetes names it: amd64 or arm64
	Address      netip.Addr
	IPv6         netip.Addr // a second address, if valid
}

// Addresses are those of the node, that of IPv4 first.
func (s Spec) Addresses() []netip.Addr {
	if s.IPv6.IsValid() {
		return []netip.Addr{s.Address, s.IPv6}
	}
	return []netip.Addr{s.Address}
}

// Options configure Start. Firewall, Cooldown and Logf may be zero, the rest is required.
type Options struct {
	Client  kubernetes.Interface
	Network *vnet.Network
	Nodes   []Spec
	// Assign gives a pod of the node an address, or one of each family; Release takes them back.
	Assign  func(node string) ([]netip.Addr, error)
	Release func(node string, addrs []netip.Addr) error
	// Firewall, if not nil, is the firewall in front of every pod and node.
	Firewall vnet.Firewall
	// Cooldown is how long the address of a pod that ended refuses connections before it vanishes and is given back; 0
	// means the 30 s of the Amazon VPC CNI plugin.
	Cooldown time.Duration
	// Launcher, if not nil, runs some containers as real programs.
	Launcher Launcher
	// StandIns are images of which it is known what they serve, beside the built-in ones.
	StandIns []StandIn
	// Kubelet, if not nil, is the TLS configuration of the server that API servers read logs of containers from, by the
	// name KubeletHost.
	Kubelet *tls.Config
	// Logf gets what a kubelet would log.
	Logf func(format string, args ...any)
}

// Fleet is a set of simulated kubelets.
type Fleet struct {
	options Options
	nodes   map[string]Spec
	cancel  context.CancelFunc
	factory informers.SharedInformerFactory
	kubelet *kubelet
	wait    sync.WaitGroup // heartbeats and pods

	mu      sync.Mutex
	workers map[types.UID]*worker
	dead    map[string]bool               // nodes that were killed
	beats   map[string]context.CancelFunc // end the heartbeats, by node
	stopped bool

	running  context.Context
	stopping <-chan struct{}
}

// Start registers the nodes and begins to run pods. ctx bounds the registration only.
func Start(ctx context.Context, options Options) (*Fleet, error) {
	if options.Logf == nil {
		options.Logf = func(string, ...any) {}
	}
	if options.Cooldown == 0 {
		options.Cooldown = 30 * time.Second
	}
	f := &Fleet{options: options, nodes: map[string]Spec{}, workers: map[types.UID]*worker{}, dead: map[string]bool{},
		beats: map[string]context.CancelFunc{}}
	if options.Kubelet != nil {
		if err := f.serveKubelet(options.Kubelet); err != nil {
			return nil, err
		}
	}
	if err := f.registerAll(ctx); err != nil {
		f.kubelet.stop()
		return nil, err
	}
	runCtx, cancel := context.WithCancel(context.Background())
	f.cancel, f.running, f.stopping = cancel, runCtx, runCtx.Done()
	for _, n := range options.Nodes {
		f.beat(n)
	}
	f.factory = informers.NewSharedInformerFactoryWithOptions(options.Client, 0,
		informers.WithTweakListOptions(func(o *listOptions) {
			o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
		}))
	pods := f.factory.Core().V1().Pods().Informer()
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { f.observe(runCtx, o) },
		UpdateFunc: func(_, o any) { f.observe(runCtx, o) },
		DeleteFunc: f.forget,
	}); err != nil {
		cancel()
		f.kubelet.stop()
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	f.factory.Start(runCtx.Done())
	return f, nil
}

// join puts an address onto the network, behind the firewall.
func (f *Fleet) join(addr netip.Addr) error {
	f.options.Network.AddAddress(addr)
	return f.options.Network.SetFirewall(addr, f.options.Firewall)
}

// Stop ends heartbeats and stand-ins and waits for them. Objects in the API server stay as they are.
func (f *Fleet) Stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.cancel()
	f.factory.Shutdown()
	f.wait.Wait()
	f.kubelet.stop()
}

// observe hands a pod to its worker and starts one for a pod that is new on one of the nodes.
func (f *Fleet) observe(ctx context.Context, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[pod.UID]; w != nil {
		w.update(pod)
		return
	}
	spec, ours := f.nodes[pod.Spec.NodeName]
	finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if !ours || f.stopped || f.dead[spec.Name] || finished && pod.DeletionTimestamp == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w := newWorker(f, spec, pod, cancel)
	f.workers[pod.UID] = w
	f.wait.Add(1)
	go func() {
		defer f.wait.Done()
		defer cancel()
		if err := w.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			f.options.Logf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}()
}

// forget ends the worker of a pod that is gone from the API server: it was force deleted, or the worker deleted it
// itself.
func (f *Fleet) forget(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[pod.UID]; w != nil {
		w.cancel()
		delete(f.workers, pod.UID)
	}
}

// later runs what after d, or at once when the fleet stops.
func (f *Fleet) later(d time.Duration, what func()) {
	f.wait.Add(1)
	go func() {
		defer f.wait.Done()
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-f.stopping:
		}
		what()
	}()
}

// retry waits between attempts to talk to an API server that is busy; it reports false when ctx ended.
func retry(ctx context.Context) bool { return sleep.For(ctx, 200*time.Millisecond) == nil }
