// Package vnet is a virtual network inside one process: addresses, TCP and UDP ports, connections between them. Pods, nodes
// and load balancers of a simulated VPC live on it, so that nothing is ever sent to a private address of the machine's own
// network; an address may be backed by a loopback socket. No routing tables, no packets. It imports only the standard library.
package vnet
