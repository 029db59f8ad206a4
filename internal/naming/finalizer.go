package naming

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Finalizers.
const (
	IngressFinalizer            = "ingress.k8s.aws/resources" // of an Ingress without an explicit group
	ServiceFinalizer            = "service.k8s.aws/resources"
	BindingFinalizer            = "elbv2.k8s.aws/resources"
	IngressGroupFinalizerPrefix = "group.ingress.k8s.aws/"
)

// AllowDeregistration is the annotation of a TargetGroupBinding that consents to what --deregistration-brake holds up.
const AllowDeregistration = "elbv2.k8s.aws/allow-deregistration"

// GroupFinalizer is the finalizer of the members of an Ingress group: ingress.k8s.aws/resources for an implicit group,
// group.ingress.k8s.aws/<group> for an explicit one. Kubernetes limits the part after the slash to 63 characters.
func GroupFinalizer(id stack.ID) string {
	if id.Namespace == "" {
		return IngressGroupFinalizerPrefix + id.Name
	}
	return IngressFinalizer
}

// FinalizerGroup is the group that a finalizer of the Ingress namespace/name stands for; ok is false for foreign finalizers.
func FinalizerGroup(finalizer, namespace, name string) (id stack.ID, ok bool) {
	if finalizer == IngressFinalizer {
		return stack.ID{Namespace: namespace, Name: name}, true
	}
	if g, found := strings.CutPrefix(finalizer, IngressGroupFinalizerPrefix); found && g != "" {
		return stack.ID{Name: g}, true
	}
	return stack.ID{}, false
}
