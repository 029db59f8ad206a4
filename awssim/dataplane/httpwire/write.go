package httpwire

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
)

// lingerTime is how long a client that is not read any more may go on sending before its connection is cut, so that it
// sees the answer.
const lingerTime = 500 * time.Millisecond

// Write implements net.Conn. The HTTP server's own error pages become the load balancer's, and its status lines those
// of the load balancer or the target.
func (c *Conn) Write(p []byte) (int, error) {
	if cutter := c.cutter.Load(); cutter != nil {
		if _, err := c.Conn.Write(cutter.body(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if page, ok := replaceErrorPage(p); ok {
		c.client.Generated(http.StatusBadRequest)
		if _, err := c.Conn.Write(page); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if words := c.words.Swap(nil); words != nil {
		if page, ok := retitled(p, *words); ok {
			if _, err := c.Conn.Write(page); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn. A client that is not read any more is given time to read the answer: closing with bytes
// unread resets.
func (c *Conn) Close() error {
	c.mu.Lock()
	linger := c.refused
	c.refused = false
	c.mu.Unlock()
	if linger {
		Linger(c.Conn)
	}
	return c.Conn.Close()
}

// Linger ends the answer and reads on for lingerTime.
func Linger(c net.Conn) {
	if flow.CloseWrite(c) != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, c)
}

// CloseWrite sends the end of the answer.
func (c *Conn) CloseWrite() error { return flow.CloseWrite(c.Conn) }

// SetLinger is net.TCPConn's.
func (c *Conn) SetLinger(seconds int) error {
	return flow.SetLinger(flow.BelowTLS(c.Conn), seconds)
}

// SetStatusLine sets the status of the answer that is about to be written: the code and words.
func (c *Conn) SetStatusLine(status string) { c.words.Store(&status) }
