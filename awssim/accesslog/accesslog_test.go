package accesslog_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

var noon = time.Date(2026, 3, 4, 12, 34, 56, 789012000, time.UTC)

func full() accesslog.Request {
	return accesslog.Request{
		Type: "h2", Time: noon, LoadBalancer: "app/web/50dc6c495c0c9188",
		Client: netip.MustParseAddrPort("203.0.113.7:2817"), Target: netip.MustParseAddrPort("10.0.0.1:80"),
		RequestTime: time.Millisecond, TargetTime: 48 * time.Millisecond, ResponseTime: 37 * time.Millisecond,
		Status: 200, TargetStatus: 201, Received: 34, Sent: 366,
		Method: "GET", URL: "https://www.example.com:443/a?b=c", Protocol: "HTTP/2.0", UserAgent: "curl/7.46.0",
		Cipher: "ECDHE-RSA-AES128-GCM-SHA256", TLSVersion: "TLSv1.2", TargetGroup: "arn:tg",
		TraceID: "Root=1-58337364-23a8c76965a2ef7629b185e3",
		Domain:  "www.example.com", Certificate: "arn:cert", Priority: 7, Created: noon.Add(-time.Second),
		Actions: []string{"authenticate", "forward"}, RedirectURL: "https://x/", ErrorReason: "AuthInvalidCookie",
		Classification: "Acceptable", ClassificationReason: "SpaceInUri", ConnectionTrace: "TID_1234", TransformedHost: "h",
		TransformedURI: "/u", TransformStatus: "TransformSuccess",
	}
}

func TestEveryFieldOfARequestIsWhereAWSWritesIt(t *testing.T) {
	t.Parallel()
	r := full()
	for i, want := range []string{
		"h2", "2026-03-04T12:34:56.789012Z", "app/web/50dc6c495c0c9188", "203.0.113.7:2817", "10.0.0.1:80", "0.001",
		"0.048", "0.037",
		"200", "201", "34", "366", `"GET https://www.example.com:443/a?b=c HTTP/2.0"`, `"curl/7.46.0"`,
		"ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2",
		"arn:tg", `"Root=1-58337364-23a8c76965a2ef7629b185e3"`, `"www.example.com"`, `"arn:cert"`, "7",
		"2026-03-04T12:34:55.789012Z",
		`"authenticate,forward"`, `"https://x/"`, `"AuthInvalidCookie"`, `"10.0.0.1:80"`, `"201"`, `"Acceptable"`,
		`"SpaceInUri"`, "TID_1234",
		`"h"`, `"/u"`, `"TransformSuccess"`,
	} {
		if got := fields(r.Line())[i]; got != want {
			t.Errorf("field %d: %s, want %s", i+1, got, want)
		}
	}
	if n := len(fields(r.Line())); n != 33 {
		t.Errorf("%d fields", n)
	}
}

// fields splits a line at spaces outside quotes.
func fields(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return c == ' ' && !quoted
	})
}

func TestWhatARequestLacksIsWrittenAsAWSDoes(t *testing.T) {
	t.Parallel()
	r := accesslog.Request{Type: "http", Time: noon, Created: noon, LoadBalancer: "app/a/1",
		Client:      netip.MustParseAddrPort("[2001:db8::1]:1"),
		RequestTime: -1, TargetTime: -1, ResponseTime: -1, Priority: accesslog.NoRule, UserAgent: "a\"b\\c\x01é"}
	const want = `http 2026-03-04T12:34:56.789012Z app/a/1 [2001:db8::1]:1 - -1 -1 -1 000 - 0 0 "- - - " "a\x22b\x5Cc\x01\xC3\xA9" - - - "-" "-" "-" - ` +
		`2026-03-04T12:34:56.789012Z "-" "-" "-" "-" "-" "-" "-" - "-" "-" "-"`
	if got := r.Line(); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	for p, want := range map[accesslog.Priority]string{accesslog.RuleFailed: "-1", accesslog.DefaultOne: "0",
		50000: "50000"} {
		r.Priority = p
		if got := fields(r.Line())[20]; got != want {
			t.Errorf("priority %d is written as %s", p, got)
		}
	}
	r.UserAgent = strings.Repeat("x", 9000)
	if got := len(fields(r.Line())[13]); got != 8192+2 {
		t.Errorf("a long user agent takes %d bytes", got)
	}
}

func TestConnectionsAndChecksAreLinesToo(t *testing.T) {
	t.Parallel()
	c := accesslog.Connection{Time: noon, Client: netip.MustParseAddrPort("203.0.113.7:2817"), ListenerPort: 443,
		TLSVersion: "TLSv1.3",
		Cipher:     "TLS_AES_128_GCM_SHA256", Handshake: 12 * time.Millisecond, Subject: "CN=a, O=b", NotBefore: noon,
		NotAfter: noon.Add(time.Hour),
		Serial:   "0A", Verified: "Success", TraceID: "TID_1", KeyExchange: "x25519"}
	k := accesslog.Check{Type: "http", Time: noon, Latency: 19 * time.Millisecond, Target: netip.MustParseAddrPort(
		"10.0.0.1:80"), TargetGroup: "web", Status: 500, Reason: "ResponseCodeMismatch"}
	for got, want := range map[string]string{
		c.Line(): `2026-03-04T12:34:56.789012Z 203.0.113.7 2817 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.012 "CN=a, O=b" NotBefore=2026-03-04T12:34:56Z;NotAfter=2026-03-04T13:34:56Z 0A Success TID_1 x25519`,
		k.Line(): `http 2026-03-04T12:34:56.789012Z 0.019 10.0.0.1:80 web FAIL 500 ResponseCodeMismatch`,
	} {
		if got != want {
			t.Errorf("\n%s\nwant\n%s", got, want)
		}
	}
	if got := (&accesslog.Connection{Time: noon, Client: c.Client, ListenerPort: 443,
		Verified: "Failed:ClientCertUntrusted"}).Line(); got !=
		`2026-03-04T12:34:56.789012Z 203.0.113.7 2817 443 - - - "-" - - Failed:ClientCertUntrusted - -` {
		t.Error(got)
	}
}

func TestLinesAreDeliveredUnderAWSsKeyAtEachIntervalAndAtTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := clock.NewStepped(noon)
	n := uint64(0)
	w := accesslog.New(accesslog.Options{Directory: dir, Account: "123456789012", Region: "us-west-2", Clock: c,
		Random: func() uint64 { n++; return n }, Logf: t.Errorf})
	access := accesslog.Stream{Bucket: "logs", Prefix: "team/a", LoadBalancer: "app/web/1f",
		Node: netip.MustParseAddr("10.0.0.4")}
	connections := access
	connections.Kind, connections.Prefix = accesslog.Connections, ""
	w.Add(access, "one")
	w.Add(access, "two")
	w.Add(connections, "hello")
	w.Add(accesslog.Stream{}, "dropped")
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("delivered at once: %v", got)
	}
	c.Advance(accesslog.DeliveryInterval)
	got := files(t, dir)
	for name, want := range map[string]string{
		"logs/team/a/AWSLogs/123456789012/elasticloadbalancing/us-west-2/2026/03/04/123456789012_elasticloadbalancing_us-west-2_app.web.1f_20260304T1239Z_10.0.0.4_":   "one\ntwo\n",
		"logs/AWSLogs/123456789012/elasticloadbalancing/us-west-2/2026/03/04/conn_log_123456789012_elasticloadbalancing_us-west-2_app.web.1f_20260304T1239Z_10.0.0.4_": "hello\n",
	} {
		i := slices.IndexFunc(got, func(f file) bool { return strings.HasPrefix(f.name, name) })
		if i < 0 || got[i].text != want || !strings.HasSuffix(got[i].name, ".log.gz") {
			t.Errorf("%s is not among %v", name, got)
		}
	}
	w.Add(access, "three")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Add(access, "late")
	c.Advance(time.Hour)
	if got := files(t, dir); len(got) != 3 {
		t.Errorf("%d files, want 3: %v", len(got), got)
	}
	if c.Pending() != 0 {
		t.Error("a timer is left behind")
	}
}

func TestNoBucketLeadsOutOfTheFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"..", "a/b", "/etc", `a\b`, "."} {
		w := accesslog.New(accesslog.Options{Directory: t.TempDir()})
		w.Add(accesslog.Stream{Bucket: name, LoadBalancer: "app/a/1"}, "x")
		err := w.Close()
		if name == "." {
			continue // the folder itself
		}
		if err == nil || !strings.Contains(err.Error(), "bucket") {
			t.Errorf("%q: %v", name, err)
		}
	}
	w := accesslog.New(accesslog.Options{Directory: t.TempDir()})
	w.Add(accesslog.Stream{Bucket: "b", Prefix: "../../x", LoadBalancer: "app/a/1"}, "x")
	if err := w.Close(); err == nil {
		t.Error("a prefix led out of the bucket")
	}
}

type file struct{ name, text string }

func files(t *testing.T, dir string) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(z)
		name, _ := filepath.Rel(dir, path)
		out = append(out, file{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
