package acm

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const (
	certificateLife  = 395 * 24 * time.Hour // 13 months
	idempotencySpan  = time.Hour
	namesPerRequest  = 100
	namesQuota       = 10
	maxDomain        = 253
	commonNameLength = 64
)

var (
	domainForm = regexp.MustCompile(`^(\*\.)?(((?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])|[A-Za-z0-9])\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)
	tokenForm  = regexp.MustCompile(`^\w{1,32}$`)
)

// RequestCertificate asks for a certificate; it is issued once the profile's time for it has passed, as if its owner had put
// the validation record into DNS.
func (s *Service) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput, _ ...func(*acm.Options)) (*acm.RequestCertificateOutput, error) {
	return write(ctx, s, "RequestCertificate", in, s.requestCertificate)
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
	if len(names) > namesQuota {
		return nil, apierr.New("LimitExceededException", "Error: you have reached your limit of %d domain names for a certificate.", namesQuota)
	}
	now := s.account.Clock.Now()
	token := aws.ToString(in.IdempotencyToken)
	if token != "" {
		for _, arn := range account.SortedKeys(s.account.Certificates) {
			c := s.account.Certificates[arn]
			if c.IdempotencyToken == token && now.Before(c.Created.Add(idempotencySpan)) && slices.Equal(c.AlternativeNames, names) {
				return &acm.RequestCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
			}
		}
	}
	if err := s.checkQuota(); err != nil {
		return nil, err
	}
	c := &account.Certificate{
		ARN: s.newARN(), Domain: domain, AlternativeNames: names, Status: "PENDING_VALIDATION", Type: "AMAZON_ISSUED",
		KeyAlgorithm: string(types.KeyAlgorithmRsa2048), AuthorityARN: aws.ToString(in.CertificateAuthorityArn),
		ValidationMethod: string(in.ValidationMethod), IdempotencyToken: token, Created: now,
		IssuesAt: now.Add(s.account.Profile.CertificateIssue), Tags: tags,
	}
	if in.KeyAlgorithm != "" {
		c.KeyAlgorithm = string(in.KeyAlgorithm)
	}
	if c.AuthorityARN != "" {
		c.Type, c.Status, c.Issued, c.ValidationMethod = "PRIVATE", "ISSUED", now, ""
	} else if c.ValidationMethod == "" {
		c.ValidationMethod = string(types.ValidationMethodEmail)
	}
	c.NotBefore, c.NotAfter = c.IssuesAt, c.IssuesAt.Add(certificateLife)
	s.account.AddCertificate(c)
	return &acm.RequestCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
}

func checkRequest(in *acm.RequestCertificateInput, domain string) error {
	if domain == "" {
		return invalid("1 validation error detected: Value null at 'domainName' failed to satisfy constraint: Member must not be null")
	}
	if len(in.SubjectAlternativeNames) > namesPerRequest {
		return invalid("1 validation error detected: Value at 'subjectAlternativeNames' failed to satisfy constraint: Member must have length less than or equal to %d", namesPerRequest)
	}
	if len(domain) > commonNameLength {
		return invalid("The first domain name can be no longer than %d bytes.", commonNameLength)
	}
	for _, n := range append([]string{domain}, in.SubjectAlternativeNames...) {
		if len(n) > maxDomain || !domainForm.MatchString(n) {
			return invalid("1 validation error detected: Value '%s' at 'domainName' failed to satisfy constraint: Member must be a domain name", n)
		}
	}
	if in.IdempotencyToken != nil && !tokenForm.MatchString(*in.IdempotencyToken) {
		return invalid(`1 validation error detected: Value '%s' at 'idempotencyToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \w+`, *in.IdempotencyToken)
	}
	if in.KeyAlgorithm != "" && !slices.Contains(in.KeyAlgorithm.Values(), in.KeyAlgorithm) {
		return invalid("1 validation error detected: Value '%s' at 'keyAlgorithm' failed to satisfy constraint: Member must satisfy enum value set", in.KeyAlgorithm)
	}
	for _, o := range in.DomainValidationOptions {
		name, validation := aws.ToString(o.DomainName), aws.ToString(o.ValidationDomain)
		if name != validation && !strings.HasSuffix(name, "."+validation) {
			return apierr.New("InvalidDomainValidationOptionsException", "The validation domain %s is no superdomain of %s.", validation, name)
		}
	}
	return nil
}

func (s *Service) checkQuota() error {
	quota := s.account.Quota("certificates")
	if len(s.account.Certificates) >= quota {
		return apierr.New("LimitExceededException", "Error: you have reached your limit of %d certificates.", quota)
	}
	return nil
}

func (s *Service) newARN() string { return s.account.ARN("acm", "certificate/"+s.account.NewUUID()) }

// ImportCertificate takes a certificate with its key, or replaces an imported one.
func (s *Service) ImportCertificate(ctx context.Context, in *acm.ImportCertificateInput, _ ...func(*acm.Options)) (*acm.ImportCertificateOutput, error) {
	return write(ctx, s, "ImportCertificate", in, s.importCertificate)
}

func (s *Service) importCertificate(in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	chain := append(append([]byte(nil), in.Certificate...), '\n')
	chain = append(chain, in.CertificateChain...)
	pair, err := tls.X509KeyPair(chain, in.PrivateKey)
	if err != nil {
		return nil, invalid("The certificate and the private key cannot be used: %v", err)
	}
	leaf := pair.Leaf
	now := s.account.Clock.Now()
	names := slices.Clone(leaf.DNSNames)
	domain := leaf.Subject.CommonName
	if domain == "" && len(names) > 0 {
		domain = names[0]
	}
	c := &account.Certificate{
		Domain: domain, AlternativeNames: names, Status: "ISSUED", Type: "IMPORTED", Created: now, Imported: now,
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Pair: &pair,
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		c.KeyAlgorithm = map[int]string{1024: "RSA_1024", 2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"}[key.N.BitLen()]
	case *ecdsa.PublicKey:
		c.KeyAlgorithm = map[int]string{256: "EC_prime256v1", 384: "EC_secp384r1", 521: "EC_secp521r1"}[key.Params().BitSize]
	}
	if c.KeyAlgorithm == "" {
		return nil, invalid("The private key's algorithm or size is not supported.")
	}
	if in.CertificateArn != nil {
		old, err := s.certificate(in.CertificateArn)
		if err != nil {
			return nil, err
		}
		if old.Type != "IMPORTED" {
			return nil, invalid("The certificate %s was not imported and cannot be imported again.", old.ARN)
		}
		if len(in.Tags) > 0 {
			return nil, invalid("Tags cannot be applied when a certificate is imported again.")
		}
		c.ARN, c.Created, c.Tags = old.ARN, old.Created, old.Tags
		s.account.AddCertificate(c)
		return &acm.ImportCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
	}
	if c.Tags, err = parseTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.checkQuota(); err != nil {
		return nil, err
	}
	c.ARN = s.newARN()
	s.account.AddCertificate(c)
	return &acm.ImportCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
}

// DeleteCertificate deletes a certificate that no listener uses.
func (s *Service) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput, _ ...func(*acm.Options)) (*acm.DeleteCertificateOutput, error) {
	return write(ctx, s, "DeleteCertificate", in, s.deleteCertificate)
}

func (s *Service) deleteCertificate(in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	c, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if len(s.users(c)) > 0 {
		return nil, apierr.New("ResourceInUseException", "Certificate %s in account %s is in use.", c.ARN, s.account.ID)
	}
	delete(s.account.Certificates, c.ARN)
	return &acm.DeleteCertificateOutput{}, nil
}
