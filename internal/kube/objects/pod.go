package objects

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Representative returns the pod that stands for those behind a Service where their templates differ, as in a rollout:
// the oldest one that is neither being deleted nor has ended. What is derived from it changes when the last pod of the
// former template ends. Nil means that there is none, as of a Service without a selector.
func Representative(svc *corev1.Service, pods []*corev1.Pod) *corev1.Pod {
	var out *corev1.Pod
	for _, p := range pods {
		if behindService(svc, p) && (out == nil || older(p, out)) {
			out = p
		}
	}
	return out
}

// behindService reports whether a Service selects a pod that lives.
func behindService(svc *corev1.Service, p *corev1.Pod) bool {
	return p.Namespace == svc.Namespace && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded &&
		p.Status.Phase != corev1.PodFailed &&
		Selects(svc, p.Labels)
}

func older(a, b *corev1.Pod) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return strings.Compare(a.Name, b.Name) < 0
}
