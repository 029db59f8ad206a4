package awssim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestObjectsArePutReadAndDeletedThroughTheSDK(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"in memory": {}, "in a folder": {Buckets: t.TempDir()}, "with signatures": {Verify: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options.Seed = guarded(t)
			options.Seed.IAM.Policies[len(options.Seed.IAM.Policies)-1].Document = json.RawMessage(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::pki/lbc/*"}]}`)
			s := serve(t, options)
			ctx, client := t.Context(), s3.NewFromConfig(s.as("AKIALBC", "lbc's", ""))
			bucket, key := aws.String("pki"), aws.String("lbc/my cluster/ca.pem")
			put := func() error {
				_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("content")})
				return err
			}
			if err := put(); apierr.CodeOf(err) != "NoSuchBucket" {
				t.Fatalf("without a bucket: %v", err)
			}
			s.Account.Lock()
			err := s.Account.Buckets.Make("pki")
			s.Account.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			if err := put(); err != nil {
				t.Fatal(err)
			}
			got := wanted(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))(t)
			if content := string(wanted(io.ReadAll(got.Body))(t)); content != "content" {
				t.Errorf("it holds %q", content)
			}
			if head := wanted(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key}))(t); aws.ToInt64(
				head.ContentLength) != 7 || aws.ToString(head.ETag) != aws.ToString(got.ETag) {
				t.Errorf("its head is %d, %s, not %s", aws.ToInt64(head.ContentLength), aws.ToString(head.ETag),
					aws.ToString(got.ETag))
			}
			for range 2 { // what is gone can be deleted
				if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}); apierr.CodeOf(err) != "NoSuchKey" {
				t.Errorf("after the deletion: %v", err)
			}
			_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("other"),
				Body: strings.NewReader("content")})
			wantDenial(t, err, "AccessDenied", http.StatusForbidden, "s3:PutObject")
		})
	}
}

func TestBucketsAreFoundInThePathAndInTheHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "pki"), 0o750); err != nil {
		t.Fatal(err)
	}
	s := serve(t, Options{Buckets: dir})
	for _, tt := range []struct{ name, host, path, body, sha string }{
		{"path", "", "/pki/a", "content", ""},
		{"virtual host", "pki.s3.eu-central-1.amazonaws.com", "/a", "content", ""},
		{"localhost", "pki.localhost:80", "/a", "content", ""},
		{"chunks", "", "/pki/a", "4;chunk-signature=x\r\ncont\r\n3\r\nent\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n",
			"STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
	} {
		r := wanted(http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+tt.path+"?x-id=PutObject",
			strings.NewReader(tt.body)))(t)
		r.Host = tt.host
		r.Header.Set("X-Amz-Content-Sha256", tt.sha)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/"+s.Account.Region+
			"/s3/aws4_request, SignedHeaders=host, Signature=x")
		resp := wanted(s.http.Do(r))(t)
		answer := wanted(io.ReadAll(resp.Body))(t)
		_ = resp.Body.Close()
		got, err := os.ReadFile(filepath.Join(dir, "pki", "a"))
		if resp.StatusCode != http.StatusOK || err != nil || !bytes.Equal(got, []byte("content")) {
			t.Errorf("%s: %s %s; the object holds %q, %v", tt.name, resp.Status, answer, got, err)
		}
		_ = os.Remove(filepath.Join(dir, "pki", "a"))
	}
}

func TestATrustStoreIsMadeOfAnObjectThatWasPut(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	s.Account.Lock()
	err := s.Account.Buckets.Make("pki")
	s.Account.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	bundle := wanted(s.CA())(t)
	wanted(s.Storage.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("pki"), Key: aws.String("ca.pem"),
		Body: bytes.NewReader(bundle)}))(t)
	made := wanted(s.balancing.CreateTrustStore(t.Context(), &elb.CreateTrustStoreInput{
		Name: aws.String("clients"), CaCertificatesBundleS3Bucket: aws.String("pki"),
		CaCertificatesBundleS3Key: aws.String("ca.pem"),
	}))(t)
	if n := aws.ToInt32(made.TrustStores[0].NumberOfCaCertificates); n != 1 {
		t.Errorf("it has %d certificates", n)
	}
}
