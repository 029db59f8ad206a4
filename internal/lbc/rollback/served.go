package rollback

import (
	"fmt"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Effect is what the existing controller does to the requests of an object that this controller does not serve as
// declared.
type Effect string

// The effects, from the worst.
const (
	// Exposed objects lose a protection: a login, source ranges, a web ACL, or the separation of tenants.
	Exposed Effect = "exposed"
	// Unavailable objects, or others that share their load balancer, get no edits, or lose requests.
	Unavailable Effect = "unavailable"
)

// Treatment is what the existing controller does with an object.
type Treatment struct {
	Effect Effect
	After  string // one sentence or two
}

// stops is the treatment of most mistakes.
const stops = "Changes nothing of the load balancer until the object is corrected, also for other objects that share " +
	"it."

// unknown is the treatment of codes without a row.
const unknown = "The existing controller treats this object otherwise; correct it first."

// rows are the treatments by code, from docs/differences.md. Notes with a row also count.
func rows() map[diag.Code]Treatment {
	return map[diag.Code]Treatment{
		diag.HostnameTaken: {Exposed, "The ListenerSet takes the requests for the hostname from the route that has it " +
			"now."},
		diag.RefNotPermitted: {Exposed, "Forwards to the target group of the other namespace, also if a login protects " +
			"it there."},
		diag.TargetGroupNotAllowed: {Exposed, "Uses the target group without this limit."},
		diag.TargetGroupTaken: {Exposed, "Uses one target group for both Ingresses: requests for this Ingress reach the " +
			"Service of the other."},
		diag.TargetGroupBound: {Exposed, "Also registers the targets of this TargetGroupBinding, and deregisters those of " +
			"the other."},
		diag.NetworkingNotAllowed: {Exposed, "Opens these ports and sources in the security groups of nodes and pods."},
		diag.RoleNotAllowed:       {Exposed, "Assumes the role."},
		diag.ReservedTag: {Exposed, "Writes the tag. Controllers then take the resource for one that they own or may " +
			"select."},
		diag.InvalidCACertificate: {Exposed, "Does not read these CA certificates: the listener does not verify clients."},
		diag.CACertificateUnread:  {Exposed, "Does not read these CA certificates: the listener does not verify clients."},
		diag.AcceleratorNotOwned:  {Exposed, "Changes the accelerator, and deletes it with the object."},

		diag.InvalidIngressClass: {Unavailable, "Deletes the load balancer or the rules of an Ingress that names no class " +
			"of the controller. A class that does not exist stops all groups."},
		diag.InvalidGroup: {Unavailable, "Takes the Ingress out of its group, and deletes its rules."},
		diag.InvalidRule: {Unavailable, "For an Ingress, AWS refuses the rule, and " +
			"nothing else of the load balancer changes. For a route, deletes the rule or stops the whole Gateway."},
		diag.InvalidListener: {Unavailable, "Removes the listener, or stops the whole Gateway."},
		diag.ConflictingSettings: {Unavailable, "Stops the whole group, or applies the value of this object to all objects " +
			"that share the load balancer."},
		diag.QuotaExceeded: {Unavailable, "AWS refuses the excess at each attempt, and nothing else of the load balancer " +
			"changes."},
		diag.DeletionProtected: {Unavailable, "Switches off a protection that no object declares, and deletes the load " +
			"balancer."},
		diag.HeldByFlags: {Unavailable, "Deletes the load balancer at its next start."},
		diag.DuplicateResource: {Unavailable, "Uses one of the duplicates and deletes the others, maybe the one that " +
			"serves."},
		diag.DeletionsHeld:          {Unavailable, "Deletes at once."},
		diag.DeletionWithoutConsent: {Unavailable, "Deletes at once."},
		diag.DeregistrationsHeld:    {Unavailable, "Deregisters all targets at once: requests get 503."},
		diag.NoTargetsAfterEdit:     {Unavailable, "Deregisters all targets: requests get 503."},
		diag.ServicePortEdited:      {Unavailable, "Deregisters all targets: requests get 503."},
		diag.InvalidNetworking:      {Unavailable, "Revokes the existing rules of the invalid peers and ports."},
		diag.InvalidBinding:         {Unavailable, "Registers nothing, or fails at each attempt."},
		diag.UnseenBindings:         {Unavailable, "Revokes and deregisters what bindings of other namespaces need."},
		diag.UnseenMembers:          {Unavailable, "Deletes the rules and settings of members that it does not see."},
		diag.EndpointNotLoaded:      {Unavailable, "Removes the endpoint and its traffic from the accelerator."},
		diag.InvalidAccelerator:     {Unavailable, "Fails in AWS, after earlier calls have changed something."},
		diag.PlanOnHold:             {Unavailable, "Makes the changes that wait at once: it knows no holds."},
		diag.OnHold:                 {Unavailable, "Makes the changes that wait at once: it knows no holds."},
	}
}

// stopping are codes of mistakes at which the existing controller stops.
func stopping() []diag.Code {
	return []diag.Code{
		diag.InvalidAnnotation, diag.ServiceNotFound, diag.ServicePortNotFound, diag.WrongServiceType, diag.NoSubnets,
		diag.InvalidSubnets, diag.SecurityGroupNotFound, diag.CertificateNotFound, diag.CertificateFailed,
		diag.HostedZoneNotFound, diag.TargetGroupNotFound, diag.WebACLNotFound, diag.TrustStoreNotFound,
		diag.NameTooLong, diag.NameTaken, diag.SecretNotFound, diag.SecretRefused, diag.InvalidSecret, diag.SecretUnread,
		diag.InvalidConfiguration, diag.AWSRejected,
	}
}

// same are errors that the existing controller treats like this controller.
func same() []diag.Code {
	return []diag.Code{diag.BackendUnresolved, diag.RouteNotAttached, diag.ServiceMissing, diag.GroupWaits}
}

// Of returns what the existing controller does with the object of a finding; differs is false if it does the same.
func Of(d diag.Diagnostic) (t Treatment, differs bool) {
	t, found := rows()[d.Code]
	isError := d.Severity() == diag.Error
	switch {
	case d.Misspelt:
		t = Treatment{Unavailable, "Does not know the misspelt name: the setting gets its default."}
	case d.Guard && d.Code == diag.InvalidRule:
		return Treatment{Exposed, "Omits the login or restriction and serves everybody, or omits the rule, so that a wider " +
			"rule without it answers."}, true
	case d.Guard:
		return Treatment{Exposed, "Applies the setting instead of the one that protects."}, true
	case found:
	case !isError || slices.Contains(same(), d.Code):
		return Treatment{}, false
	case slices.Contains(stopping(), d.Code):
		t = Treatment{Unavailable, stops}
	default:
		t = Treatment{Unavailable, unknown}
	}
	if d.Guard || d.Code == diag.ConflictingSettings && annotation.Restricts(d.Path) {
		t.Effect = Exposed
	}
	return t, true
}

// OfCondition is Of for a condition that a Gateway, route or configuration does not meet, by its reason.
func OfCondition(reason string) (t Treatment, differs bool) {
	switch reason {
	case string(gatewayv1.RouteReasonBackendNotFound), string(gatewayv1.RouteReasonRefNotPermitted),
		string(gatewayv1.RouteReasonInvalidKind), string(gatewayv1.RouteReasonNotAllowedByListeners),
		string(gatewayv1.RouteReasonNoMatchingParent), string(gatewayv1.RouteReasonNoMatchingListenerHostname),
		string(gatewayv1.ListenerSetReasonNotAllowed):
		return Treatment{}, false
	case string(gatewayv1.RouteReasonUnsupportedValue), string(gatewayv1.RouteReasonIncompatibleFilters):
		return Treatment{Unavailable, "Deletes the rule, ignores the value, or stops the whole Gateway."}, true
	case string(gatewayv1.GatewayReasonInvalidParameters):
		return Treatment{Unavailable, stops}, true
	}
	return Treatment{Unavailable, unknown}, true
}

// LosesRules is the treatment of a load balancer of Overruled.
func LosesRules() Treatment {
	return Treatment{Unavailable, "Revokes the rules that no object declares in this form. AWS refuses the declared " +
		"rules, because they exceed the quota: no client reaches the load balancer."}
}

// Overruled returns the finding about a load balancer whose inbound rules fit into security groups only because this
// controller merges them or writes several groups. limit is how many rules AWS allows in one group. No finding = they
// fit into one group as declared.
func Overruled(lb *intent.LoadBalancer, s *stack.Stack, limit int) (out diag.List) {
	n := 0
	for i := range s.SecurityGroups {
		if g := &s.SecurityGroups[i]; stack.IsManagedSecurityGroup(g.ID) {
			n += sgrules.Lists(s.PrefixLists).Count(g.Ingress)
		}
	}
	several := slices.ContainsFunc(s.SecurityGroups, func(g stack.SecurityGroup) bool {
		return g.ID == stack.NthManagedSecurityGroup(2)
	})
	first := slices.IndexFunc(lb.Members, func(m intent.Member) bool { return !m.Former })
	if first < 0 || n <= limit && !several {
		return nil
	}
	text := fmt.Sprintf("the load balancer needs %d inbound rules, and AWS allows %d in a security group", n, limit)
	if several {
		text = "the load balancer needs several security groups for its inbound rules"
	}
	return diag.List{diag.New(lb.Members[first].Object, "", diag.QuotaExceeded, text,
		"declare fewer or wider source ranges, name security groups of your own, or ask AWS for a higher quota ("+
			quota.RulesPerSecurityGroupName+")")}
}

// Overfull are the findings about rules of Ingresses that need several rules of a load balancer, which the existing
// controller does not create.
func Overfull(lb *intent.LoadBalancer) (out diag.List) {
	for i := range lb.Members {
		m := &lb.Members[i]
		if m.Object.Kind != "Ingress" || m.Former {
			continue
		}
		for j := range m.Routes {
			if text := rules.OverLimit(m.Routes[j].Conditions); text != "" {
				d := diag.New(m.Object, m.Routes[j].Source.Place(), diag.QuotaExceeded, text, "divide the values among several "+
					"paths or Ingresses")
				if !slices.Contains(out, d) {
					out = append(out, d)
				}
			}
		}
	}
	return out
}
