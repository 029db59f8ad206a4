package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/standin"
)

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Pod    standin.Answer // if a stand-in answered
	TLS    []string       // DNS names of the server's certificate
}

// Get makes one request. target names the load balancer; host, if not empty, is the Host header and, with https, the
// server name asked for in TLS. headers are "Name: value". Of a certificate the chain is verified but not the name: see
// Response.TLS.
func (c *Cluster) Get(ctx context.Context, target, host string, headers ...string) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return Response{}, err
	}
	client := c.HTTP
	if req.URL.Scheme == "https" {
		transport := c.secureTransport(req.URL, host)
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport, Timeout: c.HTTP.Timeout, CheckRedirect: c.HTTP.CheckRedirect}
	}
	if host != "" {
		req.Host = host
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	resp, err := client.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Response{}, err
	}
	r := Response{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		_ = json.Unmarshal(body, &r.Pod) // JSON of other servers leaves it empty
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		r.TLS = resp.TLS.PeerCertificates[0].DNSNames
	}
	return r, nil
}

// secureTransport connects to the load balancer of the URL with host as the server name.
func (c *Cluster) secureTransport(u *url.URL, host string) *http.Transport {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	t := c.transport.Clone()
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return curl.Endpoints(c.Env.Endpoints).Dial(ctx, network, address)
	}
	roots := t.TLSClientConfig.RootCAs
	t.TLSClientConfig.InsecureSkipVerify = true // the chain is verified below
	t.TLSClientConfig.ServerName = host
	t.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
		intermediates := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
		return err
	}
	return t
}

// Request is a GET request, as Get makes it.
type Request struct {
	Target, Host string
	Headers      []string
}

// WaitGet repeats a GET until the status is as wanted and, unless service is empty, a pod of that service answered.
func (c *Cluster) WaitGet(t testing.TB, target, host string, status int, service string) Response {
	t.Helper()
	return c.WaitAnswer(t, Request{Target: target, Host: host}, status, service)
}

// WaitAnswer is WaitGet for any request.
func (c *Cluster) WaitAnswer(t testing.TB, q Request, status int, service string) Response {
	t.Helper()
	var r Response
	c.WaitFor(t, fmt.Sprintf("%d %s from %s (Host %q)", status, service, q.Target, q.Host),
		func(ctx context.Context) error {
			var err error
			if r, err = c.Get(ctx, q.Target, q.Host, q.Headers...); err != nil {
				return err
			}
			if r.Status != status || service != "" && r.Pod.Service != service {
				return fmt.Errorf("got %d from service %q: %.200s", r.Status, r.Pod.Service, r.Body)
			}
			return nil
		})
	return r
}
