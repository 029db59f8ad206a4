package bindings

import (
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Misspelt returns ServiceMissing, or the finding that the Service lacks the port, for the case that an edit of the
// binding led to it. ok is false for the binding of a stack, which users do not edit.
func Misspelt(o *v1beta1.TargetGroupBinding, d diag.Diagnostic) (_ diag.Diagnostic, ok bool) {
	d.Text += "; the registered targets stay, as an edit of the TargetGroupBinding may have misspelt it"
	d.Remedy += "; delete the TargetGroupBinding to deregister the targets"
	return d, !bindingobject.OfStack(o.Labels)
}

// Unready returns the finding that an edit has given a binding a Service without ready endpoints.
func Unready(o *v1beta1.TargetGroupBinding) diag.Diagnostic {
	return emptied(o, "spec.serviceRef", fmt.Sprintf("Service %s/%s has no ready endpoints", o.Namespace,
		o.Spec.ServiceRef.Name), "make pods of the Service ready, or name another one")
}

// emptied is the finding that an edit has led to a binding without targets.
func emptied(o *v1beta1.TargetGroupBinding, path, why, remedy string) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), path, diag.NoTargetsAfterEdit,
		why+"; the targets that were registered before the edit stay", remedy)
}

// EmptiedByEdit returns the findings that an edit of a Service has left it without endpoints, and that the former
// targets stay. about are the binding, the Service and what declares it.
func EmptiedByEdit(o *v1beta1.TargetGroupBinding, svc *corev1.Service, about []diag.Object) (found diag.List) {
	why, compare := "no ready pod with the labels "+labels.FormatLabels(svc.Spec.Selector)+" has its port",
		"compare spec.selector and the targetPort of the Service with the pods"
	paths := map[string]string{"TargetGroupBinding": "spec.serviceRef", "Service": "spec.selector"}
	if len(svc.Spec.Selector) == 0 {
		why, compare = "which has no selector, no EndpointSlice has its port", "give the Service a selector again"
	}
	if _, d := registrar.ServicePortOf(o, svc); d != nil {
		why, compare = d.Text, "give the Service the port again, or name another one in the objects that refer to it"
		paths = map[string]string{"TargetGroupBinding": "spec.serviceRef.port", "Service": "spec.ports"}
	}
	text := fmt.Sprintf("since an edit of Service %s/%s, %s; the former targets stay registered as long as their pods "+
		"are ready", svc.Namespace, svc.Name, why)
	return afterEdit(diag.NoTargetsAfterEdit, about, paths, text, fmt.Sprintf("%s; to deregister the targets, end the "+
		"pods or set annotation %s: \"true\" on TargetGroupBinding %s", compare, naming.AllowDeregistration, o.Name))
}

// Renumbered returns the findings that an edit of a Service has given the port of a binding another number or name.
// missing is that the former one does not exist, and about as in EmptiedByEdit.
func Renumbered(o *v1beta1.TargetGroupBinding, missing diag.Diagnostic, port corev1.ServicePort,
	about []diag.Object) diag.List {
	text := fmt.Sprintf("since an edit, %s; the targets are those of port %d, which has the same endpoints",
		missing.Text, port.Port)
	paths := map[string]string{"TargetGroupBinding": "spec.serviceRef.port", "Service": "spec.ports"}
	return afterEdit(diag.ServicePortEdited, about, paths, text,
		fmt.Sprintf("give the Service the port again, or name port %d in the objects that refer to it", port.Port))
}

// FormerPortServes returns the findings that an edit of a Service has moved its pods to a port at which they do not get
// healthy, and that their healthy targets of the former port stay. about is as in EmptiedByEdit.
func FormerPortServes(o *v1beta1.TargetGroupBinding, stay []registrar.Endpoint, about []diag.Object) diag.List {
	if len(stay) == 0 {
		return nil
	}
	text := fmt.Sprintf("since an edit, Service %s/%s reaches its pods at another port, where their targets do not "+
		"become healthy; %d healthy targets of the former port, such as %s, stay registered", o.Namespace,
		o.Spec.ServiceRef.Name, len(stay), stay[0].Key())
	paths := map[string]string{"TargetGroupBinding": "spec.serviceRef", "Service": "spec.ports"}
	return afterEdit(diag.ServicePortEdited, about, paths, text,
		fmt.Sprintf("compare the targetPort of the Service and the health check with the ports of the pods; to deregister "+
			"the former targets, set annotation %s: \"true\" on TargetGroupBinding %s", naming.AllowDeregistration, o.Name))
}

// afterEdit is one finding on each object, at its path.
func afterEdit(code diag.Code, about []diag.Object, paths map[string]string, text, remedy string) (found diag.List) {
	for _, x := range about {
		found = append(found, diag.New(x, paths[x.Kind], code, text, remedy))
	}
	return found
}

// ReportsEdit reports whether a code says that targets may depend on what an object was before its edit.
func ReportsEdit(code diag.Code) bool {
	return code == diag.NoTargetsAfterEdit || code == diag.ServicePortEdited
}

// EditedSinceServed reports whether a binding was served before its newest edit, by its status.
func EditedSinceServed(o *v1beta1.TargetGroupBinding) bool {
	ready, served := meta.FindStatusCondition(o.Status.Conditions, "Ready"), o.Status.ObservedGeneration
	switch {
	case ready == nil, served != nil && *served == o.Generation:
		return false
	case ready.ObservedGeneration != o.Generation:
		return true
	}
	return ready.Reason == string(diag.ServiceMissing) || ReportsEdit(diag.Code(ready.Reason))
}

// PodServes reports whether a pod answers at an address as far as its kubelet knows.
func PodServes(p *corev1.Pod, address string) bool {
	return p.DeletionTimestamp == nil && registrar.HasAddress(p, address) &&
		readiness.Of(p, corev1.ContainersReady).Status == corev1.ConditionTrue
}

// FormerPods returns the serving pods of a binding's namespace that may be behind its targets, by address. Pods that
// are newer than a status which says that an edit left the binding without endpoints are not included: the
// controller registers none of them. If the status says ServicePortEdited, newer pods are included, because the
// controller has registered them.
func FormerPods(o *v1beta1.TargetGroupBinding, pods iter.Seq[*corev1.Pod]) map[string]registrar.Endpoint {
	at, told := map[string]registrar.Endpoint{}, meta.FindStatusCondition(o.Status.Conditions, "Ready")
	for p := range pods {
		if told != nil && told.Reason == string(diag.NoTargetsAfterEdit) &&
			p.CreationTimestamp.After(told.LastTransitionTime.Time) {
			continue
		}
		for _, ip := range registrar.Addresses(p) {
			if PodServes(p, ip) {
				at[ip] = registrar.Endpoint{Namespace: p.Namespace, Pod: p.Name, Node: p.Spec.NodeName}
			}
		}
	}
	return at
}

// FormerAt are FormerPods as a request has them (registrar.Request.Former): of each registered target, with a zero
// endpoint where no pod is behind it.
func FormerAt(registered map[string]bool, pods map[string]registrar.Endpoint) map[string]registrar.Endpoint {
	all := make(map[string]registrar.Endpoint, len(registered))
	for address := range registered {
		all[address] = pods[address]
	}
	return all
}

// KeepsTargets reports whether the controller keeps targets of a binding registered, by its status, as long as they
// serve.
func KeepsTargets(o *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return o.Annotations[naming.AllowDeregistration] != "true" && ready != nil &&
		(ReportsEdit(diag.Code(ready.Reason)) || ready.Reason == string(diag.DeregistrationsHeld))
}
