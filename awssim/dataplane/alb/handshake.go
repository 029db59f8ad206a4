package alb

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
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
)

// handshake makes a client's connection secure, counts and logs the attempt. It returns nil when that failed; the
// connection is closed then.
func (s *Server) handshake(c *conn) *tls.Conn {
	begun := time.Now()
	secure := tls.Server(c, s.TLS())
	ctx, cancel := context.WithTimeout(s.LoadBalancer.Context, loadbalancer.HandshakeTimeout)
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
		c.Counts.AddGenerated(http.StatusBadRequest)
		if _, err := header.Conn.Write(httpwire.RawAnswer(http.StatusBadRequest, httpwire.PlainHTTPPage)); err == nil {
			httpwire.Linger(c.Conn.Conn)
		}
	} else {
		c.Counts.Add(counter.ClientTLSErrorCount, 1)
	}
	_ = c.Close()
	return nil
}

// looksLikeHTTP reports whether what should be the header of a TLS record begins an HTTP request.
func looksLikeHTTP(header [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH"}, string(header[:]))
}

// logConnection writes the connection log's entry of a TLS handshake.
func (c *conn) logConnection(begun time.Time, state *tls.ConnectionState, failure error) {
	b := c.Listener.LoadBalancer
	config := b.Config()
	place, logs := config.Settings.ConnLog, b.Logs
	if logs == nil || place.Bucket == "" {
		return
	}
	now := time.Now()
	entry := accesslog.Connection{
		Time: now, Client: c.Client, ListenerPort: c.Listener.Port, Handshake: now.Sub(begun), TraceID: c.traceID(),
	}
	verifies := c.Listener.Snapshot().Listener.Clients.Mode == "verify"
	switch {
	case failure == nil:
		entry.TLSVersion, entry.Cipher = handshake.VersionName(state.Version), handshake.CipherName(state.CipherSuite)
		entry.KeyExchange = handshake.KeyExchangeNames[state.CurveID]
		if verifies {
			entry.Verified = "Success"
		}
	case c.Hello.Refused != nil:
		entry.Verified = "Failed:" + c.Hello.Refused.Reason
	default:
		entry.Verified = "Failed:UnmappedConnectionError"
	}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		entry.Subject, entry.NotBefore, entry.NotAfter = leaf.Subject.String(), leaf.NotBefore, leaf.NotAfter
		entry.Serial = handshake.SerialNumber(leaf)
	}
	logs.Add(place.Stream(accesslog.Connections, b.ARN, config.PrivateAddress(c.Zone, false)), entry.Line())
}

// traceID names the connection in logs.
func (c *conn) traceID() string {
	c.traced.Do(func() {
		random := c.Listener.LoadBalancer.Random
		c.trace = fmt.Sprintf("TID_%016x%016x", random(), random())
	})
	return c.trace
}
