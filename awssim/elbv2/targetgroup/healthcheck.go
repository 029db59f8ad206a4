package targetgroup

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

// healthCheckRequest is what creating and modifying a target group have in common.
type healthCheckRequest struct {
	enabled                               *bool
	protocol                              types.ProtocolEnum
	port, path                            *string
	interval, timeout, healthy, unhealthy *int32
	matcher                               *types.Matcher
}

func createdHealthCheck(in *elb.CreateTargetGroupInput) healthCheckRequest {
	return healthCheckRequest{in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath,
		in.HealthCheckIntervalSeconds,
		in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher}
}

func modifiedHealthCheck(in *elb.ModifyTargetGroupInput) healthCheckRequest {
	return healthCheckRequest{in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath,
		in.HealthCheckIntervalSeconds,
		in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher}
}

func (r healthCheckRequest) empty() bool { return r == healthCheckRequest{} }

// shape checks what does not depend on the target group.
func (r healthCheckRequest) shape() error {
	errs := []error{
		check.OneOf("healthCheckProtocol", r.protocol, r.protocol.Values()),
		check.Between("healthCheckIntervalSeconds", r.interval, 5, 300),
		check.Between("healthCheckTimeoutSeconds", r.timeout, 2, 120),
		check.Between("healthyThresholdCount", r.healthy, 2, 10),
		check.Between("unhealthyThresholdCount", r.unhealthy, 2, 10),
	}
	if r.path != nil {
		errs = append(errs, check.When(*r.path == "", check.Constraint("healthCheckPath", "", "have length greater than "+
			"or equal to 1")), check.AtMost("healthCheckPath", *r.path, 1024))
	}
	return check.First(errs...)
}

// healthCheckRules is how the targets of a kind of target group may be checked.
type healthCheckRules struct {
	protocols []string         // the first is the default; none for lambda
	timeouts  map[string]int32 // default by protocol
	interval  int32
	port      string
	path      string
	codes     string // default matcher
	low, high int    // what codes may be
	grpc      bool   // codes are those of gRPC
	equal     bool   // the timeout may be as long as the interval
	fixed     bool   // the codes cannot be changed
}

func healthCheckRulesOf(tg *account.TargetGroup) healthCheckRules {
	web := map[string]int32{"HTTP": 5, "HTTPS": 5}
	net := map[string]int32{"TCP": 10, "HTTP": 6, "HTTPS": 10}
	switch {
	case tg.TargetType == "lambda":
		return healthCheckRules{timeouts: map[string]int32{"": 30}, interval: 35, path: "/", codes: "200",
			low: 200, high: 499}
	case tg.TargetType == "alb":
		return healthCheckRules{[]string{"HTTP", "HTTPS"}, net, 30, "traffic-port", "/", "200-399", 200, 599, false,
			true, false}
	case tg.ProtocolVersion == "GRPC":
		return healthCheckRules{[]string{"HTTP", "HTTPS"}, web, 30, "traffic-port", "/AWS.ALB/healthcheck", "12", 0, 99, true,
			false, false}
	case family(tg) == httpFamily:
		return healthCheckRules{[]string{"HTTP", "HTTPS"}, web, 30, "traffic-port", "/", "200", 200, 499, false, false, false}
	case family(tg) == geneveFamily:
		five := map[string]int32{"TCP": 5, "HTTP": 5, "HTTPS": 5}
		return healthCheckRules{[]string{"TCP", "HTTP", "HTTPS"}, five, 10, "80", "/", "200-399", 200, 599, false, true, true}
	}
	return healthCheckRules{[]string{"TCP", "HTTP", "HTTPS"}, net, 30, "traffic-port", "/", "200-399", 200, 599, false,
		true, false}
}

// initial is AWS's defaults for that protocol.
func (k healthCheckRules) initial(protocol string) account.HealthCheck {
	h := account.HealthCheck{
		Enabled: len(k.protocols) > 0, Protocol: protocol, Port: k.port, Interval: k.interval, Timeout: k.timeouts[protocol],
		HealthyThreshold: 5, UnhealthyThreshold: 2,
	}
	return k.withPath(h)
}

// withPath fills path and matcher where the protocol has them, and clears them where it has not.
func (k healthCheckRules) withPath(h account.HealthCheck) account.HealthCheck {
	if h.Protocol == "TCP" {
		h.Path, h.HTTPCodes, h.GRPCCodes = "", "", ""
		return h
	}
	if h.Path == "" {
		h.Path = k.path
	}
	if k.grpc && h.GRPCCodes == "" {
		h.GRPCCodes = k.codes
	}
	if !k.grpc && h.HTTPCodes == "" {
		h.HTTPCodes = k.codes
	}
	return h
}

// newHealthCheck is the health check of a create call.
func newHealthCheck(tg *account.TargetGroup, r healthCheckRequest) (account.HealthCheck, error) {
	rules := healthCheckRulesOf(tg)
	protocol := string(r.protocol)
	if protocol == "" && len(rules.protocols) > 0 {
		protocol = rules.protocols[0]
	}
	return rules.apply(tg, rules.initial(protocol), r)
}

// apply is h changed by a request, and checked.
func (k healthCheckRules) apply(tg *account.TargetGroup, h account.HealthCheck, r healthCheckRequest) (
	account.HealthCheck, error) {
	if err := r.shape(); err != nil {
		return h, err
	}
	if r.protocol != "" {
		h.Protocol = string(r.protocol)
		if !slices.Contains(k.protocols, h.Protocol) {
			if len(k.protocols) == 0 {
				return h, check.Invalid("A health check protocol cannot be specified for target groups with target type 'lambda'")
			}
			return h, check.Invalid("Health check protocol '%s' must be one of '%s'", h.Protocol,
				strings.Join(k.protocols, ", "))
		}
	}
	if h.Protocol == "TCP" && (r.path != nil || r.matcher != nil) {
		return h, check.InvalidConfiguration("A health check path or matcher cannot be specified for health checks with " +
			"the TCP protocol")
	}
	if r.enabled != nil {
		if !*r.enabled && tg.TargetType != "lambda" {
			return h, check.Invalid("Health check enabled must be true for target groups with target type '%s'", tg.TargetType)
		}
		h.Enabled = *r.enabled
	}
	if r.port != nil {
		if _, ok := check.Number(*r.port, 1, 65535); (!ok && *r.port != "traffic-port") || tg.TargetType == "lambda" {
			return h, check.Invalid("Health check port '%s' must be 'traffic-port' or in the range from 1 to 65535", *r.port)
		}
		h.Port = *r.port
	}
	if r.path != nil {
		if !strings.HasPrefix(*r.path, "/") {
			return h, check.Invalid("Health check path '%s' must begin with a '/' character", *r.path)
		}
		h.Path = *r.path
	}
	if r.matcher != nil {
		if err := k.match(&h, r.matcher); err != nil {
			return h, err
		}
	}
	h.Interval = fromRequest(r.interval, h.Interval)
	h.Timeout = fromRequest(r.timeout, h.Timeout)
	h.HealthyThreshold = fromRequest(r.healthy, h.HealthyThreshold)
	h.UnhealthyThreshold = fromRequest(r.unhealthy, h.UnhealthyThreshold)
	switch {
	case h.Timeout > h.Interval:
		return h, check.Invalid("Health check timeout '%d' must be smaller than%s the interval '%d'", h.Timeout,
			map[bool]string{true: " or equal to"}[k.equal], h.Interval)
	case h.Timeout == h.Interval && !k.equal:
		return h, check.Invalid("Health check timeout '%d' must be smaller than the interval '%d'", h.Timeout, h.Interval)
	}
	return k.withPath(h), nil
}

// match sets the matcher.
func (k healthCheckRules) match(h *account.HealthCheck, m *types.Matcher) error {
	switch {
	case m.GrpcCode != nil && m.HttpCode != nil:
		return check.Invalid("You can specify either a GRPC code or an HTTP code, not both")
	case m.GrpcCode == nil && m.HttpCode == nil:
		return check.Invalid("A matcher must specify a code")
	case (m.GrpcCode != nil) != k.grpc && k.grpc:
		return check.InvalidConfiguration("An HTTP code cannot be specified for target groups with the protocol " +
			"version 'GRPC'")
	case (m.GrpcCode != nil) != k.grpc:
		return check.InvalidConfiguration("A GRPC code can be specified for target groups with the protocol " +
			"version 'GRPC' only")
	}
	codes := aws.ToString(m.HttpCode) + aws.ToString(m.GrpcCode)
	if k.fixed && codes != k.codes {
		return check.InvalidConfiguration("The health check matcher of target groups with the GENEVE protocol must be '%s'",
			k.codes)
	}
	if !validCodes(codes, k.low, k.high) {
		return check.Invalid("Health check matcher '%s' must be values or ranges of values between '%d-%d', "+
			"separated by commas", codes, k.low, k.high)
	}
	if k.grpc {
		h.GRPCCodes = codes
	} else {
		h.HTTPCodes = codes
	}
	return nil
}

// validCodes reports whether codes is a list of values and ranges in [low, high].
func validCodes(codes string, low, high int) bool {
	for _, item := range strings.Split(codes, ",") {
		from, to, ranged := strings.Cut(item, "-")
		a, ok := check.Number(from, low, high)
		if !ok {
			return false
		}
		if b, ok := check.Number(to, low, high); ranged && (!ok || b < a) {
			return false
		}
	}
	return true
}

func fromRequest(v *int32, otherwise int32) int32 {
	if v == nil {
		return otherwise
	}
	return *v
}
