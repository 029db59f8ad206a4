package facts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// slowest is how long one request or exchange may take.
const slowest = 90 * time.Second

// traffic sends requests through load balancers.
type traffic struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	http1  *http.Transport
	http2  *http.Transport
	client func(*http.Transport) *http.Client
}

func newTraffic(dial func(ctx context.Context, network, address string) (net.Conn, error)) *traffic {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	transport := func(second bool) *http.Transport {
		t := &http.Transport{
			DialContext: dial, DisableKeepAlives: true, DisableCompression: true, Protocols: new(http.Protocols),
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate is the run's own
		}
		t.Protocols.SetHTTP1(!second)
		t.Protocols.SetHTTP2(second)
		return t
	}
	return &traffic{dial: dial, http1: transport(false), http2: transport(true),
		client: func(t *http.Transport) *http.Client {
			return &http.Client{Transport: t, Timeout: slowest, CheckRedirect: func(*http.Request,
				[]*http.Request) error {
				return http.ErrUseLastResponse
			}}
		}}
}

func (t *traffic) close() {
	t.http1.CloseIdleConnections()
	t.http2.CloseIdleConnections()
}

// request sends a request and returns the answer: Status, Protocol, Headers, Trailers, Body, Echo (the body, if it
// is JSON) and Seconds.
func (t *traffic) request(ctx context.Context, r *Request) (any, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.Headers {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	transport := t.http1
	if r.HTTP2 {
		transport = t.http2
	}
	start := time.Now()
	resp, err := t.client(transport).Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"Status": float64(resp.StatusCode), "Protocol": resp.Proto, "Headers": flat(resp.Header),
		"Trailers": flat(resp.Trailer),
		"Body":     string(body), "Seconds": time.Since(start).Seconds(),
	}
	var echo any
	if json.Unmarshal(body, &echo) == nil {
		answer["Echo"] = echo
	}
	return answer, nil
}

// flat joins the values of each header.
func flat(h http.Header) map[string]any {
	all := map[string]any{}
	for name, values := range h {
		all[name] = strings.Join(values, ", ")
	}
	return all
}

// exchange sends bytes and returns what comes back as Text, and whether the peer closed the connection as Closed.
func (t *traffic) exchange(ctx context.Context, x *Exchange) (any, error) {
	until, err := regexp.Compile(x.Until)
	if err != nil {
		return nil, err
	}
	conn, err := t.dial(ctx, "tcp", x.Address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(slowest)); err != nil {
		return nil, err
	}
	start := time.Now()
	if _, err := io.WriteString(conn, x.Send); err != nil {
		return nil, err
	}
	var text []byte
	buffer := make([]byte, 32<<10)
	closed := false
	for x.Until == "" || !until.Match(text) {
		n, err := conn.Read(buffer)
		text = append(text, buffer[:n]...)
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			return nil, err
		}
		if err != nil {
			closed = true // by FIN or RST
			break
		}
	}
	return map[string]any{"Text": string(text), "Closed": closed, "Seconds": time.Since(start).Seconds()}, nil
}

// expandTraffic replaces references in a request or an exchange.
func expandTraffic(s Step, scope vars) (Step, error) {
	var failed error
	text := func(s string) string {
		expanded, err := scope.text(s)
		failed = errors.Join(failed, err)
		return expanded
	}
	if s.HTTP != nil {
		r := *s.HTTP
		r.URL, r.Body, r.Headers = text(r.URL), text(r.Body), maps.Clone(r.Headers)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			r.Headers[name] = text(r.Headers[name])
		}
		s.HTTP = &r
	}
	if s.Raw != nil {
		x := *s.Raw
		x.Address, x.Send = text(x.Address), text(x.Send)
		s.Raw = &x
	}
	return s, failed
}

// addCertificate makes a certificate for the run's listeners, valid for a day, as ${certificate} and ${key}.
func (r *runner) addCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	name := "facts-" + r.Run + ".example.com"
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	r.vars["certificate"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	r.vars["key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return nil
}
