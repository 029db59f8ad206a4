package acm

import (
	"context"
	"maps"
	"regexp"
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

const (
	idempotencySpan  = time.Hour
	year             = 365 * 24 * time.Hour
	namesPerRequest  = 100
	maxDomain        = 253
	commonNameLength = 64
)

var (
	domainForm = regexp.MustCompile(
		`^(\*\.)?(((?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])|[A-Za-z0-9])\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)
	tokenForm     = regexp.MustCompile(`^\w{1,32}$`)
	authorityForm = regexp.MustCompile(`^arn:[\w+=/,.@-]+:acm-pca:[\w+=/,.@-]*:[0-9]+:certificate-authority/[\w+=,.@-]+$`)
)

// publicKeys are the algorithms of certificates that Amazon's public authority issues.
var publicKeys = []types.KeyAlgorithm{types.KeyAlgorithmRsa2048, types.KeyAlgorithmEcPrime256v1,
	types.KeyAlgorithmEcSecp384r1}

// reservedDomains are not in public DNS (RFC 2606, RFC 6762, ICANN's .internal): names below them have no owner.
var reservedDomains = []string{"test", "example", "invalid", "localhost", "local", "internal"}

// RequestCertificate requests a certificate. It is issued some time after public DNS has the validation records of all
// its names, or by a private authority at once, as time goes.
func (s *Service) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput, _ ...func(*acm.Options)) (
	*acm.RequestCertificateOutput, error) {
	return call.Write(ctx, s.entry, "RequestCertificate", in, s.requestCertificate)
}

func (s *Service) requestCertificate(in *acm.RequestCertificateInput) (*acm.RequestCertificateOutput, error) {
	domain := aws.ToString(in.DomainName)
	if err := checkRequest(in, domain); err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	names := []string{domain}
	for _, n := range in.SubjectAlternativeNames {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if quota := s.account.Quota("domains-per-certificate"); len(names) > quota {
		return nil, apierr.New("LimitExceededException",
			"Error: you have reached your limit of %d domain names for a certificate.", quota)
	}
	c := s.requested(in, names, tags)
	if old := s.sameRequest(c); old != nil {
		return &acm.RequestCertificateOutput{CertificateArn: aws.String(old.ARN)}, nil
	}
	if err := s.countNew(&s.account.CertificateRequests); err != nil {
		return nil, err
	}
	c.ARN = s.newARN()
	s.account.AddCertificate(c)
	return &acm.RequestCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
}

// requested is the certificate of a valid request, without its ARN.
func (s *Service) requested(in *acm.RequestCertificateInput, names []string,
	tags map[string]string) *account.Certificate {
	c := &account.Certificate{
		Domain: names[0], AlternativeNames: names, Status: "PENDING_VALIDATION", Type: "AMAZON_ISSUED",
		KeyAlgorithm: string(types.KeyAlgorithmRsa2048), AuthorityARN: aws.ToString(in.CertificateAuthorityArn),
		ValidationMethod: string(types.ValidationMethodEmail), ValidationDomain: map[string]string{},
		IdempotencyToken: aws.ToString(in.IdempotencyToken), Created: s.account.Clock.Now(), Tags: tags,
	}
	if in.ValidationMethod != "" {
		c.ValidationMethod = string(in.ValidationMethod)
	}
	if in.KeyAlgorithm != "" {
		c.KeyAlgorithm = string(in.KeyAlgorithm)
	}
	if in.Options != nil {
		//nolint:staticcheck // ACM still takes it
		c.Transparency = string(in.Options.CertificateTransparencyLoggingPreference)
		c.Export = string(in.Options.Export)
	}
	for _, o := range in.DomainValidationOptions {
		c.ValidationDomain[aws.ToString(o.DomainName)] = aws.ToString(o.ValidationDomain)
	}
	reserved := func(name string) bool {
		return slices.Contains(reservedDomains, strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]))
	}
	switch {
	case c.AuthorityARN != "":
		c.Type, c.ValidationMethod = "PRIVATE", ""
		c.IssuesAt = c.Created.Add(s.account.Profile.PrivateCertificateIssue)
		if known := s.account.PrivateAuthorities; known != nil && !known[c.AuthorityARN] {
			c.Status, c.FailureReason = "FAILED", string(types.FailureReasonPcaResourceNotFound)
		}
	case slices.ContainsFunc(names, reserved):
		c.Status, c.FailureReason = "FAILED", string(types.FailureReasonInvalidPublicDomain)
	}
	return c
}

// sameRequest is the certificate that the same request with the same token asked for less than an hour ago, or nil.
func (s *Service) sameRequest(c *account.Certificate) *account.Certificate {
	if c.IdempotencyToken == "" {
		return nil
	}
	for _, arn := range slices.Sorted(maps.Keys(s.account.Certificates)) {
		old := s.account.Certificates[arn]
		if old.IdempotencyToken == c.IdempotencyToken && c.Created.Before(old.Created.Add(idempotencySpan)) &&
			slices.Equal(old.AlternativeNames, c.AlternativeNames) && old.ValidationMethod == c.ValidationMethod &&
			old.KeyAlgorithm == c.KeyAlgorithm && old.AuthorityARN == c.AuthorityARN && old.Export == c.Export {
			return old
		}
	}
	return nil
}

func checkRequest(in *acm.RequestCertificateInput, domain string) error {
	if domain == "" {
		return invalid("1 validation error detected: Value null at 'domainName' failed to satisfy constraint: Member " +
			"must not be null")
	}
	if len(in.SubjectAlternativeNames) > namesPerRequest {
		return invalid("1 validation error detected: Value at 'subjectAlternativeNames' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", namesPerRequest)
	}
	if len(domain) > commonNameLength {
		return invalid("The first domain name can be no longer than %d bytes.", commonNameLength)
	}
	for _, n := range append([]string{domain}, in.SubjectAlternativeNames...) {
		if len(n) > maxDomain || !domainForm.MatchString(n) {
			return invalid("1 validation error detected: Value '%s' at 'domainName' failed to satisfy constraint: Member must "+
				"be a domain name", n)
		}
	}
	if in.IdempotencyToken != nil && !tokenForm.MatchString(*in.IdempotencyToken) {
		return invalid(
			`1 validation error detected: Value '%s' at 'idempotencyToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \w+`, *in.IdempotencyToken)
	}
	if in.KeyAlgorithm != "" && !slices.Contains(in.KeyAlgorithm.Values(), in.KeyAlgorithm) {
		return invalid("1 validation error detected: Value '%s' at 'keyAlgorithm' failed to satisfy constraint: Member "+
			"must satisfy enum value set", in.KeyAlgorithm)
	}
	private := in.CertificateAuthorityArn != nil
	switch {
	case in.ValidationMethod != "" && !slices.Contains(in.ValidationMethod.Values(), in.ValidationMethod):
		return invalid("1 validation error detected: Value '%s' at 'validationMethod' failed to satisfy constraint: Member "+
			"must satisfy enum value set: [DNS, EMAIL, HTTP]", in.ValidationMethod)
	case in.ValidationMethod == types.ValidationMethodHttp:
		return apierr.New("InvalidParameterException", "The validation method HTTP is for certificates that "+
			"CloudFront manages.")
	case in.ManagedBy != "":
		return apierr.New("InvalidParameterException", "Certificates that %s manages are not requested here.", in.ManagedBy)
	case private && !authorityForm.MatchString(*in.CertificateAuthorityArn):
		return apierr.New("InvalidArnException", "Invalid certificate authority arn %s", *in.CertificateAuthorityArn)
	case !private && in.KeyAlgorithm != "" && !slices.Contains(publicKeys, in.KeyAlgorithm):
		return apierr.New("InvalidParameterException", "The key algorithm %s is not supported for public certificates.",
			in.KeyAlgorithm)
	}
	for _, o := range in.DomainValidationOptions {
		name, validation := aws.ToString(o.DomainName), aws.ToString(o.ValidationDomain)
		switch {
		case name != domain && !slices.Contains(in.SubjectAlternativeNames, name):
			return apierr.New("InvalidDomainValidationOptionsException", "The name %s is not among those of the certificate.",
				name)
		case name != validation && !strings.HasSuffix(name, "."+validation):
			return apierr.New("InvalidDomainValidationOptionsException", "The validation domain %s is not a superdomain of %s.",
				validation, name)
		}
	}
	return nil
}

// countNew counts one more certificate: among all, and in the log of those made in the last year.
func (s *Service) countNew(log *[]time.Time) error {
	if quota := s.account.Quota("certificates"); len(s.account.Certificates) >= quota {
		return apierr.New("LimitExceededException", "Error: you have reached your limit of %d certificates.", quota)
	}
	return s.countInYear(log)
}

// countInYear counts one more entry in a log of the last year.
func (s *Service) countInYear(log *[]time.Time) error {
	now := s.account.Clock.Now()
	*log = slices.DeleteFunc(*log, func(t time.Time) bool { return !now.Before(t.Add(year)) })
	if yearly := s.account.Quota("certificates-per-year"); len(*log) >= yearly {
		return apierr.New("LimitExceededException", "Error: you have reached your limit of %d certificates in the "+
			"last 365 days.", yearly)
	}
	*log = append(*log, now)
	return nil
}

func (s *Service) newARN() string { return s.account.ARN("acm", "certificate/"+s.account.NewUUID()) }
