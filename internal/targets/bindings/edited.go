package bindings

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Misspelt returns ServiceMissing, or the finding that the Service lacks the port, for the case that an edit of the
// binding led to it. ok is false for the binding of a stack, which users do not edit.
func Misspelt(o *v1beta1.TargetGroupBinding, d diag.Diagnostic) (_ diag.Diagnostic, ok bool) {
	d.Text += "; the registered targets stay, as an edit of the TargetGroupBinding may have misspelt it"
	d.Remedy += "; delete the TargetGroupBinding to deregister the targets"
	return d, !bindingobject.OfStack(o.Labels)
}

// Unready is the finding that an edit has given a binding a Service without ready endpoints.
func Unready(o *v1beta1.TargetGroupBinding) diag.Diagnostic {
	return emptied(o, "spec.serviceRef", fmt.Sprintf("Service %s/%s has no ready endpoints", o.Namespace,
		o.Spec.ServiceRef.Name), "make pods of the Service ready, or name another one")
}

// emptied is the finding that an edit has led to a binding without targets.
func emptied(o *v1beta1.TargetGroupBinding, path, why, remedy string) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), path, diag.NoTargetsAfterEdit,
		why+"; the targets that were registered before the edit stay", remedy)
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
	return ready.Reason == string(diag.ServiceMissing) || ready.Reason == string(diag.NoTargetsAfterEdit)
}
