// Package cluster is a whole simulated cluster: the control plane, simulated nodes and node ports on a virtual network, and
// what an installation of the controller brings (CRDs, RBAC, IngressClass). It knows no AWS and does not run the controller.
// It imports the other packages of this module and the virtual network.
package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/playground/controlplane"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/nodeport"
)

//go:embed rbac.yaml
var installation []byte

// Options configure Start.
type Options struct {
	Dir     string // of the control plane: data, certificates, kubeconfigs, logs
	Network *vnet.Network
	Nodes   []node.Spec
	Assign  func(node string) (netip.Addr, error)
	Release func(node string, addr netip.Addr) error
	Guard   vnet.Guard // firewall of pods and nodes; nil: none
	// CRDs is a directory whose *.yaml files are applied before Start returns; empty: none.
	CRDs string
	// Progress, if not nil, is told what became ready and how long after the start.
	Progress func(what string, after time.Duration)
	Logf     func(format string, args ...any) // log of the simulated kubelets
	// OnlyAPI leaves kube controllers, scheduler and nodes out; Network, Nodes, Assign, Release, Guard and Logf are not used.
	OnlyAPI bool
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
	if c.Plane, err = controlplane.Start(ctx, controlplane.Options{Dir: o.Dir, Progress: o.Progress, OnlyAPI: o.OnlyAPI}); err != nil {
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
	if err := install(ctx, c, o.CRDs); err != nil {
		return nil, fmt.Errorf("install the controller's manifests: %w", err)
	}
	if o.Progress != nil {
		o.Progress("CRDs, RBAC and IngressClass alb", time.Since(began))
	}
	return c, nil
}

func (c *Cluster) startNodes(ctx context.Context, o Options, began time.Time) error {
	nodes, err := kubernetes.NewForConfig(c.Plane.NodeConfig())
	if err != nil {
		return err
	}
	c.fleet, err = node.Start(ctx, node.Options{
		Client: nodes, Network: o.Network, Nodes: o.Nodes, Assign: o.Assign, Release: o.Release, Guard: o.Guard, Logf: o.Logf,
	})
	if err != nil {
		return fmt.Errorf("start the simulated nodes: %w", err)
	}
	addresses := map[string]netip.Addr{}
	for _, n := range o.Nodes {
		addresses[n.Name] = n.Address
	}
	if c.proxy, err = nodeport.Start(ctx, nodeport.Options{Client: nodes, Network: o.Network, Nodes: addresses}); err != nil {
		return fmt.Errorf("start node port forwarding: %w", err)
	}
	if o.Progress != nil {
		o.Progress(fmt.Sprintf("%d simulated nodes", len(o.Nodes)), time.Since(began))
	}
	return nil
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

// install applies the CRDs and, while the API server takes them up, the rest.
func install(ctx context.Context, c *Cluster, crds string) error {
	client, err := manifest.NewClient(c.Plane.AdminConfig())
	if err != nil {
		return err
	}
	objects, err := readDirectory(crds)
	if err != nil {
		return err
	}
	definitions := len(objects)
	rest, err := manifest.Parse("rbac.yaml", installation)
	if err != nil {
		return err
	}
	objects = append(objects, rest...)
	// The namespace kube-system and the default roles appear a moment after the API server is ready.
	for {
		err = client.Apply(ctx, objects...)
		if err == nil {
			break
		}
		if waitErr := pause(ctx); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
	for _, crd := range objects[:definitions] {
		if err := established(ctx, client, crd); err != nil {
			return err
		}
	}
	return nil
}

func readDirectory(dir string) ([]*unstructured.Unstructured, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list the CRDs: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in %s: run \"make generate\"", dir)
	}
	sort.Strings(files)
	var all []*unstructured.Unstructured
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read a CRD: %w", err)
		}
		objects, err := manifest.Parse(f, content)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if o.GetKind() == "CustomResourceDefinition" {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// established waits until the API server serves the kinds of a CRD.
func established(ctx context.Context, client *manifest.Client, crd *unstructured.Unstructured) error {
	for {
		got, err := client.Get(ctx, crd)
		if err == nil {
			conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
			for _, c := range conditions {
				m, _ := c.(map[string]any)
				if m["type"] == "Established" && m["status"] == "True" {
					return nil
				}
				if m["type"] == "NonStructuralSchema" && m["status"] == "True" {
					return fmt.Errorf("CRD %s: %v", crd.GetName(), m["message"])
				}
			}
		}
		if waitErr := pause(ctx); waitErr != nil {
			return errors.Join(fmt.Errorf("CRD %s is not established", crd.GetName()), err, waitErr)
		}
	}
}

func pause(ctx context.Context) error {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
