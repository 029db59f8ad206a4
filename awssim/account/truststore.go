package account

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// TrustStore is a set of certificate authorities for mutual TLS, with what they revoked.
type TrustStore struct {
	ARN            string
	Name           string
	ActiveAt       time.Time           // until then it is being created
	Bundle         []byte              // the authorities' certificates in PEM, as they were uploaded
	Authorities    []*x509.Certificate // those of Bundle; replaced, never changed
	Revocations    []*Revocation       // in the order of their ids
	LastRevocation int64               // id of the newest revocation that there ever was
	Policy         string              // resource policy of a shared trust store, in JSON; empty: none
	Consumers      []string            // ARNs of load balancers of other accounts that verify clients with it
	Seq            uint64
	Tags           map[string]string
}

// Revocation is one file of revoked certificates. It does not change.
type Revocation struct {
	ID      int64
	Content []byte // as uploaded, in PEM
	Entries int64  // revoked certificates

	revoked map[serial]bool
}

// serial is the identity of a certificate: its issuer's name, in DER, and its number.
type serial struct{ issuer, number string }

// NewRevocation is the revocation of the certificates in the lists; content is their PEM form.
func NewRevocation(id int64, content []byte, lists []*x509.RevocationList) *Revocation {
	r := &Revocation{ID: id, Content: content, revoked: map[serial]bool{}}
	for _, l := range lists {
		r.Entries += int64(len(l.RevokedCertificateEntries))
		for _, e := range l.RevokedCertificateEntries {
			r.revoked[serial{string(l.RawIssuer), string(e.SerialNumber.Bytes())}] = true
		}
	}
	return r
}

// Revokes reports whether that certificate is revoked.
func (r *Revocation) Revokes(c *x509.Certificate) bool {
	return r.revoked[serial{string(c.RawIssuer), string(c.SerialNumber.Bytes())}]
}

// StatusAt is the trust store's status at that time: CREATING or ACTIVE.
func (t *TrustStore) StatusAt(now time.Time) string {
	if now.Before(t.ActiveAt) {
		return "CREATING"
	}
	return "ACTIVE"
}

// Revokes reports whether one of its revocations names that certificate.
func (t *TrustStore) Revokes(c *x509.Certificate) bool {
	return slices.ContainsFunc(t.Revocations, func(r *Revocation) bool { return r.Revokes(c) })
}

// RevokedEntries is the number of certificates that its revocations name.
func (t *TrustStore) RevokedEntries() int64 {
	n := int64(0)
	for _, r := range t.Revocations {
		n += r.Entries
	}
	return n
}

// Pool is a certificate pool of its authorities.
func (t *TrustStore) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range t.Authorities {
		pool.AddCert(c)
	}
	return pool
}

// AddTrustStore files a trust store by its ARN.
func (b *Balancing) AddTrustStore(t *TrustStore) {
	t.Seq = b.next()
	resource.Put(&b.TrustStores, t.ARN, t)
}

// TrustStoresInOrder is every trust store in the order of creation.
func (b *Balancing) TrustStoresInOrder() []*TrustStore {
	return inOrder(b.TrustStores, func(t *TrustStore) uint64 { return t.Seq })
}

// TrustStoreUsers is the listeners that verify clients with that trust store, in the order of creation.
func (b *Balancing) TrustStoreUsers(arn string) []*Listener {
	return slices.DeleteFunc(b.ListenersInOrder(), func(l *Listener) bool { return l.MutualTLS.TrustStore != arn })
}
