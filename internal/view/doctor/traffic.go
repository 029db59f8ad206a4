package doctor

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// PodChecks are the checks of pods that the leader makes.
var PodChecks = []Check{{
	Name: "readiness-gate-missing", Severity: Warning, Needs: []Source{Workloads, Objects},
	About: "Pods have no readiness gate although the label of their namespace asks for readiness gates. The pods were " +
		"created before the namespace got the label, or while the controller's webhook did not answer. Rollouts do not " +
		"wait until these pods are healthy in the load balancer.",
	Remedy: "recreate the pods: kubectl rollout restart",
	Find:   podsWithoutGate,
}}

// Endpoint is a ready pod behind a Service.
type Endpoint struct {
	Address string
	Pod     *corev1.Pod // nil = not known
}

// ReadyEndpoints are the ready endpoints of Services, by namespace and name.
type ReadyEndpoints struct {
	slices map[[2]string][]*discoveryv1.EndpointSlice
	pods   map[[2]string]*corev1.Pod
}

// ReadyEndpoints finds the ready endpoints of Services.
func (f *Facts) ReadyEndpoints() ReadyEndpoints {
	e := ReadyEndpoints{map[[2]string][]*discoveryv1.EndpointSlice{}, make(map[[2]string]*corev1.Pod, len(f.Pods))}
	for i := range f.Slices {
		s := &f.Slices[i]
		of := [2]string{s.Namespace, s.Labels[discoveryv1.LabelServiceName]}
		e.slices[of] = append(e.slices[of], s)
	}
	for i := range f.Pods {
		p := &f.Pods[i]
		e.pods[[2]string{p.Namespace, p.Name}] = p
	}
	return e
}

// Of returns the ready endpoints of the Service of a binding.
func (e ReadyEndpoints) Of(b *v1beta1.TargetGroupBinding) (out []Endpoint) {
	for _, s := range e.slices[[2]string{b.Namespace, b.Spec.ServiceRef.Name}] {
		for _, x := range s.Endpoints {
			if x.Conditions.Ready == nil || !*x.Conditions.Ready {
				continue
			}
			for _, a := range x.Addresses {
				found := Endpoint{Address: a}
				if x.TargetRef != nil {
					found.Pod = e.pods[[2]string{b.Namespace, x.TargetRef.Name}]
				}
				out = append(out, found)
			}
		}
	}
	return out
}

// Gated reports whether the webhook gives readiness gates to pods of a namespace, of which a binding has targets.
func (f *Facts) Gated(b *v1beta1.TargetGroupBinding) bool {
	ns, ok := f.Objects.Get(objects.Namespace, "", b.Namespace)
	return ok && ns.GetLabels()[readiness.NamespaceLabel] == readiness.Enabled && b.Spec.TargetType != nil &&
		*b.Spec.TargetType == v1beta1.TargetTypeIP
}

func podsWithoutGate(f *Facts) (out []Finding) {
	all := f.ReadyEndpoints()
	for _, b := range f.Bindings() {
		if !f.Gated(b) {
			continue
		}
		var without []string
		for _, e := range all.Of(b) {
			if e.Pod != nil && len(readiness.Bindings(e.Pod)) == 0 {
				without = append(without, e.Pod.Name)
			}
		}
		if len(without) > 0 {
			out = append(out, Finding{Object: FullName("Service", b.Namespace, b.Spec.ServiceRef.Name),
				Text: Count(len(without), "pod") + " without a readiness gate", Evidence: Evidence("", without)})
		}
	}
	return out
}
