package acm

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// Bounds of the parts of an imported certificate, in bytes (ACM API reference, ImportCertificate).
const (
	maxCertificate = 32768
	maxKey         = 5120
	maxChain       = 2097152
)

// ImportCertificate takes a certificate with its key, or replaces an imported one under the same ARN.
func (s *Service) ImportCertificate(ctx context.Context, in *acm.ImportCertificateInput, _ ...func(*acm.Options)) (
	*acm.ImportCertificateOutput, error) {
	return call.Write(ctx, s.entry, "ImportCertificate", in, s.importCertificate)
}

func (s *Service) importCertificate(in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	pair, err := s.readPair(in)
	if err != nil {
		return nil, err
	}
	leaf := pair.Leaf
	now := s.account.Clock.Now()
	c := &account.Certificate{
		Domain: leaf.Subject.CommonName, AlternativeNames: slices.Clone(leaf.DNSNames), Status: "ISSUED", Type: "IMPORTED",
		KeyAlgorithm: algorithmOf(leaf), Created: now, Imported: now, NotBefore: leaf.NotBefore,
		NotAfter: leaf.NotAfter, Pair: pair,
	}
	if c.Domain == "" && len(c.AlternativeNames) > 0 {
		c.Domain = c.AlternativeNames[0]
	}
	if c.KeyAlgorithm == "" {
		return nil, invalid("The private key's algorithm or size is not supported.")
	}
	if in.CertificateArn != nil {
		return s.replace(in, c)
	}
	if c.Tags, err = parseTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.countNew(&s.account.CertificateImports); err != nil {
		return nil, err
	}
	c.ARN = s.newARN()
	s.account.AddCertificate(c)
	return &acm.ImportCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
}

// replace puts a certificate in the place of an imported one, by the rules of the user guide, "Reimport a certificate".
func (s *Service) replace(in *acm.ImportCertificateInput, c *account.Certificate) (*acm.ImportCertificateOutput,
	error) {
	old, err := s.certificate(in.CertificateArn)
	if err != nil {
		return nil, err
	}
	missing := func(use string) error {
		return invalid("The certificate that replaces %s must keep the %s values of the original certificate.", old.ARN, use)
	}
	switch {
	case old.Type != "IMPORTED":
		return nil, invalid("The certificate %s was not imported and cannot be imported again.", old.ARN)
	case len(in.Tags) > 0:
		return nil, invalid("Tags cannot be applied when a certificate is imported again.")
	case old.KeyAlgorithm != c.KeyAlgorithm:
		return nil, invalid("The key type and size cannot be changed: %s has a key of type %s, not %s.", old.ARN,
			old.KeyAlgorithm, c.KeyAlgorithm)
	case old.Domain != "" && c.Domain == "":
		return nil, invalid("Not all domain names can be removed from the certificate %s.", old.ARN)
	}
	if old.Pair != nil {
		before, after := old.Pair.Leaf, c.Pair.Leaf
		if before.KeyUsage&^after.KeyUsage != 0 {
			return nil, missing("Key Usage")
		}
		for _, u := range before.ExtKeyUsage {
			if !slices.Contains(after.ExtKeyUsage, u) {
				return nil, missing("Extended Key Usage")
			}
		}
	}
	if err := s.countInYear(&s.account.CertificateImports); err != nil {
		return nil, err
	}
	c.ARN, c.Created, c.Tags = old.ARN, old.Created, old.Tags
	s.account.AddCertificate(c)
	return &acm.ImportCertificateOutput{CertificateArn: aws.String(c.ARN)}, nil
}

// readPair checks the parts of an imported certificate and puts them together.
func (s *Service) readPair(in *acm.ImportCertificateInput) (*tls.Certificate, error) {
	for _, part := range []struct {
		name string
		text []byte
		most int
	}{{"certificate", in.Certificate, maxCertificate}, {"privateKey", in.PrivateKey, maxKey},
		{"certificateChain", in.CertificateChain, maxChain}} {
		if len(part.text) > part.most || len(part.text) == 0 && part.name != "certificateChain" {
			return nil, invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have "+
				"length between 1 and %d", part.name, part.most)
		}
	}
	own, err := parsePEM(in.Certificate)
	if err != nil || len(own) != 1 {
		return nil, invalid("The certificate field contains more than one certificate, or none in PEM. You can specify " +
			"only one certificate in this field.")
	}
	chain, err := parsePEM(in.CertificateChain)
	if err != nil || len(chain) == 0 && len(in.CertificateChain) > 0 {
		return nil, invalid("The certificate chain is not in PEM.")
	}
	pair, err := tls.X509KeyPair(in.Certificate, in.PrivateKey)
	if err != nil {
		return nil, invalid("The certificate and the private key cannot be used: %v", err)
	}
	below := own[0]
	for _, c := range chain {
		if c.Equal(own[0]) {
			return nil, invalid("Certificate chain includes the certificate: give it in the field of the certificate alone.")
		}
		if err := below.CheckSignatureFrom(c); err != nil {
			return nil, invalid("Could not validate the certificate with the certificate chain.")
		}
		below = c
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	switch now := s.account.Clock.Now(); {
	case now.Before(own[0].NotBefore):
		return nil, invalid("The certificate is not valid yet.")
	case now.After(own[0].NotAfter):
		return nil, invalid("The certificate has expired.")
	}
	pair.Leaf = own[0]
	return &pair, nil
}

// parsePEM reads certificates; anything else is an error.
func parsePEM(text []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return found, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("there is something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found, text = append(found, c), rest
	}
}

// algorithmOf is ACM's name of a certificate's key; "" for keys that it does not take.
func algorithmOf(leaf *x509.Certificate) string {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return map[int]string{1024: "RSA_1024", 2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"}[key.N.BitLen()]
	case *ecdsa.PublicKey:
		return map[int]string{256: "EC_prime256v1", 384: "EC_secp384r1", 521: "EC_secp521r1"}[key.Params().BitSize]
	}
	return ""
}

// DeleteCertificate deletes a certificate that no listener uses.
func (s *Service) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput, _ ...func(*acm.Options)) (
	*acm.DeleteCertificateOutput, error) {
	return call.Write(ctx, s.entry, "DeleteCertificate", in, s.deleteCertificate)
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
