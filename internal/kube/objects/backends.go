package objects

import (
	"iter"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// BackendRef returns the reference with which Ingresses and TargetGroupBindings name a Service.
func BackendRef(namespace, service string) Ref {
	return Ref{Kind: Backend, Namespace: namespace, Name: service}
}

// TargetGroupRefs returns the references with which a TargetGroupBinding names its target group. Bindings of one
// target group have one in common, whether they name it by its ARN or by its name. Bindings of different target
// groups may also have one in common.
func TargetGroupRefs(s *v1beta1.TargetGroupBindingSpec) []Ref {
	var out []Ref
	name := s.TargetGroupName
	if s.TargetGroupARN != "" {
		out = append(out, Ref{Kind: TargetGroup, Name: s.TargetGroupARN})
		name = TargetGroupName(s.TargetGroupARN)
	}
	if name != "" && name != s.TargetGroupARN {
		out = append(out, Ref{Kind: TargetGroup, Name: name})
	}
	return out
}

// TargetGroupName returns the name in a target group's ARN (…:targetgroup/NAME/ID); "" if the ARN is not one of a
// target group.
func TargetGroupName(arn string) string {
	_, rest, _ := strings.Cut(arn, ":targetgroup/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// IngressBackends returns the Services, and the annotated actions, that are backends of an Ingress.
func IngressBackends(i *networkingv1.Ingress) iter.Seq[*networkingv1.IngressServiceBackend] {
	return func(yield func(*networkingv1.IngressServiceBackend) bool) {
		if b := i.Spec.DefaultBackend; b != nil && b.Service != nil && !yield(b.Service) {
			return
		}
		for _, r := range i.Spec.Rules {
			if r.HTTP == nil {
				continue
			}
			for p := range r.HTTP.Paths {
				if b := r.HTTP.Paths[p].Backend.Service; b != nil && !yield(b) {
					return
				}
			}
		}
	}
}

// services adds the Services that an Ingress may name: in its rules, and in quotes in the actions of its annotations.
func (n *names) services(i *networkingv1.Ingress) {
	seen := map[string]bool{}
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			n.found = append(n.found, BackendRef(i.Namespace, name))
		}
	}
	for b := range IngressBackends(i) {
		add(b.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(i.Annotations)) {
		if !strings.Contains(key, "/actions.") {
			continue
		}
		parts := strings.Split(i.Annotations[key], `"`)
		for p := 1; p < len(parts)-1; p++ { // between two quotes
			if mayBeService(parts[p]) {
				add(parts[p])
			}
		}
	}
}

// mayBeService reports whether a text has the form of the name of a Service.
func mayBeService(s string) bool {
	const longest = 63
	return len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

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
