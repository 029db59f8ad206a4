package environment

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/playground/node"
)

// nodes describes the account's cluster nodes for the simulated kubelets.
func (e *Environment) nodes() ([]node.Spec, error) {
	s := e.Simulator
	s.Account.Lock()
	defer s.Account.Unlock()
	var specs []node.Spec
	for _, n := range s.Seed().Cluster.Nodes {
		eni, err := e.interfaceOf(n.Name)
		if err != nil {
			return nil, err
		}
		arch := n.Arch
		if arch == "" {
			arch = "amd64"
		}
		var second netip.Addr
		if e.options.DualStack {
			if second, err = s.Account.AssignIPv6(eni.ID); err != nil {
				return nil, fmt.Errorf("node %s: %w", n.Name, err)
			}
		}
		specs = append(specs, node.Spec{
			Name: n.Name, Instance: n.Instance, Region: s.Account.Region, Zone: n.Zone, Architecture: arch,
			Address: eni.Addresses[0].Addr, IPv6: second,
		})
	}
	if len(specs) == 0 {
		return nil, errors.New("the account file has no cluster nodes: add some under cluster.nodes")
	}
	return specs, nil
}

// NodeNames are the names of the account's cluster nodes.
func (e *Environment) NodeNames() (names []string) {
	for _, n := range e.Simulator.Seed().Cluster.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// KillNode ends a node as the loss of its machine does.
func (e *Environment) KillNode(name string) error {
	if !slices.Contains(e.NodeNames(), name) {
		return fmt.Errorf("no node %q; there are: %s", name, strings.Join(e.NodeNames(), ", "))
	}
	if err := e.Cluster.KillNode(name); err != nil {
		return fmt.Errorf("node %s was killed already; \"playground node revive %s\" starts it again", name, name)
	}
	return nil
}

// ReviveNode starts a machine in the place of a node that was killed. The former one's Node object and pods are
// deleted.
func (e *Environment) ReviveNode(ctx context.Context, name string) error {
	if !slices.Contains(e.NodeNames(), name) {
		return fmt.Errorf("no node %q; there are: %s", name, strings.Join(e.NodeNames(), ", "))
	}
	if !e.Cluster.NodeDead(name) {
		return fmt.Errorf("node %s was not killed", name)
	}
	if err := e.Cluster.Client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil &&
		!apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node %s: %w", name, err)
	}
	return e.Cluster.ReviveNode(ctx, name)
}

// interfaceOf is the primary network interface of a node's instance. The account's lock is held.
func (e *Environment) interfaceOf(nodeName string) (*vpc.Interface, error) {
	a := e.Simulator.Account
	for _, n := range e.Simulator.Seed().Cluster.Nodes {
		if n.Name != nodeName {
			continue
		}
		i, ok := a.Instance(n.Instance)
		if !ok || len(i.Interfaces) == 0 {
			return nil, fmt.Errorf("node %s: instance %s has no network interface (any more)", nodeName, n.Instance)
		}
		eni, ok := a.Interfaces[i.Interfaces[0]]
		if !ok || len(eni.Addresses) == 0 {
			return nil, fmt.Errorf("node %s: network interface %s has no address", nodeName, i.Interfaces[0])
		}
		return eni, nil
	}
	return nil, fmt.Errorf("no node %s in the account", nodeName)
}
