package flow

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// CloseWrite sends the end of what is written to a connection, if its kind can.
func CloseWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// SetLinger is net.TCPConn's SetLinger, for connections of all kinds.
func SetLinger(c net.Conn, seconds int) error {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		return l.SetLinger(seconds)
	}
	return nil
}

// acceptPause is the pause in accepting connections while the process is out of descriptors.
const acceptPause = 20 * time.Millisecond

// Accept gives each connection of a socket to take until the socket closes. Errors of single connections go to failed.
func Accept(ctx context.Context, l net.Listener, take func(net.Conn), failed func(error)) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			take(c)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			failed(err)
			_ = sleep.For(ctx, acceptPause)
		default:
			return
		}
	}
}

// CloseAll closes all, also if closing one fails.
func CloseAll(closers ...io.Closer) {
	for _, c := range closers {
		_ = c.Close()
	}
}

// BelowTLS is what is below TLS.
func BelowTLS(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// Abort closes a connection with a reset.
func Abort(c net.Conn) {
	_ = SetLinger(c, 0)
	_ = c.Close()
}

// Queue is the listener of an http.Server that is fed from several sockets.
type Queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewQueue makes an empty queue.
func NewQueue() *Queue {
	return &Queue{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Put hands a connection to the server. It reports false after Release.
func (q *Queue) Put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.done:
		return false
	}
}

// Release ends Serve without touching the server's connections.
func (q *Queue) Release() { q.once.Do(func() { close(q.done) }) }

// Accept implements net.Listener.
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *Queue) Close() error {
	q.Release()
	return nil
}

// Addr implements net.Listener.
func (q *Queue) Addr() net.Addr { return &net.TCPAddr{} }

// MaxPacket is the size of the largest datagram.
const MaxPacket = 64 << 10
