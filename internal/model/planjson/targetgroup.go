package planjson

import (
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ofTargetGroup(t stack.TargetGroup) object {
	return object{
		{"name", t.Name},
		{"targetType", t.TargetType},
		{"port", t.Port},
		{"protocol", t.Protocol},
		optional("protocolVersion", t.ProtocolVersion),
		optional("ipAddressType", t.IPAddressType),
		optional("healthCheckConfig", ofHealthCheck(t.HealthCheck, t.ProtocolVersion)),
		optional("targetGroupAttributes", pairs(t.Attributes, "key", "value")),
		optional("tags", t.Tags),
		optional("targetControlPort", t.ControlPort),
	}
}

func ofHealthCheck(h stack.HealthCheck, version string) object {
	if h == (stack.HealthCheck{}) {
		return nil
	}
	var matcher object
	switch {
	case h.Matcher == "":
	case version == "GRPC":
		matcher = object{{"grpcCode", h.Matcher}}
	default:
		matcher = object{{"httpCode", h.Matcher}}
	}
	return object{
		optional("port", number(h.Port)),
		optional("protocol", h.Protocol),
		optional("path", h.Path),
		optional("matcher", matcher),
		optional("intervalSeconds", h.IntervalSeconds),
		optional("timeoutSeconds", h.TimeoutSeconds),
		optional("healthyThresholdCount", h.HealthyThreshold),
		optional("unhealthyThresholdCount", h.UnhealthyThreshold),
	}
}

// number is a decimal text as a number, which no object omits, any other text as it is, and nothing if it is empty.
func number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return &n
	}
	if s == "" {
		return nil
	}
	return s
}
