package dataplane

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxHead is the longest head of a request: request line and all headers, in bytes.
const maxHead = maxURI + maxHeaderBytes

// wireConn is what an HTTP/1 server reads a client's connection through: it looks at the head of each request before net/http
// does, which hides or refuses what a load balancer tells apart. It never hands out bytes of two messages at once, so that
// the inspection of a request is always there before its handler runs.
type wireConn struct {
	net.Conn // of TLS where the client speaks it
	client   *clientConn

	// Used by the reader only; net/http has one at a time.
	base  []byte // what in begins in again once it is empty
	in    []byte // read and not handed out
	out   []byte // to hand out before anything else
	seen  int    // bytes of in that hold no end of a head
	begun time.Time
	left  int64 // of a body with a length
	chunk chunkScanner

	words atomic.Pointer[string] // what the status line of the answer that is about to be written says; nil: net/http's

	cutter atomic.Pointer[headCutter] // of the answer to a request of HTTP/0.9

	mu       sync.Mutex // guards what follows
	state    wireState
	requests []*inspection // heads handed out whose handler has not run
	deadline time.Time     // for reading, as net/http set it
	refused  bool          // what the client goes on to say is not read
	// tunnelled says that bytes were handed out as another protocol's.
	tunnelled bool
}

type wireState uint8

const (
	inHead wireState = iota
	inBody
	inChunks
	inTunnel // another protocol
	atEnd
)

func newWireConn(c net.Conn, client *clientConn) *wireConn { return &wireConn{Conn: c, client: client} }

// Read implements net.Conn.
func (c *wireConn) Read(p []byte) (int, error) {
	for {
		if len(c.out) > 0 {
			n := copy(p, c.out)
			c.out = c.out[n:]
			return n, nil
		}
		if len(p) == 0 {
			return 0, nil
		}
		switch c.current() {
		case inHead:
			if err := c.readHead(); err != nil {
				return 0, err
			}
		case inBody:
			return c.readBody(p)
		case inChunks:
			if err := c.fill(); err != nil {
				return 0, err
			}
			n, ended := c.chunk.scan(c.in[:min(len(c.in), len(p))])
			copy(p, c.in[:n])
			c.in = c.in[n:]
			if ended {
				c.enter(inHead)
			}
			return n, nil
		case inTunnel:
			if err := c.fill(); err != nil {
				return 0, err
			}
			if c.current() != inTunnel { // the target did not agree
				continue
			}
			c.mu.Lock()
			c.tunnelled = true
			c.mu.Unlock()
			n := copy(p, c.in)
			c.in = c.in[n:]
			return n, nil
		default:
			// The client may have more to say, but nobody listens.
			c.in = c.in[:0]
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
}

func (c *wireConn) current() wireState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *wireConn) enter(s wireState) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
}

// fill reads more when nothing is left over.
func (c *wireConn) fill() error {
	if len(c.in) > 0 {
		return nil
	}
	return c.more()
}

// more appends what comes next to in.
func (c *wireConn) more() error {
	if len(c.in) == 0 {
		if c.base == nil {
			c.base = make([]byte, 4096)
		}
		c.in = c.base[:0]
	}
	if cap(c.in)-len(c.in) < 512 {
		c.in = append(make([]byte, 0, max(4096, 2*len(c.in))), c.in...)
	}
	n, err := c.Conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

func (c *wireConn) readBody(p []byte) (n int, err error) {
	p = p[:min(int64(len(p)), c.left)]
	if len(c.in) > 0 {
		n = copy(p, c.in)
		c.in = c.in[n:]
	} else {
		n, err = c.Conn.Read(p)
	}
	if c.left -= int64(n); c.left == 0 {
		c.enter(inHead)
	}
	return n, err
}

// readHead reads until a head is complete, or too long, or too slow, and has it handed out.
func (c *wireConn) readHead() error {
	for {
		for c.seen == 0 && len(c.in) > 0 && (c.in[0] == '\r' || c.in[0] == '\n') {
			c.in = c.in[1:] // empty lines before a request (RFC 9112 §2.2)
		}
		if c.begun.IsZero() && len(c.in) > 0 {
			c.begun = time.Now()
		}
		end := 0
		if c.seen == 0 {
			end = versionless(c.in)
		}
		if end == 0 {
			end = c.headEnd()
		}
		if end > 0 {
			c.take(inspect(c.in[:end], c.client.front.view.Load().settings.DesyncMode))
			c.in = c.in[end:]
			return nil
		}
		if status := c.tooLong(); status != 0 {
			c.refuse(status)
			return nil
		}
		err := c.more()
		switch {
		case err == nil:
			c.extend()
		case len(c.in) > 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.timedOut():
			c.refuse(http.StatusRequestTimeout)
			return nil
		default:
			if len(c.in) > 0 && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				c.client.abandoned(len(c.in), c.begun)
				c.in = nil
			}
			return err
		}
	}
}

// headEnd is the length of a complete head, or 0.
func (c *wireConn) headEnd() int {
	for {
		n := bytes.IndexByte(c.in[c.seen:], '\n')
		if n < 0 {
			return 0
		}
		n += c.seen + 1
		rest := c.in[n:]
		switch {
		case len(rest) > 0 && rest[0] == '\n':
			return n + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return n + 2
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			c.seen = n - 1 // look again when more has come
			return 0
		}
		c.seen = n
	}
}

// tooLong is the status for a head that cannot become acceptable any more, or 0.
func (c *wireConn) tooLong() int {
	const methodAndVersion = 64
	switch {
	case len(c.in) > maxURI+methodAndVersion && bytes.IndexByte(c.in[:maxURI+methodAndVersion], '\n') < 0:
		return http.StatusRequestURITooLong
	case len(c.in) > maxHead:
		return http.StatusBadRequest
	}
	return 0
}

// take hands a head out with its inspection.
func (c *wireConn) take(i *inspection, head []byte) {
	i.begun = c.begun
	c.begun, c.seen, c.out = time.Time{}, 0, head
	if i.simple {
		c.cutter.Store(new(headCutter))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, i)
	switch {
	case i.refuse != 0, i.simple:
		c.state, c.refused = atEnd, true
	case i.chunked:
		c.state, c.chunk = inChunks, chunkScanner{}
	case i.length > 0:
		c.state, c.left = inBody, i.length
	case i.upgraded:
		c.state = inTunnel
	}
}

// refuse makes the handler answer for a head that is not complete.
func (c *wireConn) refuse(status int) {
	i := &inspection{refuse: status, size: len(c.in)}
	line, _ := cutLine(c.in[:min(len(c.in), maxURI)])
	if parts := bytes.SplitN(line, []byte{' '}, 3); len(parts) > 1 {
		i.method, i.uri, i.version = string(parts[0]), string(parts[1]), "HTTP/1.1"
	}
	c.take(i, refusedHead(i))
}

// request is the inspection of the request whose handler begins.
func (c *wireConn) request() *inspection {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.requests[0]
	c.requests = c.requests[1:]
	return i
}

// stay ends the tunnel that a request asked for and did not get: further bytes are requests again. It reports false when
// some were handed out already.
func (c *wireConn) stay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tunnelled {
		return false
	}
	c.state = inHead
	return true
}

// extend moves net/http's deadline for a head along: what counts is the time without any byte.
func (c *wireConn) extend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.deadline.After(now) {
		c.deadline = now.Add(c.client.front.view.Load().settings.IdleTimeout)
		_ = c.Conn.SetReadDeadline(c.deadline)
	}
}

// timedOut reports whether the deadline was one of time and not net/http's way of waking the reader up.
func (c *wireConn) timedOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline.After(time.Unix(1, 0))
}

// SetReadDeadline implements net.Conn.
func (c *wireConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}
