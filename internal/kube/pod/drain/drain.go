// Package drain computes how long a pod must serve after its deletion begins, because load balancers still send
// requests to a deregistered target. It also computes what a new pod lacks for that: a sleep before its containers
// are stopped, and a longer grace period.
package drain

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Names that users write.
const (
	// NamespaceLabel is the label of namespaces whose pods get what they lack, if its value is Enabled.
	NamespaceLabel = "elbv2.k8s.aws/pod-drain-inject"
	Enabled        = "enabled"
	// SecondsAnnotation is the annotation of a pod with the length of its sleep in seconds; 0 = the pod stays as it is.
	SecondsAnnotation = string(annotation.PodDrainSeconds)
)

// DelayAttribute is the attribute of a target group with its deregistration delay.
const DelayAttribute = "deregistration_delay.timeout_seconds"

// Times in seconds.
const (
	// applicationNotice is how long an ALB may take to send no further requests to a target that is deregistered.
	applicationNotice = 15
	// networkNotice is how long an NLB may take to send no further connections to a target that is deregistered.
	networkNotice = 180
	// instanceNotice is how long a load balancer and the nodes may take to send no further connections to a pod behind a
	// node port: health checks of nodes notice that the last pod of a node ends, and kube-proxy notices each pod.
	instanceNotice = 30
	// requests is how long the last requests of an ALB are given where no deregistration delay is declared. AWS's default
	// of 300 is a limit for what is declared nowhere, and requests seldom take as long.
	requests = 30
	// Longest bounds what is computed: cluster autoscalers wait no longer for a pod.
	Longest = 600
	// defaultGrace is the grace period that Kubernetes gives to pods that declare none. It remains for the end of the
	// containers.
	defaultGrace = 30
)

// Target is a target group of which a pod is a target, or will be.
type Target struct {
	Binding  string // the name of its TargetGroupBinding
	Type     stack.LoadBalancerType
	Instance bool   // the targets are nodes, which pass requests on to the pod
	Delay    *int64 // the deregistration delay in seconds as it is declared; nil = it is not
}

// Seconds returns how long a load balancer may need a pod after the target was deregistered.
func (t Target) Seconds() int64 {
	var delay int64
	if t.Delay != nil {
		delay = *t.Delay
	}
	switch {
	case t.Instance:
		return min(max(instanceNotice, delay), Longest)
	case t.Type == stack.Network:
		return min(max(networkNotice, delay), Longest)
	case t.Delay == nil:
		return applicationNotice + requests
	}
	return min(applicationNotice+delay, Longest)
}

// Seconds returns how long the slowest of the load balancers may need a pod; 0 if there is none.
func Seconds(targets []Target) int64 {
	var longest int64
	for _, t := range targets {
		longest = max(longest, t.Seconds())
	}
	return longest
}

// DelayOf returns the deregistration delay among declared attributes of a target group; nil if there is none.
func DelayOf(attributes map[string]string) *int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(attributes[DelayAttribute]), 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// Missing is what a pod lacks in order to lose no request at its end.
type Missing struct {
	Sleep      int64 // seconds of the sleep of the containers below; 0 = nothing is missing
	Containers []int // indexes of those that have no preStop hook
	Grace      int64 // the grace period to set; 0 = it stays
	// Why are sentences about what the pod declares against its load balancers' needs, which is left as it is.
	Why []string
}

// Of computes what a pod lacks that needs to serve for so many seconds. The pod's own annotation takes precedence.
// Hooks of the pod stay as they are, and so does a grace period that is not Kubernetes's default; a sleep does not take
// more than half of one that is too short.
func Of(pod *corev1.Pod, seconds int64) Missing {
	var out Missing
	if v, ok := pod.Annotations[SecondsAnnotation]; ok {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil || n < 0 || n > annotation.MostDrainSeconds {
			out.Why = append(out.Why, fmt.Sprintf("annotation %s has no effect: %q is not a number of seconds from 0 to %d",
				SecondsAnnotation, v, annotation.MostDrainSeconds))
		} else {
			seconds = n
		}
	}
	for i := range pod.Spec.Containers {
		if l := pod.Spec.Containers[i].Lifecycle; l == nil || l.PreStop == nil {
			out.Containers = append(out.Containers, i)
		}
	}
	if seconds == 0 || len(out.Containers) == 0 {
		out.Containers = nil
		return out
	}
	out.Sleep = seconds
	switch grace := Grace(pod); {
	case grace == defaultGrace:
		out.Grace = seconds + defaultGrace
	case grace <= seconds:
		out.Why = append(out.Why, fmt.Sprintf("terminationGracePeriodSeconds is %d, and load balancers may send requests "+
			"for %d seconds after the pod is asked to end", grace, seconds))
		if out.Sleep = grace / 2; out.Sleep == 0 {
			out.Containers = nil
		}
	}
	return out
}

// Grace returns the grace period of a pod in seconds.
func Grace(pod *corev1.Pod) int64 {
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return *g
	}
	return defaultGrace
}

// Abrupt reports whether a pod declares an end before its load balancers stop sending requests to it, and how: its
// grace period, or the sleep of a container, is shorter than the given seconds. What a container without a sleep does
// when it is asked to stop is not known.
func Abrupt(pod *corev1.Pod, seconds int64) (how string, abrupt bool) {
	if grace := Grace(pod); grace < seconds {
		return fmt.Sprintf("terminationGracePeriodSeconds is %d", grace), true
	}
	for i := range pod.Spec.Containers {
		l := pod.Spec.Containers[i].Lifecycle
		if l != nil && l.PreStop != nil && l.PreStop.Sleep != nil && l.PreStop.Sleep.Seconds < seconds {
			return fmt.Sprintf("container %s sleeps for %d seconds", pod.Spec.Containers[i].Name, l.PreStop.Sleep.Seconds), true
		}
	}
	return "", false
}

// Served reports whether an API server of a version, such as v1.36.2, has the sleep action of hooks and does not only
// tolerate it.
func Served(major, minor string) bool {
	number := func(s string) int {
		// managed control planes append a "+"
		n, _ := strconv.Atoi(strings.TrimFunc(s, func(r rune) bool { return r < '0' || r > '9' }))
		return n
	}
	return number(major) > 1 || number(major) == 1 && number(minor) >= 30
}
