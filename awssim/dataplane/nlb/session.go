package nlb

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// session is the client's side of a flow through a TLS listener, with the fields of its log entry.
type session struct {
	listener  *Listener
	record    *flowRecord
	conn      *tls.Conn
	handshake time.Duration // negative: it failed
	alert     int           // that the client sent, negative for none
	back      string        // the protocol that the target chose
}

// alerts is the number of TLS alerts there may be.
const alerts = 256

// openSession does the handshake with a client. On an error the connection is closed.
func (l *Listener) openSession(conn *loadbalancer.Conn, record *flowRecord) (*session, error) {
	s := &session{listener: l, record: record, handshake: -1, alert: -1}
	s.conn = tls.Server(conn, l.TLS())
	ctx, cancel := context.WithTimeout(l.LoadBalancer.Context, loadbalancer.HandshakeTimeout)
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

// TryTargets connects to each target of a new listener and sends nothing, as NLBs do.
func (l *Listener) TryTargets(s *loadbalancer.Snapshot) {
	for _, g := range s.TargetGroups {
		for _, t := range g.Pool().Registered {
			to := t.AddrPort()
			if !to.IsValid() || !g.User().Permits("tcp", to) {
				continue
			}
			from := s.PrivateAddress(t.Spec().Zone, to.Addr().Is6())
			c, err := l.LoadBalancer.TargetGroups.Dial(targetgroup.WithSource(l.LoadBalancer.Context, from), to)
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
func (s *session) log(conn *loadbalancer.Conn) {
	b := s.listener.LoadBalancer
	config := b.Config()
	if b.Logs == nil || config.Settings.AccessLog.Bucket == "" {
		return
	}
	at := config.Settings.AccessLog.Stream(accesslog.Access, b.ARN, config.PrivateAddress(conn.Zone, false))
	now := b.Clock.Now()
	listener := s.record.listener[strings.LastIndexByte(s.record.listener, '/')+1:]
	e := accesslog.TLSConnection{
		Time: now, LoadBalancer: at.LoadBalancer, Listener: listener, Client: conn.Client, Destination: s.record.route.at,
		Duration: time.Since(conn.Since), Handshake: s.handshake, Received: s.record.received.Load(),
		Sent:  s.record.sent.Load(),
		Alert: s.alert, Certificate: conn.Hello.Certificate, Domain: conn.Hello.ServerName, BackProtocol: s.back,
		Offered: conn.Hello.Protocols, Created: s.record.since,
	}
	if s.handshake >= 0 {
		state := s.conn.ConnectionState()
		e.Cipher, e.Version, e.NamedGroup = handshake.CipherName(state.CipherSuite),
			strings.ToLower(strings.ReplaceAll(handshake.VersionName(state.Version), ".", "")),
			handshake.KeyExchangeNames[state.CurveID]
		e.FrontProtocol = state.NegotiatedProtocol
	}
	b.Logs.Add(at, e.Line())
}
