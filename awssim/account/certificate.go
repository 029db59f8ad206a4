package account

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/pki"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Trust is the certificates of the account, by ARN. Its methods need the account's lock, except those of Authority.
type Trust struct {
	Certificates map[string]*Certificate
	// CertificateRequests and CertificateImports are when certificates were, in the last 365 days.
	CertificateRequests, CertificateImports []time.Time
	PrivateAuthorities                      map[string]bool // ARNs of the private authorities that exist; nil: all do

	authority pki.Authority
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
	// a pending certificate is issued then, whatever DNS has; zero: when DNS proves its owner
	IssuesAt time.Time
	// preference for logging to certificate transparency logs: ENABLED, DISABLED; "" as ENABLED
	Transparency     string
	Export           string            // ENABLED, DISABLED; "" as DISABLED
	ValidationDomain map[string]string // by name, for validation by mail
	Renewed          time.Time
	NotBefore        time.Time
	NotAfter         time.Time
	Tags             map[string]string

	// Pair is the key and chain of an imported certificate; nil for others, whose pair is created at first use.
	Pair *tls.Certificate
}

// CertificateUsers are the ARNs of the load balancers whose listeners serve the certificate, in ascending order.
func (a *Account) CertificateUsers(arn string) []string {
	return slices.Sorted(maps.Keys(a.users[arn]))
}

// OnRelease has f called, under the lock, when no listener of a load balancer serves a certificate any more.
func (a *Account) OnRelease(f func(certificate, loadBalancer string)) {
	a.released = append(a.released, f)
}

// Serve sets the certificates of a listener: the default one, empty without TLS, and those chosen by server name.
func (a *Account) Serve(l *Listener, certificate string, others []string) {
	before := served(l)
	l.Certificate, l.Certificates = certificate, others
	a.use(l, served(l), 1)
	a.use(l, before, -1)
}

// served are the ARNs of the certificates of a listener.
func served(l *Listener) []string {
	all := append([]string{l.Certificate}, l.Certificates...)
	slices.Sort(all)
	return slices.Compact(all)
}

// use counts that a listener serves certificates (by = 1), or no longer does (by = -1).
func (a *Account) use(l *Listener, certificates []string, by int) {
	if a.users == nil {
		a.users = map[string]map[string]int{}
	}
	lb := l.LoadBalancer.ARN
	for _, arn := range certificates {
		if arn == "" {
			continue
		}
		of := a.users[arn]
		if of == nil {
			of = map[string]int{}
			a.users[arn] = of
		}
		if of[lb] += by; of[lb] > 0 {
			continue
		}
		if delete(of, lb); len(of) == 0 {
			delete(a.users, arn)
		}
		for _, f := range a.released {
			f(arn, lb)
		}
	}
}

// Certificate finds a certificate by ARN, in its state of now.
func (a *Account) Certificate(arn string) (*Certificate, bool) {
	c, ok := a.Certificates[arn]
	if ok {
		a.settle(c)
	}
	return c, ok
}

// AddCertificate adds or replaces a certificate under its ARN.
func (t *Trust) AddCertificate(c *Certificate) { resource.Put(&t.Certificates, c.ARN, c) }

// Authority is the certificate authority that signs all certificates of the account that are not imported.
func (t *Trust) Authority() *pki.Authority { return &t.authority }

// TLSCertificate is what a listener serves for the ARN: chain and private key. The pair is created on first use, with a
// key of the algorithm that ACM reports; without one, RSA_2048, which is ACM's default.
func (t *Trust) TLSCertificate(arn string) (*tls.Certificate, error) {
	c, ok := t.Certificates[arn]
	if !ok {
		return nil, resource.NotFound("certificate", arn)
	}
	if c.Pair == nil {
		names := c.AlternativeNames
		if len(names) == 0 {
			names = []string{c.Domain}
		}
		pair, err := t.authority.Issue(names, cmp.Or(c.KeyAlgorithm, pki.RSA2048))
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", arn, err)
		}
		c.Pair = pair
	}
	return c.Pair, nil
}
