package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/reporting"
)

// reporter makes a reporter whose events have a component.
func (w *Wiring) reporter(component string) *reporting.Reporter {
	r := w.told.Reporter(w.recorder(component), w.Now)
	r.Ends = w.namespaceEnds
	return r
}

// namespaceEnds reports whether a namespace is being deleted.
func (w *Wiring) namespaceEnds(name string) bool {
	ns := &corev1.Namespace{}
	return name != "" && w.mgr.GetClient().Get(context.Background(), client.ObjectKey{Name: name}, ns,
		client.UnsafeDisableDeepCopy) == nil && ns.DeletionTimestamp != nil
}
