package dataplane

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
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// tlsIdle is the fixed idle time-out of TLS listeners.
const tlsIdle = 350 * time.Second

// serveFlow carries one client connection of a TCP or TLS listener.
func (f *front) serveFlow(conn *clientConn, v *view) {
	b := f.balancer
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	r, ok := f.routeTo(v, conn.zone, flow.Tuple{Network: "tcp", Client: conn.client, Local: local})
	if !ok {
		b.flows.Add(counter.RejectedFlows, 1)
		b.flows.Of(conn.zone).Add(counter.RejectedFlows, 1)
		f.refuse(conn)
		return
	}
	record := f.newRecord(v, r, conn.client)
	defer record.end()
	if r.hairpin() {
		f.swallow(conn, v)
		return
	}
	var client net.Conn = conn
	protocol := ""
	var tlsSide *session
	if v.listener.Protocol == "TLS" {
		var err error
		tlsSide, err = f.openSession(conn, record)
		defer tlsSide.log(conn)
		if err != nil {
			return
		}
		client, protocol = tlsSide.conn, tlsSide.conn.ConnectionState().NegotiatedProtocol
	}
	target, err := f.connect(r, conn.client, protocol)
	r.group.Observe(r.target, err)
	if err != nil {
		f.unreachable(conn, r, err)
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
	defer f.flows.Remove(fl)
	defer r.target.Flows.Remove(fl)
	if f.flows.Add(fl) && r.target.Flows.Add(fl) {
		f.carry(client, target, v, &carried{Flow: fl, record: record})
	}
}

// refuse resets a client for which there is no target.
func (f *front) refuse(c net.Conn) {
	f.balancer.flows.Add(counter.BalancerResets, 1)
	flow.Abort(c)
}

// unreachable ends the client's side of a flow whose target could not be connected. A target's refusal is the target's reset.
func (f *front) unreachable(c net.Conn, r *route, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		r.counts(f.balancer).Add(counter.TargetResets, 1)
		flow.Abort(c)
		return
	}
	f.refuse(c)
}

// swallow keeps a client whose packets come back to itself without an answer until it gives up or is idle for too long.
func (f *front) swallow(conn *clientConn, v *view) {
	fl := flow.New(func() { flow.Abort(conn) })
	if !f.flows.Add(fl) {
		return
	}
	defer f.flows.Remove(fl)
	idle := flow.NewIdleTimer(f.balancer.plane.clock, v.idleAfter(), fl.Reset)
	defer idle.Stop()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// connect opens the target's side of a flow and sends the PROXY protocol header if the target group has one.
func (f *front) connect(r *route, client netip.AddrPort, protocol string) (net.Conn, error) {
	plane := f.balancer.plane
	ctx, cancel := context.WithTimeout(plane.ctx, plane.connectTimeout)
	defer cancel()
	if err := r.group.Leaves(ctx, "tcp", r.to); err != nil {
		r.counts(f.balancer).AddBlockedOut("tcp")
		return nil, err
	}
	config := r.group.Config()
	c, err := plane.network.DialTCPFrom(vnet.WithSender(ctx, r.own), r.from, r.to)
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
		r.counts(f.balancer).Add(counter.TargetTLSErrors, 1)
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// idleAfter is when a flow without movement is forgotten.
func (v *view) idleAfter() time.Duration {
	if v.listener.Protocol == "TLS" {
		return tlsIdle
	}
	return v.TCPIdleTimeout
}

// carried is a TCP or TLS flow between its two connections.
type carried struct {
	*flow.Flow
	record    *flowRecord
	forgotten atomic.Bool // idle for too long: the side that speaks next is reset
}

// carry copies both ways; the end of one direction is passed on and the other goes on. An idle TLS flow is closed, an idle TCP
// flow is forgotten: its ends get a reset when they next send.
func (f *front) carry(client, target net.Conn, v *view, fl *carried) {
	secure := v.listener.Protocol == "TLS"
	idle := flow.NewIdleTimer(f.balancer.plane.clock, v.idleAfter(), func() {
		fl.record.end()
		if secure {
			flow.CloseAll(client, target)
			return
		}
		fl.forgotten.Store(true)
	})
	defer idle.Stop()
	var both sync.WaitGroup
	both.Go(func() { f.direct(target, client, fl, idle, counter.ClientResets) })
	f.direct(client, target, fl, idle, counter.TargetResets)
	both.Wait()
	flow.CloseAll(client, target)
}

// direct carries one direction of a flow. Resets by the sender count as the given metric.
func (f *front) direct(to, from net.Conn, fl *carried, idle *flow.IdleTimer, resets counter.FlowMetric) {
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
				f.broken(fl, werr, counter.ClientResets+counter.TargetResets-resets)
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
		f.broken(fl, err, resets)
		return
	}
}

// broken ends a flow that an error ended on one side; a reset by that side counts as the given metric.
func (f *front) broken(fl *carried, err error, resets counter.FlowMetric) {
	if (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) && !fl.WasReset() {
		if fl.record.peerReset.CompareAndSwap(false, true) {
			fl.record.counts.Add(resets, 1)
		}
	}
	fl.Reset()
}

// network reports whether the balancer is an NLB.
func (c *balancerConfig) network() bool { return c.Type == stack.Network }
