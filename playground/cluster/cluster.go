// Package cluster is a whole simulated cluster: the control plane, simulated nodes and node ports on a virtual network,
// and what an installation of the controller brings (CRDs, RBAC, IngressClass, the Gateway API). It has no AWS and does
// not run the controller. It imports the other packages of this module and the virtual network.
package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/playground/controlplane"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/nodeport"
)

// Options configure Start.
type Options struct {
	Dir string // of the control plane: data, certificates, kubeconfigs, logs
	// ControlPlane is the command that runs the control plane: see controlplane.Options.
	ControlPlane []string
	Network      *vnet.Network
	Nodes        []node.Spec
	Assign       func(node string) ([]netip.Addr, error)
	Release      func(node string, addrs []netip.Addr) error
	Firewall     vnet.Firewall // firewall of pods and nodes; nil: none
	// CRDs is a directory whose *.yaml files are applied before Start returns; empty: none.
	CRDs string
	// Rights is a file or directory with the controller's ServiceAccount and what it may do; empty: none.
	Rights string
	// GlobalAccelerator keeps the definition of GlobalAccelerators in CRDs, which no chart brings.
	GlobalAccelerator bool
	// GatewayAPI installs the definitions of the Gateway API and the GatewayClasses alb, nlb and auto. Without it, CRDs
	// leaves the controller's own kinds for Gateways out too.
	GatewayAPI bool
	// Manifests are files, or directories of *.yaml, *.yml and *.json files, that are applied before Start returns: CRDs
	// first, then the others in their order.
	Manifests []string
	// Installation is applied in place of Rights and IngressClass alb; nil: those.
	Installation []*unstructured.Unstructured
	// Progress, if not nil, gets what became ready and how long after the start.
	Progress func(what string, after time.Duration)
	Logf     func(format string, args ...any) // log of the simulated kubelets
	// Launcher, if not nil, runs some containers as real programs.
	Launcher node.Launcher
	// StandIns are images of which it is known what they serve, beside the built-in ones.
	StandIns []node.StandIn
	// OnlyAPI leaves kube controllers, scheduler and nodes out; Network, Nodes, Assign, Release, Firewall and Logf are not
	// used.
	OnlyAPI bool
	// DualStack gives Services addresses of both families if they ask for them; nodes and pods have those that Nodes and
	// Assign give them.
	DualStack bool
	// Emulated is an older minor version, such as 1.34, that the API server emulates; empty: none.
	Emulated string
	// Requests is a file that gets an audit event for each request of the load balancer controller; empty: none.
	Requests string
	// Egress is the Unix socket of a proxy for the API server: see controlplane.Options.
	Egress string
}

// Cluster is a running cluster.
type Cluster struct {
	Plane  *controlplane.ControlPlane
	Client kubernetes.Interface // all rights

	fleet *node.Fleet
	proxy *nodeport.Proxy
}

// Start starts everything and returns when the nodes are registered and the controller's manifests are applied.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{}
	defer func() {
		if err != nil {
			c.Stop()
		}
	}()
	began := time.Now()
	c.Plane, err = controlplane.Start(ctx, controlplane.Options{Program: o.ControlPlane, Dir: o.Dir,
		Progress: o.Progress, OnlyAPI: o.OnlyAPI, DualStack: o.DualStack, Emulated: o.Emulated, Requests: o.Requests,
		Egress: o.Egress})
	if err != nil {
		return nil, err
	}
	admin := c.Plane.AdminConfig()
	if c.Client, err = kubernetes.NewForConfig(admin); err != nil {
		return nil, err
	}
	if !o.OnlyAPI {
		if err := c.startNodes(ctx, o, began); err != nil {
			return nil, err
		}
	}
	if err := install(ctx, c, o); err != nil {
		return nil, fmt.Errorf("install the controller's manifests: %w", err)
	}
	if o.Progress != nil {
		what := "CRDs, RBAC and IngressClass alb"
		if o.GatewayAPI {
			what = "CRDs, RBAC, IngressClass alb, GatewayClasses alb, nlb and auto"
		}
		o.Progress(what, time.Since(began))
	}
	return c, nil
}

func (c *Cluster) startNodes(ctx context.Context, o Options, began time.Time) error {
	nodes, err := kubernetes.NewForConfig(c.Plane.NodeConfig())
	if err != nil {
		return err
	}
	serving, err := c.Plane.KubeletServing()
	if err != nil {
		return err
	}
	c.fleet, err = node.Start(ctx, node.Options{
		Client: nodes, Network: o.Network, Nodes: o.Nodes, Assign: o.Assign, Release: o.Release, Firewall: o.Firewall,
		Launcher: o.Launcher, StandIns: o.StandIns, Kubelet: serving, Logf: o.Logf,
	})
	if err != nil {
		return fmt.Errorf("start the simulated nodes: %w", err)
	}
	addresses := map[string][]netip.Addr{}
	for _, n := range o.Nodes {
		addresses[n.Name] = n.Addresses()
	}
	if c.proxy, err = nodeport.Start(ctx, nodeport.Options{Client: nodes, Network: o.Network, Nodes: addresses}); err !=
		nil {
		return fmt.Errorf("start node port forwarding: %w", err)
	}
	if o.Progress != nil {
		o.Progress(fmt.Sprintf("%d simulated nodes", len(o.Nodes)), time.Since(began))
	}
	return nil
}

// KillNode ends a node as the loss of its machine does; ReviveNode starts another machine in its place.
func (c *Cluster) KillNode(name string) error { return c.fleet.Kill(name) }

// NodeDead reports whether a node was killed.
func (c *Cluster) NodeDead(name string) bool { return c.fleet.Dead(name) }

// ReviveNode starts a node again that was killed and whose Node object was deleted since.
func (c *Cluster) ReviveNode(ctx context.Context, name string) error {
	return c.fleet.Revive(ctx, name)
}

// Stop ends everything that Start started.
func (c *Cluster) Stop() {
	if c.proxy != nil {
		c.proxy.Stop()
	}
	if c.fleet != nil {
		c.fleet.Stop()
	}
	if c.Plane != nil {
		c.Plane.Stop()
	}
}
