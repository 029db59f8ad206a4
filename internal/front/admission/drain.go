package admission

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
)

// WantsDrain reports whether the pods of a namespace get a sleep before their end and a longer grace period, so that
// they lose no requests.
func WantsDrain(v *objects.View, namespace string) bool {
	has, _ := v.NamespaceLabels(namespace, drain.NamespaceLabel)
	return has[drain.NamespaceLabel] == drain.Enabled
}

// Drain gives a new pod the sleep before its end, and the grace period, that its load balancers need.
func Drain(pod *corev1.Pod, targets []drain.Target) Response {
	lacks := drain.Of(pod, drain.Seconds(targets))
	out := Response{Warnings: lacks.Why}
	if lacks.Sleep == 0 {
		return out
	}
	hook := corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: lacks.Sleep}}
	for _, i := range lacks.Containers {
		at := fmt.Sprintf("/spec/containers/%d/lifecycle", i)
		if pod.Spec.Containers[i].Lifecycle == nil {
			out.Patch = append(out.Patch, set(at, corev1.Lifecycle{PreStop: &hook}))
		} else {
			out.Patch = append(out.Patch, set(at+"/preStop", hook))
		}
	}
	if lacks.Grace > 0 {
		out.Patch = append(out.Patch, set("/spec/terminationGracePeriodSeconds", lacks.Grace))
	}
	return out
}

// Join returns one response of several that admit an object.
func Join(all ...Response) Response {
	var out Response
	for _, r := range all {
		out.Warnings, out.Patch = append(out.Warnings, r.Warnings...), append(out.Patch, r.Patch...)
	}
	return out
}
