// Package owner is the registry of the kinds of objects that own stacks: what a kind is called in Kubernetes, in names, metrics and events, and how
// the status of its objects shows a load balancer. A new kind is an entry here and a front end. It reads and writes nothing.
// It imports stack, diag and Kubernetes API types.
package owner

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Kind is a kind of objects that own stacks.
type Kind struct {
	Owner            stack.Owner // the prefix of tags and labels
	Kind, APIVersion string
	// Controller is the name of its controller: the component of its events, and a label of metrics.
	Controller string
	// Prefix and GroupPrefix begin the names of LoadBalancer objects, of one object and of a group.
	Prefix, GroupPrefix string
	OwnsCertificates    bool   // its stacks may own certificates in ACM
	Stages              Stages // of its passes
	is                  func(o metav1.Object) bool
	// Hostnames are the names of load balancers that an object shows.
	Hostnames func(o metav1.Object) []string
	// Show brings the status of an object to a load balancer. Clear takes the names of load balancers off one that leaves the stack, and Release
	// all of them off one whose load balancer is gone. Each reports whether it changed the object.
	Show    func(o metav1.Object, lb LoadBalancer) bool
	Clear   func(o metav1.Object, names []string) bool
	Release func(o metav1.Object) bool
}

// LoadBalancer is what the status of an object shows.
type LoadBalancer struct {
	Hostname string
	Ports    []int32 // of its listeners
	Frontend string  // the name of the load balancer in front of it; empty if there is none
}

// Stages are the names of the stages of a pass in metrics: those of the existing controller, which its dashboards read.
type Stages struct{ Load, Finalizer, Build, Deploy, Status, Release string }

// Kinds are all kinds.
var Kinds = []Kind{{
	Owner: stack.Ingress, Kind: "Ingress", APIVersion: networkingv1.SchemeGroupVersion.String(), Controller: "ingress",
	Prefix: "ingress-", GroupPrefix: "group-", OwnsCertificates: true,
	Stages: Stages{
		Load: "fetch_ingress", Finalizer: "add_group_finalizer", Build: "build_model", Deploy: "deploy_model",
		Status: "dns_resolve_and_update_status", Release: "remove_group_finalizer",
	},
	is: is[*networkingv1.Ingress], Hostnames: ingressHostnames, Show: showOnIngress, Clear: clearIngress, Release: func(metav1.Object) bool { return false },
}, {
	Owner: stack.Service, Kind: "Service", APIVersion: corev1.SchemeGroupVersion.String(), Controller: "service", Prefix: "service-",
	Stages: Stages{
		Load: "fetch_service", Finalizer: "add_finalizers", Build: "build_model", Deploy: "deploy_model",
		Status: "update_status", Release: "cleanup_load_balancer",
	},
	is: is[*corev1.Service], Hostnames: serviceHostnames, Show: showOnService, Clear: func(metav1.Object, []string) bool { return false }, Release: releaseService,
}}

func is[T metav1.Object](o metav1.Object) bool {
	_, ok := o.(T)
	return ok
}

func find(match func(k Kind) bool) (Kind, bool) {
	for _, k := range Kinds {
		if match(k) {
			return k, true
		}
	}
	return Kind{}, false
}

// Of is the kind of a stack's owner.
func Of(o stack.Owner) Kind {
	k, _ := find(func(k Kind) bool { return k.Owner == o })
	return k
}

// OfObject is the kind of an object.
func OfObject(o metav1.Object) (Kind, bool) { return find(func(k Kind) bool { return k.is(o) }) }

// Named is the kind that Kubernetes calls so.
func Named(kind string) (Kind, bool) { return find(func(k Kind) bool { return k.Kind == kind }) }

// Object names an object in diagnostics.
func Object(o metav1.Object) diag.Object {
	k, _ := OfObject(o)
	return diag.Object{Kind: k.Kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())}
}
