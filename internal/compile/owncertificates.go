package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ownCertificates wishes for the certificates that a listener of a member wants to be made, and returns those of them, or of
// their predecessors, that can serve now. A listener never waits in this compilation: what is not issued comes with a later one.
func (b *build) ownCertificates(i int, m *intent.Member, l intent.Listener) (arns []string, problems diag.List) {
	need := facts.Need{Kind: facts.NeedOwnCertificates, Key: b.e.Key.String()}
	if !b.f.OwnKnown {
		if p := b.f.Unanswered(need); p != nil {
			b.keepCertificates()
			return nil, diag.List{p.Diagnostic(m.Object, l.Certificates.Source.Path).In(diag.Certificate)}
		}
		b.want(need)
		return nil, nil
	}
	for _, id := range l.Owned {
		at := slices.IndexFunc(m.Certificates, func(c intent.Certificate) bool { return c.ID == id })
		if at < 0 {
			continue
		}
		c := m.Certificates[at]
		if c.Broken {
			for _, o := range b.f.Own {
				if o.ID == c.ID && o.Issued() {
					arns = append(arns, o.ARN)
				}
			}
			continue
		}
		d, wished := b.wishCertificate(i, c)
		problems = append(problems, d...)
		arn, note := b.serving(c)
		if arn != "" {
			arns = append(arns, arn)
		}
		if wished && note != nil {
			note.Object, note.Path = m.Object, c.Source.Path
			problems = append(problems, *note)
		}
	}
	return arns, problems
}

// keepCertificates keeps what the stack owns in ACM: nobody can tell what of it is wanted.
func (b *build) keepCertificates() {
	if all := (stack.Ref{Kind: stack.KindCertificate}); !slices.Contains(b.keep, all) {
		b.keep = append(b.keep, all)
	}
}

// keepOfLeftOut keeps the certificates while a member is left out: some may be its own.
func (b *build) keepOfLeftOut() {
	for i := range b.members {
		if b.cfg.OwnCertificates && b.members[i].standing.leftOut() {
			b.keepCertificates()
		}
	}
}

// wishCertificate adds a certificate to the stack, once. ok is false if it cannot be had as things are.
func (b *build) wishCertificate(i int, c intent.Certificate) (problems diag.List, ok bool) {
	if !slices.ContainsFunc(b.f.Own, func(o facts.OwnCertificate) bool { return asWished(o, c) }) {
		if problems, ok := b.checkZones(i, c); !ok {
			return problems, false
		}
	}
	if !slices.ContainsFunc(b.certificatesOwned, func(w stack.Certificate) bool { return w.ID == c.ID }) {
		user, sources := keyed(b, "certificate-tag", "tag", false, []int{i}, nil, b.userTags)
		w := stack.Certificate{ID: c.ID, Domain: c.Names[0], Names: c.Names, Authority: c.Authority, Import: c.Import, Tags: b.tags(user, c.ID)}
		if c.Import != nil {
			w.Tags[naming.ContentTag] = c.Import.Hash
		}
		b.certificatesOwned = append(b.certificatesOwned, w)
		b.traceKeys(stack.KindCertificate, c.ID, "Tags", sources)
	}
	b.trace(stack.KindCertificate, c.ID, []int{i}, map[string]intent.Source{"Certificates": c.Source})
	if most := facts.ImportsPerYear * 4 / 5; c.Import != nil && b.f.ImportsLastYear >= most {
		problems = diag.List{diag.New(b.members[i].Object, c.Source.Path, diag.ImportsNearQuota,
			fmt.Sprintf("the account has made at least %d imports into ACM in this region within 365 days; AWS admits %d unless it has raised that", most, facts.ImportsPerYear),
			"find out what imports so often (metric lbc_certificate_imports_last_year, CloudTrail's ImportCertificate), or have the quota raised in Service Quotas")}
	}
	return problems, true
}

// asWished reports whether a certificate is the one that is wished for, issued or not.
func asWished(o facts.OwnCertificate, c intent.Certificate) bool {
	if c.Import != nil {
		return o.ID == c.ID
	}
	return o.ID == c.ID && o.Authority == c.Authority && slices.Equal(o.Names, c.Names)
}

// checkZones makes sure that the records which prove to Amazon who owns the names have a place to be, before anything is asked for.
func (b *build) checkZones(i int, c intent.Certificate) (problems diag.List, ok bool) {
	if c.Import != nil || c.Authority != "" {
		return nil, true
	}
	o := b.members[i].Object
	if b.f.HostedZones == nil {
		need := facts.Need{Kind: facts.NeedHostedZones}
		if p := b.f.Unanswered(need); p != nil {
			return diag.List{p.Diagnostic(o, c.Source.Path).In(diag.Certificate)}, false
		}
		b.want(need)
		return nil, false
	}
	var without []string
	for _, name := range c.Names {
		if _, found := facts.ZoneOf(b.f.HostedZones, strings.TrimPrefix(name, "*.")); !found {
			without = append(without, name)
		}
	}
	if len(without) == 0 {
		return nil, true
	}
	return diag.List{diag.New(o, c.Source.Path, diag.HostedZoneNotFound,
		fmt.Sprintf("pre-check failed for domain %q: no hosted zone found for validation records; nothing is requested", strings.Join(without, `", "`)),
		"create a public hosted zone for it in Route 53, or name a private authority with acm-pca-arn")}, false
}

// serving is the certificate that serves for a wished one now: itself, or as long as that is not issued an earlier one of the
// same Ingress or Secret. The note tells what is waited for.
func (b *build) serving(c intent.Certificate) (arn string, note *diag.Diagnostic) {
	var own []facts.OwnCertificate
	for _, o := range b.f.Own {
		if naming.SameCertificateOwner(o.ID, c.ID) {
			own = append(own, o)
		}
	}
	slices.SortFunc(own, func(x, y facts.OwnCertificate) int {
		return cmp.Or(cmp.Compare(y.Since.Unix(), x.Since.Unix()), cmp.Compare(x.ARN, y.ARN))
	})
	var failed *facts.OwnCertificate
	for at, o := range own {
		switch wished := asWished(o, c); {
		case wished && o.Issued():
			return o.ARN, nil
		case wished && o.Status != pendingValidation:
			failed = &own[at]
		}
	}
	meanwhile := ""
	for _, o := range own {
		if o.Issued() {
			arn, meanwhile = o.ARN, "; the former certificate serves until then"
			break
		}
	}
	names := strings.Join(c.Names, ", ")
	if failed != nil {
		reason := failed.Status
		if failed.Reason != "" {
			reason += " (" + failed.Reason + ")"
		}
		d := diag.New(diag.Object{}, "", diag.CertificateFailed, fmt.Sprintf("ACM gives the certificate for %s the status %s; it is requested anew after a while", names, reason),
			"see ACM's user guide for that status; often a CAA record, a name that is not in public DNS, or the private authority is the reason")
		d.Phase = diag.Deploying // it was requested, and refused later
		return arn, &d
	}
	text := fmt.Sprintf("the certificate for %s is requested and not issued yet%s", names, meanwhile)
	if c.Import != nil {
		text = fmt.Sprintf("the certificate for %s is being imported%s", names, meanwhile)
	}
	d := diag.New(diag.Object{}, "", diag.CertificatePending, text, "nothing needs to be done: it is attached as soon as it is issued")
	return arn, &d
}

// pendingValidation is the status of a certificate that ACM has not issued yet.
const pendingValidation = "PENDING_VALIDATION"
