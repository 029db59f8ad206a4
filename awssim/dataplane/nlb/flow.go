// Package nlb carries the flows that reach listeners of Network Load Balancers: choice of a target, TCP and TLS
// connections, flows of datagrams and of QUIC, their records and the log of TLS connections. Connections and datagrams
// come from the data plane, which owns the sockets; health checks are in the package targetgroup. It may import
// awssim/accesslog, awssim/vnet, internal/model/traffic and the packages of the data plane below it.
package nlb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// tlsIdle is the fixed idle time-out of TLS listeners.
const tlsIdle = 350 * time.Second

// Listener serves the flows of a TCP, UDP, TLS or QUIC listener.
type Listener struct {
	*loadbalancer.Listener
	open *OpenFlows
}

// NewListener makes what serves a listener. Open records its flows.
func NewListener(l *loadbalancer.Listener, open *OpenFlows) *Listener {
	return &Listener{Listener: l, open: open}
}

// Serve carries one client connection of a TCP or TLS listener.
func (l *Listener) Serve(conn *loadbalancer.Conn, s *loadbalancer.Snapshot) {
	b := l.LoadBalancer
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	t := flow.Tuple{Network: "tcp", Client: conn.Client, Local: local}
	r, ok := l.routeTo(s, conn.Zone, t)
	// the targets left while the connection was on its way, and the listener has others
	for now := l.Snapshot(); !ok && now != s; now = l.Snapshot() {
		s = now
		r, ok = l.routeTo(s, conn.Zone, t)
	}
	if !ok {
		// the targets of the zone left meanwhile, and DNS leaves it out now
		r, ok = l.routeTo(s, b.Zone(local.Addr().Unmap(), s, conn.Client), t)
	}
	if !ok {
		b.Flows.Add(counter.RejectedFlows, 1)
		b.Flows.Of(conn.Zone).Add(counter.RejectedFlows, 1)
		l.refuse(conn)
		return
	}
	record := l.newRecord(s, r, conn.Client)
	defer record.end()
	if r.hairpin() {
		l.swallow(conn, s)
		return
	}
	var client net.Conn = conn
	protocol := ""
	var tlsSide *session
	if s.Listener.Protocol == "TLS" {
		var err error
		tlsSide, err = l.openSession(conn, record)
		defer tlsSide.log(conn)
		if err != nil {
			return
		}
		client, protocol = tlsSide.conn, tlsSide.conn.ConnectionState().NegotiatedProtocol
	}
	target, err := l.connect(r, conn.Client, protocol)
	r.group.Observe(r.target, err)
	if err != nil {
		l.unreachable(conn, r, err)
		return
	}
	if inner, ok := target.(*tls.Conn); ok && tlsSide != nil {
		tlsSide.back = inner.ConnectionState().NegotiatedProtocol
	}
	fl := flow.New(func() {
		if !record.peerReset.Load() {
			record.counts.Add(counter.BalancerResets, 1)
		}
		flow.Abort(conn)
		flow.Abort(flow.BelowTLS(target))
	})
	defer l.Flows.Remove(fl)
	defer r.target.Flows.Remove(fl)
	if l.Flows.Add(fl) && r.target.Flows.Add(fl) {
		l.carry(client, target, s, &carried{Flow: fl, record: record})
	}
}

// refuse resets a client for which there is no target.
func (l *Listener) refuse(c net.Conn) {
	l.LoadBalancer.Flows.Add(counter.BalancerResets, 1)
	flow.Abort(c)
}

// unreachable ends the client's side of a flow whose target could not be connected. A target's refusal is the target's
// reset.
func (l *Listener) unreachable(c net.Conn, r *route, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		r.counts(l.LoadBalancer).Add(counter.TargetResets, 1)
		flow.Abort(c)
		return
	}
	l.refuse(c)
}

// swallow keeps a client whose packets come back to itself without an answer until it gives up or is idle for too long.
func (l *Listener) swallow(conn *loadbalancer.Conn, s *loadbalancer.Snapshot) {
	fl := flow.New(func() { flow.Abort(conn) })
	if !l.Flows.Add(fl) {
		return
	}
	defer l.Flows.Remove(fl)
	idle := flow.NewIdleTimer(l.LoadBalancer.Clock, idleAfter(s), fl.Reset)
	defer idle.Stop()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// connect opens the target's side of a flow and sends the PROXY protocol header if the target group has one.
func (l *Listener) connect(r *route, client netip.AddrPort, protocol string) (net.Conn, error) {
	b := l.LoadBalancer
	ctx, cancel := context.WithTimeout(b.Context, b.ConnectTimeout)
	defer cancel()
	if err := r.group.Leaves(ctx, "tcp", r.to); err != nil {
		r.counts(l.LoadBalancer).AddBlockedOut("tcp")
		return nil, err
	}
	config := r.group.Config()
	c, err := b.Network.DialTCPFrom(vnet.WithSender(ctx, r.own), r.from, r.to)
	if err != nil {
		return nil, err
	}
	if config.Settings.ProxyProtocol {
		if _, err := c.Write(flow.ProxyHeader(flow.ProxyTCP, client, r.at)); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	if config.Protocol != "TLS" {
		return c, nil
	}
	setup := handshake.TargetConfig()
	if protocol != "" {
		setup.NextProtos = []string{protocol}
	}
	secure := tls.Client(c, setup)
	if err := secure.HandshakeContext(ctx); err != nil {
		r.counts(l.LoadBalancer).Add(counter.TargetTLSErrors, 1)
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// idleAfter is when a flow without movement is forgotten.
func idleAfter(s *loadbalancer.Snapshot) time.Duration {
	if s.Listener.Protocol == "TLS" {
		return tlsIdle
	}
	return s.TCPIdleTimeout
}

// carried is a TCP or TLS flow between its two connections.
type carried struct {
	*flow.Flow
	record    *flowRecord
	forgotten atomic.Bool // idle for too long: the side that speaks next is reset
}

// carry copies both ways; the end of one direction is passed on and the other goes on. An idle TLS flow is closed, an
// idle TCP flow is forgotten: its ends get a reset when they next send.
func (l *Listener) carry(client, target net.Conn, s *loadbalancer.Snapshot, fl *carried) {
	secure := s.Listener.Protocol == "TLS"
	idle := flow.NewIdleTimer(l.LoadBalancer.Clock, idleAfter(s), func() {
		fl.record.end()
		if secure {
			flow.CloseAll(client, target)
			return
		}
		fl.forgotten.Store(true)
	})
	defer idle.Stop()
	var both sync.WaitGroup
	both.Go(func() { l.direct(target, client, fl, idle, counter.ClientResets) })
	l.direct(client, target, fl, idle, counter.TargetResets)
	both.Wait()
	flow.CloseAll(client, target)
}

// direct carries one direction of a flow. Resets by the sender count as the given metric.
func (l *Listener) direct(to, from net.Conn, fl *carried, idle *flow.IdleTimer, resets counter.FlowMetric) {
	buf := flow.Buffers.Get().(*[]byte)
	defer flow.Buffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if fl.forgotten.Load() {
			fl.record.counts.Add(counter.BalancerResets, 1)
			flow.Abort(flow.BelowTLS(from))
			return
		}
		if n > 0 {
			idle.Feed()
			fl.record.carried(n, resets == counter.ClientResets)
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				l.broken(fl, werr, counter.ClientResets+counter.TargetResets-resets)
				return
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			_ = flow.CloseWrite(to)
			return
		}
		l.broken(fl, err, resets)
		return
	}
}

// broken ends a flow that an error ended on one side; a reset by that side counts as the given metric.
func (l *Listener) broken(fl *carried, err error, resets counter.FlowMetric) {
	if (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) && !fl.WasReset() {
		if fl.record.peerReset.CompareAndSwap(false, true) {
			fl.record.counts.Add(resets, 1)
		}
	}
	fl.Reset()
}
