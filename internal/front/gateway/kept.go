package gateway

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// A parentRef that is edited so that it leads nowhere is a mistake, and detaches nothing: the last valid version of the
// route keeps serving. A parentRef that is removed, or that leads to another Gateway or listener, detaches the route.
// The status of the route records its former parentRefs, so that a restart changes nothing.

// decide decides where a route attaches.
func (t *translation) decide(r *attached) {
	r.declared = len(r.route.Parents)
	former := t.formerParents(r)
	if len(former) > 0 {
		r.astray = t.astray(r)
	}
	if r.astray != nil {
		r.route.Parents = slices.Concat(r.route.Parents, former)
	}
	ended := func(d attachment.Decision) bool { return d.ParentRef >= r.declared && len(d.Attached) == 0 }
	r.decisions = slices.DeleteFunc(t.listeners.Attach(r.route), ended)
	if n := len(r.decisions); n == 0 || r.decisions[n-1].ParentRef < r.declared {
		r.astray = nil
	}
}

// formerParents are the parentRefs by which a route was accepted here, as its status shows, and that it no longer has,
// or whose listener has another name now.
func (t *translation) formerParents(r *attached) (out []gatewayv1.ParentReference) {
	for _, s := range r.status.Parents {
		if _, ours := t.config.family(s.ControllerName); !ours ||
			!meta.IsStatusConditionTrue(s.Conditions, string(gatewayv1.RouteConditionAccepted)) {
			continue
		}
		ref := s.ParentRef
		same := func(o gatewayv1.ParentReference) bool { return conditions.SameParent(o, ref, r.route.Namespace) }
		if slices.ContainsFunc(r.route.Parents, same) {
			p, _ := attachment.ParentOf(ref, r.route.Namespace)
			name, renamed := t.listeners.Renamed(p, ptr.Deref(ref.SectionName, ""), t.config.Last.of)
			if !renamed {
				continue
			}
			ref.SectionName = &name
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, ref)
		}
	}
	return out
}

// astray is the first parentRef of a route that leads nowhere: to no Gateway or ListenerSet that exists, or to no
// listener of it. What cannot be read may exist, and so may objects of other groups.
func (t *translation) astray(r *attached) *route.Astray {
	stays := fmt.Sprintf("; the route stays attached to Gateway %s/%s as before", t.Gateway.Namespace, t.Gateway.Name)
	for i, ref := range r.route.Parents {
		p, ok := attachment.ParentOf(ref, r.route.Namespace)
		if !ok {
			continue
		}
		at := fmt.Sprintf("spec.parentRefs[%d].", i)
		listeners, missing := t.listenersOf(p)
		switch {
		case missing != "":
			return &route.Astray{Path: at + missing, Text: fmt.Sprintf("%s %s/%s does not exist", p.Kind, p.Namespace, p.Name) +
				stays}
		case listeners == nil || slices.ContainsFunc(listeners, func(l gatewayv1.Listener) bool {
			return attachment.Selects(ref, &l)
		}):
		case ptr.Deref(ref.SectionName, "") != "":
			return &route.Astray{Path: at + "sectionName", Text: attachment.NoListener(p, ref) + stays}
		default:
			return &route.Astray{Path: at + "port", Text: attachment.NoListener(p, ref) + stays}
		}
	}
	return nil
}

// listenersOf are the listeners that a parent declares; nil = not known. missing is the field of a parentRef by which
// no parent exists.
func (t *translation) listenersOf(p attachment.Parent) (out []gatewayv1.Listener, missing string) {
	kind := objects.Kind(p.Kind)
	switch {
	case kind != objects.Gateway && kind != objects.ListenerSet:
		return nil, "kind"
	case !t.view.Serves(kind):
		return nil, ""
	}
	if g, ok := objects.Lookup[*gatewayv1.Gateway](t.view, kind, p.Namespace, p.Name); ok {
		return g.Spec.Listeners, ""
	}
	if s, ok := objects.Lookup[*gatewayv1.ListenerSet](t.view, kind, p.Namespace, p.Name); ok {
		for _, e := range s.Spec.Listeners {
			out = append(out, gatewayv1.Listener(e))
		}
		return out, ""
	}
	if t.view.Why(kind, p.Namespace, p.Name) != nil {
		return nil, ""
	}
	return nil, "name"
}
