package compile

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
