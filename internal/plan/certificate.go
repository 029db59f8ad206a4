package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Certificates that a stack owns, and the DNS records that prove to ACM who owns their names.
type (
	// RequestCertificate asks ACM for a certificate. AWS answers a repetition with the same token with the same certificate.
	RequestCertificate struct {
		Certificate stack.Certificate
		Token       string
	}
	// ImportCertificate gives ACM a certificate with its key, under the ARN of an earlier one of the same Secret if At is not
	// empty; tags belong to a first import only.
	ImportCertificate struct {
		Certificate stack.Certificate
		At          stack.Ref
	}
	// TagCertificate sets tags.
	TagCertificate struct {
		Certificate stack.Ref
		Tags        map[string]string
	}
	// DeleteCertificate deletes a certificate; AWS refuses while a listener uses it.
	DeleteCertificate struct{ Certificate stack.Ref }
	// PublishValidation writes the validation records of one certificate that belong to one hosted zone, all at once.
	PublishValidation struct {
		Certificate stack.Ref
		Zone        string
		Records     []ValidationRecord
	}
	// WithdrawValidation deletes one validation record; that it is gone or somebody else's is no error.
	WithdrawValidation struct {
		Zone   string
		Record ValidationRecord
	}
)

// Name is the AWS action.
func (RequestCertificate) Name() string { return "RequestCertificate" }

// Name is the AWS action.
func (ImportCertificate) Name() string { return "ImportCertificate" }

// Name is the AWS action.
func (TagCertificate) Name() string { return "AddTagsToCertificate" }

// Name is the AWS action.
func (DeleteCertificate) Name() string { return "DeleteCertificate" }

// Name is the AWS action.
func (PublishValidation) Name() string { return "ChangeResourceRecordSets" }

// Name is the AWS action.
func (WithdrawValidation) Name() string { return "ChangeResourceRecordSets" }

// ValidationRecord is a CNAME record that proves to ACM who owns a name. It is the same for a domain and its wildcard, and for
// all certificates of an account.
type ValidationRecord struct {
	Name  string // owner name of the record
	Value string
}

// CertificateRecord is what an observed certificate needs, or needed, in DNS.
type CertificateRecord struct {
	ValidationRecord
	Domain string // that it validates, without "*."
	Zone   string // id of the hosted zone for it; empty = there is none
	// Shared tells that another certificate of the account needs the record, too.
	Shared bool
}

// Certificate is an observed certificate of the stack, with the value of the resource tag as its ID and sorted Names.
type Certificate struct {
	ARN       string
	Status    string // PENDING_VALIDATION, ISSUED, FAILED, …
	Reason    string // why it failed
	Imported  bool
	Algorithm string // of the key, of imported ones
	Serial    string // in hexadecimal digits without leading zeros
	Content   string // of imported ones: hash of what was imported last, as far as is known
	// Overdue tells that it is time to ask anew instead of waiting for it.
	Overdue bool
	Records []CertificateRecord
	// Published are the hosted zones into which this process wrote the records.
	Published []string
	stack.Certificate
}

func certificateRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindCertificate, ID: id} }

// Pending is the status of a certificate that ACM has not issued yet.
const Pending = "PENDING_VALIDATION"

// wantedCertificates plans what the stack owns in ACM, except for deletions. Nothing waits for a certificate here: the stack names it
// in a listener as soon as it is issued.
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
		} else if have.Status == Pending {
			d.publish(have)
		}
		d.tagCertificate(have, w)
	}
}

// matchCertificate is the observed certificate that is what is wanted, or about to be; of several the best.
func (d *differ) matchCertificate(w stack.Certificate) *Certificate {
	var best *Certificate
	rank := func(c *Certificate) int {
		switch c.Status {
		case "ISSUED":
			return 2
		case Pending:
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

// mismatches tells why an observed certificate can never become the wanted one.
func mismatches(c *Certificate, w stack.Certificate) []string {
	if w.Import != nil {
		if c.Imported && c.Algorithm != "" && c.Algorithm != w.Import.Algorithm { // ACM refuses another kind of key under the same ARN
			return []string{"key algorithm " + c.Algorithm + " → " + w.Import.Algorithm}
		}
		return nil
	}
	var why []string
	if !slices.Equal(c.Names, w.Names) {
		why = append(why, "names "+strings.Join(c.Names, ", ")+" → "+strings.Join(w.Names, ", "))
	}
	if c.Authority != w.Authority {
		why = append(why, "authority "+cmp.Or(c.Authority, "Amazon")+" → "+cmp.Or(w.Authority, "Amazon"))
	}
	return why
}

func (d *differ) makeCertificate(w stack.Certificate) {
	r := certificateRef(w.ID)
	a, why := Create, []string{"for " + strings.Join(w.Names, ", ")}
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
		a, replaced, why = Replace, c.ARN, reasons
	}
	if w.Import != nil {
		s := d.step(a, r, Normal, ImportCertificate{Certificate: w}, why...)
		s.Guard = d.held(w)
		d.made[r] = s.ID
		return
	}
	d.made[r] = d.step(a, r, Normal, RequestCertificate{w, token(d.plan.Key, w, replaced)}, why...).ID
}

// token makes a repetition of one request recognisable: the same wish in place of the same certificate.
func token(key stack.Key, w stack.Certificate, replaced string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{key.String(), w.ID, w.Authority, replaced}, w.Names...), "\x00")))
	return hex.EncodeToString(sum[:])[:32]
}

// renewImport imports content that is not the one that was imported last.
func (d *differ) renewImport(have *Certificate, w stack.Certificate) {
	if have.Content == w.Import.Hash {
		return
	}
	r := certificateRef(w.ID)
	op := ImportCertificate{Certificate: w, At: r}
	op.Certificate.Tags = nil
	why := fmt.Sprintf("content %s → %s", cmp.Or(have.Content, "unknown"), w.Import.Hash)
	s := d.step(Update, r, Normal, op, why)
	s.Guard = d.held(w)
	d.renewed[have.ARN] = s.ID
}

// held is why a Secret must not be imported now, nil if it may.
func (d *differ) held(w stack.Certificate) *Guard {
	if g, ok := d.obs.ImportsHeld[w.ID]; ok {
		return &g
	}
	return nil
}

// publish writes the validation records, zone by zone.
func (d *differ) publish(c *Certificate) {
	var zones []string
	records := map[string][]ValidationRecord{}
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
		d.step(Update, ref, Normal, PublishValidation{ref, z, records[z]}, fmt.Sprintf("%d validation records in hosted zone %s", len(records[z]), z))
	}
}

// tagCertificate sets missing tags. Nothing else is removed: the permission to do so is not among those of the feature.
func (d *differ) tagCertificate(have *Certificate, w stack.Certificate) {
	set, _, why := d.tagChanges(have.Tags, w.Tags, nil)
	if len(set) == 0 {
		return
	}
	r := certificateRef(w.ID)
	s := d.step(Update, r, Cosmetic, TagCertificate{r, set}, why...)
	s.need(d.renewed[have.ARN])
}

// deleteCertificates deletes what is not wanted any more, after nothing uses it; records go after it, unless somebody needs them.
func (d *differ) deleteCertificates(keep []stack.Ref) {
	if slices.Contains(keep, stack.Ref{Kind: stack.KindCertificate}) {
		return
	}
	for i := range d.obs.Certificates {
		c := &d.obs.Certificates[i]
		if d.ownCertificates[c.ARN] || d.inUse(c.ARN) {
			continue
		}
		r := stack.Ref{Kind: stack.KindCertificate, ID: c.ID, Literal: c.ARN}
		s := d.step(Delete, r, Normal, DeleteCertificate{stack.Literal(stack.KindCertificate, c.ARN)}, "is not wanted any more")
		s.follow(d.releasing()...)
		gone := s.ID
		var done []ValidationRecord
		for _, rec := range c.Records {
			if rec.Zone == "" || rec.Shared || d.validates(rec.Domain) || slices.Contains(done, rec.ValidationRecord) {
				continue
			}
			done = append(done, rec.ValidationRecord)
			d.step(Delete, r, Cosmetic, WithdrawValidation{rec.Zone, rec.ValidationRecord}, "no certificate of the account and region needs the record").need(gone)
		}
	}
}

// inUse reports whether a listener that is wanted, or that must not be touched, has the certificate.
func (d *differ) inUse(arn string) bool {
	has := func(l stack.Listener) bool {
		return slices.Contains(l.Certificates, arn) || slices.Contains(l.SNI, arn)
	}
	return slices.ContainsFunc(d.want.Listeners, has) ||
		slices.ContainsFunc(d.obs.Listeners, func(l Listener) bool { return d.kept[l.ARN] && has(l.Listener) })
}

// validates reports whether a wanted certificate needs the record of a domain.
func (d *differ) validates(domain string) bool {
	return slices.ContainsFunc(d.want.Certificates, func(w stack.Certificate) bool {
		return w.Import == nil && w.Authority == "" && slices.ContainsFunc(w.Names, func(n string) bool { return strings.TrimPrefix(n, "*.") == domain })
	})
}

// releasing are the steps after which listeners have let go of certificates.
func (d *differ) releasing() []StepID {
	var out []StepID
	for _, s := range d.plan.Steps {
		switch s.Op.(type) {
		case RemoveListenerCertificates, ModifyListener, DeleteListener, DeleteLoadBalancer:
			out = append(out, s.ID)
		}
	}
	return out
}

// certificate advances an observation by an operation on certificates.
func (a advancer) certificate(op Op) {
	with := func(r stack.Ref, f func(*Certificate)) {
		arn := a.resolve(r)
		for i := range a.o.Certificates {
			if a.o.Certificates[i].ARN == arn {
				f(&a.o.Certificates[i])
			}
		}
	}
	add := func(c Certificate) {
		a.o.Certificates = added(a.o.Certificates, c, func(c Certificate) string { return c.ARN })
	}
	switch op := op.(type) {
	case RequestCertificate:
		c := Certificate{ARN: a.out.ID, Status: Pending, Certificate: op.Certificate}
		c.Tags = merged(op.Certificate.Tags, nil)
		add(c)
	case ImportCertificate:
		pair := op.Certificate.Import
		if op.At == (stack.Ref{}) {
			c := Certificate{ARN: a.out.ID, Status: "ISSUED", Imported: true, Certificate: op.Certificate}
			c.Content, c.Algorithm, c.Import, c.Tags = pair.Hash, pair.Algorithm, nil, merged(op.Certificate.Tags, nil)
			add(c)
			return
		}
		with(op.At, func(c *Certificate) {
			c.Status, c.Content, c.Algorithm, c.Names, c.Domain = "ISSUED", pair.Hash, pair.Algorithm, op.Certificate.Names, op.Certificate.Domain
		})
	case TagCertificate:
		with(op.Certificate, func(c *Certificate) { c.Tags = merged(c.Tags, op.Tags) })
	case PublishValidation:
		with(op.Certificate, func(c *Certificate) { c.Published = append(slices.Clone(c.Published), op.Zone) })
	case DeleteCertificate:
		arn := a.resolve(op.Certificate)
		a.o.Certificates = slices.DeleteFunc(a.o.Certificates, func(c Certificate) bool { return c.ARN == arn })
	}
}
