// Package certificates finds the certificates of a member's listener: the named ones, those that the stack owns in
// ACM, and those that are discovered by its hosts. A listener does not wait for certificates that are not issued yet.
// The package is pure.
package certificates

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Found are the certificates of one listener of a member.
type Found struct {
	ARNs     []string // that can serve now; the first is the default one
	Lapsed   []string // that have expired, and stay on the listener until others can replace them
	Problems diag.List
	// Uncovered are the hosts that no certificate of ACM covers, which is among Problems.
	Uncovered []string
	// Notes are about certificates that serve.
	Notes diag.List
	Needs []facts.Need
	// Own are the certificates that the stack owns in ACM.
	Own []intent.Certificate
	// Unread reports that a look-up failed: the listener may have more certificates than ARNs has.
	Unread bool
	// OwnUnknown reports that the stack's certificates in ACM cannot be read, so that none may be deleted.
	OwnUnknown bool
}

// request adds a need, or a problem if its look-up failed; failed reports which.
func (f *Found) request(known facts.Facts, n facts.Need, o diag.Object, path string) (failed bool) {
	needs, p := known.Request(n)
	f.Needs = append(f.Needs, needs...)
	if p != nil {
		f.Unread = true
		f.Problems = append(f.Problems, p.Diagnostic(o, path).In(diag.Certificate))
	}
	return p != nil
}

// Finder finds certificates by the facts of the account. It keeps indexes of the facts, which must not change.
type Finder struct {
	Facts facts.Facts
	Stack stack.Key
	// Region is that of the load balancer; empty = unknown.
	Region string
	// Authorities restricts discovery to certificates of these authorities; empty = all.
	Authorities []string
	// Attached returns the certificates that the existing listener has. They are not known if unread is not empty.
	Attached func(intent.Listener) (arns []string, unread facts.Need)

	index    *ownIndex
	untagged map[string]untagged // by type of certificate
}

// Find returns the certificates that a listener of a member names, else those that the stack owns and those discovered
// for its hosts.
func (d *Finder) Find(m *intent.Member, l intent.Listener) (out Found) {
	o := m.Object
	if l.Certificates.Set && len(l.Certificates.Value) > 0 {
		d.named(&out, o, l)
		return out
	}
	if len(l.DiscoverFirst) > 0 {
		if d.Facts.Certificates == nil {
			out.request(d.Facts, facts.Need{Kind: facts.NeedCertificates}, o, "")
			return out
		}
		if found, uncovered := facts.DiscoverCertificates(d.Facts, slices.Concat(l.DiscoverFirst, l.DiscoverHosts),
			d.Authorities); len(uncovered) == 0 {
			out.ARNs = d.proven(&out, m, l, found)
			return out
		}
	}
	if len(l.Owned) > 0 {
		d.own(&out, &site{member: m, listener: l})
	}
	if len(l.DiscoverHosts) == 0 {
		return out
	}
	if d.Facts.Certificates == nil {
		out.request(d.Facts, facts.Need{Kind: facts.NeedCertificates}, o, "")
		return out
	}
	found, uncovered := facts.DiscoverCertificates(d.Facts, l.DiscoverHosts, d.Authorities)
	if out.Uncovered = uncovered; len(uncovered) > 0 {
		out.Problems = append(out.Problems, diag.New(o, cmp.Or(l.Certificates.Source.Path(), discovered(d.Stack.Owner)),
			diag.CertificateNotFound,
			NotFound(uncovered),
			"request or import a certificate for the host in ACM, in the load balancer's region, or "+Naming(d.Stack.Owner)))
	}
	found = d.proven(&out, m, l, found)
	out.ARNs = append(out.ARNs, found...)
	if len(found) > 1 {
		d.noteSeveral(&out, m, l)
	}
	return out
}

// named finds the certificates that a listener names. However many are wrong, that is one finding of each kind.
func (d *Finder) named(out *Found, o diag.Object, l intent.Listener) {
	var malformed, elsewhere []string
	for _, arn := range Unique(l.Certificates.Value) {
		switch problem, away := constraint.OfARN(constraint.Named{Of: constraint.CertificateOfELB, ARN: arn,
			Region: d.Region}); {
		case problem == "":
			out.ARNs = append(out.ARNs, arn)
		case away:
			elsewhere = append(elsewhere, arn)
		default:
			malformed = append(malformed, strconv.Quote(arn))
		}
	}
	report := func(code diag.Code, arns []string, one, many, remedy string) {
		text := one
		if len(arns) > 1 {
			text = many
		}
		if len(arns) > 0 {
			out.Problems = append(out.Problems, diag.New(o, l.Certificates.Source.Place(), code,
				strings.Join(arns, ", ")+text, remedy).In(diag.Certificate))
		}
	}
	remedy := "use the ARN that ACM shows, like arn:aws:acm:REGION:ACCOUNT:certificate/ID, of the load balancer's region"
	report(diag.CertificateNotFound, elsewhere, " is not in Region "+d.Region+" of the load balancer",
		" are not in Region "+d.Region+" of the load balancer", "request or import the certificate in ACM of Region "+
			d.Region+", and give its ARN")
	if slices.ContainsFunc(malformed, func(arn string) bool { return strings.Count(arn, "arn:aws") > 1 }) {
		remedy = "separate the ARNs with commas"
	}
	report(diag.InvalidAnnotation, malformed, " is not the ARN of a certificate", " are not ARNs of certificates", remedy)
}

// proven leaves out of found certificates those that a stack may own while ACM denies their tags, unless the listener
// has them or nothing else covers a host.
func (d *Finder) proven(out *Found, m *intent.Member, l intent.Listener, found []string) []string {
	f := d.Facts
	if !slices.ContainsFunc(found, func(arn string) bool { return f.Certificates[arn].Unproven }) {
		return found
	}
	attached, unread := d.Attached(l)
	if unread != (facts.Need{}) {
		out.request(f, unread, m.Object, l.Certificates.Source.Path())
		return found
	}
	if f.Index == nil {
		f.Index = facts.IndexCertificates(f.Certificates)
	}
	some := map[string]bool{}
	for _, host := range Unique(slices.Concat(l.DiscoverFirst, l.DiscoverHosts)) {
		covering, _ := facts.DiscoverCertificates(f, []string{host}, d.Authorities)
		sure := slices.DeleteFunc(slices.Clone(covering), func(arn string) bool {
			return f.Certificates[arn].Unproven && !slices.Contains(attached, arn)
		})
		if len(sure) == 0 {
			sure = covering
		}
		for _, arn := range sure {
			some[arn] = true
		}
	}
	return slices.DeleteFunc(found, func(arn string) bool { return !some[arn] })
}

// NotFound says that no certificate covers hosts.
func NotFound(hosts []string) string {
	return "no certificate found for host: " + strings.Join(hosts, ", ")
}

// noteSeveral notes a host that several found certificates cover.
func (d *Finder) noteSeveral(out *Found, m *intent.Member, l intent.Listener) {
	f := d.Facts
	if f.Index == nil {
		f.Index = facts.IndexCertificates(f.Certificates)
	}
	first, covering, more := "", []string(nil), 0
	for _, host := range Unique(l.DiscoverHosts) {
		found, _ := facts.DiscoverCertificates(f, []string{host}, d.Authorities)
		switch {
		case len(found) < 2:
		case first == "":
			first, covering = host, found
		default:
			more++
		}
	}
	if first == "" {
		return
	}
	text := fmt.Sprintf("%d certificates cover %s", len(covering), first)
	if more > 0 {
		text = fmt.Sprintf("several certificates cover %s and %d more hosts", first, more)
	}
	text += fmt.Sprintf("; all are attached, and AWS chooses one for each client. Certificates for %s: %s", first,
		strings.Join(covering, ", "))
	out.Notes = append(out.Notes, diag.New(m.Object, cmp.Or(l.Certificates.Source.Path(), discovered(d.Stack.Owner)),
		diag.SeveralCertificates, text,
		"to use only one, "+Naming(d.Stack.Owner)+", or delete unneeded certificates in ACM").In(diag.Certificate))
}

// Naming returns how users name certificates.
func Naming(o stack.Owner) string {
	if o.OfGateway() {
		return "name one in tls.certificateRefs of the listener or in listenerConfigurations of a LoadBalancerConfiguration"
	}
	return "set annotation " + string(annotation.CertificateARN)
}

// Hosts returns where users write hosts that certificates are found for.
func Hosts(o stack.Owner) string {
	if o.OfGateway() {
		return "the listener or its routes a hostname"
	}
	return "rules or spec.tls a host"
}

// discovered is the field with hosts that certificates are found for.
func discovered(o stack.Owner) string {
	if o.OfGateway() {
		return "spec.listeners"
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
