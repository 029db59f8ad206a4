package dataplane_test

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/webacl"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// withLogs makes a plane write its logs; the function that it returns ends the logs and reads the lines of a kind.
func withLogs(t *testing.T) (option func(*dataplane.Options), lines func(kind string) []string) {
	t.Helper()
	folder := t.TempDir()
	logs := accesslog.New(accesslog.Options{Directory: folder, Account: "123456789012", Region: "us-west-2",
		Interval: time.Hour, Logf: t.Errorf})
	return func(o *dataplane.Options) { o.Logs = logs }, func(kind string) []string {
		t.Helper()
		if err := logs.Close(); err != nil {
			t.Fatal(err)
		}
		var out []string
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), kind) {
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
			out = append(out, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func bucket(log string) map[string]string {
	return map[string]string{log + ".s3.enabled": "true", log + ".s3.bucket": "logs", log + ".s3.prefix": "p"}
}

// fieldsOf splits a line at spaces outside quotes and drops the quotes.
func fieldsOf(line string) []string {
	quoted := false
	fields := strings.FieldsFunc(line, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return c == ' ' && !quoted
	})
	for i := range fields {
		fields[i] = strings.Trim(fields[i], `"`)
	}
	return fields
}

func TestEachRequestIsALineOfTheAccessLog(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.group("empty", "HTTP")
	redirect := []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443",
		StatusCode: "HTTP_301"}}}
	rewritten := onPath(4, "/re/*", forward("a"))
	rewritten.Transforms = []stack.Transform{
		{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/re/", Replace: "/"}}}}
	broken := onPath(5, "/bad/*", forward("a"))
	broken.Transforms = []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/", Replace: ""}}}}
	l := listener(443, "HTTPS", notFound())
	l.Certificates = []topology.Certificate{certificate(t, "web-1.us-west-2.elb.amazonaws.com")}
	l.SSLPolicy = "ELBSecurityPolicy-TLS13-1-3-2021-06"
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound(), onPath(1, "/a/*", forward("a")),
		onPath(2, "/r/*", redirect),
		onPath(3, "/e/*", forward("empty")), rewritten, broken), l).Attributes = bucket("access_logs")
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.raw()
	for _, r := range []string{
		"GET /a/1?x=y HTTP/1.1\r\nHost: h:80\r\nUser-Agent: t\r\nX-Amzn-Trace-Id: Root=1-2-3\r\n\r\n",
		"POST /a/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345",
		"GET /r/x HTTP/1.1\r\nHost: h\r\n\r\n", "GET /e/x HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /re/x HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /bad/x HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/status/500 HTTP/1.1\r\nHost: h\r\n\r\n",
		"DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	} {
		c.send(r)
		c.receive(strings.Fields(r)[0])
	}
	w.get(w.client(), secureBase+"/s")
	w.plane.Close()

	group := groupARN("a")
	byURL := map[string][]string{}
	for _, line := range lines("123456789012_") {
		f := fieldsOf(line)
		if len(f) != 33 {
			t.Fatalf("%d fields: %s", len(f), line)
		}
		byURL[f[12]] = f
	}
	for url, want := range map[string]map[int]string{
		"GET http://h:80/a/1?x=y HTTP/1.1": {1: "http", 4: `203\.0\.113\.1:\d+`, 5: `10\.0\.1\.5:8080`, 6: `0\.\d{3}`,
			7: `\d\.\d{3}`, 8: `\d\.\d{3}`, 9: "200", 10: "200", 11: "81", 12: `\d{3}`,
			14: "t", 15: "-", 16: "-", 17: regexp.QuoteMeta(group), 18: "Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-2-3", 19: "-",
			20: "-", 21: "1", 23: "forward", 24: "-", 25: "-", 26: `10\.0\.1\.5:8080`, 27: "200", 28: "-", 29: "-",
			30: "TID_[0-9a-f]{32}", 31: "-", 32: "-", 33: "-"},
		"POST http://h:80/a/2 HTTP/1.1": {11: "55", 21: "1"},
		"GET http://h:80/r/x HTTP/1.1": {5: "-", 6: "-1", 7: "-1", 8: "-1", 18: "Root=1-[0-9a-f]{8}-[0-9a-f]{24}", 9: "301",
			10: "-", 17: "-", 21: "2", 23: "redirect", 24: "https://h:443/r/x"},
		"GET http://h:80/e/x HTTP/1.1": {5: "-", 9: "503", 10: "-", 17: regexp.QuoteMeta(groupARN("empty")), 21: "3",
			23: "forward"},
		"GET http://h:80/re/x HTTP/1.1":  {9: "200", 21: "4", 31: "h", 32: "/x", 33: "TransformSuccess"},
		"GET http://h:80/bad/x HTTP/1.1": {9: "500", 21: "5", 33: "TransformInvalidPath"},
		"DELETE http://h:80/ HTTP/1.1":   {9: "400", 21: "-", 23: "-", 28: "Severe", 29: "MultipleContentLength"},
		"GET https://web-1.us-west-2.elb.amazonaws.com:443/s HTTP/2.0": {1: "h2", 9: "404", 15: "TLS_.*", 16: "TLSv1.3",
			19: `web-1\.us-west-2\.elb\.amazonaws\.com`,
			20: "arn:web-1.*", 21: "0", 23: "fixed-response"},
	} {
		f := byURL[url]
		if f == nil {
			t.Errorf("there is no line for %s among %v", url, byURL)
			continue
		}
		for n, pattern := range want {
			if !regexp.MustCompile("^" + pattern + "$").MatchString(f[n-1]) {
				t.Errorf("%s: field %d is %q, want %s", url, n, f[n-1], pattern)
			}
		}
	}
}

func TestAClientThatGoesIsLoggedAs460(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	arrived, gone := make(chan bool), make(chan bool)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- true
			<-r.Context().Done()
			close(gone)
		}
	}))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = bucket("access_logs")
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.raw()
	c.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	_ = c.Close()
	<-gone
	w.plane.Close()
	got := lines("123456789012_")
	if len(got) != 1 || fieldsOf(got[0])[8] != "460" || fieldsOf(got[0])[9] != "-" {
		t.Errorf("%q", got)
	}
}

func TestConnectionsAndChecksAreLogged(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	root := issue(t, nil, "root", isCA)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5").HealthCheck.Path = "/status/204"
	w.topo.TargetGroups[0].HealthCheck.Matcher = "204"
	l := listener(443, "HTTPS", forward("a"))
	l.Certificates = []topology.Certificate{certificate(t, "a.b")}
	l.SSLPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	l.Clients = topology.ClientAuth{Mode: "verify", Authorities: []*x509.Certificate{root.cert}}
	lb := w.balancer("web", stack.Application, l)
	lb.Attributes = bucket("connection_logs")
	for k, v := range bucket("health_check_logs") {
		lb.Attributes[k] = v
	}
	w.update()
	w.await("10.0.1.5", "healthy")
	w.get(w.withCertificate(issue(t, root, "client", nil).pair()), secureBase+"/")
	stranger := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{
		*issue(t, nil, "stranger", nil).pair()}})
	_ = stranger.Handshake()
	_, _ = io.ReadAll(stranger)
	w.plane.Close()

	var outcomes []string
	for _, line := range lines("conn_log_") {
		f := fieldsOf(line)
		outcomes = append(outcomes, fmt.Sprintf("%d %s %s %s %s", len(f), f[3], f[4], f[7], f[10]))
	}
	if got := strings.Join(outcomes, "|"); got !=
		"13 443 TLSv1.3 CN=client,O=Example Success|13 443 - CN=stranger,O=Example Failed:ClientCertUntrusted" {
		t.Error(got)
	}
	checks := lines("health_check_log_")
	if len(checks) == 0 || !regexp.MustCompile(`^http \S+Z 0\.\d{3} 10\.0\.1\.5:8080 a PASS 204 -$`).MatchString(
		checks[0]) {
		t.Errorf("%q", checks)
	}
}

func TestAClientThatGoesWithinItsHeadIsLoggedAs000(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound())).Attributes = bucket("access_logs")
	w.update()
	c := w.raw()
	c.send("GET /slow HTTP/1.1\r\nHost:")
	_ = c.Close()
	w.within("the connection is over", func() bool {
		return w.count("NewConnectionCount") == 1 && w.count("ActiveConnectionCount") == 0
	})
	w.plane.Close()
	got := lines("123456789012_")
	if len(got) != 1 {
		t.Fatalf("%q", got)
	}
	if f := fieldsOf(got[0]); len(f) != 33 || f[8] != "000" || f[9] != "-" || f[10] != "25" || f[12] != "- - - " ||
		f[20] != "-" {
		t.Errorf("%q", f)
	}
}

func TestAFirewallThatFailsClosesOrLetsPass(t *testing.T) {
	t.Parallel()
	for open, want := range map[string]string{"false": "500 waf-failed", "true": "404 waf-failed,fixed-response"} {
		option, lines := withLogs(t)
		w := newWorld(t, option)
		lb := w.balancer("web", stack.Application, listener(80, "HTTP", notFound()))
		lb.Firewall, lb.FirewallOut = &webacl.ACL{}, true
		lb.Attributes = bucket("access_logs")
		lb.Attributes["waf.fail_open.enabled"] = open
		w.update()
		w.get(w.fresh(), base+"/")
		w.plane.Close()
		got := lines("123456789012_")
		if len(got) != 1 {
			t.Fatalf("%q", got)
		}
		if f := fieldsOf(got[0]); f[8]+" "+f[22] != want {
			t.Errorf("fail open %s: %s %s, want %s", open, f[8], f[22], want)
		}
	}
}

func TestATunnelIsLoggedWhenItEnds(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		c, rest, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := rest.ReadString('\n')
		_, _ = io.WriteString(c, strings.ToUpper(line))
	}))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = bucket("access_logs")
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.raw()
	c.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
	if a, err := http.ReadResponse(c.in, nil); err != nil || a.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(err)
	}
	if line, err := c.in.ReadString('\n'); line != "HELLO\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_ = c.Close()
	w.plane.Close()
	got := lines("123456789012_")
	if len(got) != 1 {
		t.Fatalf("%q", got)
	}
	if f := fieldsOf(got[0]); f[0] != "ws" || f[8] != "101" || f[9] != "101" {
		t.Errorf("%q", got)
	}
}
