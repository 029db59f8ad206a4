package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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
	slices.SortStableFunc(all, func(x, y declaredCertificate) int {
		return cmp.Or(x.stands-y.stands, joined[x.member]-joined[y.member])
	})
	for i := range all {
		of := b.members[all[i].member].Object.Namespace
		all[i].turn, turns[of] = turns[of], turns[of]+1
	}
	slices.SortStableFunc(all, func(x, y declaredCertificate) int { return cmp.Or(x.stands-y.stands, x.turn-y.turn) })
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

// mostFormer bounds the certificates that are remembered although no member declares them: a load balancer has 25 by
// default. Beyond that, namespaces take turns.
const mostFormer = 25

// brought are the certificates of listeners with the namespaces of their members, so that no certificate of one
// namespace waits for one of another: those that are declared, and those that were before. A load balancer of one
// namespace has none.
func (b *build) brought(before []stack.BroughtCertificate) []stack.BroughtCertificate {
	var out []stack.BroughtCertificate
	for at, namespaces := range b.broughtBy {
		out = append(out, stack.BroughtCertificate{Port: at.port, ARN: at.arn,
			Namespaces: slices.Sorted(slices.Values(namespaces))})
	}
	slices.SortFunc(out, func(x, y stack.BroughtCertificate) int {
		return cmp.Or(cmp.Compare(x.Port, y.Port), cmp.Compare(x.ARN, y.ARN))
	})
	var former []stack.BroughtCertificate
	for _, c := range before {
		if b.broughtBy[portCertificate{c.Port, c.ARN}] == nil {
			former = append(former, c)
		}
	}
	slices.Reverse(former) // the last ones first
	former = turns.Take(former, mostFormer, func(c stack.BroughtCertificate) string {
		return strings.Join(c.Namespaces, " ")
	})
	slices.Reverse(former)
	out = append(former, out...)
	if !slices.ContainsFunc(out, func(c stack.BroughtCertificate) bool {
		return !slices.Equal(c.Namespaces, out[0].Namespaces)
	}) {
		return nil
	}
	return out
}
