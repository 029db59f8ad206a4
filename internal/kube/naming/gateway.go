package naming

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// GatewayLoadBalancer returns the name of the load balancer of a Gateway that sets none. The hash covers cluster, UID
// of the Gateway and scheme ("internal" or "internet-facing"), so that a recreated Gateway gets another name.
func GatewayLoadBalancer(cluster string, gateway stack.ID, uid, scheme string) string {
	return readable(gateway.Namespace, gateway.Name, hash10(cluster, uid, scheme))
}

// GatewaySecurityGroup returns the GroupName of the managed security group of a Gateway. The hash covers cluster, name,
// namespace and UID of the Gateway.
func GatewaySecurityGroup(cluster string, gateway stack.ID, uid string) string {
	return readable(gateway.Namespace, gateway.Name, hash10(cluster, gateway.Name, gateway.Namespace, uid))
}

// GatewayTargetGroup holds what name and identity of a target group of a Gateway depend on: one for each route, backend
// and target port, whatever listeners and rules refer to it.
type GatewayTargetGroup struct {
	Cluster          string
	Gateway          stack.ID
	RouteKind        string // such as HTTPRoute
	RouteNamespace   string
	RouteName        string
	BackendNamespace string
	BackendName      string // of a Service, or of a Gateway whose ALB is the target
	TargetPort       string // targetPort of the Service as written; of a Gateway the port of the backendRef
	// node port for target type instance, numeric target port or 1 for ip, port of the backendRef for alb
	Port            int32
	TargetType      string
	Protocol        string
	ProtocolVersion string // empty for NLBs
	ControlPort     int32  // target control port; 0 = none, then it is not part of the hash
}

// ID returns the identity of the target group. In one that is too long for a tag, each part that has more than maxPart
// characters is shortened.
func (t GatewayTargetGroup) ID() string {
	route := t.RouteNamespace + "-" + t.RouteName
	id := gatewayTargetGroups(t.Gateway, t.RouteKind, route) + t.BackendNamespace + "-" + t.BackendName + ":" +
		t.TargetPort
	if len(id) <= maxTagValue {
		return id
	}
	return gatewayTargetGroups(shortGateway(t.Gateway), t.RouteKind, shorten(route, maxPart)) + t.BackendNamespace + "-" +
		shorten(t.BackendName, maxPart) + ":" + t.TargetPort
}

// maxPart is the length of the names of Gateway, route and backend in an identity that is shortened: besides them it
// has two namespaces of 63 characters, the kind of the route and the name of a port.
const maxPart = 33

func shortGateway(id stack.ID) stack.ID {
	return stack.ID{Namespace: id.Namespace, Name: shorten(id.Name, maxPart)}
}

// GatewayTargetGroups returns the possible beginnings of the identities of a route's target groups. The identity of
// another route's target group may begin in the same way, because no separator is reliable.
func GatewayTargetGroups(gateway stack.ID, kind, namespace, name string) []string {
	route := namespace + "-" + name
	return slices.Compact([]string{
		gatewayTargetGroups(gateway, kind, route), gatewayTargetGroups(shortGateway(gateway), kind, shorten(route, maxPart)),
	})
}

// IsTargetGroupOf reports whether an identity can be that of a target group of a route.
func IsTargetGroupOf(id string, gateway stack.ID, kind, namespace, name string) bool {
	return slices.ContainsFunc(GatewayTargetGroups(gateway, kind, namespace, name), func(beginning string) bool {
		return strings.HasPrefix(id, beginning)
	})
}

func gatewayTargetGroups(gateway stack.ID, kind, route string) string {
	return gateway.String() + ":" + route + ":" + kind + "-"
}

// Name is k8s-<8 of route namespace>-<8 of route name>-<hash>. The hash covers cluster, namespace and name of the
// Gateway, namespace, name and kind of the route, namespace and name of the backend, the port, target type, protocol,
// protocol version if any, and the control port if any. The port is the node port, the numeric target port, or the name
// of the target port as versions after v3.5.0 of the existing controller have it.
func (t GatewayTargetGroup) Name() string {
	if t.TargetType == stack.TargetIP {
		return t.name(t.TargetPort)
	}
	return t.name(decimal(t.Port))
}

// FormerName returns the name that v3.5.0 of the existing controller gives: it has 1 in the place of a named target
// port, so that two named ports of a Service have one name.
func (t GatewayTargetGroup) FormerName() string { return t.name(decimal(t.Port)) }

func (t GatewayTargetGroup) name(port string) string {
	parts := []string{
		t.Cluster, t.Gateway.Namespace, t.Gateway.Name, t.RouteNamespace, t.RouteName, t.RouteKind, t.BackendNamespace,
		t.BackendName,
		port, t.TargetType, t.Protocol, t.ProtocolVersion,
	}
	if t.ControlPort != 0 {
		parts = append(parts, decimal(t.ControlPort))
	}
	return readable(t.RouteNamespace, t.RouteName, hash10(parts...))
}
