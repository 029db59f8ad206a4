package degraded

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/pki"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// cloud is the network between a controller and AWS: a proxy on loopback through which every name and link-local
// address leads to the simulator. What it does not admit is not answered.
type cloud struct {
	url, ca string // of the proxy; file of the authority

	mu     sync.Mutex
	admits func(host, path string) bool // nil = everything
	hosts  map[string]bool              // that were reached
	life   time.Duration                // of sessions, as clients read it; 0: what STS gives
}

// shorten has clients read that sessions end after a time.
func (c *cloud) shorten(life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life = life
}

var expiration = regexp.MustCompile(`<Expiration>[^<]*</Expiration>`)

// answer changes the answers of STS.
func (c *cloud) answer(r *http.Response) error {
	c.mu.Lock()
	life := c.life
	c.mu.Unlock()
	if life == 0 || !strings.HasPrefix(r.Request.Host, "sts.") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body = expiration.ReplaceAll(body, []byte("<Expiration>"+time.Now().Add(life).UTC().Format(time.RFC3339)+
		"</Expiration>"))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func (c *cloud) admit(f func(host, path string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.admits = f
}

func (c *cloud) reached() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for h := range c.hosts {
		out = append(out, h)
	}
	slices.Sort(out)
	return out
}

// environment leads a controller through the proxy.
func (c *cloud) environment(more ...string) []string {
	return append([]string{"HTTP_PROXY=" + c.url, "HTTPS_PROXY=" + c.url, "AWS_CA_BUNDLE=" + c.ca}, more...)
}

func newCloud(t *testing.T, of *harness.Cluster) *cloud {
	t.Helper()
	c := &cloud{hosts: map[string]bool{}, ca: filepath.Join(t.TempDir(), "ca.pem")}
	authority := of.Simulator.Account.Authority()
	pem, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.ca, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	simulator, err := url.Parse(of.Env.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{ModifyResponse: c.answer, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(simulator)
		r.Out.Host = r.In.Host // which is signed
	}}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		admitted := c.admits == nil || c.admits(r.Host, r.URL.Path)
		if admitted {
			c.hosts[r.Host] = true
		}
		c.mu.Unlock()
		if !admitted {
			panic(http.ErrAbortHandler) // as a packet that does not come back
		}
		r.URL.Scheme, r.URL.Host = "", ""
		forward.ServeHTTP(w, r)
	})
	tunnels := &tunnelListener{conns: make(chan net.Conn), done: make(chan struct{})}
	inner := &http.Server{Handler: service, ReadHeaderTimeout: time.Minute}
	var mu sync.Mutex
	issued := map[string]*tls.Certificate{}
	go func() {
		_ = inner.Serve(tls.NewListener(tunnels, &tls.Config{MinVersion: tls.VersionTLS12,
			GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				mu.Lock()
				defer mu.Unlock()
				if k := issued[h.ServerName]; k != nil {
					return k, nil
				}
				k, err := authority.Issue([]string{h.ServerName}, pki.ECPrime256v1)
				issued[h.ServerName] = k
				return k, err
			}}))
	}()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outer := &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect {
				service.ServeHTTP(w, r)
				return
			}
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			// a client that went away shows at the handshake
			_, _ = conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
			select {
			case tunnels.conns <- &tunnel{conn, buffered.Reader}:
			case <-tunnels.done:
				_ = conn.Close()
			}
		})}
	go func() { _ = outer.Serve(listener) }()
	c.url = "http://" + listener.Addr().String()
	t.Cleanup(func() {
		_ = errors.Join(outer.Close(), inner.Close(), tunnels.Close()) // the test is over
	})
	return c
}

// tunnel is a connection of which the proxy may have read something already.
type tunnel struct {
	net.Conn
	read *bufio.Reader
}

// Read implements net.Conn.
func (t *tunnel) Read(b []byte) (int, error) { return t.read.Read(b) }

type tunnelListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Accept implements net.Listener.
func (l *tunnelListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *tunnelListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr implements net.Listener.
func (l *tunnelListener) Addr() net.Addr { return &net.TCPAddr{} }

// bearer is a service account's token.
func bearer(audience string, life time.Duration) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(fmt.Appendf(nil,
		`{"iss":"https://oidc.example/id/1","aud":[%q],"sub":"system:serviceaccount:kube-system:lbc","exp":%d,"kubernetes.io":{"namespace":"kube-system","serviceaccount":{"name":"lbc"},"pod":{"name":"lbc-0","uid":"u-1"}}}`,
		audience, time.Now().Add(life).Unix())) + "." + part([]byte("signature"))
}

// rotate replaces the content of a file as a kubelet does.
func rotate(t *testing.T, path, content string) {
	t.Helper()
	next := filepath.Join(t.TempDir(), "next")
	if err := errors.Join(os.WriteFile(next, []byte(content), 0o600), os.Rename(next, path)); err != nil {
		t.Fatal(err)
	}
}

// tokenFile is a file with a token, as a projected volume has it.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually waits for a page of a process that contains texts.
func eventually(t *testing.T, c *harness.Cluster, url string, status int, texts ...string) (page string) {
	t.Helper()
	c.WaitFor(t, url, func(ctx context.Context) error {
		got, body, err := harness.Page(ctx, url)
		if err != nil {
			return err
		}
		page = body
		if got != status {
			return fmt.Errorf("it answers %d: %s", got, body)
		}
		for _, text := range texts {
			if !strings.Contains(body, text) {
				return fmt.Errorf("%q is not in it:\n%s", text, body)
			}
		}
		return nil
	})
	return page
}
