package naming

import "github.com/k8s-lbc/lbc/internal/model/stack"

// ServiceLoadBalancer returns the name of the NLB of a Service that sets none. The hash covers cluster, Service UID and
// scheme.
func ServiceLoadBalancer(cluster string, service stack.ID, uid, scheme string) string {
	return readable(service.Namespace, service.Name, hash10(cluster, uid, scheme))
}

// ServiceSecurityGroup returns the GroupName of the managed security group of a Service. The hash covers cluster, name,
// namespace (in this order) and UID.
func ServiceSecurityGroup(cluster string, service stack.ID, uid string) string {
	return readable(service.Namespace, service.Name, hash10(cluster, service.Name, service.Namespace, uid))
}

// ServiceTargetGroup are the inputs of the name of an NLB's target group.
type ServiceTargetGroup struct {
	Cluster string
	// Group is the group of the owning Service; the zero ID = none, then it is not part of the hash.
	Group stack.ID
	// BaseUID is the UID of the owning Service when the target group serves another Service of a weighted forward; else
	// empty.
	BaseUID             string
	ServiceNamespace    string // of the Service that the target group points at
	ServiceName         string
	ServiceUID          string
	Port                int32 // of the target group
	ServicePort         int32
	TargetType          string
	Protocol            string
	HealthCheckProtocol string
	HealthCheckInterval int32 // seconds
}

// Name is k8s-<8 of namespace>-<8 of name>-<hash>; the hash covers the fields in their order, without the namespace and
// name.
func (t ServiceTargetGroup) Name() string {
	group := ""
	if t.Group != (stack.ID{}) {
		group = serviceGroup(t.Group)
	}
	return readable(t.ServiceNamespace, t.ServiceName, hash10(
		t.Cluster, group, t.BaseUID, t.ServiceUID, decimal(t.Port), decimal(t.ServicePort), t.TargetType, t.Protocol,
		t.HealthCheckProtocol, decimal(t.HealthCheckInterval),
	))
}

// ServiceTargetGroupID returns the identity of a target group: one per Service and Service port number.
func ServiceTargetGroupID(namespace, name string, port int32) string {
	return namespace + "/" + name + ":" + decimal(port)
}
