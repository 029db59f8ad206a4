package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// certificateARN is what ELB accepts: a certificate of ACM or a server certificate of IAM.
var certificateARN = regexp.MustCompile(`^arn:aws[a-z-]*:(acm:[a-z0-9-]+:[0-9]{12}:certificate|iam::[0-9]{12}:server-certificate)/.+$`)

// certificates is the ordered union of the members' certificates on a port; the first is the listener's default, which clients get that
// name no host or one that no certificate covers. A member whose certificates cannot be told keeps its last good ones. None at all: the
// listener cannot be made.
func (b *build) certificates(p *port) ([]string, intent.Source) {
	var out []string
	var source intent.Source
	asked := false
	var bids []bid // the first certificate of each member
	before := len(b.needs)
	wrong := map[int]diag.List{}
	for n, i := range p.members {
		if b.members[i].standing == shunned {
			continue
		}
		asked = true
		arns, problems := b.memberCertificates(i, &b.members[i].Member, p.wishes[n])
		if len(problems) > 0 {
			wrong[i] = problems
			if last, ok := b.lastCertificates(i, p); ok && problems.HasErrors() {
				arns = last
			}
		}
		if len(arns) > 0 {
			s := p.wishes[n].Certificates.Source
			if len(bids) == 0 {
				source = s
			}
			bids = append(bids, bid{i, ofClass(s), at(s), arns[0]})
		}
		out = append(out, arns...)
	}
	if i := b.defaultCertificate(p, bids); i > 0 {
		out, source = append([]string{bids[i].value}, out...), p.wishes[slices.Index(p.members, bids[i].member)].Certificates.Source
	}
	out = unique(out)
	if len(b.needs) > before {
		return nil, source
	}
	consequence := ""
	if len(out) == 0 {
		consequence = fmt.Sprintf("; %s listener %d is not made or changed until then", p.protocol, p.number)
	}
	for _, i := range p.members {
		for _, d := range wrong[i] {
			d.Text += consequence
			b.note(i, d)
		}
	}
	if len(out) > 0 || len(wrong) > 0 || !asked {
		return out, source
	}
	for _, i := range p.members {
		b.note(i, diag.New(b.members[i].Object, "", diag.CertificateNotFound,
			fmt.Sprintf("%s port %d has no certificate: none is named and there are no hosts to find one for%s", p.protocol, p.number, consequence),
			"set certificate-arn, or give rules or spec.tls a host that an issued certificate covers"))
	}
	return nil, source
}

// defaultCertificate is the index of the bid whose certificate is the listener's default: that of the member whose certificate is in
// effect, else the first. It is no conflict that others have another one, for all are attached.
func (b *build) defaultCertificate(p *port, bids []bid) int {
	if len(bids) == 0 {
		return 0
	}
	q := question{setting: fmt.Sprintf("default-certificate@%d", p.number), among: p.members, bids: bids}
	r := b.decide(q)
	if !r.incumbent && (!r.reserved || r.winner < 0) {
		r.winner = 0
	}
	b.record(q, r)
	return r.winner
}

// memberCertificates are the certificates that a member names, else those that it owns, and those found for its hosts.
func (b *build) memberCertificates(i int, m *intent.Member, l intent.Listener) (arns []string, problems diag.List) {
	o := m.Object
	if l.Certificates.Set && len(l.Certificates.Value) > 0 {
		var malformed []string
		for _, arn := range unique(l.Certificates.Value) {
			if certificateARN.MatchString(arn) {
				arns = append(arns, arn)
			} else {
				malformed = append(malformed, strconv.Quote(arn))
			}
		}
		text := "%s is not the ARN of a certificate"
		if len(malformed) > 1 { // one finding, however many there are
			text = "%s are not ARNs of certificates"
		}
		if len(malformed) > 0 {
			problems = diag.List{diag.New(o, at(l.Certificates.Source), diag.InvalidAnnotation, fmt.Sprintf(text, strings.Join(malformed, ", ")),
				"use the ARN that ACM shows, like arn:aws:acm:REGION:ACCOUNT:certificate/ID, of the load balancer's region").In(diag.Certificate)}
		}
		return arns, problems
	}
	if len(l.Owned) > 0 {
		arns, problems = b.ownCertificates(i, m, l)
	}
	if len(l.DiscoverHosts) == 0 {
		return arns, problems
	}
	if need := (facts.Need{Kind: facts.NeedCertificates}); b.f.Certificates == nil {
		if p := b.f.Unanswered(need); p != nil {
			return arns, append(problems, p.Diagnostic(o, "").In(diag.Certificate))
		}
		b.want(need)
		return arns, problems
	}
	found, uncovered := facts.DiscoverCertificates(b.f, l.DiscoverHosts, b.cfg.AllowedAuthorities)
	if len(uncovered) > 0 {
		problems = append(problems, diag.New(o, hostsPath(l), diag.CertificateNotFound,
			"no certificate found for host: "+strings.Join(uncovered, ", "),
			"request or import a certificate that covers it in ACM, in the load balancer's region, or set certificate-arn"))
	}
	return append(arns, found...), problems
}

// hostsPath is where hosts are written.
func hostsPath(l intent.Listener) string {
	if l.Certificates.Source.Path != "" {
		return l.Certificates.Source.Path
	}
	return "spec.rules"
}

// lastCertificates are the certificates of the last good version of a member on the port.
func (b *build) lastCertificates(i int, p *port) ([]string, bool) {
	last, ok := b.good[b.members[i].Object]
	if !ok || b.members[i].standing != current {
		return nil, false
	}
	for _, l := range last.Listeners {
		if l.Port == p.number && l.Protocol == p.protocol {
			arns, problems := b.memberCertificates(i, &last, l)
			return arns, len(arns) > 0 && len(problems) == 0
		}
	}
	return nil, false
}
