package route

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/probe"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// noteUDPCheck notes that health checks of a UDP port are answered by chance only.
func (g *group) noteUDPCheck(port corev1.ServicePort) {
	text := serviceport.UnansweredCheck(g.svc, port, g.TargetType, g.Protocol, g.HealthCheck)
	if text == "" {
		return
	}
	d := diag.New(g.t.object, g.at, diag.UnansweredHealthCheck, text,
		"name a port with a TCP listener as healthCheckConfig.healthCheckPort in a TargetGroupConfiguration, or add a TCP "+
			"port with the same targetPort to the Service")
	if !slices.Contains(g.t.found, d) {
		g.t.found = append(g.t.found, d)
	}
}

// healthCheck sets the health check; ok is false if it is invalid, which is recorded.
func (g *group) healthCheck(port corev1.ServicePort) (ok bool) {
	f := value(g.layers, "healthCheckConfig", func(p *props) *lbcgatewayv1.HealthCheckConfiguration {
		return p.HealthCheckConfig
	})
	c := &f.Value
	h := g.defaultCheck(port)
	if c.HealthCheckFrom != nil && g.svc != nil {
		h = g.probed(port, f.Source, h)
	}
	if c.HealthCheckProtocol != nil {
		h.Protocol = string(*c.HealthCheckProtocol)
		if h.Matcher == "" {
			h.Path, h.Matcher = "/", "200-399"
		}
	}
	override(&h.Path, c.HealthCheckPath)
	override(&h.IntervalSeconds, c.HealthCheckInterval)
	override(&h.TimeoutSeconds, c.HealthCheckTimeout)
	override(&h.HealthyThreshold, c.HealthyThresholdCount)
	override(&h.UnhealthyThreshold, c.UnhealthyThresholdCount)
	if !g.keepsMatcher(f.Source, c, h) {
		return false
	}
	if c.Matcher != nil {
		if g.ProtocolVersion == "GRPC" {
			override(&h.Matcher, c.Matcher.GRPCCode)
		} else {
			override(&h.Matcher, c.Matcher.HTTPCode)
		}
	}
	g.noteCheck(f.Source, c, h.Protocol)
	if c.HealthCheckPort != nil {
		port, problem, remedy := *c.HealthCheckPort, "", ""
		if g.svc != nil {
			port, problem, remedy = serviceport.HealthCheck(g.svc, port, g.TargetType)
		} else if n, err := strconv.ParseUint(port, 10, 16); port != stack.TrafficPort && (err != nil || n == 0) {
			problem, remedy = fmt.Sprintf("health check port %q is neither traffic-port nor a number from 1 to 65535", port),
				"write one of these"
		}
		if problem != "" {
			g.fail(f.Source, diag.InvalidRule, problem, remedy)
			return false
		}
		h.Port = port
	}
	if !slices.Contains([]string{"", protocolHTTP, protocolHTTPS, protocolTCP}, h.Protocol) ||
		g.t.in.Family != attachment.Network && h.Protocol == protocolTCP {
		g.fail(f.Source, diag.InvalidRule, fmt.Sprintf("health check protocol %s: the load balancer has %s", h.Protocol,
			strings.Join(g.checks(), ", ")), "write one of these")
		return false
	}
	if h.Protocol == protocolTCP {
		h.Path, h.Matcher = "", ""
	}
	g.HealthCheck = h
	return true
}

// noteCheck notes fields of a health check that its protocol has nothing for.
func (g *group) noteCheck(at intent.Source, c *lbcgatewayv1.HealthCheckConfiguration, protocol string) {
	note := func(field, why, remedy string) {
		g.t.ignoredOf(at.Object(), at.Path()+"."+field, field+" has no effect: "+why, remedy)
	}
	unfit, why, remedy := g.unfitMatcher(c)
	switch {
	case protocol == protocolTCP && (c.HealthCheckPath != nil || c.Matcher != nil):
		field := "healthCheckPath"
		if c.HealthCheckPath == nil {
			field = "matcher"
		}
		note(field, "the health check has protocol TCP", "set healthCheckProtocol: HTTP, or remove "+field)
	case unfit != "":
		note(unfit, why, remedy)
	}
}

// unfitMatcher is the field of a matcher whose codes are those of another protocol than the target group's, if it has
// no others; empty = there is none.
func (g *group) unfitMatcher(c *lbcgatewayv1.HealthCheckConfiguration) (field, why, remedy string) {
	m := ptr.Deref(c.Matcher, lbcgatewayv1.HealthCheckMatcher{})
	switch {
	case g.ProtocolVersion == "GRPC" && m.HTTPCode != nil && m.GRPCCode == nil:
		return "matcher.httpCode", "the target group speaks gRPC", "write grpcCode"
	case g.ProtocolVersion != "GRPC" && m.GRPCCode != nil && m.HTTPCode == nil:
		return "matcher.grpcCode", "the target group does not speak gRPC", "write httpCode"
	}
	return "", "", ""
}

// keepsMatcher reports whether a matcher with the codes of another protocol leaves the codes as they are. An edit that
// replaces the codes by those of another protocol is a mistake, which is recorded.
func (g *group) keepsMatcher(at intent.Source, c *lbcgatewayv1.HealthCheckConfiguration,
	byDefault stack.HealthCheck) bool {
	field, why, remedy := g.unfitMatcher(c)
	if field == "" || g.last == nil || g.last.ProtocolVersion != g.ProtocolVersion || g.last.HealthCheck.Matcher == "" ||
		g.last.HealthCheck.Matcher == byDefault.Matcher {
		return true
	}
	g.fail(at, diag.InvalidRule, field+" has no effect: "+why+", and it had codes "+g.last.HealthCheck.Matcher, remedy)
	return false
}

// probed is the health check from the readiness probe of the pods.
func (g *group) probed(port corev1.ServicePort, at intent.Source, otherwise stack.HealthCheck) stack.HealthCheck {
	of := probe.Group{Service: g.svc, Port: port, TargetType: g.TargetType, ProtocolVersion: g.ProtocolVersion,
		Network: g.t.in.Family == attachment.Network}
	h, problem := of.HealthCheck(g.t.in.View, otherwise)
	if problem != "" {
		g.t.found = append(g.t.found, diag.New(at.Object(), at.Path()+".healthCheckFrom", diag.UnusableReadinessProbe,
			problem, probe.Remedy))
	}
	return h
}

// checks are the protocols of health checks.
func (g *group) checks() []string {
	if g.t.in.Family == attachment.Network {
		return []string{protocolTCP, protocolHTTP, protocolHTTPS}
	}
	return []string{protocolHTTP, protocolHTTPS}
}

func override[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// defaultCheck is the health check without a configuration. Of Services that keep traffic on the node that gets it,
// only the nodes with a ready pod may get traffic; they say so on a port of the Service's. In the standard
// construction, the targets of a UDP port are checked on the only TCP port of the Service.
func (g *group) defaultCheck(port corev1.ServicePort) stack.HealthCheck {
	h := stack.HealthCheck{
		Protocol: g.Protocol, Port: stack.TrafficPort, Path: "/", Matcher: "200-399",
		IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3,
	}
	switch {
	case g.ProtocolVersion == "GRPC":
		h.Path, h.Matcher = "/AWS.ALB/healthcheck", "12"
	case g.t.in.Family != attachment.Network:
	case g.TargetType == stack.TargetALB:
		h.Protocol = protocolHTTP
	case g.TargetType == stack.TargetInstance && g.svc.Spec.ExternalTrafficPolicy ==
		corev1.ServiceExternalTrafficPolicyLocal:
		h = stack.HealthCheck{
			Protocol: protocolHTTP, Port: stack.TrafficPort, Path: "/healthz", Matcher: "200-399",
			IntervalSeconds: 10, TimeoutSeconds: 6, HealthyThreshold: 2, UnhealthyThreshold: 2,
		}
		if n := g.svc.Spec.HealthCheckNodePort; n != 0 {
			h.Port = strconv.Itoa(int(n))
		}
	default:
		h.Protocol, h.Path, h.Matcher = protocolTCP, "", ""
		if number, ok := serviceport.OnlyTCP(g.svc, g.TargetType); ok && g.t.in.Construction == rule.Standard &&
			serviceport.OverUDP(port, g.Protocol) &&
			!serviceport.AnswersTCP(g.svc, port, g.TargetType) {
			h.Port = number
		}
	}
	return h
}
