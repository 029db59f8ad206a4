package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// closed reports whether nobody may come to the port.
func (p *port) closed() bool { return p.cidrs.Set && len(p.cidrs.Value) == 0 }

// unguarded reports whether a member asks for security groups where those of nobody are in effect: what it wants as a guard of its
// own ports is lost.
func (b *build) unguarded(i int) bool {
	return b.members[i].State != quarantine.Rejected && nonEmpty(b.members[i].Settings.SecurityGroups).Set && !b.settings.securityGroups.Set
}

// mergeSources settles who may come to a port. One that only unguarded members use is closed: source ranges that are written beside
// security groups are not meant to be the guard. It stays closed when others come, until those that had it closed are guarded or
// gone. On a port that was open, source ranges of unguarded members count as those of the others, which they cannot loosen.
func (b *build) mergeSources(p *port, on string) {
	unguarded := slices.DeleteFunc(slices.Clone(p.members), func(i int) bool { return !b.unguarded(i) })
	closing := len(unguarded) > 0 && (len(unguarded) == len(p.members) || b.wasClosed(p))
	var candidates []merge.Owned[[]string]
	for at, i := range p.members {
		switch f := nonEmpty(p.listeners[at].InboundCIDRs); {
		case closing && slices.Contains(unguarded, i):
			candidates = append(candidates, merge.Of(i, intent.Of([]string{}, b.members[i].Settings.SecurityGroups.Source)))
		case f.Set:
			candidates = append(candidates, merge.Of(i, f))
		}
	}
	s := b.rangesOf(p, on)
	s.Name, s.Among = fmt.Sprintf("%s@%d", s.Name, p.number), p.members
	c, _ := merge.Settle(&b.group, candidates, s)
	p.cidrs = c
	if !p.closed() {
		p.prefixLists = merged(b, p, b.prefixListsOf(p, on), func(l *intent.Listener) intent.Field[[]string] { return l.PrefixLists })
		return
	}
	for at, i := range p.members {
		if !slices.Contains(unguarded, i) && !nonEmpty(p.listeners[at].InboundCIDRs).Set {
			b.note(i, diag.New(b.members[i].Object, p.listeners[at].Source.Path, diag.ConflictingSettings,
				fmt.Sprintf("port %d admits no source, because %s had it closed before, and the security groups that it asks for are not in effect", p.number, b.members[c.Member].Object),
				"use another port, or have security-groups removed there"))
		}
	}
}

// wasClosed reports whether nobody could come to the port before this compilation.
func (b *build) wasClosed(p *port) bool {
	if b.group.InEffect != nil {
		last, set := b.group.InEffect[fmt.Sprintf("inbound-cidrs@%d", p.number)]
		return set && last.Value == ""
	}
	return b.existsClosed(p)
}

// existsClosed reports whether the listener of a port exists, and the managed group admits nobody to it.
func (b *build) existsClosed(p *port) bool {
	if !b.group.Joinable || !b.knowsWhatExists() || b.f.Existing == nil || !b.existsManagedGroup() {
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
		b.note(i, diag.New(m.Object, m.Settings.SecurityGroups.Source.Place(), diag.ConflictingSettings,
			fmt.Sprintf("no source is admitted to ports %v of %s, whatever its inbound-cidrs and prefix lists are: security groups %v, which it asks for as their guard, are not in effect",
				ports, m.Object, m.Settings.SecurityGroups.Value),
			"remove security-groups, so that inbound-cidrs tell who may come, or move it to another group"))
	}
}
