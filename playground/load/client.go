package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"golang.org/x/net/websocket"
)

const (
	// timeout bounds a request, and an answer of a stream.
	timeout = time.Minute
	// beat is the pause between messages of a stream.
	beat = 100 * time.Millisecond
	// patience is how long a flow waits for the answer to a datagram.
	patience = 5 * time.Second
)

// unverified trusts any certificate: what is measured is whether requests are answered.
func unverified() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true}
}

type requests struct {
	client    *http.Client
	transport *http.Transport
	url       string
	on        Connections
	made      bool
}

// Connections are those of a client of Requests.
type Connections int

// Connections of clients.
const (
	Fresh Connections = iota // a new one for each request
	Kept                     // one, and another one when it ends between two requests
	Held                     // one, whose end is a failure
)

// Requests gets a URL.
func Requests(dial Dial, url string, on Connections) Client {
	t := &http.Transport{DialContext: dial, DisableKeepAlives: on == Fresh, MaxConnsPerHost: 1,
		TLSClientConfig: unverified()}
	return &requests{client: &http.Client{Transport: t, Timeout: timeout}, transport: t, url: url, on: on}
}

// Call implements Client.
func (r *requests) Call(ctx context.Context) error {
	reused := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return errors.New(resp.Status)
	case r.on == Held && r.made && !reused:
		return errors.New("the connection was not kept")
	}
	r.made = true
	return nil
}

// Close implements Client.
func (r *requests) Close() { r.transport.CloseIdleConnections() }

type grpcStreams struct {
	transport *http.Transport
	url       string
	lasts     time.Duration
}

// GRPCStreams calls a method, the path of an https URL, that answers each message with a message. Each Call is a stream
// of the length, on a connection that is kept.
func GRPCStreams(dial Dial, url string, lasts time.Duration) Client {
	return &grpcStreams{&http.Transport{DialContext: dial, ForceAttemptHTTP2: true, TLSClientConfig: unverified()}, url,
		lasts}
}

// Call implements Client.
func (g *grpcStreams) Call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.lasts+timeout)
	defer cancel()
	in, out := io.Pipe()
	defer out.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	message := []byte{0, 0, 0, 0, 4, 'b', 'e', 'a', 't'}
	first := make(chan error, 1)
	go func() { _, err := out.Write(message); first <- err }()
	resp, err := g.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	if err := <-first; err != nil {
		return err
	}
	answer := make([]byte, len(message))
	for end := time.Now().Add(g.lasts); ; {
		if _, err := io.ReadFull(resp.Body, answer); err != nil {
			return fmt.Errorf("the stream ended: %w", err)
		}
		if !bytes.Equal(answer, message) {
			return fmt.Errorf("the answer to a message is %q", answer)
		}
		if time.Now().After(end) {
			break
		}
		time.Sleep(beat)
		if _, err := out.Write(message); err != nil {
			return fmt.Errorf("the stream ended: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if code := resp.Trailer.Get("Grpc-Status"); code != "0" {
		return fmt.Errorf("grpc-status %q", code)
	}
	return nil
}

// Close implements Client.
func (g *grpcStreams) Close() { g.transport.CloseIdleConnections() }

type webSockets struct {
	dial  Dial
	url   *url.URL
	lasts time.Duration
}

// WebSockets connects to a ws URL that answers each message with itself. Each Call is a connection of the length.
func WebSockets(dial Dial, u *url.URL, lasts time.Duration) Client {
	return &webSockets{dial, u, lasts}
}

// Call implements Client.
func (w *webSockets) Call(ctx context.Context) error {
	port := w.url.Port()
	if port == "" {
		port = "80"
	}
	conn, err := w.dial(ctx, "tcp", net.JoinHostPort(w.url.Hostname(), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(w.lasts + timeout)); err != nil {
		return err
	}
	answered := &firstLine{Conn: conn}
	socket, err := websocket.NewClient(&websocket.Config{Location: w.url, Origin: &url.URL{
		Scheme: "http", Host: w.url.Host}, Version: websocket.ProtocolVersionHybi13}, answered)
	if errors.Is(err, websocket.ErrBadStatus) {
		return fmt.Errorf("the handshake was answered %q", answered)
	}
	if err != nil {
		return err
	}
	return echoes(socket, w.lasts)
}

// firstLine is a connection that keeps the beginning of what was read, as errors of handshakes do not name the status.
type firstLine struct {
	net.Conn
	read []byte
}

// Read implements net.Conn.
func (c *firstLine) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read = append(c.read, b[:min(n, 100-len(c.read))]...)
	return n, err
}

// String is the first line that was read, of which 100 bytes are kept.
func (c *firstLine) String() string {
	line, _, _ := bytes.Cut(c.read, []byte("\r\n"))
	return string(line)
}

// echoes sends messages for the time and expects each back.
func echoes(conn io.ReadWriter, lasts time.Duration) error {
	answer := make([]byte, len("beat"))
	for end := time.Now().Add(lasts); ; time.Sleep(beat) {
		if _, err := io.WriteString(conn, "beat"); err != nil {
			return fmt.Errorf("the connection ended: %w", err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return fmt.Errorf("the connection ended: %w", err)
		}
		if time.Now().After(end) {
			return nil
		}
	}
}

// Close implements Client.
func (w *webSockets) Close() {}

type datagrams struct {
	dial    Dial
	address string
	lasts   time.Duration
}

// Datagrams sends datagrams to an address that answers each. Each Call is a flow, with a port of its own, of the
// length.
func Datagrams(dial Dial, address string, lasts time.Duration) Client {
	return &datagrams{dial, address, lasts}
}

// Call implements Client.
func (d *datagrams) Call(ctx context.Context) error {
	conn, err := d.dial(ctx, "udp", d.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answer := make([]byte, 64<<10)
	for end := time.Now().Add(d.lasts); ; time.Sleep(beat) {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := io.WriteString(conn, "beat"); err != nil {
			return fmt.Errorf("a datagram was not sent: %w", err)
		}
		if _, err := conn.Read(answer); err != nil {
			return fmt.Errorf("a datagram has no answer: %w", err)
		}
		if time.Now().After(end) {
			return nil
		}
	}
}

// Close implements Client.
func (d *datagrams) Close() {}
