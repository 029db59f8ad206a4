// Package dataplane carries the traffic of simulated load balancers: ALB and NLB listeners on loopback and in the virtual
// network, rules, forwarding. It knows no account, no AWS API and no DNS protocol: it serves a topology.Topology and reports
// health. It may import the packages below it, awssim/accesslog, awssim/authn, awssim/clock, awssim/vnet, awssim/webacl,
// internal/stack and internal/traffic.
package dataplane
