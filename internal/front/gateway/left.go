package gateway

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// LeftByGateways returns the change of a route with entries in its status that were written here and lead to no Gateway
// that is managed: the Gateway or the ListenerSet is gone, or another controller's. No pass over a Gateway sees them.
// Apply is nil if there are none.
func LeftByGateways(v *objects.View, cfg Config, kind objects.Kind, o metav1.Object) Change {
	status, spec, ok := route.Common(o)
	if !ok {
		return Change{}
	}
	for _, p := range spec.ParentRefs { // decisions about the parents matter once the status has entries of them
		cfg.leads(v, p, o.GetNamespace())
	}
	type entry struct {
		parent     gatewayv1.ParentReference
		controller gatewayv1.GatewayController
	}
	var left []entry
	for _, p := range status.Parents {
		if _, ours := cfg.family(p.ControllerName); ours && !cfg.leads(v, p.ParentRef, o.GetNamespace()) {
			left = append(left, entry{p.ParentRef, p.ControllerName})
		}
	}
	if len(left) == 0 {
		return Change{}
	}
	return Change{kind, o.GetNamespace(), o.GetName(), func(o metav1.Object, _ metav1.Time) bool {
		status, _, ok := route.Common(o)
		if !ok {
			return false
		}
		before := len(status.Parents)
		status.Parents = slices.DeleteFunc(status.Parents, func(p gatewayv1.RouteParentStatus) bool {
			return slices.ContainsFunc(left, func(e entry) bool {
				return e.controller == p.ControllerName && equality.Semantic.DeepEqual(e.parent, p.ParentRef)
			})
		})
		return len(status.Parents) < before
	}}
}

// leads reports whether a parentRef of a route in a namespace leads to a Gateway whose passes write its entry. A class
// that does not exist, and a kind that the cluster does not serve, may come back. A Gateway that cannot be read may
// exist.
func (c Config) leads(v *objects.View, r gatewayv1.ParentReference, namespace string) bool {
	p, ok := attachment.ParentOf(r, namespace)
	if !ok {
		return false
	}
	at := objects.Ref{Kind: objects.Gateway, Namespace: p.Namespace, Name: p.Name}
	switch p.Kind {
	case kindGateway:
	case kindListenerSet:
		if !v.Serves(objects.ListenerSet) {
			return true
		}
		s, ok := objects.Lookup[*gatewayv1.ListenerSet](v, objects.ListenerSet, at.Namespace, at.Name)
		switch {
		case !ok && v.Why(objects.ListenerSet, at.Namespace, at.Name) != nil:
			return true
		case !ok || !c.ListenerSets:
			return false
		}
		at = gatewayOf(s)
	default:
		return false
	}
	if !v.Serves(objects.Gateway) {
		return true
	}
	g, ok := objects.Lookup[*gatewayv1.Gateway](v, objects.Gateway, at.Namespace, at.Name)
	if !ok {
		return v.Why(objects.Gateway, at.Namespace, at.Name) != nil
	}
	class, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", string(g.Spec.GatewayClassName))
	return !ok || c.Manages(class) || c.Meant(class) != ""
}

// gatewayOf is the Gateway that a ListenerSet names.
func gatewayOf(s *gatewayv1.ListenerSet) objects.Ref {
	p := s.Spec.ParentRef
	return objects.Ref{Kind: objects.Gateway, Namespace: string(ptr.Deref(p.Namespace, gatewayv1.Namespace(s.Namespace))),
		Name: string(p.Name)}
}

// Orphaned returns the change of a ListenerSet whose Gateway does not exist: its status becomes that of one that no
// controller has looked at. Apply is nil if the Gateway exists or cannot be read, or if the ListenerSet has no status.
func Orphaned(v *objects.View, s *gatewayv1.ListenerSet) Change {
	at := gatewayOf(s)
	if !v.Serves(objects.Gateway) {
		return Change{}
	}
	if _, ok := objects.Lookup[*gatewayv1.Gateway](v, objects.Gateway, at.Namespace, at.Name); ok ||
		len(s.Status.Conditions) == 0 || v.Why(objects.Gateway, at.Namespace, at.Name) != nil {
		return Change{}
	}
	return Change{objects.ListenerSet, s.Namespace, s.Name, func(o metav1.Object, now metav1.Time) bool {
		to, ok := o.(*gatewayv1.ListenerSet)
		if !ok || to.UID != s.UID || to.Generation != s.Generation {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status.Listeners = nil
		to.Status.Conditions = conditions.Merge(to.Status.Conditions, conditions.OrphanedSet(s.Generation), now)
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}
}
