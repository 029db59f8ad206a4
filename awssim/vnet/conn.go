package vnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Conn is one end of a TCP connection of the network. Deadlines are in real time, as for every net.Conn.
type Conn struct {
	in, out       *stream
	local, remote *net.TCPAddr

	mu     sync.Mutex
	closed bool
	abort  bool
}

// newConnPair joins two ends.
func newConnPair(client, server netip.AddrPort) (*Conn, *Conn) {
	up, down := newStream(), newStream()
	c, s := net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(server)
	return &Conn{in: down, out: up, local: c, remote: s}, &Conn{in: up, out: down, local: s, remote: c}
}

func (c *Conn) fail(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	return n, c.fail("read", err)
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	return n, c.fail("write", err)
}

// Close ends both directions: the peer reads what is queued and then the end. After SetLinger(0) it resets instead.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	if c.abort {
		c.in.reset()
		c.out.reset()
	}
	c.out.closeWriter()
	c.in.closeReader()
	return nil
}

// CloseWrite sends the end of this side's bytes; reading goes on.
func (c *Conn) CloseWrite() error {
	c.out.finish()
	return nil
}

// SetLinger with 0 makes Close reset the connection, as for a net.TCPConn; other values change nothing.
func (c *Conn) SetLinger(seconds int) error {
	c.mu.Lock()
	c.abort = seconds == 0
	c.mu.Unlock()
	return nil
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}
