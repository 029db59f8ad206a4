package dataplane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
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
		c.counts.AddGenerated(http.StatusBadRequest)
		if _, err := header.Conn.Write(httpwire.RawAnswer(http.StatusBadRequest, httpwire.PlainHTTPPage)); err == nil {
			httpwire.Linger(c.Conn)
		}
	} else {
		c.counts.Add(counter.ClientTLSErrorCount, 1)
	}
	_ = c.Close()
	return nil
}

// looksLikeHTTP reports whether what should be the header of a TLS record begins an HTTP request.
func looksLikeHTTP(header [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH"}, string(header[:]))
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
		entry.TLSVersion, entry.Cipher = handshake.VersionName(state.Version), handshake.CipherName(state.CipherSuite)
		entry.KeyExchange = handshake.KeyExchangeNames[state.CurveID]
		if verifies {
			entry.Verified = "Success"
		}
	case c.hello.Refused != nil:
		entry.Verified = "Failed:" + c.hello.Refused.Reason
	default:
		entry.Verified = "Failed:UnmappedConnectionError"
	}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		entry.Subject, entry.NotBefore, entry.NotAfter = leaf.Subject.String(), leaf.NotBefore, leaf.NotAfter
		entry.Serial = handshake.SerialNumber(leaf)
	}
	logs.Add(place.Stream(accesslog.Connections, c.front.balancer.arn, config.privateAddress(c.zone, false)), entry.Line())
}

// traceID names the connection in logs.
func (c *clientConn) traceID() string {
	c.traced.Do(func() {
		random := c.front.balancer.plane.random
		c.trace = fmt.Sprintf("TID_%016x%016x", random(), random())
	})
	return c.trace
}
