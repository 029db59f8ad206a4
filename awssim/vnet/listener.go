package vnet

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// backlog is how many connections wait for Accept before further ones have to wait to be made.
const backlog = 64

// listener is a listening TCP port.
type listener struct {
	network *Network
	address netip.AddrPort
	take    func(net.Conn) // nil: connections wait in queue for Accept
	queue   chan *Conn
	done    chan struct{}
	once    sync.Once
}

// Accept implements net.Listener; the connections are *Conn.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.closedError()
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, l.closedError()
	}
}

func (l *listener) closedError() error {
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close implements net.Listener; connections that were not accepted are reset.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.forgetListener(l)
		close(l.done)
		l.drop()
	})
	return nil
}

// drop resets what waits in the queue.
func (l *listener) drop() {
	for {
		select {
		case c := <-l.queue:
			_ = c.SetLinger(0)
			_ = c.Close()
		default:
			return
		}
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.address) }

// connect queues a new connection and returns the client's end.
func (l *listener) connect(ctx context.Context, from netip.AddrPort) (net.Conn, error) {
	client, server := newConnPair(from, l.address)
	if l.take != nil {
		select {
		case <-l.done:
			return nil, syscall.ECONNREFUSED
		default:
			l.take(server)
			return client, nil
		}
	}
	select {
	case l.queue <- server:
	case <-l.done:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-l.done: // closed between: the connection will not be accepted
		l.drop()
	default:
	}
	return client, nil
}
