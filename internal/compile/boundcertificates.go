package compile

import (
	"cmp"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
)

// declaredCertificate is a certificate that the stack is to own.
type declaredCertificate struct {
	id             string
	member, stands int // stands is 0 if ACM has a certificate for the same Ingress or Secret
	turn           int // among those of its namespace
}

// boundCertificates refuses certificates for which the load balancer has no room, before they are requested or
// imported: each takes of what ACM allows the whole account. Those that ACM has stay. For the others, the namespaces
// take turns; in a namespace, those of the members that joined last are refused first.
func (b *build) boundCertificates() {
	if !b.f.OwnKnown { // a listener that has some requires it
		return
	}
	all, ports := b.declaredCertificates()
	l := b.exceeds(quota.CertificatesOf(b.e.Type), len(all)-ports)
	if l == nil {
		return
	}
	b.full = true
	joined, turns := b.seniority(), map[string]int{}
	sorting.StableBy(all, func(x, y declaredCertificate) int {
		return cmp.Or(x.stands-y.stands, joined[x.member]-joined[y.member])
	})
	for i := range all {
		of := b.members[all[i].member].Object.Namespace
		all[i].turn, turns[of] = turns[of], turns[of]+1
	}
	sorting.StableBy(all, func(x, y declaredCertificate) int { return cmp.Or(x.stands-y.stands, x.turn-y.turn) })
	b.refusedCertificates = map[string]bool{}
	for _, c := range all[l.admits+ports:] {
		if c.stands > 0 {
			b.refusedCertificates[c.id] = true
		}
	}
	b.noteRefusedCertificates(l)
}

// declaredCertificates are the certificates that members declare for secure ports, each once, and how many of these
// ports there are.
func (b *build) declaredCertificates() (all []declaredCertificate, ports int) {
	met := map[string]bool{}
	for _, p := range b.ports {
		if !p.secure() {
			continue
		}
		ports++
		for n, i := range p.members {
			if b.members[i].State == quarantine.Rejected {
				continue
			}
			for _, id := range p.listeners[n].Owned {
				if met[id] {
					continue
				}
				met[id] = true
				c := declaredCertificate{id: id, member: i}
				if len(b.finder.Own(id)) == 0 {
					c.stands = 1
				}
				all = append(all, c)
			}
		}
	}
	return all, ports
}

// noteRefusedCertificates reports to the members which of their certificates are refused.
func (b *build) noteRefusedCertificates(l *limit) {
	for i := range b.members {
		m := &b.members[i]
		var of []string
		for _, c := range m.Certificates {
			if b.refusedCertificates[c.ID] {
				of = append(of, c.Source.Path())
			}
		}
		if len(of) > 0 {
			b.note(i, excess(m.Object, "", fmt.Sprintf("%s: the controller does not request or import %d of this object, so "+
				"clients that ask for their names get another certificate: %s", l.text("certificates besides default ones"),
				len(of), diag.Some(of)),
				l.remedy("use certificates with several names or wildcards, or another load balancer for some of the hosts")))
		}
	}
}
