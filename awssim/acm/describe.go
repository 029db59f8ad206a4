package acm

import (
	"context"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// DescribeCertificate returns everything about one certificate.
func (s *Service) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput, _ ...func(*acm.Options)) (
	*acm.DescribeCertificateOutput, error) {
	return call.Read(ctx, s.entry, "DescribeCertificate", in, s.describeCertificate)
}

func (s *Service) describeCertificate(in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	now := s.account.Clock.Now()
	out := &types.CertificateDetail{
		CertificateArn:          aws.String(c.ARN),
		DomainName:              aws.String(c.Domain),
		SubjectAlternativeNames: slices.Clone(c.AlternativeNames),
		Status:                  types.CertificateStatus(c.Status),
		Type:                    types.CertificateType(c.Type),
		KeyAlgorithm:            types.KeyAlgorithm(c.KeyAlgorithm),
		FailureReason:           types.FailureReason(c.FailureReason),
		InUseBy:                 s.users(c),
		Issuer:                  aws.String("Amazon"),
		Subject:                 aws.String("CN=" + c.Domain),
		RenewalEligibility:      renewal(c),
		Options:                 options(c),
		CreatedAt:               moment(c.Created),
		IssuedAt:                moment(c.Issued),
		ImportedAt:              moment(c.Imported),
		NotBefore:               moment(c.NotBefore),
		NotAfter:                moment(c.NotAfter),
	}
	if c.AuthorityARN != "" {
		out.CertificateAuthorityArn = aws.String(c.AuthorityARN)
	}
	if c.Pair != nil && c.Type == "IMPORTED" { // a described one has no pair before its first use
		leaf := c.Pair.Leaf
		out.Issuer, out.Subject = aws.String(leaf.Issuer.CommonName), aws.String(leaf.Subject.String())
		out.Serial = aws.String(serial(leaf))
		out.SignatureAlgorithm = aws.String(strings.ReplaceAll(strings.ToUpper(leaf.SignatureAlgorithm.String()),
			"-", "WITH"))
	}
	for _, u := range keyUses(c) {
		out.KeyUsages = append(out.KeyUsages, types.KeyUsage{Name: u})
	}
	for _, u := range extendedKeyUses(c) {
		out.ExtendedKeyUsages = append(out.ExtendedKeyUsages, types.ExtendedKeyUsage{Name: u})
	}
	if !c.Renewed.IsZero() {
		out.RenewalSummary = &types.RenewalSummary{RenewalStatus: types.RenewalStatusSuccess, UpdatedAt: moment(c.Renewed)}
	}
	if c.Type == "AMAZON_ISSUED" {
		for _, name := range c.AlternativeNames {
			out.DomainValidationOptions = append(out.DomainValidationOptions, s.validation(c, name, now))
		}
		if out.RenewalSummary != nil {
			out.RenewalSummary.DomainValidationOptions = out.DomainValidationOptions
		}
	}
	return &acm.DescribeCertificateOutput{Certificate: out}, nil
}

// validation is how the account proves that it owns a name. The record shows up some time after the request.
func (s *Service) validation(c *account.Certificate, name string, now time.Time) types.DomainValidation {
	out := types.DomainValidation{
		DomainName: aws.String(name), ValidationDomain: aws.String(name), ValidationMethod: types.ValidationMethodDns,
		ValidationStatus: types.DomainStatusSuccess,
	}
	if c.ValidationMethod != "" {
		out.ValidationMethod = types.ValidationMethod(c.ValidationMethod)
	}
	if domain := c.ValidationDomain[name]; domain != "" {
		out.ValidationDomain = aws.String(domain)
	}
	byDNS := out.ValidationMethod == types.ValidationMethodDns
	switch c.Status {
	case "PENDING_VALIDATION":
		if !byDNS || s.account.Trouble.CertificatesStuck || !s.account.Validated(name) {
			out.ValidationStatus = types.DomainStatusPendingValidation
		}
	case "FAILED", "VALIDATION_TIMED_OUT":
		out.ValidationStatus = types.DomainStatusFailed
	}
	if byDNS && !now.Before(c.Created.Add(s.account.Profile.CertificateRecord)) {
		record, value := s.account.ValidationRecord(name)
		out.ResourceRecord = &types.ResourceRecord{Name: aws.String(record), Type: types.RecordTypeCname,
			Value: aws.String(value)}
	}
	if out.ValidationMethod == types.ValidationMethodEmail {
		for _, who := range []string{"administrator", "hostmaster", "postmaster", "webmaster", "admin"} {
			out.ValidationEmails = append(out.ValidationEmails, who+"@"+strings.TrimPrefix(*out.ValidationDomain, "*."))
		}
	}
	return out
}

// GetCertificate returns certificate and chain in PEM.
func (s *Service) GetCertificate(ctx context.Context, in *acm.GetCertificateInput, _ ...func(*acm.Options)) (
	*acm.GetCertificateOutput, error) {
	return call.Read(ctx, s.entry, "GetCertificate", in, s.getCertificate)
}

func (s *Service) getCertificate(in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	switch c.Status {
	case "PENDING_VALIDATION", "VALIDATION_TIMED_OUT", "FAILED":
		return nil, apierr.New("RequestInProgressException", "The certificate %s is not issued.", c.ARN)
	}
	pair, err := s.account.TLSCertificate(c.ARN)
	if err != nil {
		return nil, err
	}
	var blocks []string
	for _, der := range pair.Certificate {
		blocks = append(blocks, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	out := &acm.GetCertificateOutput{Certificate: aws.String(blocks[0])}
	if len(blocks) > 1 {
		out.CertificateChain = aws.String(strings.Join(blocks[1:], ""))
	}
	return out, nil
}
