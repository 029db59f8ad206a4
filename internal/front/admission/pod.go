package admission

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// maxGateName is the maximum length of the name of a binding with a readiness gate: it follows the slash of a qualified
// name.
const maxGateName = 63

// ReadinessGates gives a new pod a readiness gate for each binding of its namespace that will register it: of type ip,
// with a Service that selects the pod. With the first one, gates of version 1 of the existing controller, whose
// conditions no controller sets, are removed. All other gates stay, in their order. awaited are the names of bindings
// of type ip that will register the pod and may not exist yet.
func ReadinessGates(v *objects.View, pod *corev1.Pod, awaited ...string) Response {
	var out Response
	var gates []corev1.PodReadinessGate
	var services []objects.Ref
	for _, svc := range v.ServicesOfPod(pod) {
		services = append(services, objects.BackendRef(svc.Namespace, svc.Name))
	}
	for _, b := range objects.Naming[*v1beta1.TargetGroupBinding](v, objects.TargetGroupBinding, services...) {
		if b.DeletionTimestamp != nil || b.Spec.TargetType == nil || *b.Spec.TargetType != v1beta1.TargetTypeIP {
			continue
		}
		if len(b.Name) > maxGateName {
			out.Warnings = append(out.Warnings, fmt.Sprintf("the pod gets no readiness gate for TargetGroupBinding %s: its "+
				"name is longer than %d characters", b.Name, maxGateName))
			continue
		}
		gates = append(gates, corev1.PodReadinessGate{ConditionType: readiness.Gate(b.Name)})
	}
	for _, name := range awaited {
		if g := (corev1.PodReadinessGate{ConditionType: readiness.Gate(name)}); len(name) <= maxGateName &&
			!slices.Contains(gates, g) {
			gates = append(gates, g)
		}
	}
	out.Patch = addGates(pod.Spec.ReadinessGates, gates)
	return out
}

// addGates are the operations that add gates to those of a pod.
func addGates(have, gates []corev1.PodReadinessGate) []Operation {
	if len(gates) == 0 {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(have), func(g corev1.PodReadinessGate) bool {
		return strings.HasPrefix(string(g.ConditionType), readiness.LegacyPrefix)
	})
	missing := slices.DeleteFunc(gates, func(g corev1.PodReadinessGate) bool { return slices.Contains(kept, g) })
	if len(have) == 0 || len(kept) < len(have) {
		return []Operation{set("/spec/readinessGates", slices.Concat(kept, missing))}
	}
	var ops []Operation
	for _, g := range missing {
		ops = append(ops, set("/spec/readinessGates/-", g))
	}
	return ops
}

// annotate sets an annotation of an object that may have none.
func annotate(pod *corev1.Pod, key, value string) Operation {
	if pod.Annotations == nil {
		return set("/metadata/annotations", map[string]string{key: value})
	}
	return set("/metadata/annotations/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), value)
}

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

// ServerIDs gives each container and init container that the annotation of a new pod names a server id of its own, in
// an environment variable, unless the container has the variable already. next makes an id; it is called only for a
// container that gets it. A pod without the annotation stays as it is.
func ServerIDs(pod *corev1.Pod, variable string, next func() serverid.ID) (out Response) {
	named, ok := serverid.Containers(pod)
	if !ok {
		return Response{}
	}
	found := map[string]bool{}
	for _, name := range named {
		found[name] = false
	}
	for _, of := range []struct {
		path       string
		containers []corev1.Container
	}{{"/spec/containers", pod.Spec.Containers}, {"/spec/initContainers", pod.Spec.InitContainers}} {
		for i, c := range of.containers {
			if _, names := found[c.Name]; !names {
				continue
			}
			found[c.Name] = true
			if slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == variable }) {
				out.Warnings = append(out.Warnings, fmt.Sprintf("container %s sets %s itself, so the webhook generates no "+
					"QUIC server id; if several pods have the same id, the controller registers only one of them", c.Name, variable))
				continue
			}
			env, at := corev1.EnvVar{Name: variable, Value: next().Value()}, fmt.Sprintf("%s/%d/env", of.path, i)
			if len(c.Env) == 0 {
				out.Patch = append(out.Patch, set(at, []corev1.EnvVar{env}))
			} else {
				out.Patch = append(out.Patch, set(at+"/-", env))
			}
		}
	}
	for _, name := range named {
		if !found[name] {
			out.Warnings = append(out.Warnings, fmt.Sprintf("annotation %s names container %s, which does not exist in the pod",
				serverid.Annotation, name))
		}
	}
	return out
}
