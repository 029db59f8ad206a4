package truststore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/s3"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Limits of the content of trust stores: Elastic Load Balancing user guide, "Quotas for your Application Load
// Balancers".
const (
	maxAuthorities = 25                                  // certificates of one bundle
	maxCertificate = 16 << 10                            // bytes of one certificate
	maxBundle      = maxAuthorities*maxCertificate*2 + 1 // bytes: PEM is longer than what it encodes
	maxRevocations = 50 << 20                            // bytes of one revocation list
	minRSA         = 2048                                // bits of an authority's key
)

// object reads an object of a bucket. Buckets here have no versions, so that only S3's name for "none", null, is one.
func (s *TrustStores) object(bucket, key, version *string, limit int64) ([]byte, error) {
	if v := aws.ToString(version); v != "" && v != "null" {
		return nil, s3.ErrNoObject
	}
	return s.account.Buckets.Object(aws.ToString(bucket), aws.ToString(key), limit)
}

func bundleMissing(err error, bucket, key string) error {
	if errors.Is(err, s3.ErrTooLarge) {
		return badBundle("it is longer than '%d' bytes", maxBundle)
	}
	return apierr.New("CaCertificatesBundleNotFound",
		"The CA certificates bundle '%s' could not be found in the bucket '%s'", key, bucket)
}

func badBundle(format string, args ...any) error {
	return apierr.New("InvalidCaCertificatesBundle", "The CA certificates bundle is not valid: %s",
		fmt.Sprintf(format, args...))
}

// parseBundle reads the certificates of authorities from PEM.
func parseBundle(content []byte) ([]*x509.Certificate, error) {
	blocks, ok := pemBlocks(content, "CERTIFICATE", maxAuthorities+1)
	switch {
	case !ok || len(blocks) == 0:
		return nil, badBundle("it must have certificates in PEM format, and nothing else")
	case len(blocks) > maxAuthorities:
		return nil, badBundle("it has more than '%d' certificates", maxAuthorities)
	}
	var out []*x509.Certificate
	for _, b := range blocks {
		c, err := x509.ParseCertificate(b)
		switch {
		case err != nil:
			return nil, badBundle("a certificate could not be read")
		case len(b) > maxCertificate:
			return nil, badBundle("the certificate '%s' is longer than '%d' bytes", c.Subject, maxCertificate)
		case !c.IsCA:
			return nil, badBundle("the certificate '%s' is not that of a certificate authority", c.Subject)
		case !supportedKey(c):
			return nil, badBundle("the certificate '%s' does not have a supported key", c.Subject)
		}
		out = append(out, c)
	}
	return out, nil
}

// supportedKey reports whether a certificate's key is one that load balancers verify with.
func supportedKey(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return true
	}
	return false
}

// parseRevocations reads revocation lists from PEM.
func parseRevocations(content []byte) ([]*x509.RevocationList, error) {
	blocks, ok := pemBlocks(content, "X509 CRL", maxRevocationLists+1)
	if !ok || len(blocks) == 0 || len(blocks) > maxRevocationLists {
		return nil, badRevocations("it must have a revocation list in PEM format, and nothing else")
	}
	var out []*x509.RevocationList
	for _, b := range blocks {
		l, err := x509.ParseRevocationList(b)
		if err != nil {
			return nil, badRevocations("the revocation list could not be read")
		}
		out = append(out, l)
	}
	return out, nil
}

func badRevocations(format string, args ...any) error {
	return apierr.New("InvalidRevocationContent", "The revocation file is not valid: %s", fmt.Sprintf(format, args...))
}

// pemBlocks is the content of the first blocks of a PEM file, which must all be of that type; text between them is
// ignored.
func pemBlocks(content []byte, typ string, most int) ([][]byte, bool) {
	var out [][]byte
	for len(out) < most {
		b, rest := pem.Decode(content)
		if b == nil {
			return out, !bytes.Contains(content, []byte("-----BEGIN"))
		}
		if b.Type != typ {
			return nil, false
		}
		out, content = append(out, b.Bytes), rest
	}
	return out, true
}

// TrustStoreBundle is the certificates in PEM of the trust store with the path NAME/ID, which is served at the
// location that GetTrustStoreCaCertificatesBundle answers. It takes the account's lock.
func (s *TrustStores) TrustStoreBundle(path string) ([]byte, bool) {
	s.account.Lock()
	defer s.account.Unlock()
	t, ok := s.account.TrustStores[s.account.BalancingARN("truststore/"+path)]
	if !ok {
		return nil, false
	}
	return t.Bundle, true
}

// TrustStoreRevocation is the revocation file in PEM of that id, of the trust store with the path NAME/ID. It takes the
// account's lock.
func (s *TrustStores) TrustStoreRevocation(path string, id int64) ([]byte, bool) {
	s.account.Lock()
	defer s.account.Unlock()
	if t, ok := s.account.TrustStores[s.account.BalancingARN("truststore/"+path)]; ok {
		if r := revocation(t, id); r != nil {
			return r.Content, true
		}
	}
	return nil, false
}

// location is where the simulator serves what belongs to a trust store; AWS answers a signed URL of S3. In the process,
// where there is no server, it is the path alone.
func location(ctx context.Context, t *account.TrustStore, file string) *string {
	_, path, _ := strings.Cut(t.ARN, ":truststore/")
	return aws.String(gate.Endpoint(ctx) + "/_sim/truststores/" + path + "/" + file)
}

// GetTrustStoreCaCertificatesBundle answers where the bundle can be fetched.
func (s *TrustStores) GetTrustStoreCaCertificatesBundle(ctx context.Context,
	in *elb.GetTrustStoreCaCertificatesBundleInput, _ ...func(*elb.Options)) (*elb.GetTrustStoreCaCertificatesBundleOutput,
	error) {
	return call.Read(ctx, s.entry, "GetTrustStoreCaCertificatesBundle", in,
		func(in *elb.GetTrustStoreCaCertificatesBundleInput) (*elb.GetTrustStoreCaCertificatesBundleOutput, error) {
			t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
			if err != nil {
				return nil, err
			}
			return &elb.GetTrustStoreCaCertificatesBundleOutput{Location: location(ctx, t, "bundle.pem")}, nil
		})
}

// GetTrustStoreRevocationContent answers where a revocation file can be fetched.
func (s *TrustStores) GetTrustStoreRevocationContent(ctx context.Context, in *elb.GetTrustStoreRevocationContentInput,
	_ ...func(*elb.Options)) (*elb.GetTrustStoreRevocationContentOutput, error) {
	return call.Read(ctx, s.entry, "GetTrustStoreRevocationContent", in,
		func(in *elb.GetTrustStoreRevocationContentInput) (*elb.GetTrustStoreRevocationContentOutput, error) {
			if err := check.First(check.Present("trustStoreArn", in.TrustStoreArn),
				check.Present("revocationId", in.RevocationId)); err != nil {
				return nil, err
			}
			t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
			if err != nil {
				return nil, err
			}
			if revocation(t, *in.RevocationId) == nil {
				return nil, noRevocation(*in.RevocationId)
			}
			return &elb.GetTrustStoreRevocationContentOutput{
				Location: location(ctx, t, fmt.Sprintf("revocations/%d.pem", *in.RevocationId))}, nil
		})
}
