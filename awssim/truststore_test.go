package awssim

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

func TestTheContentOfATrustStoreIsServedAtItsLocation(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, Options{Buckets: dir})
	bundle := wanted(s.CA())(t)
	if err := os.MkdirAll(filepath.Join(dir, "pki"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pki", "ca.pem"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	made := wanted(s.balancing.CreateTrustStore(t.Context(), &elb.CreateTrustStoreInput{
		Name: aws.String("clients"), CaCertificatesBundleS3Bucket: aws.String("pki"),
		CaCertificatesBundleS3Key: aws.String("ca.pem"),
	}))(t)
	if err := os.Remove(filepath.Join(dir, "pki", "ca.pem")); err != nil { // the trust store has a copy
		t.Fatal(err)
	}
	where := wanted(s.balancing.GetTrustStoreCaCertificatesBundle(t.Context(), &elb.GetTrustStoreCaCertificatesBundleInput{
		TrustStoreArn: made.TrustStores[0].TrustStoreArn}))(t)
	for url, status := range map[string]int{*where.Location: http.StatusOK, *where.Location + "x": http.StatusNotFound,
		s.url + "/_sim/truststores/none/0/bundle.pem": http.StatusNotFound} {
		resp := wanted(s.http.Get(url))(t)
		got := wanted(io.ReadAll(resp.Body))(t)
		_ = resp.Body.Close()
		if resp.StatusCode != status || status == http.StatusOK && !bytes.Equal(got, bundle) {
			t.Errorf("%s: %d %s", url, resp.StatusCode, got)
		}
	}
}
