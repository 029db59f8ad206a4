package dataplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

const (
	maxChainDepth     = 4        // certificates from a client's leaf to an authority
	maxClientCertSize = 16 << 10 // bytes of one certificate
)

// handshake makes a client's connection secure, counts and logs the attempt. It returns nil when that failed; the connection
// is closed then.
func (f *front) handshake(c *clientConn) *tls.Conn {
	begun := time.Now()
	secure := tls.Server(c, f.tls())
	ctx, cancel := context.WithTimeout(f.balancer.plane.ctx, connectTimeout)
	err := secure.HandshakeContext(ctx)
	cancel()
	state := secure.ConnectionState()
	c.logConnection(begun, &state, err)
	if err == nil {
		c.tls = &state
		return secure
	}
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil && looksLikeHTTP(header.RecordHeader) {
		c.counts.generated(http.StatusBadRequest)
		if _, err := header.Conn.Write(httpwire.RawAnswer(http.StatusBadRequest, httpwire.PlainHTTPPage)); err == nil {
			httpwire.Linger(c.Conn)
		}
	} else {
		c.counts.add(clientTLSErrorCount, 1)
	}
	_ = c.Close()
	return nil
}

// looksLikeHTTP reports whether what should be the header of a TLS record begins an HTTP request.
func looksLikeHTTP(header [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH"}, string(header[:]))
}

// clientCertError is a client's certificate that was refused, with the reason that connection logs give.
type clientCertError struct {
	reason string
	err    error
}

// Error implements error.
func (e *clientCertError) Error() string {
	return fmt.Sprintf("client certificate: %s: %v", e.reason, e.err)
}

// Unwrap gives the cause.
func (e *clientCertError) Unwrap() error { return e.err }

// authenticateClients makes a handshake ask for the client's certificate as the listener says.
func (v *view) authenticateClients(c *tls.Config, conn *clientConn) {
	auth := &v.listener.Clients
	switch auth.Mode {
	case "passthrough":
		c.ClientAuth = tls.RequestClientCert
	case "verify":
		c.ClientAuth = tls.RequireAnyClientCert
		if auth.Advertise {
			c.ClientCAs = poolOf(auth.Authorities)
		}
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if err := verifyClient(auth, s.PeerCertificates, time.Now()); err != nil {
				if conn != nil {
					conn.refused = err
				}
				return err
			}
			return nil
		}
	}
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certificates {
		pool.AddCert(c)
	}
	return pool
}

// verifyClient checks a client's certificates, leaf first, against the trust store.
func verifyClient(a *topology.ClientAuth, chain []*x509.Certificate, now time.Time) *clientCertError {
	refuse := func(reason, format string, args ...any) *clientCertError {
		return &clientCertError{reason, fmt.Errorf(format, args...)}
	}
	if len(chain) == 0 {
		return refuse("ClientCertInvalid", "none was given")
	}
	leaf := chain[0]
	for _, c := range chain {
		if len(c.Raw) > maxClientCertSize {
			return refuse("ClientCertMaxSizeExceeded", "%d bytes", len(c.Raw))
		}
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return refuse("ClientCertTypeUnsupported", "RSA key of %d bits", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
	default:
		return refuse("ClientCertTypeUnsupported", "key of type %T", key)
	}
	switch {
	case a.IgnoreExpiry:
		now = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	case now.Before(leaf.NotBefore):
		return refuse("ClientCertNotYetValid", "valid from %s", leaf.NotBefore)
	case now.After(leaf.NotAfter):
		return refuse("ClientCertExpired", "expired %s", leaf.NotAfter)
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return refuse("ClientCertPurposeInvalid", "not for the authentication of clients")
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: poolOf(a.Authorities), Intermediates: poolOf(chain[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &clientCertError{"ClientCertExpired", err}
	case errors.As(err, &invalid):
		return &clientCertError{"ClientCertInvalid", err}
	default:
		return &clientCertError{"ClientCertUntrusted", err}
	}
	var last *clientCertError
	for _, path := range paths {
		if last = permits(a, path); last == nil {
			return nil
		}
	}
	return last
}

// permits checks one path from a leaf to an authority.
func permits(a *topology.ClientAuth, path []*x509.Certificate) *clientCertError {
	if len(path) > maxChainDepth {
		return &clientCertError{"ClientCertMaxChainDepthExceeded", fmt.Errorf("%d certificates to an authority, at most %d may be", len(path), maxChainDepth)}
	}
	for _, c := range path {
		if a.Revoked != nil && a.Revoked(c) {
			return &clientCertError{"ClientCertCrlHit", fmt.Errorf("certificate %X is revoked", c.SerialNumber)}
		}
	}
	return nil
}

// logConnection writes the connection log's entry of a TLS handshake.
func (c *clientConn) logConnection(begun time.Time, state *tls.ConnectionState, failure error) {
	config := c.front.balancer.config.Load()
	place := config.settings.ConnLog
	logs := c.front.balancer.plane.logs
	if logs == nil || place.Bucket == "" {
		return
	}
	now := time.Now()
	entry := accesslog.Connection{
		Time: now, Client: c.client, ListenerPort: c.front.key.port, Handshake: now.Sub(begun), TraceID: c.traceID(),
	}
	verifies := c.front.view.Load().listener.Clients.Mode == "verify"
	switch {
	case failure == nil:
		entry.TLSVersion, entry.Cipher = versionName(state.Version), cipherName(state.CipherSuite)
		entry.KeyExchange = exchangeNames[state.CurveID]
		if verifies {
			entry.Verified = "Success"
		}
	case c.refused != nil:
		entry.Verified = "Failed:" + c.refused.reason
	default:
		entry.Verified = "Failed:UnmappedConnectionError"
	}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		entry.Subject, entry.NotBefore, entry.NotAfter = leaf.Subject.String(), leaf.NotBefore, leaf.NotAfter
		entry.Serial = serialOf(leaf)
	}
	logs.Add(c.front.balancer.stream(place, accesslog.Connections, config.privateAddress(c.zone, false)), entry.Line())
}

// serialOf is a certificate's number as headers and logs write it: whole bytes in upper-case hexadecimal.
func serialOf(c *x509.Certificate) string { return fmt.Sprintf("%X", c.SerialNumber.Bytes()) }

// stream is where a node's log goes.
func (b *balancer) stream(place topology.LogPlace, kind accesslog.Kind, node netip.Addr) accesslog.Stream {
	return accesslog.Stream{Bucket: place.Bucket, Prefix: place.Prefix, Kind: kind, LoadBalancer: b.resource(), Node: node}
}

// resource is the load balancer's part of logs and metrics: app/NAME/ID.
func (b *balancer) resource() string {
	_, rest, _ := strings.Cut(b.arn, ":loadbalancer/")
	return rest
}

// traceID names the connection in logs.
func (c *clientConn) traceID() string {
	c.traced.Do(func() {
		random := c.front.balancer.plane.random
		c.trace = fmt.Sprintf("TID_%016x%016x", random(), random())
	})
	return c.trace
}
