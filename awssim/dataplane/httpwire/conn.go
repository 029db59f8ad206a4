// Package httpwire is HTTP between clients and a load balancer as far as net/http hides it: requests inspected as they
// came (desync mitigation, limits, HTTP/0.9, forbidden fields of HTTP/2), headers, error pages, status lines. It has no
// load balancer, no rule and no target. It may import awssim/dataplane/flow.
package httpwire

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

// Conn is what an HTTP/1 server reads a client's connection through: it looks at the head of each request before
// net/http does, which hides or refuses what a load balancer distinguishes. It never hands out bytes of two messages at
// once, so that the inspection of a request is always there before its handler runs.
type Conn struct {
	net.Conn // of TLS where the client speaks it
	client   Client

	// Used by the reader only; net/http has one at a time.
	base  []byte // what in begins in again once it is empty
	in    []byte // read and not handed out
	out   []byte // to hand out before anything else
	seen  int    // bytes of in that hold no end of a head
	begun time.Time
	left  int64 // of a body with a length
	chunk chunkScanner

	words atomic.Pointer[string] // of the status line of the next answer; nil: those of net/http

	cutter atomic.Pointer[headCutter] // of the answer to a request of HTTP/0.9

	mu       sync.Mutex // guards what follows
	state    wireState
	requests []*Head   // heads handed out whose handler has not run
	deadline time.Time // for reading, as net/http set it
	refused  bool      // what the client still sends is not read
	// tunnelled is set once bytes were handed out as another protocol's.
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

// Client is what a connection is read under, and what it reports to.
type Client interface {
	// ReadSettings are the mode of desync mitigation and the idle time-out of the moment.
	ReadSettings() (desyncMode string, idleTimeout time.Duration)
	// Abandoned is called when the connection ends within the head of a request.
	Abandoned(received int, begun time.Time)
	// Generated is called for an answer that is written without a handler.
	Generated(status int)
}

// NewConn reads HTTP/1 from a connection.
func NewConn(c net.Conn, client Client) *Conn { return &Conn{Conn: c, client: client} }

// NetConn is the connection that is read.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
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
			// What the client still sends is dropped.
			c.in = c.in[:0]
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
}

func (c *Conn) current() wireState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *Conn) enter(s wireState) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
}

// fill reads more when nothing is left over.
func (c *Conn) fill() error {
	if len(c.in) > 0 {
		return nil
	}
	return c.more()
}

// more appends what comes next to in.
func (c *Conn) more() error {
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

func (c *Conn) readBody(p []byte) (n int, err error) {
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
func (c *Conn) readHead() error {
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
			mode, _ := c.client.ReadSettings()
			c.take(inspect(c.in[:end], mode))
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
				c.client.Abandoned(len(c.in), c.begun)
				c.in = nil
			}
			return err
		}
	}
}

// headEnd is the length of a complete head, or 0.
func (c *Conn) headEnd() int {
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
func (c *Conn) tooLong() int {
	const methodAndVersion = 64
	switch {
	case len(c.in) > maxURI+methodAndVersion && bytes.IndexByte(c.in[:maxURI+methodAndVersion], '\n') < 0:
		return http.StatusRequestURITooLong
	case len(c.in) > MaxHead:
		return http.StatusBadRequest
	}
	return 0
}

// take hands a head out with its inspection.
func (c *Conn) take(i *Head, head []byte) {
	i.Begun = c.begun
	c.begun, c.seen, c.out = time.Time{}, 0, head
	if i.Simple {
		c.cutter.Store(new(headCutter))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, i)
	switch {
	case i.Refuse != 0, i.Simple:
		c.state, c.refused = atEnd, true
	case i.chunked:
		c.state, c.chunk = inChunks, chunkScanner{}
	case i.length > 0:
		c.state, c.left = inBody, i.length
	case i.Upgraded:
		c.state = inTunnel
	}
}

// refuse makes the handler answer for a head that is not complete.
func (c *Conn) refuse(status int) {
	i := &Head{Refuse: status, Size: len(c.in)}
	line, _ := cutLine(c.in[:min(len(c.in), maxURI)])
	if parts := bytes.SplitN(line, []byte{' '}, 3); len(parts) > 1 {
		i.Method, i.URI, i.Version = string(parts[0]), string(parts[1]), "HTTP/1.1"
	}
	c.take(i, refusedHead(i))
}

// NextHead is the inspection of the request whose handler begins.
func (c *Conn) NextHead() *Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.requests[0]
	c.requests = c.requests[1:]
	return i
}

// EndTunnel ends the tunnel that a request asked for and did not get: further bytes are requests again. It reports
// false if bytes of the tunnel were handed out already.
func (c *Conn) EndTunnel() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tunnelled {
		return false
	}
	c.state = inHead
	return true
}

// extend moves net/http's deadline for a head: only the time without any byte counts.
func (c *Conn) extend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.deadline.After(now) {
		_, idle := c.client.ReadSettings()
		c.deadline = now.Add(idle)
		_ = c.Conn.SetReadDeadline(c.deadline)
	}
}

// timedOut reports whether the deadline was a time-out. net/http sets one in the past to wake the reader up.
func (c *Conn) timedOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline.After(time.Unix(1, 0))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}
