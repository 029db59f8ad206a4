package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// AuthorityPEM is the certificate of an authority.
func AuthorityPEM(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TrustStoreLab has Gateway shop/web, which verifies clients by ConfigMap shop/ca at port 443, and the bucket "pki".
func TrustStoreLab(t *testing.T, profile account.Profile) (*Lab, *gatewayv1.Gateway, *corev1.ConfigMap, stack.Key) {
	t.Helper()
	g, class := Gateway("web", "alb", 443, gatewayv1.HTTPSProtocolType)
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Data: map[string]string{
		"ca.crt": AuthorityPEM(t, "first")}}
	g.Spec.TLS = &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{
		Default: gatewayv1.TLSConfig{Validation: &gatewayv1.FrontendTLSValidation{
			CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: "ca"}}}}}}
	l := New(t, profile, class, ca)
	l.Config.TrustStores.Bucket, l.Config.TrustStores.Prefix = "pki", "trust-stores"
	l.Sim.Account.Lock()
	l.Must(l.Sim.Account.Buckets.Make("pki"))
	l.Sim.Account.Unlock()
	certificates, err := l.Sim.Trust.ListCertificates(l.Context(), &acm.ListCertificatesInput{})
	l.Must(err)
	host := gatewayv1.Hostname(strings.Replace(aws.ToString(certificates.CertificateSummaryList[0].DomainName),
		"*", "web", 1))
	g.Spec.Listeners[0].Hostname = &host
	l.Must(l.Client.Create(l.Context(), g))
	l.Restart()
	return l, g, ca, GatewayKey(stack.GatewayALB, "web")
}
