package dataplane

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// session is the client's side of a flow through a TLS listener, with the fields of its log entry.
type session struct {
	front     *front
	record    *flowRecord
	conn      *tls.Conn
	handshake time.Duration // negative: it failed
	alert     int           // that the client sent, negative for none
	back      string        // the protocol that the target chose
}

// alerts is the number of TLS alerts there may be.
const alerts = 256

// openSession does the handshake with a client. On an error the connection is closed.
func (f *front) openSession(conn *clientConn, record *flowRecord) (*session, error) {
	s := &session{front: f, record: record, handshake: -1, alert: -1}
	s.conn = tls.Server(conn, f.tls())
	ctx, cancel := context.WithTimeout(f.balancer.plane.ctx, connectTimeout)
	defer cancel()
	began := time.Now()
	if err := s.conn.HandshakeContext(ctx); err != nil {
		s.alert = alertIn(err)
		record.counts.Add(counter.ClientTLSErrors, 1)
		_ = conn.Close()
		return s, err
	}
	s.handshake = time.Since(began)
	return s, nil
}

// tryTargets connects to each target of a new listener and sends nothing, as NLBs do.
func (f *front) tryTargets(v *view) {
	for _, g := range v.groups {
		for _, t := range g.Pool().Registered {
			to := t.AddrPort()
			if !to.IsValid() || !g.User().Permits("tcp", to) {
				continue
			}
			from := v.privateAddress(t.Spec().Zone, to.Addr().Is6())
			c, err := f.balancer.plane.targetGroups.Dial(targetgroup.WithSource(f.balancer.plane.ctx, from), to)
			if err == nil {
				_ = c.Close()
			}
		}
	}
}

// alertIn is the alert by which the client ended a handshake, -1 for other errors. The standard library has it in the
// text of the error only.
func alertIn(err error) int {
	const sent = "remote error: "
	text := err.Error()
	if !strings.HasPrefix(text, sent) {
		return -1
	}
	for n := range alerts {
		if a := tls.AlertError(n); text == sent+a.Error() {
			return n
		}
	}
	return -1
}

// log writes the entry once the connection is over.
func (s *session) log(conn *clientConn) {
	b := s.front.balancer
	config := b.config.Load()
	if b.plane.logs == nil || config.settings.AccessLog.Bucket == "" {
		return
	}
	at := config.settings.AccessLog.Stream(accesslog.Access, b.arn, config.privateAddress(conn.zone, false))
	now := b.plane.clock.Now()
	listener := s.record.listener[strings.LastIndexByte(s.record.listener, '/')+1:]
	e := accesslog.TLSConnection{
		Time: now, LoadBalancer: at.LoadBalancer, Listener: listener, Client: conn.client, Destination: s.record.route.at,
		Duration: time.Since(conn.since), Handshake: s.handshake, Received: s.record.received.Load(), Sent: s.record.sent.Load(),
		Alert: s.alert, Certificate: conn.hello.Certificate, Domain: conn.hello.ServerName, BackProtocol: s.back, Offered: conn.hello.Protocols, Created: s.record.since,
	}
	if s.handshake >= 0 {
		state := s.conn.ConnectionState()
		e.Cipher, e.Version, e.NamedGroup = handshake.CipherName(state.CipherSuite), strings.ToLower(strings.ReplaceAll(handshake.VersionName(state.Version), ".", "")), handshake.KeyExchangeNames[state.CurveID]
		e.FrontProtocol = state.NegotiatedProtocol
	}
	b.plane.logs.Add(at, e.Line())
}
