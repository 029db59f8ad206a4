package dataplane

import (
	"context"
	"crypto/tls"
	"hash/maphash"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// flow is a connection through an NLB, or an upgraded one through an ALB.
type flow struct {
	once  sync.Once
	abort func()
}

// reset cuts the flow on both sides.
func (f *flow) reset() { f.once.Do(f.abort) }

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
	counters := &f.balancer.counters
	counters.add(newFlowCount, 1)
	counters.add(activeFlowCount, 1)
	defer counters.add(activeFlowCount, -1)

	g := f.groupFor(v, conn.client)
	if g == nil {
		f.refuse(conn)
		return
	}
	t := g.targetFor(v, conn.zone, conn.client)
	if t == nil {
		f.refuse(conn)
		return
	}
	var client net.Conn = conn
	idleAfter := v.idle
	protocol := ""
	if v.listener.Protocol == "TLS" {
		counters.add(newFlowTLSCount, 1)
		idleAfter = tlsIdle
		secure := tls.Server(conn, f.tlsConfig())
		ctx, cancel := context.WithTimeout(f.balancer.plane.ctx, connectTimeout)
		err := secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			counters.add(clientTLSErrorCount, 1)
			_ = conn.Close()
			return
		}
		client, protocol = secure, secure.ConnectionState().NegotiatedProtocol
	}
	target, err := f.connect(g, t, conn, v, protocol)
	if err != nil {
		f.refuse(conn)
		return
	}
	g.counters.add(newFlowCount, 1)
	g.counters.add(activeFlowCount, 1)
	defer g.counters.add(activeFlowCount, -1)
	flow := &flow{abort: func() { abort(conn); abort(netConn(target)) }}
	if !f.addFlow(flow) || !t.addFlow(flow) {
		flow.reset()
		return
	}
	defer f.removeFlow(flow)
	defer t.removeFlow(flow)
	f.carry(client, target, idleAfter, flow)
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
	f.balancer.counters.add(elbResetCount, 1)
	abort(c)
}

// groupFor chooses the target group of a flow by weight; with group stickiness by the client's address.
func (f *front) groupFor(v *view, client netip.AddrPort) *group {
	d := v.matcher().Match(&traffic.Request{})
	action, ok := d.Routing()
	if !ok || action.Forward == nil {
		return nil
	}
	total := traffic.TotalWeight(action.Forward)
	if total == 0 {
		return nil
	}
	n := f.balancer.plane.random()
	if s := action.Forward.Stickiness; s != nil && s.Enabled {
		n = f.balancer.plane.hashOf(client.Addr())
	}
	f.balancer.rules.add(v.listener.ARN)
	ref, _ := traffic.Pick(action.Forward, int(n%uint64(total)))
	return v.groups[ref.Literal]
}

// hashOf is the part of the flow hash that source-IP stickiness keeps.
func (p *Plane) hashOf(a netip.Addr) uint64 { return maphash.Comparable(p.seed, a) }

// targetFor chooses a target for a flow. The flow hash of a TCP connection includes its sequence number, so it is as good as
// random; source-IP stickiness leaves only the address.
func (g *group) targetFor(v *view, zone string, client netip.AddrPort) *target {
	s := &g.config.Load().settings
	targets := g.pool.Load().from(zone, s.crossesZones(&v.settings))
	if len(targets) == 0 {
		return nil
	}
	n := g.plane.random()
	if s.sticky {
		n = g.plane.hashOf(client.Addr())
	}
	t := targets[n%uint64(len(targets))]
	if !t.isHealthy.Load() {
		g.counters.add(unhealthyRoutingCount, 1)
	}
	return t
}

// connect opens the target's side of a flow, with what the target group wants said first.
func (f *front) connect(g *group, t *target, conn *clientConn, v *view, protocol string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(f.balancer.plane.ctx, connectTimeout)
	defer cancel()
	config := g.config.Load()
	to := t.addrPort()
	own := v.privateAddress(conn.zone, to.Addr().Is6())
	from := netip.AddrPortFrom(own, 0)
	if config.settings.preserveClientIP && conn.client.Addr().Is4() == to.Addr().Is4() {
		from = conn.client
	}
	c, err := f.balancer.plane.network.DialTCPFrom(vnet.WithSender(ctx, own), from, to)
	if err != nil {
		return nil, err
	}
	if config.settings.proxyProtocol {
		at := netip.AddrPortFrom(own, uint16(v.listener.Port))
		if _, err := c.Write(proxyHeader(proxyTCP, conn.client, at)); err != nil {
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
		g.counters.add(targetTLSErrorCount, 1)
		f.balancer.counters.add(targetTLSErrorCount, 1)
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// carry copies both ways; the end of one direction is passed on and the other goes on.
func (f *front) carry(client, target net.Conn, idleAfter time.Duration, flow *flow) {
	idle := newWatchdog(idleAfter, flow.reset)
	defer idle.stop()
	var both sync.WaitGroup
	direction := func(to, from net.Conn) {
		n, err := pump(to, from, idle)
		f.balancer.counters.add(processedBytes, n)
		if err != nil {
			flow.reset()
			return
		}
		if w, ok := to.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite()
		}
	}
	both.Go(func() { direction(target, client) })
	direction(client, target)
	both.Wait()
	closeAll(client, target)
}

func closeAll(closers ...io.Closer) {
	for _, c := range closers {
		_ = c.Close()
	}
}

// network reports whether the balancer is an NLB.
func (c *balancerConfig) network() bool { return c.Type == stack.Network }
