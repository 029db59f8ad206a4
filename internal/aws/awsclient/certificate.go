package awsclient

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// validationTTL is the time to live, in seconds, of the validation records of a certificate. A deletion must name it,
// so it tells whose record is deleted: all certificates of an account for a name have the same record, also those of
// other Regions, and people create records with 60 or 300 seconds.
func validationTTL(certificate string) int64 {
	parts := strings.SplitN(certificate, ":", 5)
	if len(parts) < 5 {
		return 0
	}
	sum := fnv.New32a()
	sum.Write([]byte(parts[3])) // never fails
	return 301 + int64(sum.Sum32()%3000)
}

func (s *requestBuilder) RequestCertificate(op awsop.RequestCertificate) {
	c := op.Certificate
	setCreate(s, s.c.ACM.RequestCertificate, &acm.RequestCertificateInput{
		DomainName:              aws.String(c.Domain),
		SubjectAlternativeNames: c.Names,
		ValidationMethod:        acmtypes.ValidationMethodDns,
		CertificateAuthorityArn: optional(c.Authority),
		IdempotencyToken:        aws.String(op.Token),
		Tags:                    certificateTags(c.Tags),
	}, func(out *acm.RequestCertificateOutput) awsop.Output {
		return awsop.Output{ID: value(out.CertificateArn)}
	})
}

func (s *requestBuilder) ImportCertificate(op awsop.ImportCertificate) {
	pair := op.Certificate.Import
	in := &acm.ImportCertificateInput{Certificate: []byte(pair.Certificate), PrivateKey: []byte(s.reveal(pair.Key))}
	if pair.Chain != "" {
		in.CertificateChain = []byte(pair.Chain)
	}
	if op.At != (stack.Ref{}) {
		in.CertificateArn = s.id(op.At)
		setCall(s, s.c.ACM.ImportCertificate, in)
		return
	}
	in.Tags = certificateTags(op.Certificate.Tags)
	setCreate(s, s.c.ACM.ImportCertificate, in, func(out *acm.ImportCertificateOutput) awsop.Output {
		return awsop.Output{ID: value(out.CertificateArn)}
	})
}

func (s *requestBuilder) AddTagsToCertificate(op awsop.AddTagsToCertificate) {
	setCall(s, s.c.ACM.AddTagsToCertificate, &acm.AddTagsToCertificateInput{CertificateArn: s.id(op.Certificate),
		Tags: certificateTags(op.Tags)})
}

func (s *requestBuilder) DeleteCertificate(op awsop.DeleteCertificate) {
	setCall(s, s.c.ACM.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: s.id(op.Certificate)})
}

// PublishValidation creates the records that do not exist. One that exists is somebody else's, or the answer to its
// creation was lost: it stays as it is.
func (s *requestBuilder) PublishValidation(op awsop.PublishValidation) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
		err := s.changeRecords(ctx, op.Zone, route53types.ChangeActionCreate, op.Records...)
		if !existsAlready(err) {
			return awsop.Output{}, err
		}
		for _, r := range op.Records { // Route 53 has refused all of them for one
			err := s.changeRecords(ctx, op.Zone, route53types.ChangeActionCreate, r)
			if err != nil && !existsAlready(err) {
				return awsop.Output{}, err
			}
		}
		return awsop.Output{}, nil
	}
}

func (s *requestBuilder) WithdrawValidation(op awsop.WithdrawValidation) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
		err := s.changeRecords(ctx, op.Zone, route53types.ChangeActionDelete, op.Record)
		if notThere(err) {
			err = nil
		}
		return awsop.Output{}, err
	}
}

func (s *requestBuilder) changeRecords(ctx context.Context, zone string, action route53types.ChangeAction,
	records ...awsop.ValidationRecord) error {
	batch := &route53types.ChangeBatch{}
	for _, r := range records {
		batch.Changes = append(batch.Changes, route53types.Change{
			Action: action, ResourceRecordSet: &route53types.ResourceRecordSet{
				Name: aws.String(r.Name), Type: route53types.RRTypeCname, TTL: aws.Int64(r.TTL),
				ResourceRecords: []route53types.ResourceRecord{{Value: aws.String(r.Value)}},
			}})
	}
	_, err := s.c.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(zone), ChangeBatch: batch})
	return err
}

// existsAlready reports whether a record could not be created because it exists.
func existsAlready(err error) bool { return refusedBatch(err, "already exists") }

// notThere reports whether a record could not be deleted because it does not exist, or is another one by now.
func notThere(err error) bool {
	return refusedBatch(err, "not found", "do not match the current values", "NoSuchHostedZone")
}

// refusedBatch reports whether Route 53 refused changes for a reason that contains one of some texts.
func refusedBatch(err error, why ...string) bool {
	var batch *route53types.InvalidChangeBatch
	var api smithy.APIError
	if !errors.As(err, &batch) && (!errors.As(err, &api) || api.ErrorCode() != "NoSuchHostedZone" &&
		api.ErrorCode() != "InvalidChangeBatch") {
		return false
	}
	texts := []string{err.Error()}
	if batch != nil {
		texts = append(texts, batch.Messages...)
	}
	return slices.ContainsFunc(texts, func(s string) bool {
		return slices.ContainsFunc(why, func(text string) bool { return strings.Contains(s, text) })
	})
}

func certificateTags(tags map[string]string) []acmtypes.Tag {
	return pairs(tags, func(k, v *string) acmtypes.Tag { return acmtypes.Tag{Key: k, Value: v} })
}

// FromCertificate converts an observed certificate, without its tags. The caller sets ID and hosted zones.
func FromCertificate(c *acmtypes.CertificateDetail) awsop.Certificate {
	out := awsop.Certificate{
		ARN: value(c.CertificateArn), Status: string(c.Status), Reason: string(c.FailureReason),
		Imported: c.Type == acmtypes.CertificateTypeImported, Algorithm: keyAlgorithm(c.KeyAlgorithm),
		Serial: serialNumber(value(c.Serial)),
		Certificate: stack.Certificate{Domain: value(c.DomainName), Names: slices.Clone(c.SubjectAlternativeNames),
			Authority: value(c.CertificateAuthorityArn)},
	}
	if out.Domain != "" {
		out.Names = append(out.Names, out.Domain)
	}
	slices.Sort(out.Names)
	out.Names = slices.Compact(out.Names)
	for _, o := range c.DomainValidationOptions {
		if r := o.ResourceRecord; r != nil { // ACM needs a moment to create the record
			out.Records = append(out.Records, awsop.CertificateRecord{
				Domain: strings.TrimPrefix(value(o.DomainName), "*."),
				ValidationRecord: awsop.ValidationRecord{Name: value(r.Name), Value: value(r.Value),
					TTL: validationTTL(value(c.CertificateArn))},
			})
		}
	}
	return out
}

// serialNumber returns a serial number in hexadecimal digits. ACM writes pairs: "07:71:f4".
func serialNumber(s string) string {
	return strings.TrimLeft(strings.ToLower(strings.ReplaceAll(s, ":", "")), "0")
}

// keyAlgorithm returns the name of an algorithm in one spelling: ACM writes both RSA-2048 and RSA_2048.
func keyAlgorithm(a acmtypes.KeyAlgorithm) string { return strings.ReplaceAll(string(a), "-", "_") }
