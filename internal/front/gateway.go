package front

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Gateway is the front end of Gateways whose load balancers are of one family.
type Gateway struct {
	Config     gateway.Config
	Family     attachment.Family
	References TargetGroupReferences
	// Exists reports whether AWS has a load balancer with the tags of the stack, whose rules the existing controller made;
	// nil = the finalizer shows it. This controller writes the finalizer together with the annotation that records how it
	// creates rules.
	Exists func(key stack.Key) bool
	last   lastLogins // Recalling sets them
}

// Owner implements Loader.
func (f Gateway) Owner() stack.Owner { return gateway.Owner(f.Family) }

// Declared implements Loader.
func (f Gateway) Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, _ *diag.Diagnostic) {
	g, ok := o.(*gatewayv1.Gateway)
	if !ok {
		return stack.ID{}, false, nil
	}
	key := gateway.Key(g, f.Family)
	l := gateway.Load(v, f.Config, key)
	return key.ID, l.State == gateway.Declared || l.Reports, nil
}

// Load implements Loader.
func (f Gateway) Load(v *objects.View, id stack.ID) Input {
	key := stack.Key{Owner: f.Owner(), ID: id}
	l := gateway.Load(v, f.Config, key)
	if l.State != gateway.Nothing && gateway.DryRun(l.Gateway) && !f.Config.IncludeDryRun {
		return f.dryRun(v, l, key)
	}
	var w Input
	switch l.State {
	case gateway.Declared:
		w.Declared, w.Members = true, []metav1.Object{l.Gateway}
	case gateway.Leaving:
		w.Leaving = []metav1.Object{l.Gateway}
		w.declareProtection(l.DeletionProtection(), intent.Field[bool]{})
	case gateway.Nothing:
	}
	w.ClassApprovals, w.OwnConfiguration = l.ClassApprovals(), !l.ClassObserves()
	if f := l.ClassOwnership(); f.Set {
		w.ClassOwnership = map[string]string{nameOf(l.Gateway): f.Value}
	}
	if l.State != gateway.Declared && !l.Reports {
		return w
	}
	balancer, decisions := gateway.Translate(v, f.Config, l, f.exists(l.Gateway, key))
	if w.Declared {
		w.LoadBalancer = balancer
		f.References.load(v, &w.LoadBalancer, w.Members)
		f.last.load(v, &w.LoadBalancer, credentialsIn)
	}
	if l.Reports {
		w.Decisions, w.Findings = decisions, decisions.Findings
	}
	if gateway.DryRun(l.Gateway) {
		w.Findings = append(w.Findings, underDryRun(gateway.Object(l.Gateway), annotation.GatewayDryRun))
	}
	return w
}

// dryRun is the input of a Gateway under dry run: nothing that it has deployed changes, even if it leaves the family.
// The decisions about it are shown only if nothing of it is deployed; otherwise statuses describe what serves.
func (f Gateway) dryRun(v *objects.View, l gateway.Loaded, key stack.Key) Input {
	balancer, decisions := gateway.Translate(v, f.Config, l, f.exists(l.Gateway, key))
	w := Input{DryRun: &DryRun{LoadBalancer: balancer, Removed: l.State == gateway.Leaving, Objects: []metav1.Object{
		l.Gateway}}}
	w.DryRun.Deployed = gateway.Finalized(l.Gateway, attachment.Application) ||
		gateway.Finalized(l.Gateway, attachment.Network)
	if l.Reports && !w.DryRun.Deployed {
		w.Decisions = decisions
	}
	return w
}

func (f Gateway) exists(g *gatewayv1.Gateway, key stack.Key) bool {
	if f.Exists == nil {
		return gateway.Finalized(g, f.Family)
	}
	return f.Exists(key)
}

// Recalling returns a front end that also knows what the compiler remembers of a stack: the last valid versions of the
// listeners of a Gateway, their certificates, what they do with those of clients, to what those of its routes forward,
// what configured their target groups, the classes of Gateways and Ingresses, the Secrets of their logins, and target
// groups that they name. elsewhere is as in Moving; nil = members come from no other stack.
func Recalling(f Loader, before *compile.Memory, elsewhere Elsewhere) Loader {
	if i, is := f.(Ingress); is {
		i.References.elsewhere, f = elsewhere, i
	}
	if !before.Any() {
		return f
	}
	class := func(o diag.Object) string {
		last, _ := before.Good.Of(o)
		return last.Class
	}
	if i, is := f.(Ingress); is {
		i.Config.LastClass, i.last, i.References.last = class, lastLoginsOf(before), before.Good
		return i
	}
	if s, is := f.(Service); is {
		s.References.last = before.Good
		return s
	}
	g, is := f.(Gateway)
	if !is {
		return f
	}
	g.Config.LastClass, g.last, g.References.last = class, lastLoginsOf(before), before.Good
	g.Config.Last = gateway.Versions{}
	if before.Listeners != nil {
		g.Config.Last = before.Listeners
	}
	g.Config.Reached = func(route diag.Object) []intent.Reached {
		last, _ := before.Good.Of(route)
		return last.Reaches()
	}
	g.Config.HadPort = func(route diag.Object, port int32) bool {
		last, _ := before.Good.Of(route)
		return slices.ContainsFunc(last.Listeners, func(l intent.Listener) bool {
			return l.Port == port && len(l.Default) > 0
		})
	}
	g.Config.Configured = func(route diag.Object, of objects.Ref) *intent.TargetGroup {
		last, _ := before.Good.Of(route)
		return last.GroupOf(intent.Reached{Gateway: of.Kind == objects.Gateway, Namespace: of.Namespace, Name: of.Name})
	}
	g.Config.Clients = func(of diag.Object, port int32) (stack.MutualAuthentication, intent.TrustStore) {
		last, _ := before.Good.Of(of)
		return last.Clients(port)
	}
	g.Config.Certified = func(of diag.Object, port int32) bool {
		last, _ := before.Good.Of(of)
		return slices.ContainsFunc(last.Listeners, func(l intent.Listener) bool {
			return l.Port == port && l.Certificates.Set
		})
	}
	return g
}

// DerivedConstruction returns the construction of rules that Load derived from the finalizer of a Gateway whose
// annotation is missing or invalid; ok is false for any other input. What AWS holds decides instead where it is known:
// a finalizer may come from a backup, be lost while the load balancer stays, and is missing in files.
func DerivedConstruction(w Input) (c rule.Construction, ok bool) {
	if !w.Declared || w.Decisions == nil {
		return "", false
	}
	return w.Decisions.Derived, w.Decisions.Derived != ""
}

// OtherConstruction returns the construction of the rules that AWS holds of a stack if it differs from the derived one;
// ok is false where the derived one stays. Without a load balancer in AWS only Compatible gives way, to what new
// Gateways get.
func OtherConstruction(key stack.Key, o awsop.Observed, c *compile.Config, derived rule.Construction) (
	other rule.Construction, ok bool) {
	other = ObservedConstruction(key, o, c)
	return other, other != derived && (other != "" || derived == rule.Compatible)
}

// ObservedConstruction returns the construction of the rules that AWS holds of a stack; empty where it holds no load
// balancer and flags do not decide. Rules without sign of another construction are taken for those of the existing
// controller, unless the security group admits prefix lists only: with Compatible, it would admit all addresses.
func ObservedConstruction(key stack.Key, o awsop.Observed, c *compile.Config) rule.Construction {
	if len(o.LoadBalancers) == 0 {
		if c.ExistingFeaturesOnly {
			return rule.Compatible
		}
		return ""
	}
	plainPorts := map[string]bool{} // listeners whose hosts are plain with rule.PlainHosts
	for _, l := range o.Listeners {
		plainPorts[l.ARN] = rule.PlainHosts.At(l.Protocol, l.Port) == rule.Compatible
	}
	var expressions, plain, isolated bool
	for _, r := range o.Rules {
		owner, _, ours := naming.StackOf(c.Cluster, r.ARN, r.Tags)
		if c.Gates.ListenerRulesTagging && (!ours || owner != key) {
			continue
		}
		for _, x := range r.Conditions {
			switch {
			case x.Field != stack.HostHeader:
			case len(x.Regex) > 0 && plainPorts[r.Listener.Literal]:
				return rule.Standard
			case len(x.Regex) > 0:
				expressions = true
			case plainPorts[r.Listener.Literal]:
				plain, isolated = true, isolated || isolates(r.Rule)
			}
		}
	}
	switch {
	case expressions && !plain:
		return rule.Standard
	case expressions, isolated, slices.ContainsFunc(o.SecurityGroups, admitsListsOnly):
		return rule.PlainHosts // the existing controller makes none of them
	}
	return rule.Compatible
}

// admitsListsOnly reports whether a group of the stack admits prefix lists, and no other addresses.
func admitsListsOnly(g awsop.SecurityGroup) bool {
	lists := false
	for i := range g.Ingress {
		p := &g.Ingress[i]
		if p.CIDR != "" || p.IPv6CIDR != "" {
			return false
		}
		lists = lists || p.PrefixList != ""
	}
	return lists && !g.Shared
}

// isolates reports whether a rule answers 404 to all requests for a hostname, which keeps listeners of a port apart.
func isolates(r stack.Rule) bool {
	const status = "404"
	return len(r.Conditions) == 1 && len(r.Actions) == 1 && r.Actions[0].FixedResponse != nil &&
		r.Actions[0].FixedResponse.StatusCode == status
}

// WithRules returns a stack for whose observation the rules are read.
func WithRules(key stack.Key) *stack.Stack {
	return &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
}

// BuildingAs returns the front end that builds rules of Gateways that record no construction in c.
func (f Gateway) BuildingAs(c rule.Construction) Gateway {
	f.Exists, f.Config.Rules = func(stack.Key) bool { return c != "" }, c
	return f
}
