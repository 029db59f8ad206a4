package elb

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"slices"
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

// Pending is the status of a certificate that ACM has not issued yet.
const Pending = "PENDING_VALIDATION"

// certificate advances an observation by an operation on certificates.
func (a advancer) certificate(op plan.Operation) {
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
