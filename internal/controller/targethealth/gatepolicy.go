package targethealth

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// policy opens a gate that has been closed for longer than OpenAfter for a reason that says nothing of the pod: its
// target group cannot be read or does not exist, no load balancer uses the group, or the target is not registered
// although it should be. The gate of a target that AWS checks, and of one that it finds unhealthy, stays closed.
func (g *Gates) policy(gate corev1.PodConditionType, c corev1.PodCondition, err error, states []readiness.Health,
	waited time.Duration) corev1.PodCondition {
	if g.OpenAfter == 0 || waited < g.OpenAfter {
		return c
	}
	switch {
	case err != nil:
		reason, message := c.Reason, c.Message
		if reason == "" || c.Status == corev1.ConditionTrue {
			reason, message = "TargetHealthUnread", "The health of the target cannot be read"
		}
		c.Reason, c.Message = reason, message
	case !slices.ContainsFunc(states, unserved):
		return c
	case c.Reason == "":
		c.Reason, c.Message = "Target.NotRegistered", "The target is not registered yet"
	}
	out := opened(c.Reason, c.Message, g.OpenAfter)
	out.Type = gate
	return out
}

// unserved reports whether the health of a target says nothing of the pod.
func unserved(h readiness.Health) bool {
	return h.State == "" || h.State == "unused" && (h.Reason == "Target.NotInUse" || h.Reason == "Target.NotRegistered")
}

// opened is the condition of a gate that the policy opens, with what it would say otherwise.
func opened(reason, message string, after time.Duration) corev1.PodCondition {
	return corev1.PodCondition{Status: corev1.ConditionTrue, Reason: reason,
		Message: fmt.Sprintf("%s; opened after %s by --open-readiness-gates-after", strings.TrimSuffix(message, "."), after)}
}
