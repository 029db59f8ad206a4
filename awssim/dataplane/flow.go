package dataplane

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// flow is a connection through an NLB, or an upgraded one through an ALB.
type flow struct {
	once      sync.Once
	abort     func()
	door      doorKey     // through an accelerator
	record    *flowRecord // NLB
	cut       atomic.Bool // reset was called
	forgotten atomic.Bool // idle for too long: who speaks next is reset
}

// reset cuts the flow on both sides.
func (f *flow) reset() {
	f.once.Do(func() {
		f.cut.Store(true)
		f.abort()
	})
}

// addFlow registers a flow; it reports false when the listener is gone.
func (f *front) addFlow(flow *flow) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return false
	}
	f.flows[flow] = true
	return true
}

func (f *front) removeFlow(flow *flow) {
	f.mu.Lock()
	delete(f.flows, flow)
	f.mu.Unlock()
}

// tlsIdle is the fixed idle time-out of TLS listeners.
const tlsIdle = 350 * time.Second

// serveFlow carries one client connection of a TCP or TLS listener.
func (f *front) serveFlow(conn *clientConn, v *view) {
	b := f.balancer
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	r, ok := f.routeTo(v, conn.zone, tuple{"tcp", conn.client, local})
	if !ok {
		b.flows.add(rejectedFlows, 1)
		b.flows.of(conn.zone).add(rejectedFlows, 1)
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
	r.group.observe(r.target, err)
	if err != nil {
		f.unreachable(conn, r, err)
		return
	}
	if inner, ok := target.(*tls.Conn); ok && tlsSide != nil {
		tlsSide.back = inner.ConnectionState().NegotiatedProtocol
	}
	fl := &flow{record: record}
	fl.abort = func() {
		if !record.peerReset.Load() {
			record.counts.add(balancerResets, 1)
		}
		abort(conn)
		abort(netConn(target))
	}
	if !f.addFlow(fl) || !r.target.addFlow(fl) {
		fl.reset()
		f.removeFlow(fl)
		return
	}
	defer f.removeFlow(fl)
	defer r.target.removeFlow(fl)
	f.carry(client, target, v, fl)
}

// netConn is what is below TLS.
func netConn(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// refuse resets a client for whom there is no target.
func (f *front) refuse(c net.Conn) {
	f.balancer.flows.add(balancerResets, 1)
	abort(c)
}

// unreachable ends the client's side of a flow whose target could not be connected. A target's refusal is the target's reset.
func (f *front) unreachable(c net.Conn, r *route, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		r.counts(f.balancer).add(targetResets, 1)
		abort(c)
		return
	}
	f.refuse(c)
}

// swallow is the fate of a client whose packets come back to itself: nobody answers until it gives up or is idle for too long.
func (f *front) swallow(conn *clientConn, v *view) {
	fl := &flow{abort: func() { abort(conn) }}
	if !f.addFlow(fl) {
		fl.reset()
		return
	}
	defer f.removeFlow(fl)
	idle := f.balancer.plane.newIdleTimer(v.idleAfter(), fl.reset)
	defer idle.stop()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// errBlocked is a connection attempt that the load balancer's security groups keep from leaving.
var errBlocked error = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}

// leaves waits for the attempt's time-out when the security groups of the load balancer that uses the group do not let it
// speak to an address.
func (g *group) leaves(ctx context.Context, network string, to netip.AddrPort) error {
	if g.serves.Load().permits(network, to) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.plane.connectTimeout)
	defer cancel()
	<-ctx.Done()
	return errBlocked
}

// connect opens the target's side of a flow, with what the target group wants said first.
func (f *front) connect(r *route, client netip.AddrPort, protocol string) (net.Conn, error) {
	plane := f.balancer.plane
	ctx, cancel := context.WithTimeout(plane.ctx, plane.connectTimeout)
	defer cancel()
	if err := r.group.leaves(ctx, "tcp", r.to); err != nil {
		r.counts(f.balancer).blockedOut("tcp")
		return nil, err
	}
	config := r.group.config.Load()
	c, err := plane.network.DialTCPFrom(vnet.WithSender(ctx, r.own), r.from, r.to)
	if err != nil {
		return nil, err
	}
	if config.settings.ProxyProtocol {
		if _, err := c.Write(proxyHeader(proxyTCP, client, r.at)); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	if config.Protocol != "TLS" {
		return c, nil
	}
	setup := targetTLS()
	if protocol != "" {
		setup.NextProtos = []string{protocol}
	}
	secure := tls.Client(c, setup)
	if err := secure.HandshakeContext(ctx); err != nil {
		r.counts(f.balancer).add(targetTLSErrors, 1)
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

// carry copies both ways; the end of one direction is passed on and the other goes on. An idle TLS flow is closed, an idle TCP
// flow forgotten without a word: its ends find out when they next speak.
func (f *front) carry(client, target net.Conn, v *view, fl *flow) {
	secure := v.listener.Protocol == "TLS"
	idle := f.balancer.plane.newIdleTimer(v.idleAfter(), func() {
		fl.record.end()
		if secure {
			closeAll(client, target)
			return
		}
		fl.forgotten.Store(true)
	})
	defer idle.stop()
	var both sync.WaitGroup
	both.Go(func() { f.direct(target, client, fl, idle, clientResets) })
	f.direct(client, target, fl, idle, targetResets)
	both.Wait()
	closeAll(client, target)
}

// direct carries one direction of a flow. Resets by the sender count as the metric says.
func (f *front) direct(to, from net.Conn, fl *flow, idle *idleTimer, resets flowMetric) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if fl.forgotten.Load() {
			fl.record.counts.add(balancerResets, 1)
			abort(netConn(from))
			return
		}
		if n > 0 {
			idle.feed()
			fl.record.carried(n, resets == clientResets)
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				f.broken(fl, werr, clientResets+targetResets-resets)
				return
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			if w, ok := to.(interface{ CloseWrite() error }); ok {
				_ = w.CloseWrite()
			}
			return
		}
		f.broken(fl, err, resets)
		return
	}
}

// broken ends a flow that an error ended on one side; a reset by that side counts as the metric says.
func (f *front) broken(fl *flow, err error, resets flowMetric) {
	if (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) && !fl.cut.Load() {
		if fl.record.peerReset.CompareAndSwap(false, true) {
			fl.record.counts.add(resets, 1)
		}
	}
	fl.reset()
}

func closeAll(closers ...io.Closer) {
	for _, c := range closers {
		_ = c.Close()
	}
}

// network reports whether the balancer is an NLB.
func (c *balancerConfig) network() bool { return c.Type == stack.Network }
