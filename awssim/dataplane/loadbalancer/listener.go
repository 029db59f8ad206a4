package loadbalancer

import (
	"crypto/tls"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// Snapshot is an immutable picture of one listener: all that a request or a flow needs, taken once at its start.
//
// Every update makes new snapshots of everything, most of which serve no request before the next; what is expensive to
// make is created at first use.
type Snapshot struct {
	*Config
	Listener     topology.Listener
	Matcher      func() *traffic.Matcher
	TargetGroups map[string]*targetgroup.Group // by ARN, those that some action of the listener names
	topology.ListenerSettings

	handshakes func() *handshake.Server // HTTPS and TLS
}

// Snapshot makes the snapshot of a listener.
func (b *LoadBalancer) Snapshot(l *topology.Listener) *Snapshot {
	s := &Snapshot{Config: b.config.Load(), Listener: *l, TargetGroups: map[string]*targetgroup.Group{},
		ListenerSettings: l.Settings()}
	for arn := range l.TargetGroups() {
		if g := b.TargetGroup(arn); g != nil {
			s.TargetGroups[arn] = g
		}
	}
	s.Matcher = sync.OnceValue(func() *traffic.Matcher {
		m, err := traffic.NewMatcher(s.Listener.Rules, s.Listener.Default)
		if err != nil {
			b.Logf("data plane: load balancer %s, listener %d: %v", s.Name, s.Listener.Port, err)
		}
		return m
	})
	s.handshakes = sync.OnceValue(func() *handshake.Server { return handshake.NewServer(&s.Listener, s.Settings.HTTP2) })
	return s
}

// Listener is a listener at work, without its sockets: the snapshot of the moment and the connections of clients.
type Listener struct {
	LoadBalancer *LoadBalancer
	Port         int32
	Protocol     string
	TLS          func() *tls.Config // HTTPS and TLS
	Flows        flow.Set           // flows, and tunnels of HTTP

	snapshot atomic.Pointer[Snapshot]
	secure   atomic.Pointer[Snapshot] // the last one with TLS: a connection that began with it may still shake hands
	mu       sync.Mutex
	conns    map[*Conn]bool
}

// NewListener makes a listener of a load balancer.
func (b *LoadBalancer) NewListener(s *Snapshot) *Listener {
	l := &Listener{LoadBalancer: b, Port: s.Listener.Port, Protocol: s.Listener.Protocol, conns: map[*Conn]bool{}}
	l.Update(s)
	l.TLS = sync.OnceValue(func() *tls.Config {
		return handshake.Config(func() *handshake.Server { return l.secure.Load().handshakes() },
			func(c net.Conn) *handshake.Client { return c.(interface{ HelloOf() *handshake.Client }).HelloOf() })
	})
	return l
}

// Snapshot is the snapshot of the moment.
func (l *Listener) Snapshot() *Snapshot { return l.snapshot.Load() }

// Update makes the next connections and requests use s.
func (l *Listener) Update(s *Snapshot) {
	l.snapshot.Store(s)
	if s.Listener.Secure() {
		l.secure.Store(s)
	}
}

// Conn is a client's connection.
type Conn struct {
	net.Conn
	Listener *Listener
	Client   netip.AddrPort       // as targets and rules see it
	Zone     string               // of the node it reached
	Counts   counter.RequestTally // of the load balancer, and of it in that zone
	Since    time.Time
	Hello    handshake.Client // of HTTPS and TLS listeners

	closed atomic.Bool
}

// Accept counts a connection that the security groups permit; it resets others and returns nil.
func (l *Listener) Accept(c net.Conn, s *Snapshot) *Conn {
	b := l.LoadBalancer
	client := b.Client(c.RemoteAddr())
	local := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	if !b.Permits("tcp", client, netip.AddrPortFrom(local, uint16(l.Port))) {
		b.Requests.Add(counter.NewConnectionCount, 1)
		b.Requests.Add(counter.RejectedConnectionCount, 1)
		b.Flows.AddBlockedIn("tcp")
		flow.Abort(c)
		return nil
	}
	conn := &Conn{Conn: c, Listener: l, Client: client, Zone: b.Zone(local, s, client), Since: time.Now()}
	conn.Counts = counter.RequestTally{&b.Requests, b.RequestsByZone.Of(conn.Zone)}
	conn.Counts.Add(counter.NewConnectionCount, 1)
	l.mu.Lock()
	l.conns[conn] = true
	l.mu.Unlock()
	conn.Counts.Add(counter.ActiveConnectionCount, 1)
	return conn
}

// CloseConns closes the connections of all clients.
func (l *Listener) CloseConns() {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.Counts.Add(counter.ActiveConnectionCount, -1)
		c.Listener.mu.Lock()
		delete(c.Listener.conns, c)
		c.Listener.mu.Unlock()
	}
	return c.Conn.Close()
}

// CloseWrite sends the end of the answer.
func (c *Conn) CloseWrite() error { return flow.CloseWrite(c.Conn) }

// SetLinger is net.TCPConn's.
func (c *Conn) SetLinger(seconds int) error { return flow.SetLinger(c.Conn, seconds) }

// HelloOf is where the handshake notes what the client offers. Types that embed a Conn have it, too.
func (c *Conn) HelloOf() *handshake.Client { return &c.Hello }
