// Package owner is the registry of the kinds of owners of stacks: what a kind is called in Kubernetes, in names,
// annotations, finalizers, metrics and events, and how the status of its objects shows a load balancer. A new kind
// needs an entry here and a front end; docs/architecture.md (Add a front end) lists the other places. The package
// reads and writes nothing.
package owner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Kind is a kind of owners of stacks. Several kinds may share one Kubernetes kind, such as Gateways of two families.
// Then an object belongs to the front end whose Declared returns a stack, or whose finalizer the object carries. So
// no function returns the owner of an object.
type Kind struct {
	Owner            stack.Owner // the prefix of tags and labels
	Kind, APIVersion string      // of the Kubernetes objects
	Names            []string    // of the Kubernetes kind on the command line: singular, plural, short names
	// Controller is the name of its controller: the component of its events, and a label of metrics.
	Controller string
	// Prefix and GroupPrefix begin the names of LoadBalancer objects: of the stack of one object, and of a group.
	Prefix, GroupPrefix string
	// Finalizer is the finalizer of an object with a stack of its own. GroupFinalizer begins the finalizer of the
	// members of a group; empty = the kind has no groups.
	Finalizer, GroupFinalizer string
	// GroupType is the type of the load balancers of groups; empty = the kind has no groups.
	GroupType stack.LoadBalancerType
	// AllowDeletion and DeleteDuplicates are the annotations by which an object consents to deletions.
	AllowDeletion, DeleteDuplicates annotation.Key
	// DeletionPolicy is the annotation that says whether the load balancer is deleted with the object.
	DeletionPolicy annotation.Key
	// Ownership is the annotation that says what the controller may do with the load balancer.
	Ownership annotation.Key
	// Existing is the annotation that names a load balancer of others.
	Existing annotation.Key
	// ApprovedPlan is the annotation with the digest of the only state that the controller may create in AWS.
	ApprovedPlan annotation.Key
	// DriftPolicy and ReplacementPolicy are the annotations of those policies.
	DriftPolicy, ReplacementPolicy annotation.Key
	// MultiCluster is the annotation by which clusters share target groups; empty = there is none.
	MultiCluster     annotation.Key
	DryRun           DryRun // its annotations; Services have none
	OwnsCertificates bool   // its stacks may own certificates in ACM
	OwnsTrustStores  bool   // its stacks may own trust stores
	InAccelerators   bool   // its load balancers may be endpoints of accelerators, which then read its objects
	Stages           Stages // of its passes
	// MayDeclare reports whether an object of the Kubernetes kind may declare a load balancer, whatever its class.
	MayDeclare func(o metav1.Object) bool
	// Hostnames returns the names of load balancers that the status of an object shows.
	Hostnames func(o metav1.Object) []string
	// Unshown returns why the status of an object cannot show a load balancer; empty = it can.
	Unshown func(o metav1.Object) string
	// Show writes a load balancer into the status of an object. Clear removes the names of load balancers from an object
	// that leaves the stack. Release removes all names from an object whose load balancer no longer exists. Each reports
	// whether it changed the object.
	Show    func(o metav1.Object, lb LoadBalancer) bool
	Clear   func(o metav1.Object, names []string) bool
	Release func(o metav1.Object) bool
}

// Resource returns the name of the objects' resource in rules of roles: "services", "ingresses.networking.k8s.io".
func (k Kind) Resource() string {
	return schema.FromAPIVersionAndKind(k.APIVersion, k.Kind).GroupVersion().WithResource(
		k.Names[1]).GroupResource().String()
}

// DryRun are the annotations of a dry run: one that requests it, and two that show the plan, plain or compressed.
type DryRun struct{ Request, Plan, Packed annotation.Key }

// LoadBalancer is what the status of an object shows.
type LoadBalancer struct {
	Hostname string
	Ports    []int32 // of its listeners
	Frontend string  // the name of the load balancer in front of it; empty = there is none
	// Beside are the further load balancers of a group that serve hosts of the object.
	Beside []LoadBalancer
	// OthersPorts are the ports that only other members serve.
	OthersPorts []int32
}

// Stages are the names of the stages of a pass in metrics: those of the existing controller, which its dashboards read.
type Stages struct{ Load, Finalizer, Build, Deploy, Status, Release string }

// Finalizers of Services.
const (
	serviceFinalizer      = "service.k8s.aws/resources"
	serviceGroupFinalizer = "group.service.k8s.aws/"
)

// Kinds are all kinds, each with an Owner of its own.
var Kinds = []Kind{{
	Owner: stack.Ingress, Kind: "Ingress", APIVersion: networkingv1.SchemeGroupVersion.String(), Controller: "ingress",
	Names:  []string{"ingress", "ingresses", "ing"},
	Prefix: "ingress-", GroupPrefix: "group-", Finalizer: "ingress.k8s.aws/resources",
	GroupFinalizer: "group.ingress.k8s.aws/", GroupType: stack.Application,
	DriftPolicy: annotation.DriftPolicy, ReplacementPolicy: annotation.ReplacementPolicy,
	DeletionPolicy: annotation.DeletionPolicy, Ownership: annotation.Ownership, Existing: annotation.ExistingLoadBalancer,
	ApprovedPlan: annotation.ApprovedPlan, AllowDeletion: annotation.AllowDeletion,
	DeleteDuplicates: annotation.DeleteDuplicates, MultiCluster: annotation.MultiCluster, OwnsCertificates: true,
	InAccelerators: true,
	DryRun:         DryRun{annotation.DryRun, annotation.DryRunPlan, annotation.DryRunPlanGzip},
	Stages: Stages{
		Load: "fetch_ingress", Finalizer: "add_group_finalizer", Build: "build_model", Deploy: "deploy_model",
		Status: "dns_resolve_and_update_status", Release: "remove_group_finalizer",
	},
	MayDeclare: func(metav1.Object) bool { return true }, Hostnames: ingressHostnames, Unshown: always(""),
	Show: showOnIngress, Clear: clearIngress, Release: func(metav1.Object) bool { return false },
}, {
	Owner: stack.Service, Kind: "Service", APIVersion: corev1.SchemeGroupVersion.String(), Controller: "service",
	Names:  []string{"service", "services", "svc"},
	Prefix: "service-", GroupPrefix: "servicegroup-", Finalizer: serviceFinalizer, GroupFinalizer: serviceGroupFinalizer,
	GroupType:   stack.Network,
	DriftPolicy: annotation.ServiceDriftPolicy, ReplacementPolicy: annotation.ServiceReplacementPolicy,
	DeletionPolicy: annotation.ServiceDeletionPolicy, Ownership: annotation.ServiceOwnership,
	Existing: annotation.ServiceExistingLoadBalancer, ApprovedPlan: annotation.ServiceApprovedPlan,
	AllowDeletion: annotation.ServiceAllowDeletion, DeleteDuplicates: annotation.ServiceDeleteDuplicates,
	MultiCluster: annotation.ServiceMultiCluster, InAccelerators: true,
	Stages: Stages{
		Load: "fetch_service", Finalizer: "add_finalizers", Build: "build_model", Deploy: "deploy_model",
		Status: "update_status", Release: "cleanup_load_balancer",
	},
	MayDeclare: isLoadBalancer, Hostnames: serviceHostnames, Unshown: unshownOnService, Show: showOnService,
	Clear: func(metav1.Object, []string) bool { return false }, Release: releaseService,
}, gateways(stack.GatewayALB, "gateway.k8s.aws/alb", "gateway-alb-"), gateways(stack.GatewayNLB, "gateway.k8s.aws/nlb",
	"gateway-nlb-")}

// gateways returns the kind of Gateways with load balancers of one family. name is both their controller and their
// finalizer.
func gateways(o stack.Owner, name, prefix string) Kind {
	return Kind{
		Owner: o, Kind: "Gateway", APIVersion: gatewayv1.GroupVersion.String(), Controller: name,
		Names:  []string{"gateway", "gateways", "gtw"},
		Prefix: prefix, Finalizer: name,
		DriftPolicy: annotation.GatewayDriftPolicy, ReplacementPolicy: annotation.GatewayReplacementPolicy,
		DeletionPolicy: annotation.GatewayDeletionPolicy, Ownership: annotation.GatewayOwnership,
		Existing: annotation.GatewayExisting, ApprovedPlan: annotation.GatewayApprovedPlan,
		AllowDeletion: annotation.GatewayAllowDeletion, DeleteDuplicates: annotation.GatewayDeleteDuplicates,
		OwnsCertificates: true, OwnsTrustStores: o == stack.GatewayALB, InAccelerators: true,
		DryRun: DryRun{annotation.GatewayDryRun, annotation.GatewayDryRunPlan, annotation.GatewayDryRunPlanGzip},
		Stages: Stages{
			Load: "fetch_gateway", Finalizer: "add_finalizers", Build: "build_model", Deploy: "deploy_model",
			Status: "update_gateway_status", Release: "cleanup_load_balancer",
		},
		MayDeclare: func(metav1.Object) bool { return true }, Hostnames: gatewayHostnames, Unshown: always(""),
		Show: showOnGateway, Clear: clearGateway, Release: func(metav1.Object) bool { return false },
	}
}

func always(text string) func(metav1.Object) string {
	return func(metav1.Object) string { return text }
}

func isLoadBalancer(o metav1.Object) bool {
	s, ok := o.(*corev1.Service)
	return ok && s.Spec.Type == corev1.ServiceTypeLoadBalancer
}

// Of returns the kind of a stack's owner.
func Of(o stack.Owner) Kind {
	for _, k := range Kinds {
		if k.Owner == o {
			return k
		}
	}
	return Kind{}
}

// KubernetesKinds returns the Kubernetes kinds of the owners that match, each once; nil = of all.
func KubernetesKinds(match func(Kind) bool) (out []objects.Kind) {
	for _, k := range Kinds {
		if kind := objects.Kind(k.Kind); (match == nil || match(k)) && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// Named names the owner of a stack in texts: an object, or a group of objects.
func Named(key stack.Key) string {
	kind := Of(key.Owner).Kind
	if key.ID.Namespace == "" {
		return fmt.Sprintf("group %s of %s", key.ID.Name, diag.Plural(kind))
	}
	return fmt.Sprintf("%s %s/%s", kind, key.ID.Namespace, key.ID.Name)
}

// Is reports whether an object is of the Kubernetes kind.
func (k Kind) Is(o metav1.Object) bool {
	kind, _ := objects.KindOf(o)
	return string(kind) == k.Kind
}

// Object names an object in diagnostics, by its Kubernetes kind.
func Object(o metav1.Object) diag.Object {
	kind, _ := objects.KindOf(o)
	return diag.Object{Kind: string(kind), Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())}
}

// isHostname reports whether an address is the name of a load balancer.
func isHostname(a gatewayv1.GatewayStatusAddress) bool {
	return a.Type != nil && *a.Type == gatewayv1.HostnameAddressType
}

// showOnGateway replaces the name of another load balancer. The first addresses of a Gateway are written with its
// conditions, of which they are a part for its users, and so are Elastic IP addresses.
func showOnGateway(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok {
		return false
	}
	name, changed := strings.ToLower(cmp.Or(lb.Frontend, lb.Hostname)), false
	for i, a := range o.Status.Addresses {
		if isHostname(a) && a.Value != name {
			o.Status.Addresses[i].Value, changed = name, true
		}
	}
	return changed
}

// clearGateway removes the names of load balancers. One that is being deleted keeps them, as Ingresses do: it is gone
// with its finalizer.
func clearGateway(m metav1.Object, names []string) bool {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok || o.DeletionTimestamp != nil {
		return false
	}
	before := len(o.Status.Addresses)
	o.Status.Addresses = slices.DeleteFunc(o.Status.Addresses, func(a gatewayv1.GatewayStatusAddress) bool {
		return isHostname(a) && slices.Contains(names, strings.ToLower(a.Value))
	})
	return len(o.Status.Addresses) != before
}

func gatewayHostnames(m metav1.Object) (out []string) {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok {
		return nil
	}
	for _, a := range o.Status.Addresses {
		if isHostname(a) {
			out = append(out, a.Value)
		}
	}
	return out
}
