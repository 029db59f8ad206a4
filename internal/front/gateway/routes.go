package gateway

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// attached is a route that names the Gateway or one of its ListenerSets, in its spec or in its status, with the
// decisions about its parentRefs.
type attached struct {
	object    metav1.Object
	route     attachment.Route
	status    *gatewayv1.RouteStatus
	decisions []attachment.Decision
	// declared is the number of its parentRefs. Those of route.Parents that follow are former ones, by which it still
	// serves; astray is then the parentRef that took their place and leads nowhere.
	declared int
	astray   *route.Astray
}

// attach finds the routes of the Gateway and of ListenerSets that name it, and decides where they attach. It finds
// routes of the kinds of the other family too: no listener admits them, and their status says so.
func (t *translation) attach() {
	var all []attached
	for _, kind := range objects.RouteKinds {
		for _, o := range routesOf(t.view, kind, t.ref(), slices.Concat(t.listeners.Admitted, t.listeners.Rejected)) {
			if status, spec, ok := route.Common(o); ok {
				r := attachment.Route{Kind: gatewayv1.Kind(kind), Namespace: o.GetNamespace(), Name: o.GetName(),
					Parents: spec.ParentRefs, Hostnames: hostnamesOf(o)}
				all = append(all, attached{object: o, route: r, status: status})
			}
		}
	}
	slices.SortFunc(all, func(a, b attached) int {
		x, y := a.object.GetCreationTimestamp(), b.object.GetCreationTimestamp()
		return cmp.Or(x.Compare(y.Time), cmp.Compare(a.route.Namespace+"/"+a.route.Name, b.route.Namespace+"/"+b.route.Name),
			cmp.Compare(a.route.Kind, b.route.Kind))
	})
	for i := range all {
		if all[i].object.GetDeletionTimestamp() == nil {
			t.decide(&all[i])
		}
	}
	t.routes = all
}

// author is the controller by whose name entries are written into the statuses of routes: that of the class, or, if the
// class is not known, the one that has written entries before.
func (t *translation) author() gatewayv1.GatewayController {
	if t.Class != nil && t.config.Meant(t.Class) == "" {
		return t.Class.Spec.ControllerName
	}
	sets := slices.Concat(t.listeners.Admitted, t.listeners.Rejected)
	for i := range t.routes {
		r := &t.routes[i]
		for _, s := range r.status.Parents {
			if t.config.writes(s.ControllerName) && names(s.ParentRef, r.route.Namespace, t.Gateway.Namespace, t.Gateway.Name,
				sets) {
				return s.ControllerName
			}
		}
	}
	if t.Family == attachment.Network {
		return t.config.NLB
	}
	return t.config.ALB
}

// routesOf returns the routes of a kind that name a Gateway or one of its ListenerSets, each once.
func routesOf(v *objects.View, kind objects.Kind, at objects.Ref, sets []*gatewayv1.ListenerSet) (out []metav1.Object) {
	parents := []objects.Ref{at}
	for _, s := range sets {
		parents = append(parents, objects.Ref{Kind: objects.ListenerSet, Namespace: s.Namespace, Name: s.Name})
	}
	seen := map[stack.ID]bool{}
	for _, p := range parents {
		for _, o := range objects.Naming[metav1.Object](v, kind, p) {
			if id := (stack.ID{Namespace: o.GetNamespace(), Name: o.GetName()}); !seen[id] {
				seen[id] = true
				out = append(out, o)
			}
		}
	}
	return out
}

// hostnamesOf returns the hostnames of a route; nil for kinds without hostnames.
func hostnamesOf(o metav1.Object) []gatewayv1.Hostname {
	switch r := o.(type) {
	case *gatewayv1.HTTPRoute:
		return r.Spec.Hostnames
	case *gatewayv1.GRPCRoute:
		return r.Spec.Hostnames
	case *gatewayv1.TLSRoute:
		return r.Spec.Hostnames
	}
	return nil
}

// routeHosts returns the hostnames that routes serve at a listener.
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
