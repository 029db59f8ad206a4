package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// closed reports whether nobody may come to the port.
func (p *port) closed() bool { return p.cidrs.Set && len(p.cidrs.Value) == 0 }

// unguarded reports whether a member asks for security groups where those of nobody are in effect: what it wants as a guard of its
// own ports is lost.
func (b *build) unguarded(i int) bool {
	return b.members[i].standing != shunned && nonEmpty(b.members[i].Settings.SecurityGroups).Set && !b.settings.securityGroups.Set
}

// mergeSources settles who may come to a port. One that only unguarded members use is closed: source ranges that are written beside
// security groups are not meant to be the guard. It stays closed when others come, until those that had it closed are guarded or
// gone. On a port that was open, source ranges of unguarded members count as those of the others, which they cannot loosen.
func (b *build) mergeSources(p *port, on string) {
	unguarded := keep(p.members, b.unguarded)
	closing := len(unguarded) > 0 && (len(unguarded) == len(p.members) || b.wasClosed(p))
	var claims []claim[[]string]
	for at, i := range p.members {
		switch f := nonEmpty(p.wishes[at].InboundCIDRs); {
		case closing && slices.Contains(unguarded, i):
			claims = append(claims, claim[[]string]{i, intent.Of([]string{}, b.members[i].Settings.SecurityGroups.Source)})
		case f.Set:
			claims = append(claims, claim[[]string]{i, f})
		}
	}
	s := b.rangesOf(p, on)
	s.setting, s.among = fmt.Sprintf("%s@%d", s.setting, p.number), p.members
	c, _ := settle(b, claims, s)
	p.cidrs = hold(c.field, c.member)
	if !p.closed() {
		p.prefixLists = merged(b, p, b.prefixListsOf(p, on), func(l *intent.Listener) intent.Field[[]string] { return l.PrefixLists })
		return
	}
	for at, i := range p.members {
		if !slices.Contains(unguarded, i) && !nonEmpty(p.wishes[at].InboundCIDRs).Set {
			b.note(i, diag.New(b.members[i].Object, p.wishes[at].Source.Path, diag.ConflictingSettings,
				fmt.Sprintf("port %d admits no source, because %s had it closed before, and the security groups that it asks for are not in effect", p.number, b.members[c.member].Object),
				"use another port, or have security-groups removed there"))
		}
	}
}

// wasClosed reports whether nobody could come to the port before this compilation.
func (b *build) wasClosed(p *port) bool {
	if b.effect != nil {
		last, set := b.effect[fmt.Sprintf("inbound-cidrs@%d", p.number)]
		return set && last.Value == ""
	}
	return b.existsClosed(p)
}

// existsClosed reports whether the listener of a port exists, and the managed group admits nobody to it.
func (b *build) existsClosed(p *port) bool {
	if !b.shares() || !b.knowsWhatExists() || b.f.Existing == nil || !b.existsManagedGroup() {
		return false
	}
	_, _, open := b.admitted(p.number)
	return !open && b.existsOnListener(p, always)
}

// noteClosed tells unguarded members which of their ports are closed.
func (b *build) noteClosed() {
	for i := range b.members {
		if !b.unguarded(i) {
			continue
		}
		var ports []int32
		for _, p := range b.ports {
			if p.closed() && slices.Contains(p.members, i) {
				ports = append(ports, p.number)
			}
		}
		if len(ports) == 0 {
			continue
		}
		m := &b.members[i]
		b.note(i, diag.New(m.Object, at(m.Settings.SecurityGroups.Source), diag.ConflictingSettings,
			fmt.Sprintf("no source is admitted to ports %v of %s, whatever its inbound-cidrs and prefix lists are: security groups %v, which it asks for as their guard, are not in effect",
				ports, m.Object, m.Settings.SecurityGroups.Value),
			"remove security-groups, so that inbound-cidrs tell who may come, or move it to another group"))
	}
}
