package gateway

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Outcome is the result of reconciling the load balancer of a Gateway.
type Outcome struct {
	conditions.LoadBalancer
	// Hostname of the load balancer that clients use; empty = it is not known, and the addresses in the status stay.
	Hostname string
	// Ports are those of its listeners; nil = they are not known, and all are taken for programmed.
	Ports []int32
	// Unmade are the routes of which AWS holds no rule, as it refused each.
	Unmade []diag.Object
	// Rejected are the routes that are invalid and have no good version that could take their place.
	Rejected []diag.Object
	// Kept are the routes of which the last valid version of some rule serves.
	Kept []diag.Object
	// Found are the findings of compile and of AWS about the Gateway and its routes.
	Found diag.List
	// Pending reports that the newest version of the Gateway is not in effect.
	Pending bool
}

// Change is what the status of an object becomes.
type Change struct {
	Kind            objects.Kind
	Namespace, Name string
	// Apply changes the status of an object, of whatever version, and reports whether that changed anything.
	Apply func(o metav1.Object, now metav1.Time) bool
}

// Statuses returns the changes of the Gateway, its ListenerSets, its routes and the ListenerRuleConfigurations of
// these: one for each object.
func (d *Decisions) Statuses(o Outcome) []Change {
	o.LoadBalancer = d.failed(o)
	out := []Change{d.gatewayStatus(o)}
	for _, s := range d.listeners.Admitted {
		out = append(out, d.setStatus(s, false, o))
	}
	for _, s := range d.listeners.Rejected {
		out = append(out, d.setStatus(s, true, o))
	}
	for i := range d.routes {
		out = append(out, d.routeStatus(&d.routes[i], o))
	}
	return append(out, d.ruleStatuses()...)
}

// ruleStatuses are the changes of the ListenerRuleConfigurations that routes refer to.
func (d *Decisions) ruleStatuses() (out []Change) {
	seen := map[route.Configuration]bool{}
	for i := range d.routes {
		if d.routes[i].decided == nil {
			continue
		}
		for _, c := range d.routes[i].decided.Configurations {
			if !seen[c] {
				seen[c] = true
				out = append(out, ruleStatus(c))
			}
		}
	}
	return out
}

// failed adds what is wrong with the Gateway itself. Problems that pass by themselves are none, and those of single
// features only while there is no load balancer.
func (d *Decisions) failed(o Outcome) conditions.LoadBalancer {
	lb := o.LoadBalancer
	if d.waiting != nil {
		lb.Active, lb.Failed = false, d.waiting
	}
	for _, f := range o.Found {
		passing := f.Class == diag.Note || f.Class == diag.Transient || f.Class == diag.Throttled
		// without a certificate, the controller creates no load balancer
		withheld := f.Scope.Withheld() && f.Scope != diag.Frontend && (f.Scope != diag.Certificate || o.ARN != "")
		if lb.Failed != nil || passing || withheld || !d.about(f.Object) {
			continue
		}
		lb.Failed = &attachment.Problem{Reason: string(gatewayv1.GatewayReasonInvalid), Message: message(f)}
		if f.Code == diag.AddressNotUsable {
			lb.Failed.Reason = string(gatewayv1.GatewayReasonAddressNotUsable)
		}
	}
	return lb
}

// about reports whether an object is the Gateway or one of its configurations.
func (d *Decisions) about(o diag.Object) bool {
	return o.Kind == kindGateway && o.Name == d.gateway.Name && o.Namespace == d.gateway.Namespace ||
		o.Kind == string(objects.LoadBalancerConfiguration)
}

// unmade is why the listener of a port is not made, as far as that is known.
func (d *Decisions) unmade(port int32, found diag.List) *attachment.Problem {
	for _, f := range found {
		if f.Port == port && f.Class != diag.Note && f.Object.Kind == kindGateway && d.about(f.Object) {
			return &attachment.Problem{Reason: string(gatewayv1.ListenerReasonInvalid), Message: message(f)}
		}
	}
	return nil
}

// message is a finding as the message of a condition.
func message(d diag.Diagnostic) string {
	text := d.Text
	if d.Path != "" {
		text += " (" + d.Path + ")"
	}
	if d.Remedy != "" {
		text += "; " + d.Remedy
	}
	return text
}

// newer reports whether a condition of ours is about a later generation than the one that was judged.
func newer(have []metav1.Condition, generation int64) bool {
	return slices.ContainsFunc(have, func(c metav1.Condition) bool {
		return (c.Type == string(gatewayv1.GatewayConditionAccepted) ||
			c.Type == string(gatewayv1.GatewayConditionProgrammed)) && c.ObservedGeneration > generation
	})
}

// of are the listeners of a parent.
func (d *Decisions) of(kind gatewayv1.Kind, namespace, name string) (out []int) {
	for i := range d.listeners.All {
		if d.listeners.All[i].Parent == (attachment.Parent{Kind: kind, Namespace: namespace, Name: name}) {
			out = append(out, i)
		}
	}
	return out
}

// listenerConditions returns the conditions of one listener.
func (d *Decisions) listenerConditions(i int, o Outcome, generation int64) []metav1.Condition {
	l, lb := &d.listeners.All[i], o.LoadBalancer
	lb.Failed = nil
	absent := o.Ports != nil && !slices.Contains(o.Ports, l.Port)
	if absent && !d.idle[l.Port] || d.refused != nil {
		lb.Active = false
	}
	if !lb.Active {
		lb.Failed = d.unmade(l.Port, o.Found)
	}
	var refs *attachment.Problem
	if d.refs != nil {
		refs = d.refs[i]
	}
	out := conditions.Listener(l.AsDeclared(), refs, lb, generation)
	if l.Declared != nil && l.Problem == nil {
		conditions.LastServes(out)
	}
	if absent {
		conditions.Idle(out)
	}
	if refs == nil || d.unserved[i] || l.AsDeclared().Problem != nil || !d.named[i] {
		return out
	}
	for _, c := range conditions.Listener(l, nil, lb, generation) { // other certificates serve
		if c.Type == string(gatewayv1.ListenerConditionProgrammed) {
			out = conditions.Merge(out, []metav1.Condition{c}, metav1.Time{})
		}
	}
	return out
}

func (d *Decisions) gatewayStatus(o Outcome) Change {
	g, generation := d.gateway, d.gateway.Generation
	return Change{objects.Gateway, g.Namespace, g.Name, func(object metav1.Object, now metav1.Time) bool {
		to, ok := object.(*gatewayv1.Gateway)
		if !ok || to.UID != g.UID || newer(to.Status.Conditions, generation) {
			return false
		}
		before := to.Status.DeepCopy()
		all := make([]*attachment.Listener, 0, len(d.listeners.All))
		for i := range d.listeners.All {
			all = append(all, d.listeners.All[i].AsDeclared())
		}
		want := conditions.Gateway(all, d.refused, o.LoadBalancer, generation)
		if o.Pending {
			stayProgrammed(want, to.Status.Conditions)
		}
		if d.insecure {
			want = append(want, conditions.Insecure(generation))
		} else {
			meta.RemoveStatusCondition(&to.Status.Conditions, string(gatewayv1.GatewayConditionInsecureFrontendValidationMode))
		}
		to.Status.Conditions = conditions.Merge(to.Status.Conditions, want, now)
		to.Status.Listeners = nil
		for _, i := range d.of(kindGateway, g.Namespace, g.Name) {
			l := &d.listeners.All[i]
			s := gatewayv1.ListenerStatus{Name: l.Name, SupportedKinds: l.AsDeclared().SupportedKinds, AttachedRoutes: l.Routes}
			var have []metav1.Condition
			if at := slices.IndexFunc(before.Listeners, func(o gatewayv1.ListenerStatus) bool { return o.Name == l.Name }); at >=
				0 {
				have = before.Listeners[at].Conditions
			}
			s.Conditions = conditions.Merge(have, d.listenerConditions(i, o, generation), now)
			to.Status.Listeners = append(to.Status.Listeners, s)
		}
		d.showAddresses(&to.Status, o)
		if d.config.ListenerSets {
			n := d.attachedSets()
			to.Status.AttachedListenerSets = &n
		}
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}
}

// stayProgrammed has a condition Programmed that stays True be about the generation that is in effect.
func stayProgrammed(want, have []metav1.Condition) {
	kind := string(gatewayv1.GatewayConditionProgrammed)
	now, before := meta.FindStatusCondition(want, kind), meta.FindStatusCondition(have, kind)
	if now != nil && before != nil && now.Status == metav1.ConditionTrue && before.Status == metav1.ConditionTrue {
		now.ObservedGeneration = before.ObservedGeneration
	}
}

// showAddresses brings the addresses to those that the Gateway asks for, else to the name of the load balancer.
func (d *Decisions) showAddresses(to *gatewayv1.GatewayStatus, o Outcome) {
	if o.Hostname == "" {
		return
	}
	to.Addresses = nil
	kind, values := gatewayv1.HostnameAddressType, []string{strings.ToLower(o.Hostname)}
	if len(d.addresses) > 0 && o.Failed == nil {
		kind, values = gatewayv1.IPAddressType, d.addresses
	}
	for _, v := range values {
		to.Addresses = append(to.Addresses, gatewayv1.GatewayStatusAddress{Type: &kind, Value: v})
	}
}

// attachedSets is the number of ListenerSets with a listener that is valid and can be served.
func (d *Decisions) attachedSets() int32 {
	n := 0
	for _, s := range d.listeners.Admitted {
		if slices.ContainsFunc(d.of(kindListenerSet, s.Namespace, s.Name), func(i int) bool {
			return d.judged(i).Problem == nil
		}) {
			n++
		}
	}
	return int32(n)
}

// judged is a listener of a ListenerSet, which is not valid either if none of its certificates can be used.
func (d *Decisions) judged(i int) *attachment.Listener {
	l := *d.listeners.All[i].AsDeclared()
	l.Routes = d.listeners.All[i].Routes
	if l.Problem == nil && d.unserved[i] {
		l.Problem = d.refs[i]
	}
	return &l
}

func (d *Decisions) setStatus(s *gatewayv1.ListenerSet, rejected bool, o Outcome) Change {
	return Change{objects.ListenerSet, s.Namespace, s.Name, func(object metav1.Object, now metav1.Time) bool {
		to, ok := object.(*gatewayv1.ListenerSet)
		if !ok || to.UID != s.UID || newer(to.Status.Conditions, s.Generation) {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status.Listeners = nil
		if rejected {
			to.Status.Conditions = conditions.Merge(to.Status.Conditions, conditions.RejectedSet(s.Generation), now)
			return !equality.Semantic.DeepEqual(before, &to.Status)
		}
		var own []*attachment.Listener
		for _, i := range d.of(kindListenerSet, s.Namespace, s.Name) {
			l := d.judged(i)
			own = append(own, l)
			e := gatewayv1.ListenerEntryStatus{Name: l.Name, SupportedKinds: l.SupportedKinds, AttachedRoutes: l.Routes}
			var have []metav1.Condition
			if at := slices.IndexFunc(before.Listeners, func(o gatewayv1.ListenerEntryStatus) bool {
				return o.Name == l.Name
			}); at >= 0 {
				have = before.Listeners[at].Conditions
			}
			e.Conditions = conditions.Merge(have, d.listenerConditions(i, o, s.Generation), now)
			to.Status.Listeners = append(to.Status.Listeners, e)
		}
		lb := o.LoadBalancer
		lb.Active = lb.Active && d.refused == nil
		to.Status.Conditions = conditions.Merge(to.Status.Conditions, conditions.ListenerSet(own, lb, s.Generation), now)
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}
}

// ours reports whether this controller writes the entries of a controller name.
func (d *Decisions) ours(c gatewayv1.GatewayController) bool {
	_, ok := d.config.family(c)
	return ok || c == d.controller
}

// Shown returns what the status of the Gateway shows of its load balancer. It holds where a pass could not read from
// AWS: that a call fails does not mean that the load balancer has ceased to serve.
func (d *Decisions) Shown() Outcome {
	var o Outcome
	if c := meta.FindStatusCondition(d.gateway.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)); c !=
		nil && c.Status == metav1.ConditionTrue {
		o.ARN, o.Active = c.Message, true
	}
	return o
}
