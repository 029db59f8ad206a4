package quarantine

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CheckField returns what copies the field of a health check that a setting of objects is about; nil = the setting is
// about none. A protocol comes with what only some protocols have.
func CheckField(setting string) func(to *stack.HealthCheck, from stack.HealthCheck) {
	switch strings.TrimPrefix(setting, "aws-load-balancer-") {
	case "healthcheck":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { *to = from }
	case "healthcheck-path":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.Path = from.Path }
	case "healthcheck-port":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.Port = from.Port }
	case "healthcheck-protocol":
		return func(to *stack.HealthCheck, from stack.HealthCheck) {
			if to.Protocol != from.Protocol {
				to.Protocol, to.Path, to.Matcher = from.Protocol, from.Path, from.Matcher
			}
		}
	case "success-codes", "healthcheck-success-codes":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.Matcher = from.Matcher }
	case "healthcheck-interval-seconds", "healthcheck-interval":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.IntervalSeconds = from.IntervalSeconds }
	case "healthcheck-timeout-seconds", "healthcheck-timeout":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.TimeoutSeconds = from.TimeoutSeconds }
	case "healthy-threshold-count", "healthcheck-healthy-threshold":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.HealthyThreshold = from.HealthyThreshold }
	case "unhealthy-threshold-count", "healthcheck-unhealthy-threshold":
		return func(to *stack.HealthCheck, from stack.HealthCheck) { to.UnhealthyThreshold = from.UnhealthyThreshold }
	}
	return nil
}
