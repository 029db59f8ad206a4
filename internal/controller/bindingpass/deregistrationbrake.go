package bindingpass

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// keepServing returns the targets that stay registered although the binding does not want them: those whose pods and
// nodes serve as before, if with them most targets of many groups would go at once. A Service that is proven not to
// exist was taken away on purpose.
func (b *Reconciler) keepServing(ctx context.Context, o *v1beta1.TargetGroupBinding, q registrar.Request,
	found diag.List) []registrar.Endpoint {
	meant := o.Annotations[naming.AllowDeregistration] == "true" ||
		!q.Emptied && slices.ContainsFunc(found, unserved)
	c := b.nodesKeeping.begin(client.ObjectKeyFromObject(o), b.cluster())
	return b.Registry.KeepServing(q, meant, func(e registrar.Endpoint) bool {
		if e.Pod != "" {
			return podOfServes(ctx, c, e)
		}
		if TargetsPods(o) { // an endpoint without Pod, which is what its EndpointSlice says, or what was allowed
			return false
		}
		if slices.ContainsFunc(found, tellsForwards) {
			return false
		}
		n, ok := c.Node(ctx, e.Node)
		return ok && registrar.NodeStays(n)
	})
}

// unserved reports whether a finding is that the Service of a binding, or its port, does not exist.
func unserved(d diag.Diagnostic) bool { return d.Code == diag.ServiceMissing }

// podOfServes reports whether the pod of an endpoint serves.
func podOfServes(ctx context.Context, c registrar.Cluster, e registrar.Endpoint) bool {
	p, ok := c.Pod(ctx, e.Namespace, e.Pod)
	return ok && bindings.PodServes(p, e.ID)
}

func targetsKept(o *v1beta1.TargetGroupBinding, kept []registrar.Endpoint) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), "spec.serviceRef", diag.DeregistrationsHeld,
		fmt.Sprintf("%d targets, such as %s, are no longer endpoints of Service %s although their pods or nodes exist; "+
			"more target groups than usual lost most of their targets within %s; the controller keeps these targets registered",
			len(kept), kept[0].Key(), o.Spec.ServiceRef.Name, brake.Window),
		fmt.Sprintf("check EndpointSlices, selectors and node labels; if they are correct, set annotation %s: \"true\" on "+
			"the TargetGroupBinding, or delete the pods", naming.AllowDeregistration))
}

// wakeKeeping wakes the bindings that keep a target of a pod that does not serve any longer.
func (b *Reconciler) wakeKeeping(was, is *corev1.Pod, q queue.Of[reconcile.Request]) {
	if was == nil || is != nil && bindings.PodServes(is, was.Status.PodIP) {
		return
	}
	for _, id := range b.Registry.KeptFor(was.Namespace, was.Name) {
		req := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: id.Namespace, Name: id.Name}}
		b.noteCause(req, "Pod", was)
		queue.Add(q, 0, queue.Urgent, req)
	}
}
