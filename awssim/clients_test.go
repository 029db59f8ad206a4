package awssim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// selfSigned is a certificate that is its own authority.
func selfSigned(t *testing.T, serial int64) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key := wanted(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der := wanted(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return wanted(x509.ParseCertificate(der))(t), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestAListenerVerifiesItsClientsByTrustStoreAndLogsThem(t *testing.T) {
	t.Parallel()
	buckets := t.TempDir()
	s := serve(t, Options{DataPlane: true, LogDirectory: buckets, LogInterval: time.Hour})
	trusted, shown := selfSigned(t, 1)
	revoked, shownRevoked := selfSigned(t, 2)
	list := &x509.RevocationList{RawIssuer: revoked.RawIssuer, RevokedCertificateEntries: []x509.RevocationListEntry{
		{SerialNumber: big.NewInt(2)}}}
	store := &account.TrustStore{
		ARN: "arn:aws:elasticloadbalancing:" + s.Account.Region + ":" + s.Account.ID +
			":truststore/clients/0123456789abcdef",
		Name:        "clients",
		Authorities: []*x509.Certificate{trusted, revoked},
		Revocations: []*account.Revocation{account.NewRevocation(1, nil, []*x509.RevocationList{list})},
	}
	s.Account.Lock()
	s.Account.AddTrustStore(store)
	s.Account.Unlock()
	w := s.web(t)
	w.allow(t, 443)
	wanted(s.balancing.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: aws.String(w.lb), Attributes: []elbtypes.LoadBalancerAttribute{
			{Key: aws.String("connection_logs.s3.enabled"), Value: aws.String("true")},
			{Key: aws.String("connection_logs.s3.bucket"), Value: aws.String("logs")},
		}}))(t)
	certificate := wanted(s.trust.ListCertificates(t.Context(), &acm.ListCertificatesInput{}))(t).CertificateSummaryList[0]
	w.listen(t, elb.CreateListenerInput{
		Protocol: "HTTPS", Port: aws.Int32(443), Certificates: []elbtypes.Certificate{
			{CertificateArn: certificate.CertificateArn}},
		MutualAuthentication: &elbtypes.MutualAuthenticationAttributes{Mode: aws.String("verify"),
			TrustStoreArn: aws.String(store.ARN)},
	})
	for name, tc := range map[string]struct {
		shown tls.Certificate
		want  bool
	}{"trusted": {shown, true}, "revoked": {shownRevoked, false}} {
		client := s.client(t)
		config := client.Transport.(*http.Transport).TLSClientConfig
		config.InsecureSkipVerify, config.Certificates = true, []tls.Certificate{tc.shown}
		req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+w.dnsName+"/", nil))(t)
		resp, err := client.Do(req)
		if (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	if err := s.logs.Flush(); err != nil {
		t.Fatal(err)
	}
	pattern := filepath.Join(buckets, "logs", "AWSLogs", s.Account.ID, "elasticloadbalancing", s.Account.Region, "*", "*",
		"*", "conn_log_*app.web.*.log.gz")
	if got := wanted(filepath.Glob(pattern))(t); len(got) == 0 {
		t.Errorf("no file is like %s", pattern)
	}
}
