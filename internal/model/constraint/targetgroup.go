package constraint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Protocols.
const (
	http  = "HTTP"
	https = "HTTPS"
	tcp   = "TCP"
	tls   = "TLS"
	udp   = "UDP"
	quic  = "QUIC"
	grpc  = "GRPC"

	tcpUDP, tcpQUIC = "TCP_UDP", "TCP_QUIC"
)

var (
	webProtocols     = []string{http, https}
	networkProtocols = []string{tcp, tls, udp, tcpUDP, quic, tcpQUIC}
)

func web(tg stack.TargetGroup) bool { return slices.Contains(webProtocols, tg.Protocol) }

var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)

// resourceName is what is wrong with the name of a load balancer or target group.
func resourceName(what, name string) string {
	if len(name) > 32 || !nameCharacters.MatchString(name) {
		return fmt.Sprintf("%s name %q is not 1 to 32 letters, digits and hyphens, without a hyphen at either end", what,
			name)
	}
	return ""
}

// outside reports a number that is set and not within a range.
func outside(what string, n, low, high int32) string {
	if n != 0 && (n < low || n > high) {
		return fmt.Sprintf("%s %d is not within %d and %d", what, n, low, high)
	}
	return ""
}

// checkedBy is the protocol of health checks that AWS takes where none is set.
func checkedBy(tg stack.TargetGroup) string {
	if tg.HealthCheck.Protocol != "" {
		return tg.HealthCheck.Protocol
	}
	if web(tg) || tg.TargetType == stack.TargetALB {
		return http
	}
	return tcp
}

// timeoutOf is the timeout of health checks in seconds, AWS's where none is set.
func timeoutOf(tg stack.TargetGroup) int32 {
	byDefault := int32(10)
	switch {
	case web(tg):
		byDefault = 5
	case checkedBy(tg) == http:
		byDefault = 6
	}
	return cmp.Or(tg.HealthCheck.TimeoutSeconds, byDefault)
}

// codes are the codes that a matcher may have, low and high, and what they are called.
func codes(tg stack.TargetGroup) (low, high int, what string) {
	switch {
	case tg.ProtocolVersion == grpc:
		return 0, 99, "gRPC"
	case web(tg):
		return 200, 499, "HTTP"
	}
	return 200, 599, "HTTP"
}

// matches reports whether a matcher is codes or ranges of codes, separated by commas.
func matches(matcher string, low, high int) bool {
	for part := range strings.SplitSeq(matcher, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < low || b > high || a > b {
			return false
		}
	}
	return true
}

// TargetGroups are the constraints on a target group by itself. Attributes are among Attributes.
var TargetGroups = slices.Concat(targetGroupRows, healthCheckRows)

var targetGroupRows = []Row[stack.TargetGroup]{
	{"target group name", func(tg stack.TargetGroup) string {
		if strings.Contains(tg.Name, "--") {
			return fmt.Sprintf("target group name %q has two hyphens in a row", tg.Name)
		}
		return resourceName("target group", tg.Name)
	}},
	{"target group port", func(tg stack.TargetGroup) string {
		if tg.Port < 1 || tg.Port > 65535 {
			return fmt.Sprintf("port %d of targets is not within 1 and 65535", tg.Port)
		}
		return outside("target control port", tg.ControlPort, 1, 65535)
	}},
	{"target group protocol", func(tg stack.TargetGroup) string {
		if !web(tg) && !slices.Contains(networkProtocols, tg.Protocol) {
			return fmt.Sprintf("%q is not a protocol of targets", tg.Protocol)
		}
		if tg.TargetType == stack.TargetALB && tg.Protocol != tcp {
			return "targets that are application load balancers are reached by TCP, not by " + tg.Protocol
		}
		return ""
	}},
	{"protocol version", func(tg stack.TargetGroup) string {
		switch {
		case tg.ProtocolVersion == "":
		case !slices.Contains([]string{"HTTP1", "HTTP2", grpc}, tg.ProtocolVersion):
			return fmt.Sprintf("protocol version %q is not HTTP1, HTTP2 or GRPC", tg.ProtocolVersion)
		case !web(tg):
			return fmt.Sprintf("targets of protocol %s have no protocol version such as %s", tg.Protocol, tg.ProtocolVersion)
		}
		return ""
	}},
	{"target control port", func(tg stack.TargetGroup) string {
		if tg.ControlPort != 0 && !web(tg) {
			return fmt.Sprintf("targets of protocol %s have no target control port", tg.Protocol)
		}
		return ""
	}},
	{"address type", func(tg stack.TargetGroup) string {
		if tg.IPAddressType == stack.IPv6 && (tg.Protocol == quic || tg.Protocol == tcpQUIC ||
			tg.TargetType == stack.TargetALB) {
			return fmt.Sprintf("targets of type %s and protocol %s are reached by IPv4 only", tg.TargetType, tg.Protocol)
		}
		return ""
	}},
	{"tags", func(tg stack.TargetGroup) string { return OfTags(tg.Tags) }},
}

var healthCheckRows = []Row[stack.TargetGroup]{
	{"health check protocol", func(tg stack.TargetGroup) string {
		allowed := []string{http, https}
		if !web(tg) && tg.TargetType != stack.TargetALB {
			allowed = append(allowed, tcp)
		}
		if p := tg.HealthCheck.Protocol; p != "" && !slices.Contains(allowed, p) {
			return fmt.Sprintf("health checks of targets of protocol %s cannot be of protocol %s: AWS allows %s", tg.Protocol, p,
				strings.Join(allowed, ", "))
		}
		return ""
	}},
	{"health check port", func(tg stack.TargetGroup) string {
		n, err := strconv.Atoi(tg.HealthCheck.Port)
		if p := tg.HealthCheck.Port; p != "" && p != stack.TrafficPort && (err != nil || n < 1 || n > 65535 ||
			strconv.Itoa(n) != p) {
			return fmt.Sprintf("health check port %q is neither %s nor within 1 and 65535", p, stack.TrafficPort)
		}
		return ""
	}},
	{"health check path", func(tg stack.TargetGroup) string {
		p := tg.HealthCheck.Path
		if p == "" || checkedBy(tg) == tcp {
			return ""
		}
		if !strings.HasPrefix(p, "/") {
			return fmt.Sprintf("health check path %q does not begin with /", p)
		}
		return tooLong("the health check path", p, 1024)
	}},
	{"success codes", func(tg stack.TargetGroup) string {
		low, high, what := codes(tg)
		if m := tg.HealthCheck.Matcher; m != "" && checkedBy(tg) != tcp && !matches(m, low, high) {
			return fmt.Sprintf("success codes %q are not %s codes or ranges of them from %d to %d, separated by commas", m,
				what, low, high)
		}
		return ""
	}},
	{"health check interval", func(tg stack.TargetGroup) string {
		return outside("health check interval", tg.HealthCheck.IntervalSeconds, 5, 300)
	}},
	{"health check timeout", func(tg stack.TargetGroup) string {
		h := tg.HealthCheck
		if text := outside("health check timeout", h.TimeoutSeconds, 2, 120); text != "" {
			return text
		}
		timeout := timeoutOf(tg)
		if most := h.IntervalSeconds; most != 0 && (timeout > most || timeout == most && web(tg)) {
			return fmt.Sprintf("the health check timeout of %d seconds does not fit into the interval of %d", timeout, most)
		}
		return ""
	}},
	{"health check thresholds", func(tg stack.TargetGroup) string {
		return cmp.Or(outside("the threshold of healthy targets", tg.HealthCheck.HealthyThreshold, 2, 10),
			outside("the threshold of unhealthy targets", tg.HealthCheck.UnhealthyThreshold, 2, 10))
	}},
}

// OfTargetGroup returns why AWS refuses a target group for sure; empty if it may admit it.
func OfTargetGroup(tg stack.TargetGroup) string { return first(TargetGroups, tg) }
