// Package alb serves the requests that reach listeners of Application Load Balancers: TLS with clients, rules, sign-in,
// web ACLs, choice of a target, stickiness, the exchange with the target, headers, access and connection logs.
// Connections come from the data plane, which owns the sockets; health checks are in the package targetgroup, the
// inspection of HTTP below net/http in httpwire. It may import awssim/accesslog, awssim/authn, awssim/clock,
// awssim/webacl, internal/model/stack, internal/model/traffic and the packages of the data plane below it.
package alb

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
)

const (
	maxStreams = 128 // of one HTTP/2 connection
	stopGrace  = 5 * time.Second
)

// Server serves the HTTP of one listener. A change of what an HTTP server fixes at its start makes a new one for
// further connections; the older ones keep theirs.
type Server struct {
	*loadbalancer.Listener
	sessions *Sessions

	mu       sync.Mutex
	settings settings
	queues   [2]*flow.Queue // of the current servers for HTTP/1 and HTTP/2; nil: no connection came yet
	all      []*http.Server
	stopped  bool
}

type settings struct {
	idle  time.Duration
	http2 bool
}

// NewServer makes the server of an HTTP or HTTPS listener.
func NewServer(l *loadbalancer.Listener, sessions *Sessions) *Server {
	return &Server{Listener: l, sessions: sessions}
}

// conn is a client's connection to an HTTP or HTTPS listener.
type conn struct {
	*loadbalancer.Conn
	wire     *httpwire.Conn       // HTTP/1
	tls      *tls.ConnectionState // HTTPS
	traced   sync.Once
	trace    string // see traceID
	requests atomic.Int64
}

// ReadSettings implements httpwire.Client.
func (c *conn) ReadSettings() (desyncMode string, idleTimeout time.Duration) {
	s := &c.Listener.Snapshot().Settings
	return s.DesyncMode, s.IdleTimeout
}

// Generated implements httpwire.Client.
func (c *conn) Generated(status int) { c.Counts.AddGenerated(status) }

// Configure makes further connections be served under the settings of a snapshot.
func (s *Server) Configure(snapshot *loadbalancer.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := settings{idle: snapshot.Settings.IdleTimeout, http2: snapshot.Settings.HTTP2 && snapshot.Listener.Secure()}
	if s.settings == wanted {
		return
	}
	s.settings = wanted
	for n, queue := range s.queues {
		if queue != nil {
			queue.Release() // its connections live on
			s.queues[n] = nil
		}
	}
}

// current is the queue of the server for new connections of a protocol, which begins with the first of them; nil when
// there is to be none.
func (s *Server) current(http2 bool) *flow.Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := &s.queues[0]
	protocols := new(http.Protocols)
	if http2 {
		place = &s.queues[1]
		protocols.SetUnencryptedHTTP2(true) // of what HTTP2Conn decrypted
	} else {
		protocols.SetHTTP1(true)
	}
	if s.stopped || *place != nil {
		return *place
	}
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.settings.idle,
		IdleTimeout:       s.settings.idle,
		MaxHeaderBytes:    2 * httpwire.MaxHead, // httpwire refuses before
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          log.New(io.Discard, "", 0),
		// OPTIONS * is for targets, too, and each request that Conn inspects must reach the handler.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  withConn,
		BaseContext:                  func(net.Listener) context.Context { return s.LoadBalancer.Context },
	}
	queue := flow.NewQueue()
	if s.LoadBalancer.Spawn(func() { _ = server.Serve(queue) }) {
		*place, s.all = queue, append(s.all, server)
	}
	return *place
}

// Serve serves a client's connection.
func (s *Server) Serve(client *loadbalancer.Conn) {
	c := &conn{Conn: client}
	if s.Protocol != "HTTPS" {
		c.wire = httpwire.NewConn(c, c)
		s.hand(c.wire)
		return
	}
	if !s.LoadBalancer.Spawn(func() { s.secure(c) }) {
		flow.Abort(c)
	}
}

// hand gives a connection to the current server, also if another takes its place meanwhile.
func (s *Server) hand(c net.Conn) {
	var before *flow.Queue
	_, http2 := c.(*httpwire.HTTP2Conn)
	for {
		queue := s.current(http2)
		if queue == nil || queue == before {
			flow.Abort(flow.BelowTLS(c))
			return
		}
		if queue.Put(c) {
			return
		}
		before = queue
	}
}

// secure does the TLS handshake of a connection and hands it on by the protocol that was agreed.
func (s *Server) secure(c *conn) {
	secure := s.handshake(c)
	if secure == nil {
		return
	}
	if c.tls.NegotiatedProtocol == "h2" {
		s.hand(httpwire.NewHTTP2Conn(secure))
		return
	}
	c.wire = httpwire.NewConn(secure, c)
	s.hand(c.wire)
}

// Stop ends the server: idle connections at once, others after their request or the grace.
func (s *Server) Stop() {
	s.mu.Lock()
	s.stopped = true
	all := s.all
	s.mu.Unlock()
	gracefully := s.LoadBalancer.Spawn(func() {
		ctx, cancel := context.WithTimeout(s.LoadBalancer.Context, stopGrace)
		defer cancel()
		for _, server := range all {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}
		s.CloseConns() // also what came in at the last moment
	})
	if !gracefully {
		for _, server := range all {
			_ = server.Close()
		}
		s.CloseConns()
	}
}

type connKey struct{}

// withConn makes the connection known to its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	for {
		over, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return context.WithValue(ctx, connKey{}, c)
		}
		c = over.NetConn()
	}
}

func connOf(r *http.Request) *conn { return r.Context().Value(connKey{}).(*conn) }
