package node

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// observation is the state of a running pod on its node.
type observation struct {
	now, started metav1.Time
	addrs, hosts []netip.Addr // the one of PodIP and of HostIP first
	ready        []bool       // by container
	serves       bool
	programs     map[int]*launched // by container
}

// observed is the status that a kubelet writes for a running pod. Transition times of before (the status written last)
// are kept where nothing changed. A pod that is not restarted and serves nothing has done its work.
func observed(pod *corev1.Pod, before corev1.PodStatus, o observation) corev1.PodStatus {
	s := corev1.PodStatus{
		ObservedGeneration: pod.Generation,
		Phase:              corev1.PodRunning,
		HostIP:             o.hosts[0].String(),
		PodIP:              o.addrs[0].String(),
		StartTime:          &o.started,
	}
	for _, a := range o.hosts {
		s.HostIPs = append(s.HostIPs, corev1.HostIP{IP: a.String()})
	}
	for _, a := range o.addrs {
		s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: a.String()})
	}
	done := pod.Spec.RestartPolicy != corev1.RestartPolicyAlways && !o.serves
	if done {
		s.Phase = corev1.PodSucceeded
	}
	all := !done
	for i, c := range pod.Spec.Containers {
		cs := containerStatus(c, pod, o.started)
		cs.Ready = !done && o.ready[i]
		if p := o.programs[i]; p != nil {
			p.describe(&cs)
		}
		all = all && cs.Ready
		if done {
			cs.State = finished(o.started, o.now)
		}
		s.ContainerStatuses = append(s.ContainerStatuses, cs)
	}
	for _, c := range pod.Spec.InitContainers {
		cs := containerStatus(c, pod, o.started)
		cs.Ready = true
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			cs.State = finished(o.started, o.started)
		}
		s.InitContainerStatuses = append(s.InitContainerStatuses, cs)
	}
	s.Conditions = conditions(pod, before, all, done, o.now)
	return s
}

// ended is the status of a pod whose containers were stopped.
func ended(pod *corev1.Pod, before corev1.PodStatus, now metav1.Time) corev1.PodStatus {
	s := *before.DeepCopy()
	if s.Phase == "" { // nothing was written yet
		s.Phase = corev1.PodRunning
	}
	for i := range s.ContainerStatuses {
		cs := &s.ContainerStatuses[i]
		started := now
		if cs.State.Running != nil {
			started = cs.State.Running.StartedAt
		}
		cs.Ready, cs.State = false, finished(started, now)
	}
	s.Conditions = conditions(pod, before, false, false, now)
	return s
}

func conditions(pod *corev1.Pod, before corev1.PodStatus, containersReady, done bool,
	now metav1.Time) []corev1.PodCondition {
	status := func(ok bool) corev1.ConditionStatus {
		if ok {
			return corev1.ConditionTrue
		}
		return corev1.ConditionFalse
	}
	contained := corev1.PodCondition{Type: corev1.ContainersReady, Status: status(containersReady)}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: status(containersReady)}
	switch missing := closedGate(pod); {
	case done:
		contained.Reason, ready.Reason = "PodCompleted", "PodCompleted"
	case !containersReady:
		contained.Reason, ready.Reason = "ContainersNotReady", "ContainersNotReady"
	case missing != "":
		ready.Status, ready.Reason = corev1.ConditionFalse, "ReadinessGatesNotReady"
		ready.Message = `corresponding condition of pod readiness gate "` + missing + `" is not True.`
	}
	all := []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		contained,
		ready,
	}
	for i := range all {
		c := &all[i]
		c.LastTransitionTime, c.ObservedGeneration = now, pod.Generation
		for _, b := range before.Conditions {
			if b.Type == c.Type && b.Status == c.Status {
				c.LastTransitionTime = b.LastTransitionTime
			}
		}
	}
	return all
}

// closedGate is the first readiness gate whose condition is not True, empty if all are.
func closedGate(pod *corev1.Pod) string {
	for _, gate := range pod.Spec.ReadinessGates {
		open := false
		for _, c := range pod.Status.Conditions {
			open = open || c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}
		if !open {
			return string(gate.ConditionType)
		}
	}
	return ""
}

func containerStatus(c corev1.Container, pod *corev1.Pod, started metav1.Time) corev1.ContainerStatus {
	yes := true
	return corev1.ContainerStatus{
		Name:        c.Name,
		Image:       c.Image,
		ImageID:     "stand-in://" + c.Image,
		ContainerID: "stand-in://" + string(pod.UID) + "/" + c.Name,
		Started:     &yes,
		State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
	}
}

func finished(started, now metav1.Time) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: started,
		FinishedAt: now}}
}
