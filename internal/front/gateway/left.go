package gateway

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Left are the changes of the routes around a Gateway that does not exist, or whose class is another controller's: the entries of their statuses
// that name it, or a ListenerSet of it, and that were written here, are removed. ListenerSets of a Gateway that does not exist wait for it.
func Left(v *objects.View, cfg Config, l Loaded, key stack.Key) (out []Change) {
	if l.Gateway != nil && (l.Class == nil || cfg.Manages(l.Class)) {
		return nil
	}
	at := objects.Ref{Kind: objects.Gateway, Namespace: key.ID.Namespace, Name: key.ID.Name}
	var sets []*gatewayv1.ListenerSet
	if cfg.ListenerSets {
		sets = objects.Naming[*gatewayv1.ListenerSet](v, objects.ListenerSet, at)
	}
	if l.Gateway == nil {
		for _, s := range sets {
			out = append(out, orphaned(s))
		}
	}
	stale := func(o metav1.Object) func(p gatewayv1.RouteParentStatus) bool {
		return func(p gatewayv1.RouteParentStatus) bool {
			_, ours := cfg.family(p.ControllerName)
			return ours && names(p.ParentRef, o.GetNamespace(), at.Namespace, at.Name, sets)
		}
	}
	for _, kind := range objects.RouteKinds {
		for _, o := range routesOf(v, kind, at, sets) {
			if status, _, ok := statusOf(o); !ok || !slices.ContainsFunc(status.Parents, stale(o)) {
				continue
			}
			out = append(out, Change{kind, o.GetNamespace(), o.GetName(), func(o metav1.Object, _ metav1.Time) bool {
				status, _, ok := statusOf(o)
				if !ok {
					return false
				}
				before := len(status.Parents)
				status.Parents = slices.DeleteFunc(status.Parents, stale(o))
				return len(status.Parents) < before
			}})
		}
	}
	return out
}

// orphaned is the status of a ListenerSet whose Gateway does not exist: that of one that no controller has looked at. One that has no status
// stays so.
func orphaned(s *gatewayv1.ListenerSet) Change {
	return Change{objects.ListenerSet, s.Namespace, s.Name, func(o metav1.Object, now metav1.Time) bool {
		to, ok := o.(*gatewayv1.ListenerSet)
		if !ok || to.UID != s.UID || to.Generation != s.Generation || len(to.Status.Conditions) == 0 {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status.Listeners = nil
		to.Status.Conditions = conditions.Merge(to.Status.Conditions, conditions.OrphanedSet(s.Generation), now)
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}
}
