// Package node simulates kubelets: Node objects with leases, and for each scheduled pod an address of the node's subnet,
// stand-in servers, probes, status, readiness gates and an orderly end. It does not know AWS: addresses come from functions.
// It imports client-go, the virtual network and the stand-ins.
package node
