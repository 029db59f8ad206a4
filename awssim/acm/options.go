package acm

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// options are a certificate's settings with their defaults.
func options(c *account.Certificate) *types.CertificateOptions {
	o := &types.CertificateOptions{
		//nolint:staticcheck // ACM still answers it
		CertificateTransparencyLoggingPreference: types.CertificateTransparencyLoggingPreferenceEnabled,
		Export:                                   types.CertificateExportDisabled,
	}
	if c.Transparency != "" {
		//nolint:staticcheck // as above
		o.CertificateTransparencyLoggingPreference = types.CertificateTransparencyLoggingPreference(c.Transparency)
	}
	if c.Export != "" {
		o.Export = types.CertificateExport(c.Export)
	}
	if c.Type == "PRIVATE" {
		o.Export = types.CertificateExportEnabled
	}
	return o
}

// UpdateCertificateOptions changes whether a certificate of Amazon's is logged publicly or may be exported.
func (s *Service) UpdateCertificateOptions(ctx context.Context, in *acm.UpdateCertificateOptionsInput,
	_ ...func(*acm.Options)) (*acm.UpdateCertificateOptionsOutput, error) {
	return call.Write(ctx, s.entry, "UpdateCertificateOptions", in, s.updateCertificateOptions)
}

func (s *Service) updateCertificateOptions(in *acm.UpdateCertificateOptionsInput) (*acm.UpdateCertificateOptionsOutput,
	error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Options == nil:
		return nil, invalid("1 validation error detected: Value null at 'options' failed to satisfy constraint: Member " +
			"must not be null")
	case c.Type != "AMAZON_ISSUED":
		return nil, apierr.New("InvalidStateException", "The options of the certificate %s, of type %s, cannot be changed.",
			c.ARN, c.Type)
	case c.Status != "ISSUED":
		return nil, apierr.New("InvalidStateException", "The certificate %s is in the state %s and must be in the "+
			"state ISSUED.", c.ARN, c.Status)
	}
	//nolint:staticcheck // ACM still takes it
	if logging := in.Options.CertificateTransparencyLoggingPreference; logging != "" {
		c.Transparency = string(logging)
	}
	if in.Options.Export != "" {
		c.Export = string(in.Options.Export)
	}
	return &acm.UpdateCertificateOptionsOutput{}, nil
}

// RenewCertificate renews a certificate of a private authority that may be exported, under the same ARN.
func (s *Service) RenewCertificate(ctx context.Context, in *acm.RenewCertificateInput, _ ...func(*acm.Options)) (
	*acm.RenewCertificateOutput, error) {
	return call.Write(ctx, s.entry, "RenewCertificate", in, func(in *acm.RenewCertificateInput) (
		*acm.RenewCertificateOutput, error) {
		c, err := s.certificate(in.CertificateArn)
		if err != nil {
			return nil, err
		}
		if c.Type == "IMPORTED" || c.Status != "ISSUED" || options(c).Export != types.CertificateExportEnabled {
			return nil, invalid("The certificate %s is not eligible for renewal.", c.ARN)
		}
		s.account.Renew(c, s.account.Clock.Now())
		return &acm.RenewCertificateOutput{}, nil
	})
}

// ResendValidationEmail sends the mails again by which owners of a domain approve a certificate.
func (s *Service) ResendValidationEmail(ctx context.Context, in *acm.ResendValidationEmailInput,
	_ ...func(*acm.Options)) (*acm.ResendValidationEmailOutput, error) {
	return call.Read(ctx, s.entry, "ResendValidationEmail", in, func(in *acm.ResendValidationEmailInput) (
		*acm.ResendValidationEmailOutput, error) {
		c, err := s.certificate(in.CertificateArn)
		if err != nil {
			return nil, err
		}
		domain, validation := aws.ToString(in.Domain), aws.ToString(in.ValidationDomain)
		switch {
		case !slices.Contains(c.AlternativeNames, domain), domain != validation && !strings.HasSuffix(domain, "."+validation):
			return nil, apierr.New("InvalidDomainValidationOptionsException",
				"The certificate %s has no name %s to be validated by %s.", c.ARN, domain, validation)
		case c.Status != "PENDING_VALIDATION" || c.ValidationMethod != string(types.ValidationMethodEmail):
			return nil, apierr.New("InvalidStateException", "The certificate %s does not wait for validation by mail.", c.ARN)
		}
		return &acm.ResendValidationEmailOutput{}, nil
	})
}

// keyUses are what a certificate's key may be used for; of an imported one as in its extensions.
func keyUses(c *account.Certificate) []types.KeyUsageName {
	if c.Type != "IMPORTED" || c.Pair == nil {
		return []types.KeyUsageName{types.KeyUsageNameDigitalSignature, types.KeyUsageNameKeyEncipherment}
	}
	var uses []types.KeyUsageName
	for _, u := range []struct {
		bit  x509.KeyUsage
		name types.KeyUsageName
	}{
		{x509.KeyUsageDigitalSignature, types.KeyUsageNameDigitalSignature},
		{x509.KeyUsageContentCommitment, types.KeyUsageNameNonRepudation},
		{x509.KeyUsageKeyEncipherment, types.KeyUsageNameKeyEncipherment},
		{x509.KeyUsageDataEncipherment, types.KeyUsageNameDataEncipherment},
		{x509.KeyUsageKeyAgreement, types.KeyUsageNameKeyAgreement},
		{x509.KeyUsageCertSign, types.KeyUsageNameCertificateSigning},
		{x509.KeyUsageCRLSign, types.KeyUsageNameCrlSigning},
	} {
		if c.Pair.Leaf.KeyUsage&u.bit != 0 {
			uses = append(uses, u.name)
		}
	}
	return uses
}

// extendedUses are ACM's names of extended key usages; it calls others "custom".
var extendedUses = map[x509.ExtKeyUsage]types.ExtendedKeyUsageName{
	x509.ExtKeyUsageAny:             types.ExtendedKeyUsageNameAny,
	x509.ExtKeyUsageServerAuth:      types.ExtendedKeyUsageNameTlsWebServerAuthentication,
	x509.ExtKeyUsageClientAuth:      types.ExtendedKeyUsageNameTlsWebClientAuthentication,
	x509.ExtKeyUsageCodeSigning:     types.ExtendedKeyUsageNameCodeSigning,
	x509.ExtKeyUsageEmailProtection: types.ExtendedKeyUsageNameEmailProtection,
	x509.ExtKeyUsageTimeStamping:    types.ExtendedKeyUsageNameTimeStamping,
	x509.ExtKeyUsageOCSPSigning:     types.ExtendedKeyUsageNameOcspSigning,
}

func extendedKeyUses(c *account.Certificate) []types.ExtendedKeyUsageName {
	if c.Type != "IMPORTED" || c.Pair == nil {
		return []types.ExtendedKeyUsageName{types.ExtendedKeyUsageNameTlsWebServerAuthentication}
	}
	var uses []types.ExtendedKeyUsageName
	for _, u := range c.Pair.Leaf.ExtKeyUsage {
		name, ok := extendedUses[u]
		if !ok {
			name = types.ExtendedKeyUsageNameCustom
		}
		uses = append(uses, name)
	}
	return uses
}

// serial is a serial number in pairs of hexadecimal digits.
func serial(leaf *x509.Certificate) string {
	var pairs []string
	for _, b := range leaf.SerialNumber.Bytes() {
		pairs = append(pairs, fmt.Sprintf("%02x", b))
	}
	return strings.Join(pairs, ":")
}
