package secretdata

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// secretFor is a Secret with a certificate for a host, valid in the year 2026.
func secretFor(t *testing.T, host string) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: from,
		NotAfter: from.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}}
}

// TestPairsReadContentOnce has Secrets of the same content, of changed content, and with an expired certificate.
func TestPairsReadContentOnce(t *testing.T) {
	t.Parallel()
	p, s := &Pairs{}, secretFor(t, "a.test")
	at := func(year int) func() time.Time {
		return func() time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	}
	first, _, err := p.TLS(s, at(2026))
	if err != nil {
		t.Fatal(err)
	}
	again, names, err := p.TLS(s.DeepCopy(), at(2026))
	if err != nil || again != first || fmt.Sprint(names) != "[a.test]" {
		t.Errorf("the same content is read anew: %v, %v", names, err)
	}
	if _, _, err := p.TLS(s, at(2027)); err == nil || !strings.Contains(err.Error(), "certificate expired on") {
		t.Errorf("after its end: %v", err)
	}
	other := secretFor(t, "b.test")
	if _, names, err := p.TLS(other, nil); err != nil || fmt.Sprint(names) != "[b.test]" {
		t.Errorf("another Secret: %v, %v", names, err)
	}
	s.Data[corev1.TLSPrivateKeyKey] = other.Data[corev1.TLSPrivateKeyKey]
	for range 2 {
		if _, _, err := p.TLS(s, nil); err == nil || !strings.Contains(err.Error(), "is not the key") {
			t.Errorf("with another key: %v", err)
		}
	}
}

// TestPairsAreBounded has more Secrets than are remembered. One that is read all the time stays.
func TestPairsAreBounded(t *testing.T) {
	t.Parallel()
	p, s := &Pairs{}, secretFor(t, "a.test")
	first, _, err := p.TLS(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * mostPairs {
		other := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{corev1.TLSCertKey: fmt.Append(nil, i)}}
		if _, _, err := p.TLS(other, nil); err == nil {
			t.Fatal("it is accepted")
		}
		if again, _, _ := p.TLS(s, nil); again != first {
			t.Fatalf("after %d others it is read anew", i)
		}
	}
	if n := len(p.used) + len(p.former); n > 2*mostPairs {
		t.Errorf("%d are remembered", n)
	}
}

// TestLongKeysAreRefusedUnread has a key that takes seconds to verify.
func TestLongKeysAreRefusedUnread(t *testing.T) {
	t.Parallel()
	s := secretFor(t, "a.test")
	s.Data[corev1.TLSPrivateKeyKey] = append(s.Data[corev1.TLSPrivateKeyKey], make([]byte, maxKey)...)
	if _, _, err := (*Pairs)(nil).TLS(s, nil); err == nil || !strings.Contains(err.Error(), "ACM accepts 5120") {
		t.Error(err)
	}
}
