// Package service is the front end of Services of type LoadBalancer: it selects the managed ones and translates a
// Service to an intent for a network load balancer, with diagnostics. Package compile makes security groups and
// consults AWS.
package service

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config is the configuration of this front end.
type Config struct {
	// LoadBalancerClass is --load-balancer-class; empty means "service.k8s.aws/nlb".
	LoadBalancerClass string
	// Off: no Service is served, except that the load balancers of those that are being deleted go with them.
	Off bool
	// DefaultTargetType is --default-target-type: "instance" or "ip"; empty means "instance".
	DefaultTargetType string
	// IPTargetTypeDisabled is the negation of gate EnableIPTargetType.
	IPTargetTypeDisabled bool
	// LoadBalancerTypeOnly is gate ServiceTypeLoadBalancerOnly.
	LoadBalancerTypeOnly bool
	// TCPUDPListener is gate EnableTCPUDPListener: whether a TCP and a UDP port of one number are merged by default.
	TCPUDPListener bool
	// BasicHealthCheck is the negation of gate NLBHealthCheckAdvancedConfig: no matcher, default timeouts.
	BasicHealthCheck bool
	// CapacityOff is the negation of gate LBCapacityReservation.
	CapacityOff bool
}

// Names are the names of the AWS resources of a Service.
type Names struct{ ServiceUID string }

// LoadBalancer returns the name of the load balancer.
func (n Names) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return naming.ServiceLoadBalancer(cluster, id, n.ServiceUID, scheme)
}

// SecurityGroup returns the name of the managed security group.
func (n Names) SecurityGroup(cluster string, id stack.ID) string {
	return naming.ServiceSecurityGroup(cluster, id, n.ServiceUID)
}

// TargetGroup returns the name of the target group of a port, of this Service or of another one in a weighted forward.
func (n Names) TargetGroup(cluster string, _ stack.ID, g *intent.TargetGroup) string {
	return targetGroupName(cluster, stack.ID{}, n.ServiceUID, g)
}

// targetGroupName is the name of a target group of a member of a group, or of a Service alone, by the UID of the
// Service that declares it.
func targetGroupName(cluster string, group stack.ID, uid string, g *intent.TargetGroup) string {
	base := ""
	if g.ServiceUID != uid {
		base = uid
	}
	port, err := strconv.ParseInt(g.ServicePort, 10, 32)
	if err != nil { // a name
		port = 0
	}
	return naming.ServiceTargetGroup{
		Cluster: cluster, Group: group, BaseUID: base, ServiceNamespace: g.ServiceNamespace, ServiceName: g.ServiceName,
		ServiceUID: g.ServiceUID, Port: g.Port, ServicePort: int32(port), TargetType: g.TargetType,
		Protocol: g.Protocol, HealthCheckProtocol: g.HealthCheck.Protocol, HealthCheckInterval: g.HealthCheck.IntervalSeconds,
	}.Name()
}

// TargetGroups returns the prefix of the identities of the target groups of a Service.
func (Names) TargetGroups(o diag.Object) []string { return []string{o.Namespace + "/" + o.Name + ":"} }

// GroupNames are the names of the AWS resources of a group of Services.
type GroupNames struct{}

// LoadBalancer returns the name of the load balancer.
func (GroupNames) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return naming.ServiceGroupLoadBalancer(cluster, id, scheme)
}

// SecurityGroup returns the name of the managed security group.
func (GroupNames) SecurityGroup(cluster string, id stack.ID) string {
	return naming.ServiceGroupSecurityGroup(cluster, id)
}

// TargetGroup returns the name of the target group of a port of a member, or of one to which a member forwards by
// weight.
func (GroupNames) TargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string {
	return targetGroupName(cluster, id, g.Object.UID, g)
}

// TargetGroups returns the prefix of the identities of the target groups of a member.
func (GroupNames) TargetGroups(o diag.Object) []string { return Names{}.TargetGroups(o) }

// DeletionProtection returns the deletion protection that the Services which leave a stack declare for its load
// balancer, true over false; not set if none declares it. Those that moved to another stack do not count.
func DeletionProtection(cfg Config, g Group) (out intent.Field[bool]) {
	for _, svc := range g.Leaving {
		if Supported(cfg, svc) {
			continue
		}
		if f := deletionProtection(svc); f.Set && (!out.Set || f.Value) {
			out = f
		}
	}
	return out
}

func deletionProtection(svc *corev1.Service) intent.Field[bool] {
	read := annotation.NewReader(&annotation.Findings{}, owner.Object(svc), svc.Annotations)
	attributes := read.Map(annotation.ServiceAttributes)
	on, err := strconv.ParseBool(attributes.Value["deletion_protection.enabled"])
	if err != nil {
		return intent.Field[bool]{}
	}
	return intent.Of(on, attributes.Source)
}
