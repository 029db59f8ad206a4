package dataplane

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
)

const (
	maxStreams = 128 // of one HTTP/2 connection
	stopGrace  = 5 * time.Second
)

// servers run the HTTP side of a front. A change of what an HTTP server fixes at its start makes a new one for further
// connections; the older ones keep theirs.
type servers struct {
	front *front

	mu       sync.Mutex
	settings serverSettings
	queues   [2]*flow.Queue // of the current servers for HTTP/1 and HTTP/2; nil: no connection came yet
	all      []*http.Server
	stopped  bool
}

type serverSettings struct {
	idle  time.Duration
	http2 bool
}

func newServers(f *front) *servers { return &servers{front: f} }

// update makes further connections be served by v.
func (s *servers) update(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := serverSettings{idle: v.settings.IdleTimeout, http2: v.settings.HTTP2 && v.listener.Secure()}
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

// current is the queue of the server for new connections of a protocol, which begins with the first of them; nil when there is to be none.
func (s *servers) current(http2 bool) *flow.Queue {
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
		Handler:           s.front,
		ReadHeaderTimeout: s.settings.idle,
		IdleTimeout:       s.settings.idle,
		MaxHeaderBytes:    2 * httpwire.MaxHead, // httpwire refuses before
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          log.New(io.Discard, "", 0),
		// OPTIONS * is for targets, too, and each request that Conn inspects must reach the handler.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  withConn,
		BaseContext:                  func(net.Listener) context.Context { return s.front.balancer.plane.ctx },
	}
	queue := flow.NewQueue()
	if s.front.balancer.plane.spawn(func() { _ = server.Serve(queue) }) {
		*place, s.all = queue, append(s.all, server)
	}
	return *place
}

// serve hands a connection to the current server.
func (s *servers) serve(c *clientConn) {
	if s.front.key.protocol != "HTTPS" {
		c.wire = httpwire.NewConn(c, c)
		s.hand(c.wire)
		return
	}
	if !s.front.balancer.plane.spawn(func() { s.secure(c) }) {
		flow.Abort(c)
	}
}

// hand gives a connection to the current server, also if another takes its place meanwhile.
func (s *servers) hand(c net.Conn) {
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
func (s *servers) secure(c *clientConn) {
	conn := s.front.handshake(c)
	if conn == nil {
		return
	}
	if c.tls.NegotiatedProtocol == "h2" {
		s.hand(httpwire.NewHTTP2Conn(conn))
		return
	}
	c.wire = httpwire.NewConn(conn, c)
	s.hand(c.wire)
}

// stop ends all servers: idle connections at once, others after their request or the grace.
func (s *servers) stop() {
	s.mu.Lock()
	s.stopped = true
	all := s.all
	s.mu.Unlock()
	plane := s.front.balancer.plane
	gracefully := plane.spawn(func() {
		ctx, cancel := context.WithTimeout(plane.ctx, stopGrace)
		defer cancel()
		for _, server := range all {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}
		s.front.closeConns() // also what came in at the last moment
	})
	if !gracefully {
		for _, server := range all {
			_ = server.Close()
		}
		s.front.closeConns()
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

func connOf(r *http.Request) *clientConn { return r.Context().Value(connKey{}).(*clientConn) }
