// Package certificates finds the certificates of a member's listener: those that it names, those that the stack has in ACM for it, and
// those that are discovered by its hosts. What is not issued yet does not hold up the listener. It imports diag, facts, intent, naming
// and stack.
package certificates

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// certificateARN is what ELB accepts: a certificate of ACM or a server certificate of IAM.
var certificateARN = regexp.MustCompile(`^arn:aws[a-z-]*:(acm:[a-z0-9-]+:[0-9]{12}:certificate|iam::[0-9]{12}:server-certificate)/.+$`)

// Found is what is known of the certificates of one listener of a member.
type Found struct {
	ARNs     []string // that can serve now; the first is the default one
	Problems diag.List
	Needs    []facts.Need
	// Own are certificates that the stack is to have in ACM.
	Own []intent.Certificate
	// OwnUnknown: what the stack has in ACM cannot be read, so that none of it may be deleted.
	OwnUnknown bool
}

// Finder finds certificates by what is known of the account.
type Finder struct {
	Facts facts.Facts
	Stack stack.Key
	// Authorities restricts discovery to certificates of these authorities; empty = all.
	Authorities []string
}

// Find is the certificates that a listener of a member names, else those that the member owns, and those found for its hosts.
func (d Finder) Find(m *intent.Member, l intent.Listener) (out Found) {
	o := m.Object
	if l.Certificates.Set && len(l.Certificates.Value) > 0 {
		var malformed []string
		for _, arn := range Unique(l.Certificates.Value) {
			if certificateARN.MatchString(arn) {
				out.ARNs = append(out.ARNs, arn)
			} else {
				malformed = append(malformed, strconv.Quote(arn))
			}
		}
		text := "%s is not the ARN of a certificate"
		if len(malformed) > 1 { // one finding, however many there are
			text = "%s are not ARNs of certificates"
		}
		if len(malformed) > 0 {
			out.Problems = diag.List{diag.New(o, l.Certificates.Source.Place(), diag.InvalidAnnotation, fmt.Sprintf(text, strings.Join(malformed, ", ")),
				"use the ARN that ACM shows, like arn:aws:acm:REGION:ACCOUNT:certificate/ID, of the load balancer's region").In(diag.Certificate)}
		}
		return out
	}
	if len(l.Owned) > 0 {
		d.own(&out, m, l)
	}
	if len(l.DiscoverHosts) == 0 {
		return out
	}
	if need := (facts.Need{Kind: facts.NeedCertificates}); d.Facts.Certificates == nil {
		if p := d.Facts.Failed(need); p != nil {
			out.Problems = append(out.Problems, p.Diagnostic(o, "").In(diag.Certificate))
			return out
		}
		out.Needs = append(out.Needs, need)
		return out
	}
	found, uncovered := facts.DiscoverCertificates(d.Facts, l.DiscoverHosts, d.Authorities)
	if len(uncovered) > 0 {
		out.Problems = append(out.Problems, diag.New(o, hostsPath(l), diag.CertificateNotFound,
			"no certificate found for host: "+strings.Join(uncovered, ", "),
			"request or import a certificate that covers it in ACM, in the load balancer's region, or set certificate-arn"))
	}
	out.ARNs = append(out.ARNs, found...)
	return out
}

// hostsPath is where hosts are written.
func hostsPath(l intent.Listener) string {
	if l.Certificates.Source.Path != "" {
		return l.Certificates.Source.Path
	}
	return "spec.rules"
}

// Unique drops repetitions and keeps the order.
func Unique(in []string) []string {
	var out []string
	met := make(map[string]bool, len(in))
	for _, s := range in {
		if !met[s] {
			met[s] = true
			out = append(out, s)
		}
	}
	return out
}
