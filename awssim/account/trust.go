package account

import (
	"crypto/tls"
	"fmt"
	"time"
)

// Trust is the certificate part of the account, by ARN. Its methods need the account's lock, except those of Authority.
type Trust struct {
	Certificates map[string]*Certificate
	// CertificateQuota is the number of certificates of the region; 0 means AWS's 2,500.
	CertificateQuota int

	authority Authority
}

// Certificate of ACM.
type Certificate struct {
	ARN              string
	Domain           string   // the subject's common name
	AlternativeNames []string // all names, the domain first
	Status           string   // PENDING_VALIDATION, ISSUED, INACTIVE, EXPIRED, VALIDATION_TIMED_OUT, REVOKED, FAILED
	FailureReason    string
	Type             string // IMPORTED, AMAZON_ISSUED, PRIVATE
	KeyAlgorithm     string // RSA_2048, EC_prime256v1, …, with the underscore of the API's enumeration
	AuthorityARN     string // private certificate authority
	ValidationMethod string // DNS, EMAIL, HTTP
	IdempotencyToken string
	Created          time.Time
	Issued           time.Time
	Imported         time.Time
	NotBefore        time.Time
	NotAfter         time.Time
	Tags             map[string]string

	// Pair is the key and chain of an imported certificate; nil for others, whose pair is made when it is first asked for.
	Pair *tls.Certificate
}

// Certificate finds a certificate by ARN.
func (t *Trust) Certificate(arn string) (*Certificate, bool) {
	c, ok := t.Certificates[arn]
	return c, ok
}

// AddCertificate adds or replaces a certificate under its ARN.
func (t *Trust) AddCertificate(c *Certificate) { put(&t.Certificates, c.ARN, c) }

// Authority is the certificate authority that signs all certificates of the account that are not imported.
func (t *Trust) Authority() *Authority { return &t.authority }

// TLSCertificate is what a listener serves for the ARN: chain and private key. The pair is made on first use, with an ECDSA
// P-256 key whatever algorithm ACM reports, because making RSA keys costs a good part of a second.
func (t *Trust) TLSCertificate(arn string) (*tls.Certificate, error) {
	c, ok := t.Certificates[arn]
	if !ok {
		return nil, &NotFoundError{"certificate", arn}
	}
	if c.Pair == nil {
		names := c.AlternativeNames
		if len(names) == 0 {
			names = []string{c.Domain}
		}
		pair, err := t.authority.Issue(names)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", arn, err)
		}
		c.Pair = pair
	}
	return c.Pair, nil
}
