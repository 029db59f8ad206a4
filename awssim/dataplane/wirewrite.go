package dataplane

import (
	"io"
	"net/http"
	"time"
)

// lingerTime is how long a client that is not read any more may go on sending before its connection is cut, so that it sees the answer.
const lingerTime = 500 * time.Millisecond

// Write implements net.Conn; the HTTP server's own error pages become the load balancer's, and its status lines those of the load balancer or the target.
func (c *wireConn) Write(p []byte) (int, error) {
	if cutter := c.cutter.Load(); cutter != nil {
		if _, err := c.Conn.Write(cutter.body(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if page, ok := replaceErrorPage(p); ok {
		c.client.counts.generated(http.StatusBadRequest)
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

// Close implements net.Conn. A client that is not read any more is given time to read the answer: closing with bytes unread resets.
func (c *wireConn) Close() error {
	c.mu.Lock()
	linger := c.refused
	c.refused = false
	c.mu.Unlock()
	if linger {
		c.linger()
	}
	return c.Conn.Close()
}

func (c *wireConn) linger() {
	if c.CloseWrite() != nil {
		return
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, c.Conn)
}

// CloseWrite sends the end of the answer.
func (c *wireConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// SetLinger is net.TCPConn's.
func (c *wireConn) SetLinger(seconds int) error { return c.client.SetLinger(seconds) }
