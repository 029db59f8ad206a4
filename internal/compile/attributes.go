package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// listenerAttributes are the attributes of a port that AWS allows.
func (b *build) listenerAttributes(p *port) map[string]string {
	s := constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.Listener, Protocol: p.protocol},
		All: p.attributes, Mutual: func() (string, bool) { return b.mutualMode(p) }}
	if !b.sharesLoadBalancer() {
		of := b.balancerAttributes(b.lb.Attributes)
		s.Balancer = &of
	}
	return b.fitting(s, func(k string) intent.Source { return p.attrSource[k] }, p.members)
}

// mutualMode is the mode of mutual authentication of a port. AWS's stays where none is declared.
func (b *build) mutualMode(p *port) (mode string, known bool) {
	if p.mutual.Set || b.cfg.Gates.EnhancedDefaultBehavior {
		return p.mutual.Value.Mode, true
	}
	d, known := b.staying()
	if !known || d.Listeners[p.number].Mutual == nil {
		return stack.MutualOff, known
	}
	return d.Listeners[p.number].Mutual.Mode, true
}

// loadBalancerAttributes returns the attributes of the load balancer that AWS accepts.
func (b *build) loadBalancerAttributes() map[string]string {
	return b.fitting(b.balancerAttributes(b.settings.attributes), func(k string) intent.Source {
		return b.settings.attributesSource[k]
	}, b.group.All())
}

// balancerAttributes are attributes of the load balancer, with what decides about them.
func (b *build) balancerAttributes(all map[string]string) constraint.AttributeSet {
	return constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.LoadBalancer, Type: b.e.Type}, All: all,
		IPAddressType: b.lb.IPAddressType,
		Existing: func() (map[string]string, bool) {
			d, known := b.staying()
			if !known || d.Attributes == nil && b.f.Existing != nil && b.f.Existing.Scheme == b.lb.Scheme {
				return nil, false
			}
			return d.Attributes, true
		},
		Listens: func(protocol string) (listens, known bool) {
			if slices.ContainsFunc(b.ports, func(p *port) bool { return p.protocol == protocol }) {
				return true, true
			}
			d, known := b.staying()
			for _, l := range d.Listeners {
				listens = listens || l.Protocol == protocol
			}
			return listens, known
		}}
}

// groupAttributes returns the attributes of a target group that AWS accepts. source is where the target group is
// declared.
func (b *build) groupAttributes(i int, tg *intent.TargetGroup, source intent.Source) map[string]string {
	s := constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.TargetGroup, Protocol: tg.Protocol,
		TargetType: tg.TargetType}, ControlPort: tg.ControlPort, All: tg.Attributes,
		Existing: func() (map[string]string, bool) { return b.stayingGroup(tg) }}
	return b.fitting(s, func(key string) intent.Source { return attributeSource(tg, key, source) }, []int{i})
}

// attributeSource is where an attribute of a target group is declared, otherwise where the target group is.
func attributeSource(tg *intent.TargetGroup, key string, group intent.Source) intent.Source {
	if of, known := tg.AttributeSources[key]; known {
		return of
	}
	return group
}

// sharesLoadBalancer reports whether the load balancer is that of other objects, which declare its attributes.
func (b *build) sharesLoadBalancer() bool {
	return b.settings.existing.Set && !b.settings.adopted.Set && !b.keep.Settings
}

// staying returns the details of the load balancer in AWS that stays; empty ones if it is new or replaced. They are
// looked up; if that fails, known stays false: what only notes depend on stops nothing.
func (b *build) staying() (d facts.LoadBalancerDetails, known bool) {
	if !b.f.ExistingKnown {
		b.ask(needStack(&b.e))
		return d, false
	}
	if lb, _ := b.existing(); lb == nil || lb.Scheme != b.lb.Scheme {
		return d, true
	}
	if b.f.Details == nil {
		b.ask(facts.Need{Kind: facts.NeedStackDetails, Key: b.e.Key.String()})
		return d, false
	}
	return *b.f.Details, true
}

// stayingGroup returns the attributes in AWS of a target group that stays; none if it is new or replaced. known is as
// of staying.
func (b *build) stayingGroup(tg *intent.TargetGroup) (all map[string]string, known bool) {
	switch {
	case !b.f.ExistingKnown:
		b.ask(needStack(&b.e))
		return nil, false
	case b.f.Existing == nil && !b.settings.existing.Set,
		b.f.Existing != nil && !b.standsIn && len(b.f.Existing.Families[tg.ID]) == 0:
		return nil, true
	}
	if d := b.f.Details; d != nil {
		if all, asked := d.GroupAttributes[tg.ID]; asked {
			if had, ok := d.Groups[tg.ID]; !ok || had.Protocol != tg.Protocol || had.TargetType != tg.TargetType {
				return nil, true
			}
			return all, all != nil
		}
	}
	b.ask(facts.NeedGroupDetails(b.e.Key, tg.ID))
	return nil, false
}

// ask requires a fact unless its look-up failed.
func (b *build) ask(n facts.Need) {
	if b.f.Failed(n) == nil {
		b.require(n)
	}
}

// fitting are the attributes of a resource that AWS accepts together. It reports the others, and those that have no
// effect.
func (b *build) fitting(s constraint.AttributeSet, from func(key string) intent.Source, among []int) map[string]string {
	declared := s
	admitted := b.admitted(s.Subject, s.All, from, among)
	s.All = admitted
	for {
		key, refusal := constraint.OfAttributes(s)
		if key == "" {
			break
		}
		s.All = maps.Clone(s.All)
		delete(s.All, key)
		if len(admitted) < len(declared.All) { // it may lack only what is left out, which is reported
			if as, _ := constraint.OfAttributes(declared); as != key {
				continue
			}
		}
		b.noteRefused(refusal, from(key), among, false)
	}
	for _, idle := range constraint.WithoutEffect(declared) {
		if _, set := s.All[idle.Key]; !set {
			continue
		}
		if i, d := b.ofAttribute(from(idle.Key), among, diag.IgnoredSetting); i >= 0 {
			d.Text, d.Remedy = idle.Problem, idle.Remedy
			b.note(i, d)
		}
	}
	return s.All
}

// ofAttribute returns a finding about an attribute, and the member that it is about: the one that sets the attribute,
// or where none of the members does the first of them. The finding is on the Service if that sets it. i < 0: no member.
func (b *build) ofAttribute(source intent.Source, among []int, code diag.Code) (i int, d diag.Diagnostic) {
	if len(among) == 0 {
		return -1, d
	}
	i = among[0]
	if setter, is := b.memberOf(source.Object()); is && len(among) > 1 { // of a group thousands
		i = setter
	}
	object, path := b.members[i].Object, source.Place()
	if source.Object() == object || source.Object().Kind == "Service" {
		object, path = source.Object(), source.Path()
	}
	return i, diag.New(object, path, code, "", "").In(diag.AddOn)
}

// quic reports whether targets of a protocol serve QUIC.
func quic(protocol string) bool { return strings.HasSuffix(protocol, "QUIC") }

// quicAttributes are the attributes of QUIC target groups that have one value in AWS, which refuses others (User guide
// for Network Load Balancers, target group attributes).
var quicAttributes = map[string]string{
	"deregistration_delay.timeout_seconds": "300",
	"preserve_client_ip.enabled":           "true",
	"proxy_protocol_v2.enabled":            "false",
	"stickiness.enabled":                   "false",
}

// attributesOf are the attributes of a target group, of QUIC without those that AWS fixes. A value that it would refuse
// is noted: attributes are often declared for all ports at once.
func (b *build) attributesOf(i int, tg *intent.TargetGroup, source intent.Source) map[string]string {
	if !quic(tg.Protocol) {
		return b.groupAttributes(i, tg, source)
	}
	own := *tg
	out := maps.Clone(tg.Attributes)
	for _, key := range slices.Sorted(maps.Keys(quicAttributes)) {
		value, declared := out[key]
		if delete(out, key); declared && value != quicAttributes[key] {
			_, d := b.ofAttribute(attributeSource(tg, key, source), []int{i}, diag.IgnoredSetting)
			d.Text = fmt.Sprintf("target group attribute %s=%s has no effect on the %s port %d: AWS allows %s only", key,
				value, tg.Protocol, tg.Port, quicAttributes[key])
			d.Remedy = "nothing to do, or declare it only for the other ports"
			b.note(i, d.In(diag.Route))
		}
	}
	own.Attributes = out
	return b.groupAttributes(i, &own, source)
}
