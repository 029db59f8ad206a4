package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// shareLoadBalancer takes the load balancer of others that the members name for that of the stack, of which only
// listeners, rules and target groups are wanted.
func (b *build) shareLoadBalancer() {
	s := b.settings.existing
	need := facts.Need{Kind: facts.NeedLoadBalancer, Key: s.Value}
	lb, asked := b.f.LoadBalancers[s.Value]
	own, known := b.existing()
	if !asked {
		b.lookUpShared(s.Member, s.Source, need)
	}
	if !asked || !known {
		return
	}
	d, bad := b.unfit(s, lb, own, "shares")
	if scheme := b.settings.scheme; !bad && scheme.Set && scheme.Value != lb.Scheme {
		d, bad = b.otherScheme(lb, scheme.Value), true
	}
	if bad {
		d.Object, d.Path = b.members[s.Member].Object, s.Source.Place()
		b.failShared(s.Member, d)
		return
	}
	b.lb.ARN, b.lb.Name, b.lb.Scheme, b.lb.IPAddressType = lb.ARN, lb.Name, lb.Scheme, lb.IPAddressType
	b.keepSubnets(&lb.LoadBalancer)
	for _, id := range lb.SecurityGroups {
		b.lb.SecurityGroups = append(b.lb.SecurityGroups, stack.Literal(stack.KindSecurityGroup, id))
	}
	switch {
	case len(lb.SecurityGroups) == 0:
		b.noGroups = true
	case b.settings.manageBackend.Or(true): // all its traffic has all its groups: one that is admitted suffices
		b.source = &b.lb.SecurityGroups[0]
	}
	for _, l := range lb.Listeners {
		if l.Tags[naming.ClusterTag] != b.cfg.Cluster || l.Tags[naming.StackTag(b.e.Key.Owner)] != b.e.Key.ID.String() {
			b.others = append(b.others, l)
		}
	}
	b.noteNotOurs()
}

// unfit is why a load balancer of others, by its name in an annotation, can be neither shared nor taken over. own is
// the one that the stack has already, nil = none, and does what the stack does with the other one. Without consent, the
// finding shows nothing of it but that it exists.
func (b *build) unfit(s merge.Owned[string], lb *facts.NamedLoadBalancer, own *facts.LoadBalancer, does string) (
	diag.Diagnostic, bool) {
	found := func(code diag.Code, remedy, format string, args ...any) (diag.Diagnostic, bool) {
		return diag.New(diag.Object{}, "", code, fmt.Sprintf(format, args...), remedy), true
	}
	name := s.Value
	if lb == nil || strings.HasPrefix(name, "arn:") && lb.ARN != name {
		return found(diag.LoadBalancerNotFound, "name a load balancer that exists, or create this one; the controller looks "+
			"for it again without an edit", "load balancer %q does not exist", name)
	}
	if key, _, ours := naming.StackOf(b.cfg.Cluster, lb.ARN, lb.Tags); ours && key == b.e.Key { // it is about to be listed
		return diag.Diagnostic{}, false
	} else if ours {
		return found(diag.LoadBalancerUnfit, "join its group, or name another load balancer",
			"load balancer %s belongs to %s", name, key)
	}
	if by := naming.ManagedBy(b.cfg.Cluster, lb.Tags); by != "" {
		return found(diag.LoadBalancerUnfit, "name a load balancer that no controller manages",
			"load balancer %s belongs to %s; the controller of %[2]s may delete listeners and rules of other owners", name, by)
	}
	given := b.consent(s, &lb.LoadBalancer)
	if given == consent.None {
		return b.noConsent(s, &lb.LoadBalancer), true
	}
	if tag := lb.Tags[naming.SharedWithTag]; given == consent.Tagged(tag, b.cfg.Cluster, b.asking(s)) {
		b.consents = map[string]string{lb.ARN: tag}
	}
	switch {
	case lb.Type != b.e.Type:
		return found(diag.LoadBalancerUnfit, "name another one",
			"load balancer %s is of type %s, and the object is for one of type %s", name, lb.Type, b.e.Type)
	case lb.VPC != b.cfg.VPC:
		return found(diag.LoadBalancerUnfit, "name one in the VPC of the cluster",
			"load balancer %s is in %s, and the cluster in %s", name, lb.VPC, b.cfg.VPC)
	case own != nil:
		return found(diag.LoadBalancerUnfit, "create the object under another name, or delete it and create it again",
			"the object already has load balancer %s, which would have to be deleted before the object %s %s",
			own.Name, does, name)
	}
	return diag.Diagnostic{}, false
}

// consent is how far the consent goes for the namespace of the object that names a load balancer of others.
func (b *build) consent(s merge.Owned[string], lb *facts.LoadBalancer) consent.Degree {
	return b.cfg.LoadBalancersOfOthers.Of(b.cfg.Cluster, b.asking(s), consent.Balancer{ARN: lb.ARN, Name: lb.Name,
		SharedWith: lb.Tags[naming.SharedWithTag]})
}

// asking is the namespace of the object that names a load balancer of others.
func (b *build) asking(s merge.Owned[string]) string {
	if o := s.Source.Object(); o != (diag.Object{}) {
		return o.Namespace
	}
	return b.members[s.Member].Object.Namespace
}

// noConsent is the finding that there is no consent to the use of a load balancer of others.
func (b *build) noConsent(s merge.Owned[string], lb *facts.LoadBalancer) diag.Diagnostic {
	return diag.New(diag.Object{}, "", diag.LoadBalancerNotAllowed,
		fmt.Sprintf("load balancer %q belongs to another owner, and namespace %s has no consent to use it", s.Value,
			b.asking(s)), waysToConsent(b.cfg.Cluster, b.asking(s), lb.Name))
}

// waysToConsent are both ways in which others let a namespace have a load balancer.
func waysToConsent(cluster, namespace, name string) string {
	return fmt.Sprintf("the administrator of the controller can give this consent with --existing-load-balancers=%s=%s, "+
		"or the owner of the load balancer can set tag %s: %s/%s on it",
		namespace, name, naming.SharedWithTag, cluster, namespace)
}

// otherScheme is the finding that a load balancer of others has another scheme than the object declares.
func (b *build) otherScheme(lb *facts.NamedLoadBalancer, scheme string) diag.Diagnostic {
	return diag.New(diag.Object{}, "", diag.LoadBalancerUnfit,
		fmt.Sprintf("load balancer %q is %s, but the object declares scheme %s", lb.Name, lb.Scheme, scheme),
		"name another load balancer, or declare no scheme")
}

// noteNotOurs notes the settings that have no effect, as they are about the load balancer itself.
func (b *build) noteNotOurs() {
	for i := range b.members {
		m := &b.members[i]
		ignored := map[intent.Source]bool{}
		if b.members[i].State.LeftOut() {
			continue
		}
		note := func(set bool, source intent.Source) {
			if set {
				ignored[source] = true
			}
		}
		note(m.Settings.Name.Set, m.Settings.Name.Source)
		note(m.Settings.Subnets.Set, m.Settings.Subnets.Source)
		note(m.Settings.IPAddressType.Set, m.Settings.IPAddressType.Source)
		note(nonEmpty(m.Settings.SecurityGroups).Set, m.Settings.SecurityGroups.Source)
		note(m.Settings.Frontend.Enabled.Value, m.Settings.Frontend.Enabled.Source)
		for _, s := range m.Settings.Frontend.Sources() {
			note(!b.notedIdle(i, s), s)
		}
		for _, f := range m.Settings.Attributes {
			note(f.Set, f.Source)
		}
		for _, l := range m.Listeners {
			note(nonEmpty(l.InboundCIDRs).Set, l.InboundCIDRs.Source)
			note(nonEmpty(l.PrefixLists).Set, l.PrefixLists.Source)
		}
		for _, source := range slices.SortedFunc(maps.Keys(ignored), func(x, y intent.Source) int {
			return strings.Compare(x.Place(), y.Place())
		}) {
			b.note(i, diag.New(m.Object, source.Place(), diag.IgnoredSetting,
				fmt.Sprintf("load balancer %q belongs to another owner, so the controller does not change its settings", b.lb.Name),
				"ask the owner to change this setting, and remove it here"))
		}
	}
}

// listenerOfOthers is the listener that others have on a port; nil = there is none.
func (b *build) listenerOfOthers(p *port) *facts.NamedListener {
	for i := range b.others {
		if b.others[i].Port == p.number {
			return &b.others[i]
		}
	}
	return nil
}

// joins reports whether rules can be put on a listener of others. What cannot be, is noted on the members of the port,
// which lack it.
func (b *build) joins(p *port, other *facts.NamedListener) bool {
	if b.e.Type == stack.Application && other.Protocol == p.protocol {
		if s := b.settings.sslRedirect; s.Set && p.protocol == "HTTP" {
			b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.IgnoredSetting,
				fmt.Sprintf("another owner created the listener on port %d of load balancer %q, so the controller adds no redirect",
					p.number, b.lb.Name), "declare only HTTPS ports, or ask the owner to redirect"))
		}
		for at, i := range p.members {
			l := &p.listeners[at]
			if l.DefaultSource.Path() != "" && len(l.Default) > 0 {
				b.note(i, diag.New(b.members[i].Object, l.DefaultSource.Place(), diag.IgnoredSetting,
					fmt.Sprintf("another owner created the listener on port %d of load balancer %q, so the controller does not "+
						"change its default action", p.number, b.lb.Name), "write a rule with path / instead"))
			}
			if p.secure() && l.Certificates.Set {
				b.note(i, diag.New(b.members[i].Object, l.Certificates.Source.Place(), diag.IgnoredSetting,
					fmt.Sprintf("another owner created the listener on port %d of load balancer %q, so the controller does not "+
						"change its certificates", p.number, b.lb.Name), "ask the owner to attach the certificate"))
			}
		}
		return true
	}
	for at, i := range p.members {
		source := p.listeners[at].Source
		why := "a network load balancer has one owner for each port"
		if b.e.Type == stack.Application {
			why = fmt.Sprintf("the listener is %s, and the object declares %s", other.Protocol, p.protocol)
		}
		b.note(i, diag.New(b.members[i].Object, source.Place(), diag.ListenerTaken,
			fmt.Sprintf("the listener on port %d of load balancer %q belongs to another owner: %s; the load balancer does "+
				"not serve the object on this port", p.number, b.lb.Name, why),
			"use another port, or ask the owner to remove the listener"))
	}
	return false
}
