package objects

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheOldestPodThatLivesStandsForThoseBehindAService(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web"}}}
	pod := func(name string, minute int, change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{
			"app": "web", "version": name}, CreationTimestamp: metav1.NewTime(time.Unix(int64(60*minute), 0))}}
		if change != nil {
			change(p)
		}
		return p
	}
	pods := []any{
		svc, pod("of-another-service", 0, func(p *corev1.Pod) { p.Labels["app"] = "api" }), pod("of-another-namespace", 0,
			func(p *corev1.Pod) { p.Namespace = "other" }),
		pod("ending", 1, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(600, 0)} }),
		pod("failed", 1, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
		pod("done", 1, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		pod("newest", 4, nil), pod("b", 2, nil), pod("a", 2, nil),
	}
	if p, ok := FromObjects(pods).PodOfService("shop", "web"); !ok || p.Name != "a" {
		t.Errorf("%v, %v", p, ok)
	}
	if p, ok := FromObjects(pods[1:]).PodOfService("shop", "web"); ok {
		t.Error("a Service that does not exist has a pod:", p.Name)
	}
	svc.Spec.Selector = nil
	if p, ok := FromObjects(pods).PodOfService("shop", "web"); ok {
		t.Error("a Service without a selector has a pod:", p.Name)
	}
}
