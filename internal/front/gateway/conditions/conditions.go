// Package conditions turns decisions about Gateways, their listeners, ListenerSets and routes into conditions, and
// joins these with the existing status: conditions and parents of other controllers stay, and times change only with
// a condition's status. It is pure.
package conditions

import (
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
)

// LoadBalancer is the progress of the load balancer of a Gateway.
type LoadBalancer struct {
	ARN    string // empty if there is none yet
	Active bool   // it serves
	// Failed is why the present generation of the Gateway is not programmed, if AWS or the configuration refused it.
	// Failures that pass by themselves, such as throttling, are none.
	Failed *attachment.Problem
}

// maxMessage is the longest message of a condition, in bytes.
const maxMessage = 32768

// Merge joins the wanted conditions with those that a status has. Conditions of other types stay. A time of 1970, which
// is the API's default, is none. The result shares nothing with have.
func Merge(have, want []metav1.Condition, now metav1.Time) []metav1.Condition {
	out := slices.Clone(have)
	for _, w := range want {
		w.Message = cut(w.Message)
		w.LastTransitionTime = now
		i := slices.IndexFunc(out, func(c metav1.Condition) bool { return c.Type == w.Type })
		if i < 0 {
			out = append(out, w)
			continue
		}
		if out[i].Status == w.Status && out[i].LastTransitionTime.Unix() > 0 {
			w.LastTransitionTime = out[i].LastTransitionTime
		}
		out[i] = w
	}
	return out
}

// cut shortens a message to what the API takes, at the end of a character.
func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	const more = "..."
	s = s[:maxMessage-len(more)]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) {
		s = s[:len(s)-1]
	}
	return s + more
}

// builder makes conditions of one generation.
type builder struct {
	generation int64
	all        []metav1.Condition
}

func (b *builder) add(kind string, status metav1.ConditionStatus, reason, message string) {
	b.all = append(b.all, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message,
		ObservedGeneration: b.generation})
}

// unless adds a condition that is false, for the reason of the problem, if that is one of reasons.
func (b *builder) unless(kind gatewayv1.ListenerConditionType, p *attachment.Problem,
	good gatewayv1.ListenerConditionReason, text string, reasons ...gatewayv1.ListenerConditionReason) {
	if p != nil && slices.Contains(reasons, gatewayv1.ListenerConditionReason(p.Reason)) {
		b.add(string(kind), metav1.ConditionFalse, p.Reason, p.Message)
		return
	}
	b.add(string(kind), metav1.ConditionTrue, string(good), text)
}

// Listener returns the conditions of a listener of a Gateway or ListenerSet. refs is what is wrong with its references,
// if anything is; lb.Failed is why the load balancer has no such listener.
func Listener(l *attachment.Listener, refs *attachment.Problem, lb LoadBalancer, generation int64) []metav1.Condition {
	b := builder{generation: generation}
	conflict := l.Problem != nil && (l.Problem.Reason == string(gatewayv1.ListenerReasonHostnameConflict) ||
		l.Problem.Reason == string(gatewayv1.ListenerReasonProtocolConflict))
	if conflict {
		b.add(string(gatewayv1.ListenerConditionConflicted), metav1.ConditionTrue, l.Problem.Reason, l.Problem.Message)
	} else {
		b.add(string(gatewayv1.ListenerConditionConflicted), metav1.ConditionFalse,
			string(gatewayv1.ListenerReasonNoConflicts), "Listener has no conflict.")
	}
	accepted := "Listener is accepted."
	if len(l.Lost) > 0 {
		accepted = attachment.AcceptedInPart + strings.Join(l.Lost, "; ") + "."
	}
	b.unless(gatewayv1.ListenerConditionAccepted, l.Problem, gatewayv1.ListenerReasonAccepted, accepted,
		gatewayv1.ListenerReasonPortUnavailable, gatewayv1.ListenerReasonUnsupportedProtocol,
		gatewayv1.ListenerReasonUnsupportedValue,
		gatewayv1.ListenerReasonHostnameConflict, gatewayv1.ListenerReasonProtocolConflict,
		gatewayv1.ListenerReasonNoValidCACertificate)
	unresolved := refs
	if l.Problem != nil && l.Problem.Reason == string(gatewayv1.ListenerReasonInvalidRouteKinds) {
		unresolved = l.Problem
	}
	b.unless(gatewayv1.ListenerConditionResolvedRefs, unresolved, gatewayv1.ListenerReasonResolvedRefs,
		"Listener has all refs resolved.",
		gatewayv1.ListenerReasonInvalidRouteKinds, gatewayv1.ListenerReasonRefNotPermitted,
		gatewayv1.ListenerReasonInvalidCertificateRef,
		gatewayv1.ListenerReasonInvalidCACertificateRef, gatewayv1.ListenerReasonInvalidCACertificateKind)
	programmed := string(gatewayv1.ListenerConditionProgrammed)
	switch {
	case l.Problem != nil:
		b.add(programmed, metav1.ConditionFalse, l.Problem.Reason, "Listener is not accepted.")
	case refs != nil && !refs.Partial:
		b.add(programmed, metav1.ConditionFalse, refs.Reason, refs.Message)
	case lb.Failed != nil:
		b.add(programmed, metav1.ConditionFalse, lb.Failed.Reason, lb.Failed.Message)
	case lb.Active:
		b.add(programmed, metav1.ConditionTrue, string(gatewayv1.ListenerReasonProgrammed), "Listener is programmed.")
	default:
		b.add(programmed, metav1.ConditionFalse, string(gatewayv1.ListenerReasonPending),
			"Listener is pending to be programmed.")
	}
	return b.all
}

// LastServes adds to the unmet conditions of a listener that its last valid version serves.
func LastServes(listener []metav1.Condition) {
	for i := range listener {
		c := &listener[i]
		bad := metav1.ConditionFalse
		if c.Type == string(gatewayv1.ListenerConditionConflicted) {
			bad = metav1.ConditionTrue
		}
		if c.Status == bad {
			c.Message = strings.TrimSuffix(c.Message, ".") + ". The last valid version of the listener keeps serving."
		}
	}
}

// Idle sets the message of a listener that is programmed although AWS has none: no route gives it a backend.
func Idle(listener []metav1.Condition) {
	for i := range listener {
		if c := &listener[i]; c.Type == string(gatewayv1.ListenerConditionProgrammed) && c.Status == metav1.ConditionTrue {
			c.Message = "Listener is programmed: connections are refused, as no route has a backend for them."
		}
	}
}

// valid counts the listeners that are valid and those that are not.
func valid(ls []*attachment.Listener) (good, bad int) {
	for _, l := range ls {
		if l.Problem == nil {
			good++
		} else {
			bad++
		}
	}
	return good, bad
}

// Gateway returns the conditions of a Gateway with the listeners of its own and of its ListenerSets. refused is why the
// Gateway as a whole cannot be accepted, as an address or a configuration; nil = it can.
func Gateway(listeners []*attachment.Listener, refused *attachment.Problem, lb LoadBalancer,
	generation int64) []metav1.Condition {
	b := builder{generation: generation}
	good, bad := valid(listeners)
	accepted := string(gatewayv1.GatewayConditionAccepted)
	invalid := string(gatewayv1.GatewayReasonListenersNotValid)
	switch {
	case refused != nil:
		b.add(accepted, metav1.ConditionFalse, refused.Reason, refused.Message)
	case good > 0 && bad > 0:
		b.add(accepted, metav1.ConditionTrue, invalid, "")
	case good > 0:
		b.add(accepted, metav1.ConditionTrue, string(gatewayv1.GatewayReasonAccepted), "")
	default:
		b.add(accepted, metav1.ConditionFalse, invalid, "")
	}
	programmed := string(gatewayv1.GatewayConditionProgrammed)
	switch {
	case refused != nil:
		b.add(programmed, metav1.ConditionFalse, string(gatewayv1.GatewayReasonInvalid), refused.Message)
	case lb.Failed != nil:
		b.add(programmed, metav1.ConditionFalse, lb.Failed.Reason, lb.Failed.Message)
	case good == 0:
		b.add(programmed, metav1.ConditionFalse, string(gatewayv1.GatewayReasonInvalid), "No listener is valid.")
	case lb.Active:
		// other Gateways read the ARN from here
		b.add(programmed, metav1.ConditionTrue, string(gatewayv1.GatewayReasonProgrammed), lb.ARN)
	default:
		b.add(programmed, metav1.ConditionUnknown, string(gatewayv1.GatewayReasonPending),
			"Waiting for load balancer to be active.")
	}
	return b.all
}

// Insecure returns the condition of a Gateway that lets in clients whose certificates are not verified.
func Insecure(generation int64) metav1.Condition {
	b := builder{generation: generation}
	b.add(string(gatewayv1.GatewayConditionInsecureFrontendValidationMode), metav1.ConditionTrue,
		string(gatewayv1.GatewayReasonConfigurationChanged),
		"spec.tls.frontend has mode AllowInsecureFallback: certificates of clients are passed to targets and not verified.")
	return b.all[0]
}

// PolicyWithoutEffect returns the condition of a policy at a Gateway on which it has no effect. The API has no reason
// of its own for that.
func PolicyWithoutEffect(why string, generation int64) metav1.Condition {
	b := builder{generation: generation}
	b.add(string(gatewayv1.PolicyConditionAccepted), metav1.ConditionFalse, string(gatewayv1.PolicyReasonInvalid),
		"The policy has no effect: "+why+".")
	return b.all[0]
}

// RejectedSet returns the conditions of a ListenerSet that its Gateway does not admit.
func RejectedSet(generation int64) []metav1.Condition {
	return sameForSet(metav1.ConditionFalse, gatewayv1.ListenerSetReasonNotAllowed, "Parent Gateway rejected ListenerSet",
		generation)
}

// OrphanedSet returns the conditions of a ListenerSet whose Gateway does not exist: those of the definition, but for
// the message.
func OrphanedSet(generation int64) []metav1.Condition {
	return sameForSet(metav1.ConditionUnknown, gatewayv1.ListenerSetReasonPending, "Waiting for the Gateway", generation)
}

// sameForSet are conditions of a ListenerSet of one status.
func sameForSet(status metav1.ConditionStatus, reason gatewayv1.ListenerSetConditionReason, text string,
	generation int64) []metav1.Condition {
	b := builder{generation: generation}
	for _, kind := range []gatewayv1.ListenerSetConditionType{gatewayv1.ListenerSetConditionAccepted,
		gatewayv1.ListenerSetConditionProgrammed} {
		b.add(string(kind), status, string(reason), text)
	}
	return b.all
}

// ListenerSet returns the conditions of a ListenerSet that its Gateway admits, by its listeners.
func ListenerSet(listeners []*attachment.Listener, lb LoadBalancer, generation int64) []metav1.Condition {
	b := builder{generation: generation}
	good, bad := valid(listeners)
	accepted, programmed := string(gatewayv1.ListenerSetConditionAccepted),
		string(gatewayv1.ListenerSetConditionProgrammed)
	invalid := string(gatewayv1.ListenerSetReasonListenersNotValid)
	switch {
	case bad == 0:
		b.add(accepted, metav1.ConditionTrue, string(gatewayv1.ListenerSetReasonAccepted), "Accepted")
	case good > 0:
		b.add(accepted, metav1.ConditionTrue, invalid, "Some listeners are not valid")
	default:
		b.add(accepted, metav1.ConditionFalse, invalid, "Some listeners are not valid")
	}
	switch {
	case good == 0:
		b.add(programmed, metav1.ConditionFalse, invalid, "No valid listeners to materialize")
	case lb.Active:
		b.add(programmed, metav1.ConditionTrue, string(gatewayv1.ListenerSetReasonProgrammed), "Programmed")
	default:
		b.add(programmed, metav1.ConditionFalse, string(gatewayv1.ListenerSetReasonPending),
			"Parent gateway not yet programmed")
	}
	return b.all
}

// Route returns the conditions of a route at one parent. refused is why it is not accepted there, unresolved what is
// wrong with its backends, partly why some of its rules have no effect while others serve; each may be nil.
func Route(refused, unresolved, partly *attachment.Problem, generation int64) []metav1.Condition {
	b := builder{generation: generation}
	state := func(kind gatewayv1.RouteConditionType, p *attachment.Problem, good gatewayv1.RouteConditionReason) {
		if p != nil {
			b.add(string(kind), metav1.ConditionFalse, p.Reason, p.Message)
			return
		}
		b.add(string(kind), metav1.ConditionTrue, string(good), "")
	}
	state(gatewayv1.RouteConditionAccepted, refused, gatewayv1.RouteReasonAccepted)
	state(gatewayv1.RouteConditionResolvedRefs, unresolved, gatewayv1.RouteReasonResolvedRefs)
	if partly != nil {
		b.add(string(gatewayv1.RouteConditionPartiallyInvalid), metav1.ConditionTrue, partly.Reason, partly.Message)
	}
	return b.all
}

// maxParents is how many parents the status of a route may have.
const maxParents = 32

// Parents joins what is decided about parentRefs of a route with the parents that its status has. All other entries
// stay. complete is false if there was no room for all.
func Parents(have []gatewayv1.RouteParentStatus, namespace string, decided []gatewayv1.RouteParentStatus,
	now metav1.Time) (out []gatewayv1.RouteParentStatus, complete bool) {
	decided = slices.Clone(decided)
	for _, h := range have {
		i := slices.IndexFunc(decided, func(d gatewayv1.RouteParentStatus) bool {
			return d.ControllerName == h.ControllerName && SameParent(d.ParentRef, h.ParentRef, namespace)
		})
		if i >= 0 {
			h.ParentRef, h.Conditions = decided[i].ParentRef, mergeOwn(h.Conditions, decided[i].Conditions, now)
			decided = slices.Delete(decided, i, i+1)
		}
		out = append(out, h)
	}
	for _, d := range decided {
		if len(out) == maxParents {
			return out, false
		}
		d.Conditions = Merge(nil, d.Conditions, now)
		out = append(out, d)
	}
	return out, true
}

// mergeOwn merges conditions of which PartiallyInvalid goes when it holds no more.
func mergeOwn(have, want []metav1.Condition, now metav1.Time) []metav1.Condition {
	partly := string(gatewayv1.RouteConditionPartiallyInvalid)
	is := func(c metav1.Condition) bool { return c.Type == partly }
	if !slices.ContainsFunc(want, is) {
		have = slices.DeleteFunc(slices.Clone(have), is)
	}
	return Merge(have, want, now)
}

// reference is a parentRef with the API's defaults.
type reference struct {
	parent  attachment.Parent
	group   gatewayv1.Group
	section gatewayv1.SectionName
	port    gatewayv1.PortNumber
}

// SameParent reports whether two parentRefs of routes in a namespace mean the same.
func SameParent(a, b gatewayv1.ParentReference, namespace string) bool {
	return normal(a, namespace) == normal(b, namespace)
}

func normal(r gatewayv1.ParentReference, namespace string) reference {
	parent, _ := attachment.ParentOf(r, namespace)
	return reference{parent, ptr.Deref(r.Group, gatewayv1.GroupName), ptr.Deref(r.SectionName, ""), ptr.Deref(r.Port, 0)}
}
