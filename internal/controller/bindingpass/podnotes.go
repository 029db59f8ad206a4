package bindingpass

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// podNotes are notes on the Service of a binding about its pods: those that end before the load balancer stops sending
// requests to them, and those without a readiness gate, as far as their namespace asks for either. The texts have no
// names or numbers of pods, so that a rolling update repeats no event.
func (b *Reconciler) podNotes(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints registrar.Endpoints) (
	found diag.List) {
	ns := &corev1.Namespace{}
	if *o.Spec.TargetType != v1beta1.TargetTypeIP || b.Client.Get(ctx, client.ObjectKey{Name: o.Namespace}, ns,
		client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	drains, gates := ns.Labels[drain.NamespaceLabel] == drain.Enabled, ns.Labels[readiness.NamespaceLabel] ==
		readiness.Enabled
	if !drains && !gates {
		return nil
	}
	svc := &corev1.Service{}
	if b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name},
		svc, client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	var seconds int64
	if drains && b.DrainSeconds != nil {
		seconds = b.DrainSeconds(ctx, o)
	}
	ends, ungated := map[string]bool{}, false
	for _, e := range endpoints.All() {
		pod, ok := b.cluster().Pod(ctx, e.Namespace, e.Pod)
		if !ok {
			continue
		}
		if _, declared := pod.Annotations[drain.SecondsAnnotation]; !declared {
			if how, abrupt := drain.Abrupt(pod, seconds); abrupt {
				ends[how] = true
			}
		}
		ungated = ungated || !readiness.Has(pod, readiness.Gate(o.Name))
	}
	note := func(code diag.Code, text, remedy string) {
		found = append(found, diag.New(owner.Object(svc), "spec.selector", code, text, remedy))
	}
	if len(ends) > 0 {
		note(diag.PodsEndEarly, fmt.Sprintf("pods may lose requests when they end: load balancers may send requests for %d "+
			"seconds after a pod is asked to end, and %s", seconds, strings.Join(slices.Sorted(maps.Keys(ends)), "; ")),
			fmt.Sprintf("set terminationGracePeriodSeconds to more than %d, with a preStop sleep that is not shorter; or set "+
				"the annotation %s of the pods to the number of seconds that they should serve", seconds, drain.SecondsAnnotation))
	}
	if gates && ungated {
		note(diag.PodsUngated, "pods have no readiness gate of TargetGroupBinding "+o.Name+
			": they were created before it, before the label of their namespace, or while no webhook answered; rolling "+
			"updates do not wait for their targets",
			"recreate them: kubectl rollout restart")
	}
	return found
}
