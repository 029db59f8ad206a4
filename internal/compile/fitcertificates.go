package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
)

// portCertificate is a certificate of a port.
type portCertificate struct {
	port int32
	arn  string
}

// memberPort is a port of a member.
type memberPort struct {
	member int
	port   int32
}

// fitCertificates detaches the certificates that exceed what AWS allows besides default ones: those that are not
// attached first, then those of the members that joined last, then the last ones of the highest ports. Clients that ask
// for their names get the default certificate, which they refuse.
func (b *build) fitCertificates() {
	type attached struct {
		portCertificate
		stands, member int
	}
	var all []attached
	for i := range b.listen {
		for _, arn := range b.listen[i].SNI {
			all = append(all, attached{portCertificate: portCertificate{b.listen[i].Port, arn}, stands: 1})
		}
	}
	l := b.exceeds(quota.CertificatesOf(b.e.Type), len(all))
	if l == nil {
		return
	}
	b.full = true
	d, _ := b.detailsOfExisting()
	for i := range all {
		a := &all[i]
		if a.member = b.certificateOf[a.portCertificate]; slices.Contains(d.Listeners[a.port].SNI, a.arn) {
			a.stands = 0
		}
	}
	freed := b.freedCertificates(d, func(c portCertificate) bool {
		return slices.ContainsFunc(all, func(a attached) bool { return a.portCertificate == c })
	})
	for i := range all { // a certificate that replaces another one of its namespace takes its place
		if a, of := &all[i], b.members[all[i].member].Object.Namespace; a.stands > 0 && freed[of] > 0 {
			a.stands = 0
			freed[of]--
		}
	}
	joined := b.seniority()
	sorting.StableBy(all, func(x, y attached) int { return cmp.Or(x.stands-y.stands, joined[x.member]-joined[y.member]) })
	left, byMember := map[portCertificate]bool{}, map[int][]string{}
	for _, a := range all[l.admits:] {
		left[a.portCertificate] = true
		byMember[a.member] = append(byMember[a.member], fmt.Sprintf("%s on port %d", a.arn, a.port))
	}
	for i := range b.members {
		if of := byMember[i]; len(of) > 0 {
			b.note(i, excess(b.members[i].Object, "",
				fmt.Sprintf("%s: %d of this object are not attached, so clients that ask for their names get the default "+
					"certificate: %s", l.text("certificates besides default ones"), len(of), strings.Join(of, ", ")),
				l.remedy("use certificates with several names or wildcards, or another load balancer for some of the hosts")))
		}
	}
	for i := range b.listen {
		l := &b.listen[i]
		out := func(arn string) bool { return left[portCertificate{l.Port, arn}] }
		if len(l.Certificates) > 1 {
			l.Certificates = append(l.Certificates[:1:1], slices.DeleteFunc(slices.Clone(l.Certificates[1:]), out)...)
			l.SNI = l.Certificates[1:]
		}
	}
}

// freedCertificates are how many attached certificates nothing wants any longer, by the namespace that brought them.
func (b *build) freedCertificates(d *facts.LoadBalancerDetails, wanted func(portCertificate) bool) map[string]int {
	freed := map[string]int{}
	for _, c := range b.certificatesBefore {
		if slices.Contains(d.Listeners[c.Port].SNI, c.ARN) && !wanted(portCertificate{c.Port, c.ARN}) {
			freed[c.Namespaces[0]]++
		}
	}
	return freed
}
