package queue

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// Handle returns a handler that calls one function: before is nil for creations, after for deletions.
func Handle[U comparable](f func(ctx context.Context, before, after client.Object,
	q Of[U])) handler.TypedFuncs[client.Object, U] {
	return handler.TypedFuncs[client.Object, U]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q Of[U]) {
			f(ctx, nil, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q Of[U]) {
			f(ctx, e.ObjectOld, e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q Of[U]) {
			f(ctx, e.Object, nil, q)
		},
	}
}

// IsResync reports whether an event is of the periodic resync, without a change.
func IsResync(before, after client.Object) bool {
	return before != nil && after != nil && before.GetResourceVersion() == after.GetResourceVersion()
}

// Relevant reports whether an update changes parts of an object that front ends read. Status and most metadata are not
// among them.
func Relevant(before, after client.Object) bool {
	if before == nil || after == nil {
		return true
	}
	if (before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil) ||
		!equality.Semantic.DeepEqual(withoutCause(read(before, before.GetAnnotations())),
			withoutCause(read(after, unrecorded(before, after)))) {
		return true
	}
	switch o := before.(type) {
	case *networkingv1.Ingress:
		n, ok := after.(*networkingv1.Ingress)
		return !ok || !equality.Semantic.DeepEqual(o.Spec, n.Spec)
	case *corev1.Service:
		n, ok := after.(*corev1.Service)
		return !ok || !equality.Semantic.DeepEqual(o.Spec, n.Spec)
	case *gatewayv1.Gateway: // a Gateway that changes its family waits until the old finalizer is removed
		if len(after.GetFinalizers()) < len(before.GetFinalizers()) {
			return true
		}
	case *corev1.Namespace:
		return !equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels())
	}
	return before.GetGeneration() != after.GetGeneration() || before.GetGeneration() == 0
}

// read returns the annotations that front ends read. A class, class parameters or a Namespace concern many load
// balancers at a time, so read names each of their annotations that counts.
func read(o client.Object, annotations map[string]string) map[string]string {
	key := ""
	switch o.(type) {
	case *networkingv1.IngressClass:
		key = networkingv1.AnnotationIsDefaultIngressClass
	case *gatewayv1.GatewayClass:
		key = string(annotation.GatewayRuleConstruction)
	case *v1beta1.IngressClassParams:
		return annotation.Ours(annotations)
	case *corev1.Namespace, *gatewayv1beta1.ReferenceGrant:
	default:
		if _, ok := annotations[corev1.LastAppliedConfigAnnotation]; ok {
			annotations = maps.Clone(annotations)
			delete(annotations, corev1.LastAppliedConfigAnnotation)
		}
		return annotations
	}
	if value, ok := annotations[key]; ok {
		return map[string]string{key: value}
	}
	return nil
}

// withoutCause removes the annotation in which the controller shows why a deleted object stays.
func withoutCause(annotations map[string]string) map[string]string {
	if _, ok := annotations[naming.DeletionCause]; !ok {
		return annotations
	}
	annotations = maps.Clone(annotations)
	delete(annotations, naming.DeletionCause)
	return annotations
}

// unrecorded returns the annotations of an object after an update. If the update is the first pass's own, which adds
// the record of the rule construction to a Gateway together with the finalizer, the record is left out.
func unrecorded(before, after client.Object) map[string]string {
	const record = string(annotation.GatewayRuleConstruction)
	annotations := after.GetAnnotations()
	if _, ok := after.(*gatewayv1.Gateway); !ok || len(after.GetFinalizers()) <= len(before.GetFinalizers()) ||
		before.GetAnnotations()[record] != "" {
		return annotations
	}
	annotations = maps.Clone(annotations)
	delete(annotations, record)
	return annotations
}

// Shows reports whether an update changes the part of a Gateway's status that others rely on: the load balancer that it
// shows, which the routes of another Gateway may name as a backend.
func Shows(before, after client.Object) bool {
	o, ok := before.(*gatewayv1.Gateway)
	n, also := after.(*gatewayv1.Gateway)
	if !ok || !also {
		return false
	}
	shown := func(g *gatewayv1.Gateway) (status metav1.ConditionStatus, arn string) {
		if c := meta.FindStatusCondition(g.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)); c != nil {
			return c.Status, c.Message
		}
		return "", ""
	}
	s, x := shown(o)
	t, y := shown(n)
	return s != t || x != y
}

// Newest returns the object after an event; if it was deleted, the object before.
func Newest(before, after client.Object) client.Object {
	if after != nil {
		return after
	}
	return before
}
