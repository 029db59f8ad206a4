package dataplane

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxHeaderBytes = 64 << 10 // all headers of a request
	maxStreams     = 128      // of one HTTP/2 connection
	stopGrace      = 5 * time.Second
)

// servers run the HTTP side of a front. A change of what an HTTP server fixes at its start makes a new one for further
// connections; the older ones keep theirs.
type servers struct {
	front *front

	mu       sync.Mutex
	settings serverSettings
	queue    *connQueue // of the current server
	all      []*http.Server
	stopped  bool
}

type serverSettings struct {
	idle  time.Duration
	http2 bool
}

func newServers(f *front) *servers { return &servers{front: f} }

func (s *servers) update(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := serverSettings{idle: v.settings.idle, http2: v.settings.http2 && v.secure()}
	if s.stopped || s.queue != nil && s.settings == wanted {
		return
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(wanted.http2)
	server := &http.Server{
		Handler:           s.front,
		ReadHeaderTimeout: wanted.idle,
		IdleTimeout:       wanted.idle,
		MaxHeaderBytes:    2 * maxHead, // wireConn refuses before
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext:       withConn,
		BaseContext:       func(net.Listener) context.Context { return s.front.balancer.plane.ctx },
	}
	queue := newConnQueue()
	if !s.front.balancer.plane.spawn(func() { _ = server.Serve(queue) }) {
		return
	}
	if s.queue != nil {
		s.queue.release() // its connections live on
	}
	s.settings, s.queue, s.all = wanted, queue, append(s.all, server)
}

// serve hands a connection to the current server.
func (s *servers) serve(c *clientConn) {
	s.mu.Lock()
	queue := s.queue
	s.mu.Unlock()
	if s.front.key.protocol != "HTTPS" {
		c.wire = newWireConn(c, c)
		if queue == nil || !queue.put(c.wire) {
			abort(c)
		}
		return
	}
	if queue == nil || !s.front.balancer.plane.spawn(func() { s.secure(queue, c) }) {
		abort(c)
	}
}

// secure does the TLS handshake of a connection and hands it on by the protocol that was agreed.
func (s *servers) secure(queue *connQueue, c *clientConn) {
	conn := s.front.handshake(c)
	if conn == nil {
		return
	}
	var served net.Conn = conn // net/http looks for the type that speaks HTTP/2
	if c.tls.NegotiatedProtocol != "h2" {
		c.wire = newWireConn(conn, c)
		served = c.wire
	}
	if !queue.put(served) {
		abort(c)
	}
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
	switch t := c.(type) {
	case *tls.Conn:
		c = t.NetConn()
	case *wireConn:
		c = t.client
	}
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) *clientConn { return r.Context().Value(connKey{}).(*clientConn) }

// connQueue is the listener of an http.Server that is fed from several sockets.
type connQueue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newConnQueue() *connQueue {
	return &connQueue{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (q *connQueue) put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.done:
		return false
	}
}

// release ends Serve without touching the server's connections.
func (q *connQueue) release() { q.once.Do(func() { close(q.done) }) }

// Accept implements net.Listener.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *connQueue) Close() error {
	q.release()
	return nil
}

// Addr implements net.Listener.
func (q *connQueue) Addr() net.Addr { return &net.TCPAddr{} }
