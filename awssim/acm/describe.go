package acm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// DescribeCertificate tells everything about one certificate.
func (s *Service) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput, _ ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error) {
	return read(ctx, s, "DescribeCertificate", in, s.describeCertificate)
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
		Status:                  types.CertificateStatus(c.StatusAt(now)),
		Type:                    types.CertificateType(c.Type),
		KeyAlgorithm:            types.KeyAlgorithm(c.KeyAlgorithm),
		FailureReason:           types.FailureReason(c.FailureReason),
		InUseBy:                 s.users(c),
		Issuer:                  aws.String("Amazon"),
		Subject:                 aws.String("CN=" + c.Domain),
		RenewalEligibility:      renewal(c),
		Options:                 &types.CertificateOptions{CertificateTransparencyLoggingPreference: types.CertificateTransparencyLoggingPreferenceEnabled}, //nolint:staticcheck // ACM still answers it
		CreatedAt:               moment(c.Created),
		IssuedAt:                moment(issuedAt(c, now)),
		ImportedAt:              moment(c.Imported),
		NotBefore:               moment(c.NotBefore),
		NotAfter:                moment(c.NotAfter),
	}
	if c.AuthorityARN != "" {
		out.CertificateAuthorityArn = aws.String(c.AuthorityARN)
	}
	if c.Type == "IMPORTED" {
		out.Issuer = aws.String(c.Pair.Leaf.Issuer.CommonName)
	}
	if c.Type == "AMAZON_ISSUED" {
		for _, name := range c.AlternativeNames {
			out.DomainValidationOptions = append(out.DomainValidationOptions, s.validation(c, name, now))
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
	switch c.StatusAt(now) {
	case "PENDING_VALIDATION":
		out.ValidationStatus = types.DomainStatusPendingValidation
	case "FAILED", "VALIDATION_TIMED_OUT":
		out.ValidationStatus = types.DomainStatusFailed
	}
	if out.ValidationMethod == types.ValidationMethodDns && !now.Before(c.Created.Add(s.account.Profile.CertificateRecord)) {
		out.ResourceRecord = validationRecord(s.account.ID, name)
	}
	return out
}

// validationRecord depends on nothing but account and name; a wildcard has that of its apex.
func validationRecord(accountID, name string) *types.ResourceRecord {
	apex := strings.TrimPrefix(name, "*.")
	digits := func(what string, n int) string {
		sum := sha256.Sum256([]byte(what + "\x00" + accountID + "\x00" + apex))
		return hex.EncodeToString(sum[:])[:n]
	}
	letters := []byte(digits("zone", 10))
	for i, c := range letters {
		if c <= '9' {
			letters[i] = 'g' + c - '0'
		}
	}
	return &types.ResourceRecord{
		Name:  aws.String("_" + digits("name", 32) + "." + apex + "."),
		Type:  types.RecordTypeCname,
		Value: aws.String("_" + digits("value", 32) + "." + string(letters) + ".acm-validations.aws."),
	}
}

// GetCertificate returns certificate and chain in PEM.
func (s *Service) GetCertificate(ctx context.Context, in *acm.GetCertificateInput, _ ...func(*acm.Options)) (*acm.GetCertificateOutput, error) {
	return read(ctx, s, "GetCertificate", in, s.getCertificate)
}

func (s *Service) getCertificate(in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if c.StatusAt(s.account.Clock.Now()) != "ISSUED" {
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
