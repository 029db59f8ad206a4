package gateway

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// maxAncestors is how many ancestors the status of a policy may have.
const maxAncestors = 16

// Texts about BackendTLSPolicies.
const (
	UnverifiedTargets       = "load balancers do not verify the certificates of targets"
	UnverifiedTargetsRemedy = "for TLS to targets, set protocol HTTPS or TLS in a TargetGroupConfiguration"
)

// withoutEffect ends the text of a note about an ignored setting, after the reason.
const withoutEffect = ", so this setting has no effect"

// ancestor is a Gateway of ours and the controller of its class.
type ancestor struct {
	gateway    objects.Ref
	controller gatewayv1.GatewayController
}

func (a ancestor) namespace() string { return a.gateway.Namespace }

// BackendTLSPolicy returns the status and the notes of a policy for certificates of targets: the policy has no
// effect on the controller's Gateways. A policy concerns a Gateway if a route to one of its Services names the
// Gateway; across namespaces, the route needs a ReferenceGrant. A policy without such a Gateway belongs to others.
// Apply is nil if nothing must change.
func BackendTLSPolicy(v *objects.View, cfg Config, p *gatewayv1.BackendTLSPolicy) (Change, diag.List) {
	var all []ancestor
	for _, service := range objects.References(p) {
		all = cfg.ancestors(v, service, all)
	}
	slices.SortFunc(all, func(a, b ancestor) int {
		return cmp.Or(cmp.Compare(a.gateway.Namespace, b.gateway.Namespace), cmp.Compare(a.gateway.Name, b.gateway.Name))
	})
	var notes diag.List
	for _, a := range turns.Take(all, maxAncestors, ancestor.namespace) {
		notes = append(notes, diag.New(owner.Object(p), "spec.targetRefs", diag.IgnoredSetting,
			UnverifiedTargets+", so the policy has no effect on Gateway "+a.gateway.Namespace+"/"+a.gateway.Name,
			UnverifiedTargetsRemedy))
	}
	written := slices.ContainsFunc(p.Status.Ancestors, func(s gatewayv1.PolicyAncestorStatus) bool {
		return cfg.writes(s.ControllerName)
	})
	if len(all) == 0 && !written {
		return Change{}, nil
	}
	return Change{objects.BackendTLSPolicy, p.Namespace, p.Name, func(o metav1.Object, now metav1.Time) bool {
		to, ok := o.(*gatewayv1.BackendTLSPolicy)
		if !ok || to.UID != p.UID || to.Generation != p.Generation {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status.Ancestors = cfg.withAncestors(before.Ancestors, p, all, now)
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}, notes
}

// writes reports whether entries of a controller are written here.
func (c Config) writes(controller gatewayv1.GatewayController) bool {
	_, ours := c.family(controller)
	return ours
}

// ancestors adds the Gateways of ours that routes to a Service name, each once.
func (c Config) ancestors(v *objects.View, service objects.Ref, all []ancestor) []ancestor {
	for _, kind := range objects.RouteKinds {
		for _, o := range objects.PermittedNaming[metav1.Object](v, kind, service) {
			_, spec, ok := route.Common(o)
			if !ok {
				continue
			}
			for _, parent := range spec.ParentRefs {
				a, ok := c.gatewayBehind(v, parent, o.GetNamespace())
				if ok && !slices.Contains(all, a) {
					all = append(all, a)
				}
			}
		}
	}
	return all
}

// gatewayBehind is the Gateway of ours that a parentRef of a route in a namespace leads to.
func (c Config) gatewayBehind(v *objects.View, r gatewayv1.ParentReference, namespace string) (ancestor, bool) {
	p, ok := attachment.ParentOf(r, namespace)
	at := objects.Ref{Kind: objects.Gateway, Namespace: p.Namespace, Name: p.Name}
	if ok && p.Kind == kindListenerSet {
		s, exists := objects.Lookup[*gatewayv1.ListenerSet](v, objects.ListenerSet, at.Namespace, at.Name)
		if !exists || !c.ListenerSets {
			return ancestor{}, false
		}
		at = gatewayOf(s)
	}
	if !ok || p.Kind != kindGateway && p.Kind != kindListenerSet {
		return ancestor{}, false
	}
	g, ok := objects.Lookup[*gatewayv1.Gateway](v, objects.Gateway, at.Namespace, at.Name)
	if !ok {
		return ancestor{}, false
	}
	class, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", string(g.Spec.GatewayClassName))
	if !ok || !c.Manages(class) {
		return ancestor{}, false
	}
	return ancestor{at, class.Spec.ControllerName}, true
}

// withAncestors are the entries that a policy's status has of other controllers, and those of Gateways as far as there
// is room: namespaces of Gateways take turns.
func (c Config) withAncestors(have []gatewayv1.PolicyAncestorStatus, p *gatewayv1.BackendTLSPolicy, all []ancestor,
	now metav1.Time) []gatewayv1.PolicyAncestorStatus {
	of := func(s gatewayv1.PolicyAncestorStatus) ancestor {
		return ancestor{objects.Ref{Kind: objects.Kind(ptr.Deref(s.AncestorRef.Kind, kindGateway)),
			Namespace: string(ptr.Deref(s.AncestorRef.Namespace, gatewayv1.Namespace(p.Namespace))),
			Name:      string(s.AncestorRef.Name)}, s.ControllerName}
	}
	room := maxAncestors
	for _, s := range have {
		if !c.writes(s.ControllerName) {
			room--
		}
	}
	all = turns.Take(all, max(0, room), ancestor.namespace)
	out := []gatewayv1.PolicyAncestorStatus{}
	for _, s := range have {
		if !c.writes(s.ControllerName) || slices.Contains(all, of(s)) {
			out = append(out, s)
		}
	}
	for _, a := range all {
		at := slices.IndexFunc(out, func(s gatewayv1.PolicyAncestorStatus) bool { return of(s) == a })
		if at < 0 {
			at, out = len(out), append(out, gatewayv1.PolicyAncestorStatus{ControllerName: a.controller,
				AncestorRef: gatewayv1.ParentReference{
					Group: ptr.To[gatewayv1.Group](gatewayv1.GroupName), Kind: ptr.To[gatewayv1.Kind](kindGateway),
					Namespace: ptr.To(gatewayv1.Namespace(a.gateway.Namespace)), Name: gatewayv1.ObjectName(a.gateway.Name),
				}})
		}
		out[at].Conditions = conditions.Merge(out[at].Conditions, []metav1.Condition{
			conditions.PolicyWithoutEffect(UnverifiedTargets+"; "+UnverifiedTargetsRemedy, p.Generation)}, now)
	}
	return out
}

// StrayTargets are notes about what a TargetGroupConfiguration names that does not exist. Routes of other namespaces
// are not looked up: nobody learns by a note whether they exist.
func StrayTargets(v *objects.View, c *configv1.TargetGroupConfiguration) (out diag.List) {
	note := func(path, text, remedy string) {
		out = append(out, diag.New(owner.Object(c), path, diag.IgnoredSetting, text, remedy))
	}
	if c.Spec.TargetReference != nil {
		if to := route.TargetOf(c); route.Stray(v, c) {
			note("spec.targetReference", fmt.Sprintf("%s %s/%s does not exist", to.Kind, to.Namespace, to.Name),
				"correct the reference")
		}
	} else if len(objects.Naming[*configv1.LoadBalancerConfiguration](v, objects.LoadBalancerConfiguration, objects.Ref{
		Kind: objects.TargetGroupConfiguration, Namespace: c.Namespace, Name: c.Name})) == 0 {
		note("", "this TargetGroupConfiguration has no targetReference, and no LoadBalancerConfiguration names it as "+
			"default, so it has no effect",
			"add spec.targetReference, or name it in defaultTargetGroupConfiguration")
	}
	for _, r := range configuration.RepeatedInTargetGroups(c) {
		note(r.Path(), r.Text()+withoutEffect, "join the entries, or remove one")
	}
	for i := range c.Spec.RouteConfigurations {
		if text := route.StrayIdentifier(v, c, c.Spec.RouteConfigurations[i].RouteIdentifier, ""); text != "" {
			note(fmt.Sprintf("spec.routeConfigurations[%d].routeIdentifier", i), text+withoutEffect,
				"write kind, namespace and name of a route, kind and namespace, or kind alone")
		}
	}
	return out
}
