package certificates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// own adds the certificates that a listener of a member wants to be made, and those of them, or of their predecessors, that can serve
// now. A listener never waits in this compilation: what is not issued comes with a later one.
func (d Finder) own(out *Found, m *intent.Member, l intent.Listener) {
	need := facts.Need{Kind: facts.NeedOwnCertificates, Key: d.Stack.String()}
	if !d.Facts.OwnKnown {
		if p := d.Facts.Failed(need); p != nil {
			out.OwnUnknown = true
			out.Problems = diag.List{p.Diagnostic(m.Object, l.Certificates.Source.Path).In(diag.Certificate)}
			return
		}
		out.Needs = append(out.Needs, need)
		return
	}
	for _, id := range l.Owned {
		at := slices.IndexFunc(m.Certificates, func(c intent.Certificate) bool { return c.ID == id })
		if at < 0 {
			continue
		}
		c := m.Certificates[at]
		if c.Broken {
			for _, o := range d.Facts.Own {
				if o.ID == c.ID && o.Issued() {
					out.ARNs = append(out.ARNs, o.ARN)
				}
			}
			continue
		}
		requested := d.request(out, m.Object, c)
		arn, note := d.serving(c)
		if arn != "" {
			out.ARNs = append(out.ARNs, arn)
		}
		if requested && note != nil {
			note.Object, note.Path = m.Object, c.Source.Path
			out.Problems = append(out.Problems, *note)
		}
	}
}

// request adds a certificate to those that the stack is to have. It reports false if it cannot be had as things are.
func (d Finder) request(out *Found, object diag.Object, c intent.Certificate) bool {
	if !slices.ContainsFunc(d.Facts.Own, func(o facts.OwnCertificate) bool { return matches(o, c) }) && !d.checkZones(out, object, c) {
		return false
	}
	out.Own = append(out.Own, c)
	if most := facts.ImportsPerYear * 4 / 5; c.Import != nil && d.Facts.ImportsLastYear >= most {
		out.Problems = append(out.Problems, diag.New(object, c.Source.Path, diag.ImportsNearQuota,
			fmt.Sprintf("the account has made at least %d imports into ACM in this region within 365 days; AWS admits %d unless it has raised that", most, facts.ImportsPerYear),
			"find out what imports so often (metric lbc_certificate_imports_last_year, CloudTrail's ImportCertificate), or have the quota raised in Service Quotas"))
	}
	return true
}

// matches reports whether a certificate in ACM is the requested one, issued or not.
func matches(o facts.OwnCertificate, c intent.Certificate) bool {
	if c.Import != nil {
		return o.ID == c.ID
	}
	return o.ID == c.ID && o.Authority == c.Authority && slices.Equal(o.Names, c.Names)
}

// checkZones makes sure that the records which prove to Amazon who owns the names have a place to be, before anything is requested.
func (d Finder) checkZones(out *Found, object diag.Object, c intent.Certificate) bool {
	if c.Import != nil || c.Authority != "" {
		return true
	}
	if d.Facts.HostedZones == nil {
		need := facts.Need{Kind: facts.NeedHostedZones}
		if p := d.Facts.Failed(need); p != nil {
			out.Problems = append(out.Problems, p.Diagnostic(object, c.Source.Path).In(diag.Certificate))
		} else {
			out.Needs = append(out.Needs, need)
		}
		return false
	}
	var without []string
	for _, name := range c.Names {
		if _, found := facts.ZoneOf(d.Facts.HostedZones, strings.TrimPrefix(name, "*.")); !found {
			without = append(without, name)
		}
	}
	if len(without) == 0 {
		return true
	}
	out.Problems = append(out.Problems, diag.New(object, c.Source.Path, diag.HostedZoneNotFound,
		fmt.Sprintf("pre-check failed for domain %q: no hosted zone found for validation records; nothing is requested", strings.Join(without, `", "`)),
		"create a public hosted zone for it in Route 53, or name a private authority with acm-pca-arn"))
	return false
}

// serving is the certificate that serves for a requested one now: itself, or as long as that is not issued an earlier one of the
// same Ingress or Secret. The note says what is waited for.
func (d Finder) serving(c intent.Certificate) (arn string, note *diag.Diagnostic) {
	var own []facts.OwnCertificate
	for _, o := range d.Facts.Own {
		if naming.SameCertificateOwner(o.ID, c.ID) {
			own = append(own, o)
		}
	}
	slices.SortFunc(own, func(x, y facts.OwnCertificate) int {
		return cmp.Or(cmp.Compare(y.Since.Unix(), x.Since.Unix()), cmp.Compare(x.ARN, y.ARN))
	})
	var failed *facts.OwnCertificate
	for at, o := range own {
		switch same := matches(o, c); {
		case same && o.Issued():
			return o.ARN, nil
		case same && o.Status != pendingValidation:
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
		note := diag.New(diag.Object{}, "", diag.CertificateFailed, fmt.Sprintf("ACM gives the certificate for %s the status %s; it is requested anew after a while", names, reason),
			"see ACM's user guide for that status; often a CAA record, a name that is not in public DNS, or the private authority is the reason")
		note.Phase = diag.Deploying // it was requested, and refused later
		return arn, &note
	}
	text := fmt.Sprintf("the certificate for %s is requested and not issued yet%s", names, meanwhile)
	if c.Import != nil {
		text = fmt.Sprintf("the certificate for %s is being imported%s", names, meanwhile)
	}
	pending := diag.New(diag.Object{}, "", diag.CertificatePending, text, "nothing needs to be done: it is attached as soon as it is issued")
	return arn, &pending
}

// pendingValidation is the status of a certificate that ACM has not issued yet.
const pendingValidation = "PENDING_VALIDATION"
