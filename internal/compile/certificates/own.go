package certificates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// site is a listener of a member.
type site struct {
	member   *intent.Member
	listener intent.Listener
	// former are untagged certificates that may have been for hosts of the listener, by type and ARN.
	former   map[string]map[string]bool
	hostless bool // the listener has no hosts; known with former
}

// own adds the certificates that a listener of a member declares, and those of them, or of their predecessors, that can
// serve now. Certificates that are not issued are added by a later compilation.
func (d *Finder) own(out *Found, s *site) {
	m, l := s.member, s.listener
	if !d.Facts.OwnKnown {
		out.OwnUnknown = out.request(d.Facts, facts.Need{Kind: facts.NeedOwnCertificates, Key: d.Stack.String()}, m.Object,
			l.Certificates.Source.Path())
		return
	}
	declared := make(map[string]*intent.Certificate, len(m.Certificates))
	for n := range m.Certificates {
		declared[m.Certificates[n].ID] = &m.Certificates[n]
	}
	for _, id := range l.Owned {
		c := declared[id]
		if c == nil {
			continue
		}
		if c.Broken {
			had := len(out.ARNs)
			for _, o := range d.Own(c.ID) {
				if o.ID == c.ID && o.Issued() {
					out.ARNs = append(out.ARNs, o.ARN)
				}
			}
			if len(out.ARNs) == had {
				d.lapse(out, s, c)
			}
			continue
		}
		requested := d.declare(out, m.Object, c)
		arn, note := d.serving(c)
		if arn != "" {
			out.ARNs = append(out.ARNs, arn)
		} else if d.lapse(out, s, c) {
			note.Text += "; until then, the listener keeps the certificate that it has"
		}
		if requested && note != nil {
			note.Object, note.Path = m.Object, c.Source.Path()
			out.Problems = append(out.Problems, *note)
		}
	}
}

// ownIndex finds certificates that the stack owns.
type ownIndex struct {
	byOwner map[string][]*facts.OwnCertificate // by naming.CertificateOwner
	byARN   map[string]*facts.OwnCertificate
}

func (d *Finder) owned() *ownIndex {
	if d.index == nil {
		n := len(d.Facts.Own)
		d.index = &ownIndex{make(map[string][]*facts.OwnCertificate, n), make(map[string]*facts.OwnCertificate, n)}
		for i := range d.Facts.Own {
			o := &d.Facts.Own[i]
			owner := naming.CertificateOwner(o.ID)
			d.index.byOwner[owner], d.index.byARN[o.ARN] = append(d.index.byOwner[owner], o), o
		}
	}
	return d.index
}

// Own returns the certificates that the stack owns for the Ingress or Secret of an identity.
func (d *Finder) Own(id string) []*facts.OwnCertificate {
	return d.owned().byOwner[naming.CertificateOwner(id)]
}

// OwnARN returns the certificate with an ARN; nil if the stack does not own it.
func (d *Finder) OwnARN(arn string) *facts.OwnCertificate { return d.owned().byARN[arn] }

// lapse adds certificates that the existing listener has and that c has not replaced yet, and reports whether there are
// any: the expired ones of the same Ingress or Secret, which AWS attaches to no other listener, and those that may be
// of them but whose tags ACM does not show, as in an empty answer.
func (d *Finder) lapse(out *Found, s *site, c *intent.Certificate) bool {
	former := map[string]bool{}
	for _, o := range d.Own(c.ID) {
		if o.Status == facts.Expired {
			former[o.ARN] = true
		}
	}
	ofSite := d.formerAt(s, c)
	for _, name := range c.Names {
		for _, arn := range d.untaggedOf(typeOf(c)).Covering(name) {
			former[arn] = true
		}
	}
	if len(former)+len(ofSite) == 0 {
		return false
	}
	attached, unread := d.Attached(s.listener)
	if unread != (facts.Need{}) {
		out.request(d.Facts, unread, s.member.Object, c.Source.Path())
		return false
	}
	attached = slices.DeleteFunc(slices.Clone(attached), func(arn string) bool { return !former[arn] && !ofSite[arn] })
	out.Lapsed = append(out.Lapsed, attached...)
	return len(attached) > 0
}

// formerAt are certificates that may be former ones of c, because they are for hosts of the listener. Where there are
// no hosts at all, any may be.
func (d *Finder) formerAt(s *site, c *intent.Certificate) map[string]bool {
	kind := typeOf(c)
	all := d.untaggedOf(kind)
	of, gathered := s.former[kind]
	if !gathered {
		hosts := hostsOf(s.member, s.listener)
		of = map[string]bool{}
		for _, host := range hosts {
			for _, arn := range all.Covering(host) {
				of[arn] = true
			}
		}
		if s.former == nil {
			s.former = map[string]map[string]bool{}
		}
		s.former[kind], s.hostless = of, len(hosts) == 0
	}
	if s.hostless && len(c.Names) == 0 {
		return all.arns
	}
	return of
}

// untagged are the certificates of a type that may be former ones of any stack, because their tags name none.
type untagged struct {
	*facts.CertificateIndex
	arns map[string]bool
}

func (d *Finder) untaggedOf(kind string) untagged {
	out, known := d.untagged[kind]
	if !known {
		out.arns = map[string]bool{}
		all := map[string]facts.Certificate{}
		for arn, o := range d.Facts.Listed {
			if o.Type == kind && (o.Status == facts.Issued || o.Status == facts.Expired) &&
				(!o.Owned || o.Tags[naming.ResourceTag(d.Stack.Owner)] == "") && d.OwnARN(arn) == nil {
				all[arn], out.arns[arn] = o, true
			}
		}
		if out.CertificateIndex = facts.IndexCertificates(all); d.untagged == nil {
			d.untagged = map[string]untagged{}
		}
		d.untagged[kind] = out
	}
	return out
}

// typeOf is ACM's type of a certificate.
func typeOf(c *intent.Certificate) string {
	switch {
	case c.Import != nil || c.Broken:
		return "IMPORTED"
	case c.Authority != "":
		return "PRIVATE"
	}
	return "AMAZON_ISSUED"
}

// hostsOf are hosts of a member whose clients may get a certificate of a listener.
func hostsOf(m *intent.Member, l intent.Listener) []string {
	out := slices.Concat(l.Hosts, l.ToCover, l.DiscoverFirst, l.DiscoverHosts)
	for _, r := range m.Routes {
		for _, condition := range r.Conditions {
			if condition.Field == stack.HostHeader {
				out = append(out, condition.Values...)
			}
		}
	}
	return out
}

// declare adds a certificate to those that the stack owns. It reports false if the certificate cannot be requested now.
func (d *Finder) declare(out *Found, object diag.Object, c *intent.Certificate) bool {
	if !slices.ContainsFunc(d.Own(c.ID), func(o *facts.OwnCertificate) bool { return matches(o, c) }) &&
		!d.checkZones(out, object, c) {
		return false
	}
	out.Own = append(out.Own, *c)
	if most := facts.ImportsPerYear * 4 / 5; c.Import != nil && d.Facts.ImportsLastYear >= most {
		out.Problems = append(out.Problems, diag.New(object, c.Source.Path(), diag.ImportsNearQuota,
			fmt.Sprintf("the account has made at least %d imports into ACM in this region within 365 days; AWS allows %d "+
				"unless the quota was raised", most, facts.ImportsPerYear),
			"find the cause (metric lbc_certificate_imports_last_year, CloudTrail's ImportCertificate), or request a higher "+
				"quota in Service Quotas"))
	}
	return true
}

// matches reports whether a certificate in ACM is the requested one, issued or not.
func matches(o *facts.OwnCertificate, c *intent.Certificate) bool {
	if c.Import != nil {
		return o.ID == c.ID
	}
	return o.ID == c.ID && o.Authority == c.Authority && slices.Equal(o.Names, c.Names)
}

// checkZones reports whether each name has a hosted zone for the records of DNS validation, which is required before a
// request.
func (d *Finder) checkZones(out *Found, object diag.Object, c *intent.Certificate) bool {
	if c.Import != nil || c.Authority != "" {
		return true
	}
	if d.Facts.HostedZones == nil {
		out.request(d.Facts, facts.Need{Kind: facts.NeedHostedZones}, object, c.Source.Path())
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
	out.Problems = append(out.Problems, diag.New(object, c.Source.Path(), diag.HostedZoneNotFound,
		fmt.Sprintf("no public hosted zone of Route 53 can hold the validation record of %q, so the controller requests no "+
			"certificate",
			strings.Join(without, `", "`)),
		"create a public hosted zone for the host in Route 53, or name a private authority in annotation "+
			string(annotation.CertificateAuthority)))
	return false
}

// serving is the certificate that serves for a requested one now: itself if it is issued, else an earlier one of the
// same Ingress or Secret. note describes what is waited for.
func (d *Finder) serving(c *intent.Certificate) (arn string, note *diag.Diagnostic) {
	own := slices.Clone(d.Own(c.ID))
	slices.SortFunc(own, func(x, y *facts.OwnCertificate) int {
		return cmp.Or(cmp.Compare(y.Since.Unix(), x.Since.Unix()), cmp.Compare(x.ARN, y.ARN))
	})
	var failed *facts.OwnCertificate
	for _, o := range own {
		switch same := matches(o, c); {
		case same && o.Issued():
			return o.ARN, nil
		case same && o.Status != facts.Pending && c.Import == nil:
			failed = o
		}
	}
	meanwhile := ""
	for _, o := range own {
		if o.Issued() {
			arn, meanwhile = o.ARN, "; the previous certificate serves until then"
			break
		}
	}
	names := diag.Some(c.Names)
	if failed != nil {
		reason := failed.Status
		if failed.Reason != "" {
			reason += " (" + failed.Reason + ")"
		}
		note := diag.New(diag.Object{}, "", diag.CertificateFailed,
			fmt.Sprintf("the certificate for %s has status %s in ACM; it is requested again after a pause", names, reason),
			"see ACM's user guide for that status; often a CAA record, a name that is not in public DNS, or the private "+
				"authority is the reason")
		note.Phase = diag.Deploying // the request was accepted and failed later
		return arn, &note
	}
	text := fmt.Sprintf("the certificate for %s is requested and not issued yet%s", names, meanwhile)
	if c.Import != nil {
		text = fmt.Sprintf("the certificate for %s is being imported%s", names, meanwhile)
	}
	pending := diag.New(diag.Object{}, "", diag.CertificatePending, text,
		"nothing to do: the controller attaches it as soon as ACM issues it")
	return arn, &pending
}
