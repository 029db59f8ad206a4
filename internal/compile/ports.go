package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// port is one listener as merged over members.
type port struct {
	number      int32
	protocol    string
	members     []int             // on this port, in group order; left-out ones included
	listeners   []intent.Listener // of the members; the zero value for rejected ones
	sslPolicy   merge.Owned[string]
	alpn        merge.Owned[string]
	mutual      merge.Owned[stack.MutualAuthentication] // trust stores by ARN, as far as known
	cidrs       merge.Owned[[]string]
	prefixLists merge.Owned[[]string]
	icmp        bool
	transports  []string
	attributes  map[string]string
	attrSource  map[string]intent.Source
}

// secure reports whether the listener ends TLS.
func (p *port) secure() bool { return p.protocol == "HTTPS" || p.protocol == "TLS" }

// declared is where the first member declares the port.
func (p *port) declared() intent.Source {
	if l := p.listeners[0]; l.Source.Path() == "" {
		return l.DefaultSource
	}
	return p.listeners[0].Source
}

func (p *port) listener(i int) *intent.Listener {
	if at := slices.Index(p.members, i); at >= 0 {
		return &p.listeners[at]
	}
	return &intent.Listener{}
}

// mergePorts makes one port per number. A member whose protocol is not in effect is not on the port.
func (b *build) mergePorts() {
	candidates := map[int32][]merge.Owned[intent.Listener]{}
	var numbers []int32
	for i := range b.members {
		m := &b.members[i]
		if m.State == quarantine.Rejected {
			continue
		}
		seen := make(map[int32]bool, len(m.Listeners))
		for _, l := range m.Listeners {
			if seen[l.Port] {
				b.note(i, diag.New(m.Object, "", diag.IgnoredSetting, fmt.Sprintf("port %d is listed twice; the first "+
					"entry applies", l.Port),
					"give each listener a port of its own"))
				continue
			}
			seen[l.Port] = true
			if len(candidates[l.Port]) == 0 {
				numbers = append(numbers, l.Port)
			}
			candidates[l.Port] = append(candidates[l.Port], merge.Of(i, intent.Of(l, intent.At(m.Object, l.Source.Path()))))
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if b.e.FixedPorts && !slices.ContainsFunc(candidates[n], func(c merge.Owned[intent.Listener]) bool {
			return b.members[c.Member].Authority != intent.RoutesOnly
		}) {
			continue
		}
		if b.e.OnePerPort {
			candidates[n] = b.holderOf(n, candidates[n])
		}
		b.ports = append(b.ports, b.mergePort(n, candidates[n]))
	}
	b.limitPorts()
	b.noteClosed()
	if !b.e.OnePerPort { // there are no rules of others
		b.addRejected()
	}
}

func (b *build) mergePort(number int32, candidates []merge.Owned[intent.Listener]) *port {
	winner, _ := merge.Resolve(&b.group, candidates, &merge.Setting[intent.Listener]{
		Name: fmt.Sprintf("protocol@%d", number), What: fmt.Sprintf("protocol of port %d", number),
		Among: membersOf(candidates),
		Text: func(l intent.Listener) string {
			return l.Protocol
		}, Show: func(l intent.Listener) string { return l.Protocol },
	})
	p := &port{number: number, protocol: winner.Value.Protocol}
	for _, c := range candidates {
		if c.Value.Protocol == p.protocol {
			p.members = append(p.members, c.Member)
			p.listeners = append(p.listeners, c.Value)
		}
	}
	on := fmt.Sprintf(" of port %d", number)
	p.sslPolicy = merged(b, p, b.policyOf(p, on), func(l *intent.Listener) intent.Field[string] { return l.SSLPolicy })
	alpn := merge.Setting[string]{Name: "alpn-policy", What: "ALPN policy" + on}
	p.alpn = merged(b, p, alpn, func(l *intent.Listener) intent.Field[string] { return l.ALPN })
	p.mutual = b.mergeMutual(p, on)
	b.mergeSources(p, on)
	attribute := merge.Setting[string]{Name: fmt.Sprintf("listener-attribute@%d", number), What: "listener attribute" + on,
		Quiet: true, Among: p.members}
	p.attributes, p.attrSource = keyed(b, attribute, nil, func(i int) map[string]intent.Field[string] {
		return p.listener(i).Attributes
	})
	for i := range p.listeners {
		p.icmp = p.icmp || p.listeners[i].ICMP.Value == "on"
		for _, t := range p.listeners[i].TransportProtocols {
			if t = strings.ToLower(t); !slices.Contains(p.transports, t) {
				p.transports = append(p.transports, t)
			}
		}
	}
	return p
}

// merged merges one setting of a port.
func merged[T any](b *build, p *port, s merge.Setting[T], get func(*intent.Listener) intent.Field[T]) merge.Owned[T] {
	s.Name = fmt.Sprintf("%s@%d", s.Name, p.number)
	return among(b, p.members, func(i int) intent.Field[T] { return get(p.listener(i)) }, &s)
}

// membersOf lists the members of candidates.
func membersOf[T any](candidates []merge.Owned[T]) []int {
	out := make([]int, len(candidates))
	for i, c := range candidates {
		out[i] = c.Member
	}
	return out
}

// addRejected adds rejected members to the listeners that they share with others; to all if theirs are not known.
// Without rules of their own there, their requests would match broader rules of others.
func (b *build) addRejected() {
	for i := range b.members {
		m := &b.members[i]
		if m.State != quarantine.Rejected {
			continue
		}
		for _, p := range b.ports {
			wants := func(l intent.Listener) bool { return l.Port == p.number }
			if len(m.Listeners) > 0 && !slices.ContainsFunc(m.Listeners, wants) {
				continue
			}
			at, _ := slices.BinarySearch(p.members, i)
			p.members = slices.Insert(p.members, at, i)
			p.listeners = slices.Insert(p.listeners, at, intent.Listener{})
		}
	}
}

// holderOf is the one of the candidates for a port that has it, where a port is that of one member: the one that had it
// before, so that a newcomer takes over no connections of another member; else the first by precedence. A finding about
// each of the others names the holder.
func (b *build) holderOf(port int32, candidates []merge.Owned[intent.Listener]) []merge.Owned[intent.Listener] {
	winner, why := merge.Holder(&b.group, membersOf(candidates), fmt.Sprintf("holder@%d", port), func(i int) bool {
		_, exists := b.f.Existing.Families[naming.ServiceTargetGroupID(b.members[i].Object.Namespace,
			b.members[i].Object.Name, port)]
		return exists
	})
	holder := b.members[candidates[winner].Member].Object
	for at, c := range candidates {
		if at == winner {
			continue
		}
		o := b.members[c.Member].Object
		b.note(c.Member, diag.New(o, cmp.Or(c.Value.DefaultSource.Path(), c.Source.Path()), diag.PortTaken,
			fmt.Sprintf("port %d of the load balancer belongs to %s, %s: %s is not served on this port, only on its other ports",
				port, holder, why(at), o),
			fmt.Sprintf("use another port, remove the port from %s, or remove annotation %s from %s to give it a load "+
				"balancer of its own", holder, annotation.ServiceGroupName, o)))
	}
	return candidates[winner : winner+1]
}

// closed reports whether the port allows no source.
func (p *port) closed() bool { return p.cidrs.Set && len(p.cidrs.Value) == 0 }

// lacksGroups reports whether a member names security groups, and no member's are in effect: the restriction of its
// ports is lost.
func (b *build) lacksGroups(i int) bool {
	return b.members[i].State != quarantine.Rejected && nonEmpty(b.members[i].Settings.SecurityGroups).Set &&
		!b.settings.securityGroups.Set
}

// mergeSources merges the sources of a port. A port is closed if all its members lack their security groups: source
// ranges in addition to security groups are not meant as the restriction. It stays closed when other members join,
// until the members that closed it have their groups or are gone. On a port that was open, the ranges of members that
// lack groups count as those of others, which they cannot loosen.
func (b *build) mergeSources(p *port, on string) {
	lacking := slices.DeleteFunc(slices.Clone(p.members), func(i int) bool { return !b.lacksGroups(i) })
	closing := len(lacking) > 0 && (len(lacking) == len(p.members) || b.wasClosed(p))
	var candidates []merge.Owned[[]string]
	listsOnly := false
	for at, i := range p.members {
		switch f := nonEmpty(p.listeners[at].InboundCIDRs); {
		case p.listeners[at].NoRanges:
			listsOnly = true
			candidates = append(candidates, merge.Of(i, p.listeners[at].InboundCIDRs))
		case closing && slices.Contains(lacking, i):
			candidates = append(candidates, merge.Of(i, intent.Of([]string{}, b.members[i].Settings.SecurityGroups.Source)))
		case f.Set:
			candidates = append(candidates, merge.Of(i, f))
		}
	}
	s := b.rangesOf(p, on)
	s.Name, s.Among = fmt.Sprintf("%s@%d", s.Name, p.number), p.members
	c, _ := merge.Resolve(&b.group, candidates, &s)
	p.cidrs = c
	if !p.closed() || listsOnly {
		p.prefixLists = merged(b, p, b.prefixListsOf(p, on), func(l *intent.Listener) intent.Field[[]string] {
			return l.PrefixLists
		})
		return
	}
	groups, _ := restrictions(b.e.Key.Owner)
	for at, i := range p.members {
		if !slices.Contains(lacking, i) && !nonEmpty(p.listeners[at].InboundCIDRs).Set {
			b.note(i, diag.New(b.members[i].Object, p.listeners[at].Source.Path(), diag.ConflictingSettings,
				fmt.Sprintf("port %d admits no client: %s closed it first, and the security groups that it names are not in effect",
					p.number, b.members[c.Member].Object),
				"use another port, or ask its owner to remove "+groups))
		}
	}
}

// wasClosed reports whether the port was closed before this compilation.
func (b *build) wasClosed(p *port) bool {
	if b.group.InEffect != nil {
		last, set := b.group.InEffect[fmt.Sprintf("inbound-cidrs@%d", p.number)]
		return set && last.Value == ""
	}
	return b.existsClosed(p)
}

// existsClosed reports whether the listener of a port exists, and the managed group allows no source on it.
func (b *build) existsClosed(p *port) bool {
	if !b.group.Joinable || !b.knowsWhatExists() || b.f.Existing == nil || !b.existsManagedGroup() {
		return false
	}
	_, _, open := b.f.Existing.Sources(p.number)
	return !open && b.existsOnListener(p, func(stack.Listener) bool { return true })
}

// noteClosed notes the closed ports of members that lack their security groups.
func (b *build) noteClosed() {
	for i := range b.members {
		if !b.lacksGroups(i) {
			continue
		}
		var ports []string
		for _, p := range b.ports {
			if p.closed() && slices.Contains(p.members, i) {
				ports = append(ports, strconv.Itoa(int(p.number)))
			}
		}
		if len(ports) == 0 {
			continue
		}
		m := &b.members[i]
		groups, ranges := restrictions(b.e.Key.Owner)
		b.note(i, diag.New(m.Object, m.Settings.SecurityGroups.Source.Place(), diag.ConflictingSettings,
			fmt.Sprintf("no client reaches ports %s of %s: its security groups %s are not in effect, and its %s and prefix "+
				"lists cannot replace them", diag.Some(ports), m.Object, diag.Some(m.Settings.SecurityGroups.Value), ranges),
			fmt.Sprintf("remove %s, so that %s apply, or move the object to another group", groups, ranges)))
	}
}

// restrictions are where objects of an owner name the security groups of their load balancer, and where they declare
// source ranges.
func restrictions(o stack.Owner) (groups, ranges string) {
	switch {
	case o == stack.Service:
		return "annotation " + string(annotation.ServiceSecurityGroups), "spec.loadBalancerSourceRanges, annotation " +
			string(annotation.ServiceSourceRanges)
	case o.OfGateway():
		return "securityGroups of its LoadBalancerConfiguration", "sourceRanges of its LoadBalancerConfiguration"
	}
	return "security-groups", "inbound-cidrs"
}
