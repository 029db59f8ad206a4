// Package readiness holds the logic of readiness gates of pods: the gate of a binding, the condition by the health of
// targets, its patch, and the schedule of reads of the targets' health. It watches and writes nothing.
package readiness

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// LegacyPrefix is the prefix of the gates of version 1 of the existing controller, whose conditions no controller sets.
const LegacyPrefix = "target-health.alb.ingress.k8s.aws"

// NamespaceLabel is the label of namespaces whose new pods get gates, if its value is Enabled.
const (
	NamespaceLabel = "elbv2.k8s.aws/pod-readiness-gate-inject"
	Enabled        = "enabled"
)

// Gate returns the type of condition by which pods wait for the targets of a binding.
func Gate(binding string) corev1.PodConditionType {
	return v1beta1.PodConditionPrefix + corev1.PodConditionType(binding)
}

// Bindings returns the names of the bindings whose targets a pod waits for, in the order of its gates.
func Bindings(pod *corev1.Pod) []string {
	var out []string
	for _, g := range pod.Spec.ReadinessGates {
		if name, ok := strings.CutPrefix(string(g.ConditionType), string(v1beta1.PodConditionPrefix)); ok && name != "" &&
			!slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Health is the health of one target, as AWS reports it. The zero value means that it is not known.
type Health struct{ State, Reason, Description string }

// Registering is the health of a target that was registered just now.
var Registering = Health{State: "initial", Reason: "Elb.RegistrationInProgress",
	Description: "Target registration is in progress"}

// Healthy is the state of a target that gets requests.
const Healthy = "healthy"

// Condition returns the condition by the health of a pod's targets, of which there is one for each registered port:
// True if all are healthy, False with the reason and description of the first one that is known not to be, else
// Unknown.
func Condition(gate corev1.PodConditionType, targets ...Health) corev1.PodCondition {
	c := corev1.PodCondition{Type: gate, Status: corev1.ConditionUnknown}
	for i, h := range targets {
		switch {
		case h.State == "":
			if c.Status == corev1.ConditionTrue {
				c = corev1.PodCondition{Type: gate, Status: corev1.ConditionUnknown}
			}
		case h.State != Healthy:
			return corev1.PodCondition{Type: gate, Status: corev1.ConditionFalse, Reason: h.Reason, Message: h.Description}
		case i == 0:
			c = corev1.PodCondition{Type: gate, Status: corev1.ConditionTrue, Reason: h.Reason, Message: h.Description}
		}
	}
	return c
}

// Of finds the condition of a gate, or of another type; the zero value if the pod has none.
func Of(pod *corev1.Pod, gate corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == gate {
			return c
		}
	}
	return corev1.PodCondition{}
}

// ReadySince is when a pod became ready for requests; nil if it is not.
func ReadySince(pod *corev1.Pod) *metav1.Time {
	if c := Of(pod, corev1.PodReady); c.Status == corev1.ConditionTrue {
		return &c.LastTransitionTime
	}
	return nil
}

// Waits reports whether a pod has the gate and its condition is not True, so that health is to be looked at again.
func Waits(pod *corev1.Pod, gate corev1.PodConditionType) bool {
	return Has(pod, gate) && Of(pod, gate).Status != corev1.ConditionTrue
}

// Has reports whether a pod has the gate.
func Has(pod *corev1.Pod, gate corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool {
		return g.ConditionType == gate
	})
}

// Step is the transition of a condition.
type Step struct {
	Condition corev1.PodCondition
	// Write is false if the pod has the condition already.
	Write bool
	// Waited is how long the condition was not True before it became True; 0 if it did not become True, or if that is not
	// known.
	Waited time.Duration
}

// Next compares a condition with the one that is there (the zero value: none). Its transition time is that of the last
// change of status.
func Next(is, want corev1.PodCondition, now metav1.Time) Step {
	s := Step{Condition: want, Write: is.Type == "" || is.Status != want.Status || is.Reason != want.Reason ||
		is.Message != want.Message}
	s.Condition.LastTransitionTime = is.LastTransitionTime
	if is.Type == "" || is.Status != want.Status {
		s.Condition.LastTransitionTime = now
		if want.Status == corev1.ConditionTrue && is.Type != "" && !is.LastTransitionTime.IsZero() {
			s.Waited = now.Sub(is.LastTransitionTime.Time)
		}
	}
	return s
}

// Patch returns the strategic merge patch of a pod's status that writes one condition and leaves the others alone. The
// API server refuses it (409) if the pod has been replaced by another one of its name.
func Patch(uid types.UID, c corev1.PodCondition) ([]byte, error) {
	type condition struct { // with empty fields, which remove former values
		Type               corev1.PodConditionType `json:"type"`
		Status             corev1.ConditionStatus  `json:"status"`
		Reason             string                  `json:"reason"`
		Message            string                  `json:"message"`
		LastTransitionTime metav1.Time             `json:"lastTransitionTime"`
	}
	var p struct {
		Metadata struct {
			UID types.UID `json:"uid"`
		} `json:"metadata"`
		Status struct {
			Conditions []condition `json:"conditions"`
		} `json:"status"`
	}
	p.Metadata.UID = uid
	p.Status.Conditions = []condition{{c.Type, c.Status, c.Reason, c.Message, c.LastTransitionTime}}
	return json.Marshal(p)
}
