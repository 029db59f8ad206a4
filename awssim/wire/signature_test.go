package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The SDK's signer is the oracle: what it signs must be taken, whatever the request looks like, and nothing else.
func TestSignaturesCoverTheWholeRequest(t *testing.T) {
	t.Parallel()
	noon, err := time.Parse(signedTime, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	credentials := aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}
	s := &Server{options: Options{Secret: func(string) (string, bool) { return "secret", true },
		Now: func() time.Time { return noon }}}
	judge := func(r *http.Request, body string) problem {
		// as the server reads it
		q := httptest.NewRequestWithContext(context.Background(), r.Method, r.URL.RequestURI(), strings.NewReader(body))
		q.Host, q.Header = r.Host, r.Header.Clone()
		read, err := read(q)
		if err != nil {
			t.Fatal(err)
		}
		return s.verify(read, scopeOf(read))
	}
	for name, tt := range map[string]struct {
		method, url, body string
		header            http.Header
	}{
		"a form": {"POST", "http://ec2.us-west-2.amazonaws.com/", "Action=DescribeVpcs", http.Header{
			"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}},
		"no path": {"POST", "http://127.0.0.1:4580", "{}", http.Header{
			"X-Amz-Target": {"CertificateManager.ListCertificates"}}},
		"CBOR": {"POST", "http://127.0.0.1:4580/" + tagging + "GetResources", "\xa1cKey\xff", http.Header{
			"Smithy-Protocol": {"rpc-v2-cbor"}, "Content-Type": {"application/cbor"}}},
		"an escaped path": {"GET", "http://route53.amazonaws.com/2013-04-01/tags/hostedzone/a%2Fb%20c", "", nil},
		"a query": {
			"GET", "http://route53.amazonaws.com/2013-04-01/hostedzone?maxitems=3&marker=b+c&marker=a%2B&empty=", "", nil},
		"spaces in headers": {"POST", "http://acm.us-west-2.amazonaws.com/", "{}", http.Header{
			"X-Amz-Meta": {"  a   b ", "c"}}},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, bytes.NewBufferString(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range tt.header {
			request.Header[k] = v
		}
		hash := sha256.Sum256([]byte(tt.body))
		payload := hex.EncodeToString(hash[:])
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, payload, "ec2", "us-west-2", noon); err != nil {
			t.Fatal(err)
		}
		if p := judge(request, tt.body); p != noProblem {
			t.Errorf("%s: problem %d", name, p)
		}
		for part, change := range map[string]func(r *http.Request) string{
			"the method": func(r *http.Request) string { r.Method = http.MethodPut; return tt.body },
			"the path":   func(r *http.Request) string { r.URL.Path, r.URL.RawPath = r.URL.Path+"/x", ""; return tt.body },
			"the query":  func(r *http.Request) string { r.URL.RawQuery += "&x=y"; return tt.body },
			"the host":   func(r *http.Request) string { r.Host, r.URL.Host = "elsewhere", "elsewhere"; return tt.body },
			"the body":   func(*http.Request) string { return tt.body + " " },
			"the time":   func(r *http.Request) string { r.Header.Set("X-Amz-Date", "20260102T120001Z"); return tt.body },
			"the scope": func(r *http.Request) string {
				r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/us-west-2/", "/us-west-1/", 1))
				return tt.body
			},
			"the names of headers": func(r *http.Request) string {
				r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "SignedHeaders=",
					"SignedHeaders=accept;", 1))
				return tt.body
			},
			"a header": func(r *http.Request) string {
				for k := range tt.header {
					r.Header.Set(k, "application/x-www-form-urlencoded")
				}
				if tt.header == nil {
					r.Header.Set("X-Amz-Date", "20260102T120002Z")
				}
				return tt.body
			},
		} {
			tampered := request.Clone(t.Context())
			if p := judge(tampered, change(tampered)); p != wrongSignature {
				t.Errorf("%s, another value of %s: problem %d", name, part, p)
			}
		}
		bare := request.Clone(t.Context())
		bare.Header.Set("Authorization", strings.Replace(bare.Header.Get("Authorization"), "host;", "", 1))
		if p := judge(bare, tt.body); p != badSignature {
			t.Errorf("%s, without its host: problem %d", name, p)
		}
	}
}

func TestASignatureInAURLHasALifetime(t *testing.T) {
	t.Parallel()
	noon, err := time.Parse(signedTime, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	credentials := aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}
	empty := sha256.Sum256(nil)
	for name, tt := range map[string]struct {
		expires string
		age     time.Duration
		want    problem
	}{
		"at once":                {"60", 0, noProblem},
		"in its last second":     {"60", time.Minute, noProblem},
		"after its last second":  {"60", time.Minute + time.Second, skewed},
		"without a life, young":  {"", 15 * time.Minute, noProblem},
		"without a life, old":    {"", 15*time.Minute + time.Second, skewed},
		"from the future":        {"60", -5*time.Minute - time.Second, skewed},
		"a life that is none":    {"long", 0, badSignature},
		"a life before its time": {"-1", 0, badSignature},
	} {
		query := "Action=GetCallerIdentity&Version=2011-06-15"
		if tt.expires != "" {
			query += "&X-Amz-Expires=" + tt.expires
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sts.us-west-2.amazonaws.com/?"+query,
			nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, request, hex.EncodeToString(empty[:]), "sts",
			"us-west-2", noon)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{options: Options{Secret: func(string) (string, bool) { return "secret", true },
			Now: func() time.Time { return noon.Add(tt.age) }}}
		r, err := read(httptest.NewRequestWithContext(t.Context(), http.MethodGet, signed, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.verify(r, scopeOf(r)); got != tt.want {
			t.Errorf("%s: problem %d, want %d", name, got, tt.want)
		}
	}
}
