package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestACachedPodHasItsAddresses(t *testing.T) {
	t.Parallel()
	whole := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	whole.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{
		{IP: "10.0.0.1"}, {IP: "2001:db8::1"}}, HostIP: "10.0.9.9", HostIPs: []corev1.HostIP{
		{IP: "10.0.9.9"}, {IP: "2001:db8::9"}}}
	p := reducePod(whole, "ID")
	if p.Status.PodIP != "10.0.0.1" || len(p.Status.PodIPs) != 2 || p.Status.HostIP != "" || p.Status.HostIPs != nil ||
		p.Status.Phase != "" {
		t.Errorf("kept: %+v", p.Status)
	}
	whole.Spec.HostNetwork, whole.Status.Phase = true, corev1.PodFailed
	if p = reducePod(whole, "ID"); !p.Spec.HostNetwork || p.Status.HostIP != "10.0.9.9" || len(p.Status.HostIPs) != 2 ||
		p.Status.Phase != corev1.PodFailed {
		t.Errorf("kept: %+v", p.Status)
	}
}
