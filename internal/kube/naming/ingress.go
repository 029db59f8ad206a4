package naming

import (
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// maxReadable is the length of the readable part of the names of an explicit group.
const maxReadable = 17

// groupName is the readable part of names of an Ingress group with the given hash: k8s-<17 of the group name>-<hash>
// for an explicit group, k8s-<8 of namespace>-<8 of name>-<hash> for an implicit one.
func groupName(id stack.ID, hash string) string {
	if id.Namespace == "" {
		return "k8s-" + short(id.Name, maxReadable) + "-" + hash
	}
	return readable(id.Namespace, id.Name, hash)
}

// IngressLoadBalancer returns the name of the ALB of an Ingress group that sets none. The hash covers cluster, group ID
// string and scheme ("internal" or "internet-facing").
func IngressLoadBalancer(cluster string, id stack.ID, scheme string) string {
	return groupName(id, hash10(cluster, id.String(), scheme))
}

// IngressSecurityGroup returns the GroupName of the managed security group of an Ingress group. The hash covers cluster
// and group ID.
func IngressSecurityGroup(cluster string, id stack.ID) string {
	return groupName(id, hash10(cluster, id.String()))
}

// IngressTargetGroup are the inputs of the name of an Ingress's target group.
type IngressTargetGroup struct {
	Cluster          string
	Group            stack.ID
	IngressNamespace string
	IngressName      string
	ServiceNamespace string
	ServiceName      string
	ServiceUID       string
	ServicePort      string // as written in the Ingress
	Port             int32  // of the target group
	TargetType       string
	Protocol         string
	ProtocolVersion  string
	ControlPort      int32 // target control port; 0 = none, then it is not part of the hash
}

// Name is k8s-<8 of Service namespace>-<8 of Service name>-<hash>; the hash covers cluster, group ID, Ingress namespace
// and name, Service UID, port as written, target group port, target type, protocol, protocol version and the control
// port if any.
func (t IngressTargetGroup) Name() string {
	parts := []string{
		t.Cluster, t.Group.String(), t.IngressNamespace, t.IngressName, t.ServiceUID, t.ServicePort, decimal(t.Port),
		t.TargetType, t.Protocol, t.ProtocolVersion,
	}
	if t.ControlPort != 0 {
		parts = append(parts, decimal(t.ControlPort))
	}
	return readable(t.ServiceNamespace, t.ServiceName, hash10(parts...))
}

// IngressTargetGroupID returns the identity of a target group: one per Ingress, Service and spelling of the port. In
// one that is too long for a tag, the name of the Ingress is shortened.
func IngressTargetGroupID(ingressNamespace, ingressName, serviceName, servicePort string) string {
	id := ingressTargetGroups(ingressNamespace, ingressName) + serviceName + ":" + servicePort
	if len(id) <= maxTagValue {
		return id
	}
	return ingressTargetGroups(ingressNamespace, shorten(ingressName, maxIngress)) + serviceName + ":" + servicePort
}

// maxIngress is the length of the name of an Ingress in an identity that is shortened: besides it has the names of
// namespace, Service and port.
const maxIngress = 112

// IngressTargetGroups returns the possible beginnings of the identities of an Ingress's target groups. The
// identities of another Ingress begin in the same way if its name begins with this one's and a hyphen.
func IngressTargetGroups(namespace, name string) []string {
	return slices.Compact([]string{ingressTargetGroups(namespace, name), ingressTargetGroups(namespace,
		shorten(name, maxIngress))})
}

func ingressTargetGroups(namespace, name string) string { return namespace + "/" + name + "-" }

// ListenerID returns the identity of a listener: its decimal port.
func ListenerID(port int32) string { return decimal(port) }

// RuleID returns the identity of a rule: <port>:<order>.
func RuleID(port, order int32) string { return decimal(port) + ":" + decimal(order) }

func decimal(n int32) string { return strconv.FormatInt(int64(n), 10) }

// FrontendLoadBalancer returns the name of the network load balancer in front of an ALB: the first 28 characters of the
// ALB's name and -nlb.
func FrontendLoadBalancer(alb string) string { return alb[:min(len(alb), 28)] + "-nlb" }

// FrontendListenerID returns the identity of the listener of a frontend on a port.
func FrontendListenerID(port int32) string {
	return stack.FrontendIdentity + "-ls-TCP-" + decimal(port)
}

// FrontendTargetGroupID returns the identity of the target group behind a port of a frontend.
func FrontendTargetGroupID(port int32) string {
	return stack.FrontendIdentity + "-tg-TCP-" + decimal(port)
}

// FrontendTargetGroup returns the name of the target group behind a port of a frontend. The hash covers cluster, group
// ID, port, target type, protocol, and port and protocol of the health check.
func FrontendTargetGroup(cluster string, id stack.ID, port int32, healthCheckPort, healthCheckProtocol string) string {
	return groupName(id, hash10(cluster, id.String(), decimal(port), stack.TargetALB, "TCP", healthCheckPort,
		healthCheckProtocol))
}

// Apart returns a name for a stack's resource instead of a generated one that another stack has. Its last ten
// characters are a hash of that name and the stack; the number of a further security group follows them.
func Apart(name string, of stack.Key) string {
	base, number := name, ""
	if at := strings.LastIndexByte(name, '-'); at > 0 && !Generated(name) && Generated(name[:at]) {
		base, number = name[:at], name[at:]
	}
	return base[:max(0, len(base)-10)] + hash10(base, of.String()) + number
}

// Successor returns the name of a target group that replaces one of the same name, since names are unique in AWS: its
// last ten characters are a hash of the former name and the new port.
func Successor(name string, port int32) string {
	return name[:max(0, len(name)-10)] + hash10(name, decimal(port))
}
