package diff

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func certificateRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindCertificate, ID: id} }

// wantedCertificates plans the stack's own certificates in ACM, except for deletions. No step waits for a
// certificate: the stack names it in a listener as soon as it is issued.
func (d *differ) wantedCertificates() {
	if d.obs.CertificatesUnread != nil {
		return
	}
	for _, w := range d.want.Certificates {
		have := d.matchCertificate(w)
		if have == nil {
			d.makeCertificate(w)
			continue
		}
		d.ownCertificates[have.ARN] = true
		d.known[certificateRef(w.ID)] = have.ARN
		if w.Import != nil {
			d.renewImport(have, w)
		} else if have.Status == facts.Pending {
			d.publish(have)
		}
		d.tagCertificate(have, w)
	}
}

// matchCertificate returns the observed certificate that is, or will be, the wanted one; if there are several, the
// best.
func (d *differ) matchCertificate(w stack.Certificate) *awsop.Certificate {
	var best *awsop.Certificate
	rank := func(c *awsop.Certificate) int {
		switch c.Status {
		case facts.Issued:
			return 2
		case facts.Pending:
			return 1
		}
		return 0
	}
	for i := range d.obs.Certificates {
		c := &d.obs.Certificates[i]
		if c.ID == w.ID && !c.Overdue && len(mismatches(c, w)) == 0 && (best == nil || rank(c) > rank(best)) {
			best = c
		}
	}
	return best
}

// mismatches says why an observed certificate can never become the wanted one.
func mismatches(c *awsop.Certificate, w stack.Certificate) []string {
	var why reasons
	if w.Import != nil {
		if c.Imported && c.Algorithm != "" { // ACM refuses another kind of key under the same ARN
			why.value("key algorithm", c.Algorithm, w.Import.Algorithm)
		}
		return why
	}
	why.value("names", strings.Join(c.Names, ", "), strings.Join(w.Names, ", "))
	why.value("authority", cmp.Or(c.Authority, "Amazon"), cmp.Or(w.Authority, "Amazon"))
	return why
}

func (d *differ) makeCertificate(w stack.Certificate) {
	r := certificateRef(w.ID)
	a, why := plan.Create, []string{"for " + strings.Join(w.Names, ", ")}
	replaced := ""
	for i := range d.obs.Certificates {
		c := &d.obs.Certificates[i]
		if c.ID != w.ID {
			continue
		}
		reasons := mismatches(c, w)
		if len(reasons) == 0 {
			reasons = []string{"status " + c.Status + " for too long"}
			if c.Reason != "" {
				reasons[0] = "status " + c.Status + " (" + c.Reason + ")"
			}
		}
		a, replaced, why = plan.Replace, c.ARN, reasons
	}
	if w.Import != nil {
		d.made[r] = d.step(a, r, plan.Normal, awsop.ImportCertificate{Certificate: w}, why...).ID
		return
	}
	d.made[r] = d.step(a, r, plan.Normal, awsop.RequestCertificate{Certificate: w, Token: token(d.plan.Key, w, replaced)},
		why...).ID
}

// token identifies a repeated request: the same desired certificate that replaces the same observed one.
func token(key stack.Key, w stack.Certificate, replaced string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{key.String(), w.ID, w.Authority, replaced}, w.Names...),
		"\x00")))
	return hex.EncodeToString(sum[:])[:32]
}

// renewImport imports new content into a certificate.
func (d *differ) renewImport(have *awsop.Certificate, w stack.Certificate) {
	if have.Content == w.Import.Hash {
		return
	}
	r := certificateRef(w.ID)
	op := awsop.ImportCertificate{Certificate: w, At: r}
	op.Certificate.Tags = nil
	why := fmt.Sprintf("content %s → %s", cmp.Or(have.Content, "unknown"), w.Import.Hash)
	d.renewed[have.ARN] = d.step(plan.Update, r, plan.Normal, op, why).ID
}

// publish writes the validation records, zone by zone.
func (d *differ) publish(c *awsop.Certificate) {
	var zones []string
	records := map[string][]awsop.ValidationRecord{}
	for _, r := range c.Records {
		if r.Zone == "" || slices.Contains(c.Published, r.Zone) || slices.Contains(records[r.Zone], r.ValidationRecord) {
			continue
		}
		if records[r.Zone] == nil {
			zones = append(zones, r.Zone)
		}
		records[r.Zone] = append(records[r.Zone], r.ValidationRecord)
	}
	slices.Sort(zones)
	for _, z := range zones {
		ref := certificateRef(c.ID)
		d.step(plan.Update, ref, plan.Normal, awsop.PublishValidation{Certificate: ref, Zone: z, Records: records[z]},
			fmt.Sprintf("%d validation records in hosted zone %s", len(records[z]), z))
	}
}

// tagCertificate adds missing tags. It removes none, because the feature's permissions do not include that.
func (d *differ) tagCertificate(have *awsop.Certificate, w stack.Certificate) {
	set, _, why := d.tagChanges(have.Tags, w.Tags, nil)
	if len(set) == 0 {
		return
	}
	r := certificateRef(w.ID)
	s := d.step(plan.Update, r, plan.Cosmetic, awsop.AddTagsToCertificate{Certificate: r, Tags: set}, why...)
	s.Need(d.renewed[have.ARN])
}

// deleteCertificates deletes unwanted certificates, after nothing uses them, and then their validation records,
// unless another certificate needs these.
func (d *differ) deleteCertificates() {
	if slices.Contains(d.keep.Resources, stack.Ref{Kind: stack.KindCertificate}) {
		return
	}
	for i := range d.obs.Certificates {
		c := &d.obs.Certificates[i]
		if d.ownCertificates[c.ARN] || d.inUse(c.ARN) || d.opt.InUse[c.ARN] {
			continue
		}
		r := stack.Ref{Kind: stack.KindCertificate, ID: c.ID, Literal: c.ARN}
		s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteCertificate{Certificate: stack.Literal(stack.KindCertificate,
			c.ARN)}, "is no longer wanted")
		s.Follow(d.releasing()...)
		gone := s.ID
		var done []awsop.ValidationRecord
		for _, rec := range c.Records {
			if rec.Zone == "" || rec.Shared || d.validates(rec.Domain) || slices.Contains(done, rec.ValidationRecord) {
				continue
			}
			done = append(done, rec.ValidationRecord)
			d.step(plan.Delete, r, plan.Cosmetic, awsop.WithdrawValidation{Zone: rec.Zone, Record: rec.ValidationRecord},
				"no certificate of the account and region needs the record").Need(gone)
		}
	}
}

// inUse reports whether a wanted listener, or one that keeps its certificates, has the certificate.
func (d *differ) inUse(arn string) bool {
	has := func(l stack.Listener) bool {
		return slices.Contains(l.Certificates, arn) || slices.Contains(l.SNI, arn)
	}
	return slices.ContainsFunc(d.want.Listeners, has) ||
		slices.ContainsFunc(d.obs.Listeners, func(l awsop.Listener) bool {
			return (d.kept[l.ARN] || d.keepsCertificates(l)) && has(l.Listener)
		})
}

// validates reports whether a wanted certificate needs the record of a domain.
func (d *differ) validates(domain string) bool {
	return slices.ContainsFunc(d.want.Certificates, func(w stack.Certificate) bool {
		return w.Import == nil && w.Authority == "" &&
			slices.ContainsFunc(w.Names, func(n string) bool { return strings.TrimPrefix(n, "*.") == domain })
	})
}

// releasing returns the steps after which listeners no longer use certificates.
func (d *differ) releasing() []plan.StepID {
	var out []plan.StepID
	for _, s := range d.steps {
		switch s.Op.(type) {
		case awsop.RemoveListenerCertificates, awsop.ModifyListener, awsop.DeleteListener, awsop.DeleteLoadBalancer:
			out = append(out, s.ID)
		}
	}
	return out
}
