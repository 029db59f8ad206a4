package cloud

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// validationTTL is the time to live of validation records, in seconds. A deletion must name it.
const validationTTL = 60

func (w writer) requestCertificate(ctx context.Context, op elb.RequestCertificate) (plan.Output, error) {
	c := op.Certificate
	out, err := w.c.ACM.RequestCertificate(ctx, &acm.RequestCertificateInput{
		DomainName:              aws.String(c.Domain),
		SubjectAlternativeNames: c.Names,
		ValidationMethod:        acmtypes.ValidationMethodDns,
		CertificateAuthorityArn: optional(c.Authority),
		IdempotencyToken:        aws.String(op.Token),
		Tags:                    certificateTags(c.Tags),
	})
	if err != nil {
		return plan.Output{}, err
	}
	return plan.Output{ID: value(out.CertificateArn)}, nil
}

func (w writer) importCertificate(ctx context.Context, op elb.ImportCertificate) (plan.Output, error) {
	pair := op.Certificate.Import
	in := &acm.ImportCertificateInput{Certificate: []byte(pair.Certificate), PrivateKey: []byte(pair.Key.Reveal())}
	if pair.Chain != "" {
		in.CertificateChain = []byte(pair.Chain)
	}
	if op.At != (stack.Ref{}) {
		in.CertificateArn = aws.String(w.resolve(op.At))
	} else {
		in.Tags = certificateTags(op.Certificate.Tags)
	}
	out, err := w.c.ACM.ImportCertificate(ctx, in)
	if err != nil {
		return plan.Output{}, err
	}
	if op.At != (stack.Ref{}) {
		return plan.Output{}, nil
	}
	return plan.Output{ID: value(out.CertificateArn)}, nil
}

func (w writer) addTagsToCertificate(ctx context.Context, op elb.AddTagsToCertificate) error {
	_, err := w.c.ACM.AddTagsToCertificate(ctx, &acm.AddTagsToCertificateInput{CertificateArn: aws.String(w.resolve(op.Certificate)), Tags: certificateTags(op.Tags)})
	return err
}

func (w writer) deleteCertificate(ctx context.Context, op elb.DeleteCertificate) error {
	_, err := w.c.ACM.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: aws.String(w.resolve(op.Certificate))})
	return err
}

func (w writer) publishValidation(ctx context.Context, op elb.PublishValidation) error {
	return w.changeRecords(ctx, op.Zone, route53types.ChangeActionUpsert, op.Records)
}

func (w writer) withdrawValidation(ctx context.Context, op elb.WithdrawValidation) error {
	err := w.changeRecords(ctx, op.Zone, route53types.ChangeActionDelete, []elb.ValidationRecord{op.Record})
	if notThere(err) {
		return nil
	}
	return err
}

func (w writer) changeRecords(ctx context.Context, zone string, action route53types.ChangeAction, records []elb.ValidationRecord) error {
	batch := &route53types.ChangeBatch{}
	for _, r := range records {
		batch.Changes = append(batch.Changes, route53types.Change{Action: action, ResourceRecordSet: &route53types.ResourceRecordSet{
			Name: aws.String(r.Name), Type: route53types.RRTypeCname, TTL: aws.Int64(validationTTL),
			ResourceRecords: []route53types.ResourceRecord{{Value: aws.String(r.Value)}},
		}})
	}
	_, err := w.c.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(zone), ChangeBatch: batch})
	return err
}

// notThere reports whether a record could not be deleted because it is gone, or by now is somebody else's.
func notThere(err error) bool {
	var batch *route53types.InvalidChangeBatch
	var api smithy.APIError
	if !errors.As(err, &batch) && (!errors.As(err, &api) || api.ErrorCode() != "NoSuchHostedZone" && api.ErrorCode() != "InvalidChangeBatch") {
		return false
	}
	texts := []string{err.Error()}
	if batch != nil {
		texts = append(texts, batch.Messages...)
	}
	return slices.ContainsFunc(texts, func(s string) bool {
		return strings.Contains(s, "not found") || strings.Contains(s, "do not match the current values") || strings.Contains(s, "NoSuchHostedZone")
	})
}

func certificateTags(tags map[string]string) []acmtypes.Tag {
	var out []acmtypes.Tag
	for _, t := range balancingTags(tags) { // sorted by key
		out = append(out, acmtypes.Tag{Key: t.Key, Value: t.Value})
	}
	return out
}

// FromCertificate is an observed certificate without its tags; ID and hosted zones are the caller's to fill in.
func FromCertificate(c *acmtypes.CertificateDetail) elb.Certificate {
	out := elb.Certificate{
		ARN: value(c.CertificateArn), Status: string(c.Status), Reason: string(c.FailureReason),
		Imported: c.Type == acmtypes.CertificateTypeImported, Algorithm: keyAlgorithm(c.KeyAlgorithm), Serial: serialNumber(value(c.Serial)),
		Certificate: stack.Certificate{Domain: value(c.DomainName), Names: slices.Clone(c.SubjectAlternativeNames), Authority: value(c.CertificateAuthorityArn)},
	}
	if out.Domain != "" {
		out.Names = append(out.Names, out.Domain)
	}
	slices.Sort(out.Names)
	out.Names = slices.Compact(out.Names)
	for _, o := range c.DomainValidationOptions {
		if r := o.ResourceRecord; r != nil { // ACM needs a moment to think of one
			out.Records = append(out.Records, elb.CertificateRecord{
				Domain:           strings.TrimPrefix(value(o.DomainName), "*."),
				ValidationRecord: elb.ValidationRecord{Name: value(r.Name), Value: value(r.Value)},
			})
		}
	}
	return out
}

// serialNumber is a serial number in hexadecimal digits, of which ACM writes pairs: "07:71:f4".
func serialNumber(s string) string {
	return strings.TrimLeft(strings.ToLower(strings.ReplaceAll(s, ":", "")), "0")
}

// keyAlgorithm is the name without the variants of its spelling: ACM writes RSA-2048 as well as RSA_2048.
func keyAlgorithm(a acmtypes.KeyAlgorithm) string { return strings.ReplaceAll(string(a), "-", "_") }
