package gateway

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Shown is what the status of the Gateway shows of its load balancer. It holds where a pass could not read from AWS: that a call fails does not
// mean that the load balancer has ceased to serve.
func (d *Decisions) Shown() Outcome {
	var o Outcome
	if c := meta.FindStatusCondition(d.gateway.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)); c != nil && c.Status == metav1.ConditionTrue {
		o.ARN, o.Active = c.Message, true
	}
	return o
}
