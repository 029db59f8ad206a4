// Package service is the front end of Services of type LoadBalancer: which are ours, and what a Service wishes of its network
// load balancer, as an intent with diagnostics. What AWS holds, names and security groups are compile's.
// It imports Kubernetes API types, world, annotation, naming, intent, stack and diag.
package service

// Config is what flags and feature gates say to this front end.
type Config struct {
	// LoadBalancerClass is --load-balancer-class; empty means "service.k8s.aws/nlb".
	LoadBalancerClass string
	// DefaultTargetType is --default-target-type: "instance" or "ip"; empty means "instance".
	DefaultTargetType string
	// IPTargetTypeDisabled is the negation of gate EnableIPTargetType.
	IPTargetTypeDisabled bool
	// LoadBalancerTypeOnly is gate ServiceTypeLoadBalancerOnly.
	LoadBalancerTypeOnly bool
	// TCPUDPListener is gate EnableTCPUDPListener: the default of merging a TCP and a UDP port of one number.
	TCPUDPListener bool
	// BasicHealthCheck is the negation of gate NLBHealthCheckAdvancedConfig: no matcher, default timeouts.
	BasicHealthCheck bool
}
