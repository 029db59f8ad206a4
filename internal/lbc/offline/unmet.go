package offline

import (
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Unmet is a condition that an object does not meet, and the field that it is about.
type Unmet struct {
	Object                diag.Object
	Path, Reason, Message string
}

// unmet are the conditions of a Gateway and the objects around it that are not met and that no diagnostic is about.
func unmet(d *gateway.Decisions, found diag.List) []Unmet {
	if d == nil {
		return nil
	}
	o := d.Overview(nil)
	return slices.DeleteFunc(unmetOf(&o), func(u Unmet) bool {
		return slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
			same := d.Object.Kind == u.Object.Kind && d.Object.Namespace == u.Object.Namespace &&
				d.Object.Name == u.Object.Name
			if d.Code == diag.RouteNotAttached {
				return same && d.Path == u.Path && strings.HasPrefix(d.Text, u.Message)
			}
			if d.Code == diag.BackendUnresolved {
				return same && slices.Contains(unresolved, gatewayv1.RouteConditionReason(u.Reason))
			}
			return d.Class != diag.Note && strings.Contains(strings.ReplaceAll(u.Message, " is not accepted. Reason: ",
				" is not accepted: "), causeOf(d)) && (same || u.Object.Kind == string(objects.Gateway))
		})
	})
}

// unresolved are the reasons of conditions about backends.
var unresolved = []gatewayv1.RouteConditionReason{gatewayv1.RouteReasonBackendNotFound,
	gatewayv1.RouteReasonRefNotPermitted, gatewayv1.RouteReasonInvalidKind}

// causeOf is the text of a diagnostic without the consequence for the rule or listener.
func causeOf(d diag.Diagnostic) string {
	text := d.Text
	answered := []diag.Code{diag.InvalidRule, diag.InvalidListener, diag.InvalidConfiguration, diag.WrongServiceType,
		diag.SecretRefused}
	if i := strings.LastIndex(text, "; "); slices.Contains(answered, d.Code) && i > 0 {
		text = text[:i]
	}
	if _, cause, ok := strings.Cut(text, " is not valid: "); ok && d.Code == diag.InvalidListener {
		text = cause
	}
	return text
}

// unmetOf returns the conditions that the Gateway, its listeners, ListenerSets, routes and their
// ListenerRuleConfigurations do not meet, each once.
func unmetOf(o *gateway.Overview) (out []Unmet) {
	add := func(object diag.Object, path string, p *attachment.Problem) {
		if p == nil {
			return
		}
		same := func(u Unmet) bool { return u.Object == object && u.Reason == p.Reason && u.Message == p.Message }
		if !slices.ContainsFunc(out, same) {
			out = append(out, Unmet{object, path, p.Reason, p.Message})
		}
	}
	add(o.Gateway, "spec", o.Refused)
	for i := range o.Listeners {
		l := &o.Listeners[i]
		at := fmt.Sprintf("spec.listeners[%d]", l.Index)
		add(l.Object, at, l.AsDeclared().Problem)
		add(l.Object, at+".tls.certificateRefs", l.Refs)
	}
	for _, s := range o.Rejected {
		add(s, "spec.parentRef", &attachment.Problem{Reason: string(gatewayv1.ListenerSetReasonNotAllowed),
			Message: gateway.RejectedText(o.Gateway, s.Namespace) + "; " + gateway.RejectedRemedy})
	}
	for i := range o.Routes {
		r := &o.Routes[i]
		for _, p := range r.Parents {
			for _, problem := range p.Problems {
				add(r.Object, p.Field, &problem)
			}
		}
		for _, c := range r.Configurations {
			if !c.Accepted {
				add(diag.Object{Kind: string(objects.ListenerRuleConfiguration), Namespace: c.Namespace, Name: c.Name}, "spec",
					&attachment.Problem{Reason: "NotAccepted", Message: c.Message})
			}
		}
	}
	return out
}
