package planjson

import (
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

type targetGroup struct {
	Name            string            `json:"name"`
	TargetType      string            `json:"targetType"`
	Port            int32             `json:"port"`
	Protocol        string            `json:"protocol"`
	ProtocolVersion string            `json:"protocolVersion,omitempty"`
	IPAddressType   string            `json:"ipAddressType,omitempty"`
	HealthCheck     *healthCheck      `json:"healthCheckConfig,omitempty"`
	Attributes      []keyValue        `json:"targetGroupAttributes,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	ControlPort     int32             `json:"targetControlPort,omitempty"`
}

type healthCheck struct {
	Port               any      `json:"port,omitempty"`
	Protocol           string   `json:"protocol,omitempty"`
	Path               string   `json:"path,omitempty"`
	Matcher            *matcher `json:"matcher,omitempty"`
	IntervalSeconds    int32    `json:"intervalSeconds,omitempty"`
	TimeoutSeconds     int32    `json:"timeoutSeconds,omitempty"`
	HealthyThreshold   int32    `json:"healthyThresholdCount,omitempty"`
	UnhealthyThreshold int32    `json:"unhealthyThresholdCount,omitempty"`
}

type matcher struct {
	HTTPCode string `json:"httpCode,omitempty"`
	GRPCCode string `json:"grpcCode,omitempty"`
}

func ofTargetGroup(t stack.TargetGroup) targetGroup {
	out := targetGroup{
		Name: t.Name, TargetType: t.TargetType, Port: t.Port, Protocol: t.Protocol, ProtocolVersion: t.ProtocolVersion,
		IPAddressType: t.IPAddressType,
		Attributes:    pairs(t.Attributes), Tags: t.Tags, ControlPort: t.ControlPort,
	}
	h := t.HealthCheck
	if h == (stack.HealthCheck{}) {
		return out
	}
	out.HealthCheck = &healthCheck{
		Port: number(h.Port), Protocol: h.Protocol, Path: h.Path, IntervalSeconds: h.IntervalSeconds,
		TimeoutSeconds:   h.TimeoutSeconds,
		HealthyThreshold: h.HealthyThreshold, UnhealthyThreshold: h.UnhealthyThreshold,
	}
	switch {
	case h.Matcher == "":
	case t.ProtocolVersion == "GRPC":
		out.HealthCheck.Matcher = &matcher{GRPCCode: h.Matcher}
	default:
		out.HealthCheck.Matcher = &matcher{HTTPCode: h.Matcher}
	}
	return out
}

// number is a decimal text as a number, any other text as it is, and nothing if it is empty.
func number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return n
	}
	if s == "" {
		return nil
	}
	return s
}
