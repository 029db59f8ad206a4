package gateway

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func (d *Decisions) routeStatus(r *decidedRoute, o Outcome) Change {
	entries := d.entries(r, o)
	return Change{objects.Kind(r.route.Kind), r.route.Namespace, r.route.Name,
		func(object metav1.Object, now metav1.Time) bool {
			status, _, ok := route.Common(object)
			if !ok || object.GetUID() != r.object.GetUID() {
				return false
			}
			before := status.DeepCopy()
			have := slices.Clone(status.Parents)
			have = slices.DeleteFunc(have, func(p gatewayv1.RouteParentStatus) bool {
				return d.ours(p.ControllerName) && d.parent(p.ParentRef, r.route.Namespace) &&
					!slices.ContainsFunc(entries, func(e gatewayv1.RouteParentStatus) bool {
						return e.ControllerName == p.ControllerName && equality.Semantic.DeepEqual(e.ParentRef, p.ParentRef)
					})
			})
			merged := make([]gatewayv1.RouteParentStatus, 0, len(entries))
			for _, e := range entries {
				at := slices.IndexFunc(have, func(p gatewayv1.RouteParentStatus) bool {
					return p.ControllerName == e.ControllerName && equality.Semantic.DeepEqual(e.ParentRef, p.ParentRef)
				})
				if at < 0 || !newer(have[at].Conditions, r.object.GetGeneration()) {
					merged = append(merged, e)
				}
			}
			status.Parents, _ = conditions.Parents(have, r.route.Namespace, merged, now)
			if status.Parents == nil {
				status.Parents = []gatewayv1.RouteParentStatus{}
			}
			return !equality.Semantic.DeepEqual(before, status)
		}}
}

// alsoOfGateway reports whether a finding is of the load balancer, which is reported on the Gateway and on each route
// of it alike. One of rules is of the route, even if the Gateway has a rule of its own with the same problem.
func (d *Decisions) alsoOfGateway(f diag.Diagnostic, found diag.List) bool {
	return f.Scope != diag.Route && f.Scope != diag.Rule && slices.ContainsFunc(found, func(o diag.Diagnostic) bool {
		return o.Object.Kind == kindGateway && o.Object.Namespace == d.gateway.Namespace && o.Object.Name == d.gateway.Name &&
			o.Code == f.Code && o.Text == f.Text
	})
}

// failures are the classes of findings that leave a route without rules, or some of them.
var failures = []diag.Class{diag.Invalid, diag.Quota, diag.NotFound, diag.Conflict}

// entries are those of a route for the parentRefs that are decided about. What leaves a route no rule, as a quota may,
// refuses it; a route that has some is partly invalid.
func (d *Decisions) entries(r *decidedRoute, o Outcome) []gatewayv1.RouteParentStatus {
	var refused, unresolved, partly *attachment.Problem
	if r.decided != nil {
		refused, unresolved, partly = r.decided.Refused, r.decided.Unresolved, r.decided.Partly
		if partly != nil && refused == nil && slices.Contains(o.Rejected, r.decided.Member.Object) {
			refused, partly = &attachment.Problem{Reason: partly.Reason, Message: strings.TrimPrefix(partly.Message,
				route.FallBack)}, nil
		}
		if slices.Contains(o.Kept, r.decided.Member.Object) {
			refused, partly = nil, fallBack(refused, partly)
		}
	}
	for _, f := range o.Found {
		if f.Class == diag.Note || f.Object.Kind != string(r.route.Kind) || f.Object.Namespace != r.route.Namespace ||
			f.Object.Name != r.route.Name ||
			f.Code == diag.InvalidConfiguration || f.Code == diag.BackendUnresolved || d.alsoOfGateway(f, o.Found) {
			continue // another condition has it, or it is of the Gateway
		}
		switch f.Code {
		case diag.RefNotPermitted:
			if unresolved == nil {
				unresolved = &attachment.Problem{Reason: string(gatewayv1.RouteReasonRefNotPermitted), Message: message(f)}
			}
		case diag.TargetGroupNotFound, diag.ServiceNotFound, diag.ServicePortNotFound, diag.ServiceMissing:
			if unresolved == nil {
				unresolved = &attachment.Problem{Reason: string(gatewayv1.RouteReasonBackendNotFound), Message: message(f)}
			}
		default:
			if refused == nil && slices.Contains(failures, f.Class) && slices.Contains(o.Unmade, f.Object) {
				refused, partly = &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: message(f)},
					nil
			}
			if partly == nil && refused == nil && slices.Contains(failures, f.Class) {
				partly = &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: message(f)}
			}
		}
	}
	return d.entriesOf(r, refused, unresolved, partly)
}

// entriesOf are the entries of a route with the problems that all parents have.
func (d *Decisions) entriesOf(r *decidedRoute, refused, unresolved,
	partly *attachment.Problem) []gatewayv1.RouteParentStatus {
	out := make([]gatewayv1.RouteParentStatus, 0, len(r.decisions))
	for _, decision := range r.decisions {
		e := gatewayv1.RouteParentStatus{ParentRef: r.route.Parents[decision.ParentRef], ControllerName: d.author}
		switch {
		case decision.ParentRef >= r.declared: // accepted: by this entry, later passes find what serves
			e.Conditions = conditions.Route(nil, unresolved, r.decided.Partly, r.object.GetGeneration())
		case decision.Problem != nil:
			e.Conditions = conditions.Route(decision.Problem, nil, nil, r.object.GetGeneration())
		default:
			e.Conditions = conditions.Route(refused, unresolved, partly, r.object.GetGeneration())
		}
		out = append(out, e)
	}
	return out
}

// parent reports whether a parentRef names the Gateway or one of its ListenerSets.
func (d *Decisions) parent(r gatewayv1.ParentReference, namespace string) bool {
	return names(r, namespace, d.gateway.Namespace, d.gateway.Name, slices.Concat(d.listeners.Admitted,
		d.listeners.Rejected))
}

// names reports whether a parentRef of a route in a namespace names a Gateway or one of ListenerSets.
func names(r gatewayv1.ParentReference, namespace, gatewayNamespace, gateway string,
	sets []*gatewayv1.ListenerSet) bool {
	p, ok := attachment.ParentOf(r, namespace)
	return ok && (p == attachment.Parent{Kind: kindGateway, Namespace: gatewayNamespace, Name: gateway} ||
		slices.ContainsFunc(sets, func(s *gatewayv1.ListenerSet) bool {
			return p == attachment.Parent{Kind: kindListenerSet, Namespace: s.Namespace, Name: s.Name}
		}))
}

// fallBack is the condition of a route of which the last valid version of a rule serves, by what was decided without
// that version.
func fallBack(refused, partly *attachment.Problem) *attachment.Problem {
	message := ""
	for _, p := range []*attachment.Problem{refused, partly} {
		if p != nil && message == "" {
			message = route.FallBack + strings.TrimPrefix(strings.TrimPrefix(p.Message, "Dropped Rule: "), route.FallBack)
		}
	}
	if message == "" {
		return nil
	}
	return &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: message}
}
