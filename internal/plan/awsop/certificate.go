package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// RequestCertificate requests a certificate of ACM. AWS answers a repetition with the same token with the same
// certificate.
type RequestCertificate struct {
	Certificate stack.Certificate
	Token       string
}

func (RequestCertificate) Refs() []stack.Ref   { return nil }
func (RequestCertificate) Traits() plan.Traits { return plan.Traits{Setting: "Certificates"} }
func (o RequestCertificate) Send(s Sender)     { s.RequestCertificate(o) }
func (RequestCertificate) effect() Effect      { return Effect{Kind: stack.KindCertificate, Verb: Creates} }
func (o RequestCertificate) advance(a advancer) {
	c := Certificate{ARN: a.out.ID, Status: Pending, Certificate: o.Certificate}
	c.Tags = merged(o.Certificate.Tags, nil)
	a.o.Certificates = added(a.o.Certificates, c, (*Certificate).id)
}

// ImportCertificate gives ACM a certificate with its key, under the ARN of an earlier one of the same Secret if At is
// not empty; tags belong to a first import only.
type ImportCertificate struct {
	Certificate stack.Certificate
	At          stack.Ref
}

func (o ImportCertificate) Refs() []stack.Ref {
	if o.At == (stack.Ref{}) {
		return nil
	}
	return []stack.Ref{o.At}
}
func (ImportCertificate) Traits() plan.Traits { return plan.Traits{Setting: "Certificates"} }
func (o ImportCertificate) Send(s Sender)     { s.ImportCertificate(o) }
func (o ImportCertificate) effect() Effect {
	e := Effect{Kind: stack.KindCertificate, Verb: Creates, Import: o.Certificate.Import}
	if o.At != (stack.Ref{}) {
		e.Verb, e.Resource = Changes, o.At
	}
	return e
}
func (o ImportCertificate) advance(a advancer) {
	pair := o.Certificate.Import
	if o.At == (stack.Ref{}) {
		c := Certificate{ARN: a.out.ID, Status: "ISSUED", Imported: true, Certificate: o.Certificate}
		c.Content, c.Algorithm, c.Serial, c.Import, c.Tags = pair.Hash, pair.Algorithm, pair.Serial, nil,
			merged(o.Certificate.Tags, nil)
		a.o.Certificates = added(a.o.Certificates, c, (*Certificate).id)
		return
	}
	a.certificate(o.At, func(c *Certificate) {
		c.Status, c.Imported, c.Content, c.Algorithm, c.Serial = "ISSUED", true, pair.Hash, pair.Algorithm, pair.Serial
		c.Names, c.Domain = o.Certificate.Names, o.Certificate.Domain
	})
}

// AddTagsToCertificate sets tags.
type AddTagsToCertificate struct {
	Certificate stack.Ref
	Tags        map[string]string
}

func (o AddTagsToCertificate) Refs() []stack.Ref   { return []stack.Ref{o.Certificate} }
func (o AddTagsToCertificate) Traits() plan.Traits { return plan.Traits{} }
func (o AddTagsToCertificate) Send(s Sender)       { s.AddTagsToCertificate(o) }
func (o AddTagsToCertificate) effect() Effect      { return retags(o.Certificate) }
func (o AddTagsToCertificate) advance(a advancer) {
	a.certificate(o.Certificate, func(c *Certificate) { c.Tags = merged(c.Tags, o.Tags) })
}

// DeleteCertificate deletes a certificate; AWS refuses while a listener uses it.
type DeleteCertificate struct{ Certificate stack.Ref }

func (o DeleteCertificate) Refs() []stack.Ref { return []stack.Ref{o.Certificate} }
func (DeleteCertificate) Traits() plan.Traits {
	return plan.Traits{Removes: true, UsedBy: "the listeners to let go of the certificate"}
}
func (o DeleteCertificate) Send(s Sender)  { s.DeleteCertificate(o) }
func (o DeleteCertificate) effect() Effect { return deletes(o.Certificate) }
func (o DeleteCertificate) advance(a advancer) {
	a.o.Certificates = dropped(a.o.Certificates, a.resolve(o.Certificate), (*Certificate).id)
}

// PublishValidation writes the validation records of one certificate that belong to one hosted zone, all at once.
type PublishValidation struct {
	Certificate stack.Ref
	Zone        string
	Records     []ValidationRecord
}

func (o PublishValidation) Refs() []stack.Ref { return []stack.Ref{o.Certificate} }
func (PublishValidation) Traits() plan.Traits { return recordTraits }
func (o PublishValidation) Send(s Sender)     { s.PublishValidation(o) }
func (o PublishValidation) effect() Effect    { return changes(o.Certificate) }
func (o PublishValidation) advance(a advancer) {
	a.certificate(o.Certificate, func(c *Certificate) { c.Published = append(slices.Clone(c.Published), o.Zone) })
}

// WithdrawValidation deletes one validation record; one that is gone, or is not this one, is no error.
type WithdrawValidation struct {
	Zone   string
	Record ValidationRecord
}

func (WithdrawValidation) Refs() []stack.Ref   { return nil }
func (WithdrawValidation) Traits() plan.Traits { return recordTraits }
func (o WithdrawValidation) Send(s Sender)     { s.WithdrawValidation(o) }
func (WithdrawValidation) effect() Effect      { return Effect{} }
func (WithdrawValidation) advance(advancer)    {} // DNS is not observed

// recordTraits are those of every operation on validation records.
var recordTraits = plan.Traits{Action: "ChangeResourceRecordSets", Setting: "Certificates"}

func (c *Certificate) id() string { return c.ARN }

func (a advancer) certificate(r stack.Ref, change func(*Certificate)) {
	if c := found(a.o.Certificates, a.resolve(r), (*Certificate).id); c != nil {
		change(c)
	}
}
