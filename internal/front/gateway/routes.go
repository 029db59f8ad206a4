package gateway

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// attached is a route that names the Gateway or one of its ListenerSets, in its spec or in its status, and what becomes of its parentRefs.
type attached struct {
	object    metav1.Object
	route     attachment.Route
	status    *gatewayv1.RouteStatus
	decisions []attachment.Decision
}

// attach finds the routes of the Gateway and decides where they attach. Routes of the kinds of the other family are found, too: no listener
// admits them, which is their status.
func (t *translation) attach() {
	var all []attached
	all = append(all, routesOf(t, objects.HTTPRoute, func(r *gatewayv1.HTTPRoute) attached {
		return attached{route: attachment.Route{Parents: r.Spec.ParentRefs, Hostnames: r.Spec.Hostnames}, status: &r.Status.RouteStatus}
	})...)
	all = append(all, routesOf(t, objects.GRPCRoute, func(r *gatewayv1.GRPCRoute) attached {
		return attached{route: attachment.Route{Parents: r.Spec.ParentRefs, Hostnames: r.Spec.Hostnames}, status: &r.Status.RouteStatus}
	})...)
	all = append(all, routesOf(t, objects.TLSRoute, func(r *gatewayv1.TLSRoute) attached {
		return attached{route: attachment.Route{Parents: r.Spec.ParentRefs, Hostnames: r.Spec.Hostnames}, status: &r.Status.RouteStatus}
	})...)
	all = append(all, routesOf(t, objects.TCPRoute, func(r *gatewayv1.TCPRoute) attached {
		return attached{route: attachment.Route{Parents: r.Spec.ParentRefs}, status: &r.Status.RouteStatus}
	})...)
	all = append(all, routesOf(t, objects.UDPRoute, func(r *gatewayv1.UDPRoute) attached {
		return attached{route: attachment.Route{Parents: r.Spec.ParentRefs}, status: &r.Status.RouteStatus}
	})...)
	slices.SortFunc(all, func(a, b attached) int {
		x, y := a.object.GetCreationTimestamp(), b.object.GetCreationTimestamp()
		return cmp.Or(x.Compare(y.Time), cmp.Compare(a.route.Namespace+"/"+a.route.Name, b.route.Namespace+"/"+b.route.Name), cmp.Compare(a.route.Kind, b.route.Kind))
	})
	for i := range all {
		if all[i].object.GetDeletionTimestamp() == nil {
			all[i].decisions = t.listeners.Attach(all[i].route)
		}
	}
	t.routes = all
}

// routesOf are the routes of a kind that name the Gateway or a ListenerSet of it, each once.
func routesOf[T metav1.Object](t *translation, kind objects.Kind, read func(T) attached) []attached {
	parents := []objects.Ref{t.ref()}
	for _, s := range t.listeners.Admitted {
		parents = append(parents, objects.Ref{Kind: objects.ListenerSet, Namespace: s.Namespace, Name: s.Name})
	}
	var out []attached
	seen := map[string]bool{}
	for _, p := range parents {
		for _, r := range objects.Naming[T](t.view, kind, p) {
			id := r.GetNamespace() + "/" + r.GetName()
			if seen[id] {
				continue
			}
			seen[id] = true
			a := read(r)
			a.object = r
			a.route.Kind, a.route.Namespace, a.route.Name = gatewayv1.Kind(kind), r.GetNamespace(), r.GetName()
			out = append(out, a)
		}
	}
	return out
}

// routeHosts are the hostnames that routes serve at a listener.
func (t *translation) routeHosts(listener int) (out []string) {
	for i := range t.routes {
		for _, d := range t.routes[i].decisions {
			for _, a := range d.Attached {
				if a.Listener != listener {
					continue
				}
				for _, h := range a.Hostnames {
					out = append(out, h.Name)
				}
			}
		}
	}
	return out
}
