package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// certificates is the ordered union of the members' certificates on a port. The first is the listener's default one, for clients that
// name no host, or a host that no certificate covers. A member whose certificates are not known has its last good ones. Without any
// certificate the listener cannot be created. If a look-up failed, unread is true: the listener may have more certificates.
func (b *build) certificates(p *port) (_ []string, _ intent.Source, unread bool) {
	var out []string
	var source intent.Source
	asked := false
	var defaults []merge.Owned[string] // the first certificate of each member
	before := len(b.needs)
	wrong := map[int]diag.List{}
	for n, i := range p.members {
		if b.members[i].State == quarantine.Rejected {
			continue
		}
		asked = true
		found := b.findCertificates(i, &b.members[i].Member, p.listeners[n])
		arns, problems := found.ARNs, found.Problems
		unread = unread || found.Unread
		if len(problems) > 0 {
			wrong[i] = problems
			if last, ok := b.lastCertificates(i, p); ok && problems.HasErrors() {
				arns = last
			}
		}
		if len(arns) > 0 {
			s := p.listeners[n].Certificates.Source
			if len(defaults) == 0 {
				source = s
			}
			defaults = append(defaults, merge.Of(i, intent.Of(arns[0], s)))
		}
		for _, arn := range arns {
			at := portCertificate{p.number, arn}
			if !slices.Contains(out, arn) {
				b.certificateOf[at] = i
			}
			b.broughtBy[at] = appendOnce(b.broughtBy[at], b.members[i].Object.Namespace)
		}
		out = append(out, arns...)
	}
	// The listener's default is the one in effect. Other certificates are no conflict, because all are attached.
	setting := fmt.Sprintf("default-certificate@%d", p.number)
	if unread { // it may be that of a member whose certificates are not known
		b.group.Carry(setting)
	} else if i := merge.First(&b.group, defaults, setting, p.members); i > 0 {
		out, source = append([]string{defaults[i].Value}, out...), defaults[i].Source
	}
	out = certificates.Unique(out)
	if len(b.needs) > before {
		return nil, source, unread
	}
	consequence, without := "", int32(0)
	if unread && len(out) > 0 {
		consequence = fmt.Sprintf("; %s listener %d keeps the certificates that are attached in AWS until they can be looked up", p.protocol, p.number)
	}
	if len(out) == 0 {
		consequence, without = fmt.Sprintf("; %s listener %d is not made or changed until then", p.protocol, p.number), p.number
	}
	for _, i := range p.members {
		for _, d := range wrong[i] {
			d.Text += consequence
			d.Port = without
			b.note(i, d)
		}
	}
	if len(out) > 0 || len(wrong) > 0 || !asked {
		return out, source, unread
	}
	for n, i := range p.members {
		if len(p.listeners[n].Owned) > 0 {
			continue // why none of these can be used is among the member's findings
		}
		d := diag.New(b.members[i].Object, "", diag.CertificateNotFound,
			fmt.Sprintf("%s port %d has no certificate: none is named and there are no hosts to find one for%s", p.protocol, p.number, consequence),
			certificates.Naming(b.e.Key.Owner)+", or give "+certificates.Hosts(b.e.Key.Owner)+" that an issued certificate covers")
		d.Port = without
		b.note(i, d)
	}
	return nil, source, unread
}

// lastCertificates are the certificates of the last good version of a member on the port.
func (b *build) lastCertificates(i int, p *port) ([]string, bool) {
	last, ok := b.good[b.members[i].Object]
	if !ok || b.members[i].State != quarantine.Current {
		return nil, false
	}
	for _, l := range last.Listeners {
		if l.Port == p.number && l.Protocol == p.protocol {
			found := b.findCertificates(i, &last, l)
			return found.ARNs, len(found.ARNs) > 0 && len(found.Problems) == 0
		}
	}
	return nil, false
}

// findCertificates finds the certificates of a listener of a version of member i, and adds those that the stack owns to it.
func (b *build) findCertificates(i int, m *intent.Member, l intent.Listener) certificates.Found {
	m, refused := b.withoutHostsOfOthers(i, m)
	found := certificates.Finder{Facts: b.f, Stack: b.e.Key, Authorities: b.cfg.AllowedAuthorities}.Find(m, l)
	if found.Problems = append(found.Problems, refused...); l.Certificates.Set {
		b.withoutImportsOfOthers(i, &found, l.Certificates.Source)
	}
	b.require(found.Needs...)
	if found.OwnUnknown {
		b.keepAll(stack.KindCertificate)
	}
	for _, c := range found.Own {
		b.ownCertificate(i, c)
	}
	return found
}

// ownCertificate adds a certificate to the stack, once.
func (b *build) ownCertificate(i int, c intent.Certificate) {
	if !slices.ContainsFunc(b.certificatesOwned, func(w stack.Certificate) bool { return w.ID == c.ID }) {
		user, sources := keyed(b, merge.Setting[string]{Name: "certificate-tag", What: "tag", Among: []int{i}}, nil, b.userTags)
		w := stack.Certificate{ID: c.ID, Domain: c.Names[0], Names: c.Names, Authority: c.Authority, Import: c.Import, Tags: b.tags(user, c.ID)}
		if c.Import != nil {
			w.Tags[naming.ContentTag] = c.Import.Hash
		}
		b.certificatesOwned = append(b.certificatesOwned, w)
		b.traceKeys(stack.KindCertificate, c.ID, "Tags", sources)
	}
	b.trace(stack.KindCertificate, c.ID, []int{i}, map[string]intent.Source{"Certificates": c.Source})
}

// keepAll keeps all resources of a kind that the stack owns, because it is not known which of them are wanted.
func (b *build) keepAll(kind stack.Kind) {
	b.keep.Resources = appendOnce(b.keep.Resources, stack.Ref{Kind: kind})
}

// keepOfLeftOut keeps the certificates and trust stores while a member is left out: some may be its own. Routes have none.
func (b *build) keepOfLeftOut() {
	for i := range b.members {
		m := &b.members[i]
		if b.cfg.OwnCertificates && m.State.LeftOut() {
			b.keepAll(stack.KindCertificate)
		}
		if owner := b.e.Key.Owner; owner == stack.GatewayALB && m.State.LeftOut() && m.Authority != intent.RoutesOnly {
			b.keepAll(stack.KindTrustStore)
		}
	}
}
