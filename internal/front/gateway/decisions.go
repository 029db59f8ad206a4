package gateway

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// ConstructionAnnotation records on a Gateway how the controller builds rules from its routes. A user may change it.
const ConstructionAnnotation = string(annotation.GatewayRuleConstruction)

// Records are the annotations that the controller writes to Gateways and reads again in later passes.
var Records = []string{ConstructionAnnotation, AddOnWebACL, AddOnShield, AddOnCapacity}

// Decisions are the decisions about a Gateway and the objects around it. Their statuses follow from them.
type Decisions struct {
	// Annotations are to be written to the Gateway, as its next passes rely on them.
	Annotations map[string]string
	// Derived is the construction of rules if the Gateway's annotation is missing or invalid; empty if it is valid.
	Derived rule.Construction
	// Removed are annotations that become "false" once AWS holds nothing of what each is about.
	Removed []string
	// Findings are notes about routes and the configurations that they use, also of routes without a part in the load
	// balancer.
	Findings diag.List

	noted      map[diag.Diagnostic]bool // what Findings has of note
	config     Config
	controller gatewayv1.GatewayController
	author     gatewayv1.GatewayController // of the entries in the statuses of routes
	gateway    *gatewayv1.Gateway
	refused    *attachment.Problem
	waiting    *attachment.Problem
	listeners  *attachment.Listeners
	refs       []*attachment.Problem
	unserved   map[int]bool
	named      map[int]bool // listeners whose configuration names certificates
	routes     []decidedRoute
	insecure   bool     // clients whose certificates are not verified are let in
	addresses  []string // Elastic IP addresses that the Gateway asks for
	lost       bool     // an invalid listener may have served in a version that is not known
	// ports of a network load balancer on which no route has a backend, so that AWS is to have no listener there
	idle map[int32]bool

	construction rule.Construction
	defaults     configuration.Defaults
}

// decidedRoute is a route with what is decided about its content; nil if it attaches nowhere.
type decidedRoute struct {
	attached
	decided *route.Decided
}

// Parts returns the ListenerSets and routes that the load balancer serves besides the Gateway, by kind, namespace and
// name.
func (d *Decisions) Parts() (out []metav1.Object) {
	if d == nil {
		return nil
	}
	for _, s := range d.listeners.Admitted {
		out = append(out, s)
	}
	for i := range d.routes {
		if d.routes[i].decided != nil { // others name the Gateway only, as any namespace may
			out = append(out, d.routes[i].object)
		}
	}
	slices.SortFunc(out, func(a, b metav1.Object) int { return slices.Compare(words(a), words(b)) })
	return out
}

func words(o metav1.Object) []string {
	kind, _ := objects.KindOf(o)
	return []string{string(kind), o.GetNamespace(), o.GetName()}
}

// mostUnattached bounds the parentRefs of which an event says that they attach to no listener: any namespace may name
// the Gateway. Beyond that, namespaces take turns.
const mostUnattached = 200

// noteUnattached adds a finding for each parentRef that attaches to no listener. A route that stays attached by a
// former parentRef has another finding.
func (d *Decisions) noteUnattached() {
	type unattached struct {
		*decidedRoute
		attachment.Decision
	}
	var all []unattached
	for i := range d.routes {
		r := &d.routes[i]
		for _, decision := range r.decisions {
			if r.astray == nil && decision.Problem != nil {
				all = append(all, unattached{r, decision})
			}
		}
	}
	for _, u := range turns.Take(all, mostUnattached, func(u unattached) string { return u.route.Namespace }) {
		of := diag.Object{Kind: string(u.route.Kind), Namespace: u.route.Namespace, Name: u.route.Name,
			UID: string(u.object.GetUID())}
		d.Findings = append(d.Findings, diag.New(of, fmt.Sprintf("spec.parentRefs[%d]", u.ParentRef), diag.RouteNotAttached,
			u.Problem.Message+"; the route serves nothing there",
			d.attachRemedy(&u.route, u.Decision)))
	}
}

// attachRemedy is what to do about a parentRef that attaches to no listener, for the reason of its condition.
func (d *Decisions) attachRemedy(r *attachment.Route, of attachment.Decision) string {
	ref, namespace, reason := r.Parents[of.ParentRef], r.Namespace, of.Problem.Reason
	protocols := attachment.ProtocolsOf(r.Kind)
	switch {
	case reason == string(gatewayv1.RouteReasonNotAllowedByListeners) && !slices.ContainsFunc(d.listeners.All,
		func(l attachment.Listener) bool { return slices.Contains(protocols, string(l.Protocol)) }):
		return "attach the route to a listener of protocol " + strings.Join(protocols, " or ")
	case reason == string(gatewayv1.RouteReasonNotAllowedByListeners):
		return "name a listener that admits the route, or have allowedRoutes of the listener admit it"
	case reason == string(gatewayv1.RouteReasonNoMatchingListenerHostname):
		return "add a hostname of the listener to spec.hostnames, or name another listener"
	case names(ref, namespace, "", "", d.listeners.Rejected):
		return RejectedRemedy
	}
	return "name an existing listener in sectionName and port, or leave them out"
}

// note adds findings, each once: those about a configuration are the same for each route that uses it.
func (d *Decisions) note(found diag.List) {
	if d.noted == nil {
		d.noted = map[diag.Diagnostic]bool{}
	}
	for _, f := range found {
		if !d.noted[f] {
			d.noted[f] = true
			d.Findings = append(d.Findings, f)
		}
	}
}
