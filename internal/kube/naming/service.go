package naming

import (
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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

// groupPattern is the pattern of the name part of a finalizer and of a label value.
var groupPattern = regexp.MustCompile(`^([a-z0-9][-a-z0-9.]*)?[a-z0-9]$`)

// GroupNameProblem returns what is wrong with the name of a group of Ingresses or Services; empty if nothing is.
func GroupNameProblem(name string) string {
	switch {
	case !groupPattern.MatchString(name):
		return "use lower-case letters, digits, \"-\" and \".\", with a letter or digit at both ends"
	case len(name) > 63:
		return "use at most 63 characters"
	}
	return ""
}

// ServiceGroupLoadBalancer returns the name of the NLB of a group of Services that sets none. The hash covers cluster,
// key of the stack and scheme. The key has the prefix of the tags of Services and a colon, which is in no name of a
// group: no Ingress group has the same text in its hash.
func ServiceGroupLoadBalancer(cluster string, group stack.ID, scheme string) string {
	return groupName(group, hash10(cluster, serviceGroup(group), scheme))
}

// ServiceGroupSecurityGroup returns the GroupName of the managed security group of a group of Services. The hash covers
// cluster and key of the stack.
func ServiceGroupSecurityGroup(cluster string, group stack.ID) string {
	return groupName(group, hash10(cluster, serviceGroup(group)))
}

func serviceGroup(id stack.ID) string { return stack.Key{Owner: stack.Service, ID: id}.String() }

// ServiceForwardTargetGroupID returns the identity of a target group by which a member of a group forwards to another
// Service, which may be a member with a target group of its own, or one to which several members forward.
func ServiceForwardTargetGroupID(namespace, member, name string, port int32) string {
	return ServiceTargetGroupID(namespace, member+":"+name, port)
}

// TargetGroupBackend is the object behind a target group: in the namespace, with one of the names.
type TargetGroupBackend struct {
	Namespace string
	Names     []string
}

// TargetGroupBackends returns the backends that the identity of a target group may stand for, one for each
// namespace. The identity joins names by dashes, and names may contain dashes: if several backends fit, all of them
// are returned. A shortened name is not restored.
func TargetGroupBackends(o stack.Owner, id string) (out []TargetGroupBackend) {
	if backend, ok := backendOfRoute(id); ok {
		for i := range len(backend) {
			if backend[i] == '-' && i > 0 {
				out = append(out, TargetGroupBackend{backend[:i], []string{backend[i+1:]}})
			}
		}
		return out
	}
	namespace, rest, ok := strings.Cut(id, "/")
	if !ok || namespace == "" {
		return nil
	}
	name, _, _ := strings.Cut(rest, ":")
	b := TargetGroupBackend{Namespace: namespace, Names: []string{name}}
	if o == stack.Ingress { // after the name of the Ingress
		b.Names = nil
		for i := range len(name) {
			if name[i] == '-' {
				b.Names = append(b.Names, name[i+1:])
			}
		}
	}
	return append(out, b)
}
