package admission

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
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
