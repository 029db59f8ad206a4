package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// RequestCertificate requests a certificate of ACM. AWS answers a repetition with the same token with the same
// certificate.
type RequestCertificate struct {
	Certificate stack.Certificate
	Token       string
}

func (RequestCertificate) About() *plan.About {
	return creates(stack.KindCertificate, "").setting("Certificates").About
}
func (o RequestCertificate) advance(a *advancer) {
	c := Certificate{ARN: a.out.ID, Status: facts.Pending, Certificate: o.Certificate}
	c.Tags = merged(o.Certificate.Tags, nil)
	a.o.Certificates = added(a.o.Certificates, c, (*Certificate).id)
}

// ImportCertificate gives ACM a certificate with its key, under the ARN of an earlier one of the same Secret if At is
// not empty; tags belong to a first import only.
type ImportCertificate struct {
	Certificate stack.Certificate
	At          stack.Ref
}

func (o ImportCertificate) About() *plan.About {
	a := creates(stack.KindCertificate, "")
	if o.At != (stack.Ref{}) {
		a = changes(o.At)
	}
	if pair := o.Certificate.Import; pair != nil {
		a.Import = &plan.KeyPair{Hash: pair.Hash, Serial: pair.Serial}
	}
	return a.setting("Certificates").About
}
func (o ImportCertificate) advance(a *advancer) {
	pair := o.Certificate.Import
	if o.At == (stack.Ref{}) {
		c := Certificate{ARN: a.out.ID, Status: facts.Issued, Imported: true, Certificate: o.Certificate}
		c.Content, c.Algorithm, c.Serial, c.Import, c.Tags = pair.Hash, pair.Algorithm, pair.Serial, nil,
			merged(o.Certificate.Tags, nil)
		a.o.Certificates = added(a.o.Certificates, c, (*Certificate).id)
		return
	}
	a.certificate(o.At, func(c *Certificate) {
		c.Status, c.Imported, c.Content, c.Algorithm, c.Serial = facts.Issued, true, pair.Hash, pair.Algorithm, pair.Serial
		c.Names, c.Domain = o.Certificate.Names, o.Certificate.Domain
	})
}

// AddTagsToCertificate sets tags.
type AddTagsToCertificate struct {
	Certificate stack.Ref
	Tags        map[string]string
}

func (o AddTagsToCertificate) About() *plan.About { return retags(o.Certificate).About }
func (o AddTagsToCertificate) advance(a *advancer) {
	a.certificate(o.Certificate, func(c *Certificate) { c.Tags = merged(c.Tags, o.Tags) })
}

// DeleteCertificate deletes a certificate; AWS refuses while a listener uses it.
type DeleteCertificate struct{ Certificate stack.Ref }

func (o DeleteCertificate) About() *plan.About {
	return deletes(o.Certificate, "the listeners to let go of the certificate").About
}
func (o DeleteCertificate) advance(a *advancer) {
	a.o.Certificates = dropped(a.o.Certificates, a.resolve(o.Certificate), (*Certificate).id)
}

// PublishValidation writes the validation records of one certificate that belong to one hosted zone, all at once.
type PublishValidation struct {
	Certificate stack.Ref
	Zone        string
	Records     []ValidationRecord
}

func (o PublishValidation) About() *plan.About {
	a := changes(o.Certificate).records().About
	a.Unsaid = true // each certificate for a name has the same record
	return a
}
func (o PublishValidation) advance(a *advancer) {
	a.certificate(o.Certificate, func(c *Certificate) { c.Published = append(slices.Clone(c.Published), o.Zone) })
}

// WithdrawValidation deletes one validation record; one that is gone, or is not this one, is no error.
type WithdrawValidation struct {
	Zone   string
	Record ValidationRecord
}

func (WithdrawValidation) About() *plan.About { return unseen().records().About }
func (WithdrawValidation) advance(*advancer)  {} // DNS is not observed

// records is for operations on validation records.
func (a about) records() about { return a.action("ChangeResourceRecordSets").setting("Certificates") }

func (c *Certificate) id() string { return c.ARN }

func (a *advancer) certificate(r stack.Ref, change func(*Certificate)) {
	update(a.o.Certificates, a.resolve(r), (*Certificate).id, change)
}
