package node

import (
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	began = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	later = metav1.NewTime(began.Add(time.Minute))
)

func observe(pod *corev1.Pod, before corev1.PodStatus, now metav1.Time, ready, serves bool) corev1.PodStatus {
	return observed(pod, before, observation{
		now: now, started: began, addrs: []netip.Addr{netip.MustParseAddr("10.0.128.20")}, hosts: []netip.Addr{
			netip.MustParseAddr("10.0.128.10")},
		ready: []bool{ready}, serves: serves,
	})
}

func condition(s corev1.PodStatus, t corev1.PodConditionType) corev1.PodCondition {
	for _, c := range s.Conditions {
		if c.Type == t {
			return c
		}
	}
	return corev1.PodCondition{}
}

func TestAReadinessGateHoldsBackThePodButNotItsContainers(t *testing.T) {
	t.Parallel()
	const gate = "target-health.elbv2.k8s.aws/k8s-web"
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyAlways,
		Containers:     []corev1.Container{{Name: "web"}},
		ReadinessGates: []corev1.PodReadinessGate{{ConditionType: gate}},
	}}
	first := observe(pod, corev1.PodStatus{}, began, true, true)
	if condition(first, corev1.ContainersReady).Status != corev1.ConditionTrue {
		t.Error("containers are not ready")
	}
	if c := condition(first, corev1.PodReady); c.Status != corev1.ConditionFalse || c.Reason != "ReadinessGatesNotReady" {
		t.Errorf("pod: %+v", c)
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: gate, Status: corev1.ConditionTrue}}
	second := observe(pod, first, later, true, true)
	if c := condition(second, corev1.PodReady); c.Status != corev1.ConditionTrue || !c.LastTransitionTime.Equal(&later) {
		t.Errorf("pod: %+v", c)
	}
	if c := condition(second, corev1.ContainersReady); !c.LastTransitionTime.Equal(&began) {
		t.Errorf("the transition time of an unchanged condition moved: %+v", c)
	}
}

func TestAPodThatServesNothingAndIsNotRestartedSucceeds(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{
		{Name: "job"}}}}
	if s := observe(pod, corev1.PodStatus{}, began, true, false); s.Phase != corev1.PodSucceeded ||
		s.ContainerStatuses[0].State.Terminated == nil {
		t.Errorf("%+v", s)
	}
	if s := observe(pod, corev1.PodStatus{}, began, true, true); s.Phase != corev1.PodRunning {
		t.Errorf("a pod that serves: %s", s.Phase)
	}
}

func TestAnEndedPodIsNotReadyAnyMore(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{
		{Name: "web"}}}}
	s := ended(pod, observe(pod, corev1.PodStatus{}, began, true, true), later)
	if condition(s, corev1.PodReady).Status != corev1.ConditionFalse || s.ContainerStatuses[0].Ready ||
		s.ContainerStatuses[0].State.Terminated == nil {
		t.Errorf("%+v", s)
	}
}

func TestReadinessFollowsTheThresholds(t *testing.T) {
	t.Parallel()
	p := newProber(corev1.Container{ReadinessProbe: &corev1.Probe{SuccessThreshold: 2, FailureThreshold: 3,
		PeriodSeconds: 10, InitialDelaySeconds: 4}})
	if p.delay(false) != 4*time.Second || p.delay(true) != firstPeriod {
		t.Errorf("delays before the first success: %v, %v", p.delay(false), p.delay(true))
	}
	for i, step := range []struct{ ok, ready bool }{
		{true, false}, {false, false}, {true, false}, {true, true}, // two in a row
		{false, true}, {false, true}, {true, true}, {false, true}, {false, true}, {false, false}, // three in a row
	} {
		p.record(step.ok)
		if p.ready != step.ready {
			t.Errorf("step %d: ready %t, want %t", i, p.ready, step.ready)
		}
	}
	if p.delay(true) != 10*time.Second {
		t.Errorf("delay once it was ready: %v", p.delay(true))
	}
}

func TestPreStopSleepsAreHonoured(t *testing.T) {
	t.Parallel()
	pod := func(h *corev1.LifecycleHandler) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Lifecycle: &corev1.Lifecycle{PreStop: h}}}}}
	}
	exec := func(c ...string) *corev1.LifecycleHandler {
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: c}}
	}
	for name, c := range map[string]struct {
		hook *corev1.LifecycleHandler
		want time.Duration
	}{
		"sleep action": {&corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 7}}, 7 * time.Second},
		"command":      {exec("sleep", "15"), 15 * time.Second},
		"shell":        {exec("/bin/sh", "-c", "nginx -s quit; sleep 2.5"), 2500 * time.Millisecond},
		"path":         {exec("/bin/sleep", "3"), 3 * time.Second},
		"no sleep":     {exec("nosleep", "9"), 0},
	} {
		if got := preStop(pod(c.hook)); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
