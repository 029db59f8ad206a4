package naming

import "github.com/k8s-lbc/lbc/internal/stack"

// FrontendLoadBalancer is the name of the network load balancer in front of an ALB: the first 28 characters of the ALB's name
// and -nlb.
func FrontendLoadBalancer(alb string) string { return alb[:min(len(alb), 28)] + "-nlb" }

// FrontendListenerID is the identity of the listener of a frontend on a port.
func FrontendListenerID(port int32) string {
	return stack.FrontendIdentity + "-ls-TCP-" + decimal(port)
}

// FrontendTargetGroupID is the identity of the target group behind a port of a frontend.
func FrontendTargetGroupID(port int32) string {
	return stack.FrontendIdentity + "-tg-TCP-" + decimal(port)
}

// FrontendTargetGroup is the name of the target group behind a port of a frontend. The hash covers cluster, group ID, port,
// target type, protocol, and port and protocol of the health check.
func FrontendTargetGroup(cluster string, id stack.ID, port int32, healthCheckPort, healthCheckProtocol string) string {
	return groupName(id, hash10(cluster, id.String(), decimal(port), stack.TargetALB, "TCP", healthCheckPort, healthCheckProtocol))
}

// Successor is the name of a target group that takes the place of one of the same name, which AWS admits once only: the last
// ten characters, the hash, are those of the name and the successor's port.
func Successor(name string, port int32) string {
	return name[:max(0, len(name)-10)] + hash10(name, decimal(port))
}
