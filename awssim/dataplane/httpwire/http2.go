package httpwire

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	maxHeaderFrame = 1 << 20 // what net/http accepts
	sentFrame      = 16 << 10
	// maxFields is where the fields of a request end that are handed on. net/http refuses the request long before.
	maxFields = 8 * MaxHead
)

// refusalHeader marks an HTTP/2 request that the handler must refuse. Its value is a secret of the process: clients may
// send any header.
const refusalHeader = "Awssim-Refusal"

var refusalValue = rand.Text()

var errPreface = errors.New("the client agreed on HTTP/2 and speaks something else")

// HTTP2Conn filters the HTTP/2 connection of a client before the server reads it. It removes parts of requests that
// net/http would answer itself: Expect, because an application load balancer sends no 100 over HTTP/2, and
// connection-specific fields, for which net/http has its own error page. It passes all other frames unchanged. After
// a frame that is out of place it passes everything, because net/http ends such a connection.
type HTTP2Conn struct {
	net.Conn // of TLS, which net/http must not see: it would take the connection for itself

	// Used by the reader only; net/http has one at a time.
	started bool
	raw     bool   // nothing is changed any more
	left    uint32 // bytes of a frame that pass
	out     []byte // to hand out before anything else
	decoder *hpack.Decoder
	fields  []hpack.HeaderField
	size    int // of fields
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// NetConn is the connection that is read.
func (c *HTTP2Conn) NetConn() net.Conn { return c.Conn }

// NewHTTP2Conn reads HTTP/2 from a connection.
func NewHTTP2Conn(c net.Conn) *HTTP2Conn {
	f := &HTTP2Conn{Conn: c}
	f.decoder = hpack.NewDecoder(4096, func(h hpack.HeaderField) {
		if f.size <= maxFields {
			f.fields = append(f.fields, h)
			f.size += len(h.Name) + len(h.Value) + 32
		}
	})
	f.encoder = hpack.NewEncoder(&f.block)
	f.encoder.SetMaxDynamicTableSize(0) // the server's table stays empty
	return f
}

// Read implements net.Conn.
func (c *HTTP2Conn) Read(p []byte) (int, error) {
	if !c.started {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(c.Conn, preface); err != nil {
			return 0, err
		}
		if string(preface) != http2.ClientPreface {
			return 0, errPreface
		}
		c.started, c.out = true, preface
	}
	for len(c.out) == 0 && !c.raw && c.left == 0 {
		if err := c.frame(); err != nil {
			return 0, err
		}
	}
	if len(c.out) > 0 {
		n := copy(p, c.out)
		c.out = c.out[n:]
		return n, nil
	}
	if !c.raw && uint32(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	if !c.raw {
		c.left -= uint32(n)
	}
	return n, err
}

// frame reads the beginning of the next frame, and the whole of the header block that it may begin.
func (c *HTTP2Conn) frame() error {
	head, length, err := c.head()
	if err != nil {
		return err
	}
	if http2.FrameType(head[3]) != http2.FrameHeaders {
		c.out, c.left = head, length
		return nil
	}
	if length > maxHeaderFrame {
		c.pass(head)
		return nil
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(c.Conn, payload); err != nil {
		return err
	}
	flags := http2.Flags(head[4])
	priority, block, ok := opened(flags, payload)
	if !ok {
		c.pass(append(head, payload...))
		return nil
	}
	stream := head[5:9:9]
	for ended := flags.Has(http2.FlagHeadersEndHeaders); !ended; {
		next, length, err := c.head()
		if err != nil {
			return err
		}
		if http2.FrameType(next[3]) != http2.FrameContinuation || !bytes.Equal(next[5:9], stream) || len(block)+
			int(length) > maxHeaderFrame {
			// The server gets the beginning of the block, so that it finds the continuation missing.
			c.pass(append(header(nil, 0, http2.FrameHeaders, 0, stream), next...))
			return nil
		}
		more := make([]byte, length)
		if _, err := io.ReadFull(c.Conn, more); err != nil {
			return err
		}
		block, ended = append(block, more...), http2.Flags(next[4]).Has(http2.FlagContinuationEndHeaders)
	}
	c.out = c.rewritten(flags, stream, priority, block)
	return nil
}

// head reads the nine bytes that a frame begins with.
func (c *HTTP2Conn) head() (head []byte, length uint32, err error) {
	head = make([]byte, 9)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return nil, 0, err
	}
	return head, binary.BigEndian.Uint32(head) >> 8, nil
}

// pass hands out what was read and then all that comes.
func (c *HTTP2Conn) pass(read []byte) { c.out, c.raw = read, true }

// opened takes padding and priority off a HEADERS frame.
func opened(flags http2.Flags, payload []byte) (priority, block []byte, ok bool) {
	padding := 0
	if flags.Has(http2.FlagHeadersPadded) {
		if len(payload) == 0 {
			return nil, nil, false
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	if flags.Has(http2.FlagHeadersPriority) {
		if len(payload) < 5 {
			return nil, nil, false
		}
		priority, payload = payload[:5:5], payload[5:]
	}
	if padding > len(payload) {
		return nil, nil, false
	}
	return priority, payload[: len(payload)-padding : len(payload)-padding], true
}

// rewritten are the frames of a header block.
func (c *HTTP2Conn) rewritten(flags http2.Flags, stream, priority, block []byte) []byte {
	c.fields, c.size = c.fields[:0], 0
	c.block.Reset()
	_, err := c.decoder.Write(block)
	if err == nil {
		err = c.decoder.Close()
	}
	if err != nil {
		c.block.WriteByte(0x80) // no field has the index 0: the server ends the connection with its own error
	} else {
		c.encode()
	}
	payload := append(bytes.Clone(priority), c.block.Bytes()...)
	kind := http2.FrameHeaders
	kept := flags & (http2.FlagHeadersEndStream | http2.FlagHeadersPriority)
	var out []byte
	for {
		n := min(len(payload), sentFrame)
		if n == len(payload) {
			kept |= http2.FlagHeadersEndHeaders // CONTINUATION's is the same bit
		}
		out = append(header(out, n, kind, kept, stream), payload[:n]...)
		if payload = payload[n:]; len(payload) == 0 {
			return out
		}
		kind, kept = http2.FrameContinuation, 0
	}
}

// header appends the beginning of a frame.
func header(to []byte, length int, kind http2.FrameType, flags http2.Flags, stream []byte) []byte {
	to = append(to, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	return append(to, stream...)
}

// encode writes the fields that the server is to see into block.
func (c *HTTP2Conn) encode() {
	request, refused := false, false
	for _, f := range c.fields {
		request = request || f.Name == ":method"
		switch {
		case f.Name == "expect" && is(f.Value, "100-continue"):
			continue
		case ofConnection(f):
			if refused = true; request {
				continue
			}
		}
		_ = c.encoder.WriteField(f) // into memory
	}
	if refused && request {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(refusalHeader), Value: refusalValue,
			Sensitive: true})
	}
}

// ofConnection are the fields that HTTP/2 forbids (RFC 9113 §8.2.2).
func ofConnection(f hpack.HeaderField) bool {
	switch f.Name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return true
	case "te":
		return f.Value != "trailers" && f.Value != ""
	}
	return false
}

// refusedByFrames reports whether a request had fields that HTTP/2 forbids.
func refusedByFrames(r *http.Request) bool {
	for _, v := range r.Header[refusalHeader] {
		if v == refusalValue {
			return true
		}
	}
	return false
}
