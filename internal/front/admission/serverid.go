package admission

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

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
