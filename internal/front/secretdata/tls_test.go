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

	corev1 "k8s.io/api/core/v1"
)

func TestASecretWithoutACertificateIsRefusedByWhatItHolds(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]*corev1.Secret{
		"it is of type Opaque, not kubernetes.io/tls": {},
		"tls.crt holds no certificate in PEM":         {Type: corev1.SecretTypeTLS},
		"tls.crt holds a PRIVATE KEY": {Type: corev1.SecretTypeTLS, Data: map[string][]byte{
			"tls.crt": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}},
	} {
		pair, names, err := (*Pairs)(nil).TLS(s, nil)
		if err == nil || !strings.Contains(err.Error(), want) || pair != nil || names != nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestHugeCertificateIsRefused has a Secret whose certificate names thousands of hosts.
func TestHugeCertificateIsRefused(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	for i := range 5_000 {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("h%d.example.com", i))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: der})}}
	if _, _, err := (*Pairs)(nil).TLS(s, nil); err == nil || !strings.Contains(err.Error(), "ACM accepts 32768") {
		t.Error(err)
	}
}
