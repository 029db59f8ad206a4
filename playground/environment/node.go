package environment

import (
	"errors"
	"fmt"

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
		specs = append(specs, node.Spec{
			Name: n.Name, Instance: n.Instance, Region: s.Account.Region, Zone: n.Zone, Architecture: arch, Address: eni.Addresses[0].Addr,
		})
	}
	if len(specs) == 0 {
		return nil, errors.New("the account file has no cluster nodes: add some under cluster.nodes")
	}
	return specs, nil
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
