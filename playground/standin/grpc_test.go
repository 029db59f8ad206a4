package standin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// call is a gRPC client's side of one call.
type call struct {
	*http.Response
	messages io.ReadCloser
	send     *io.PipeWriter
}

// status is that of gRPC, with the answer read to its end.
func (c *call) status(t *testing.T) string {
	t.Helper()
	if _, err := io.Copy(io.Discard, c.messages); err != nil {
		t.Fatal(err)
	}
	if s := c.Header.Get("Grpc-Status"); s != "" {
		return s
	}
	return c.Trailer.Get("Grpc-Status")
}

// dialGRPC serves the stand-in and returns how to call it over HTTP/2.
func dialGRPC(t *testing.T) func(path string, header ...string) *call {
	t.Helper()
	l := listen(t)
	server := ServeHTTP(l, identity)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		server.Shutdown(ctx)
	})
	return func(path string, header ...string) *call {
		t.Helper()
		body, send := io.Pipe()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		c := &call{send: send}
		go func() {
			if path == "/shop.Cart/Chat" { // goes on
				_, _ = send.Write(frame([]byte("hello")))
				return
			}
			_, _ = send.Write(frame([]byte("hello")))
			_ = send.Close()
		}()
		if c.Response, err = transport.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		c.messages = c.Body
		t.Cleanup(func() { _ = c.messages.Close(); _ = send.Close() })
		return c
	}
}

func TestAnyUnaryMethodGetsItsMessageBackAndTheStatusOK(t *testing.T) {
	t.Parallel()
	c := dialGRPC(t)("/shop.Cart/Add", "Grpc-Encoding", "gzip")
	got, err := readMessage(c.messages)
	if err != nil || string(got[5:]) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if s := c.status(t); s != "0" || c.Header.Get("X-Pod") != "web-1" || c.Header.Get("Grpc-Encoding") != "gzip" ||
		c.Header.Get("Content-Type") != "application/grpc" {
		t.Errorf("status %q, headers %v", s, c.Header)
	}
}

func TestAStreamIsEchoedMessageByMessage(t *testing.T) {
	t.Parallel()
	c := dialGRPC(t)("/shop.Cart/Chat")
	for _, text := range []string{"hello", "and", "again"} {
		if text != "hello" {
			if _, err := c.send.Write(frame([]byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := readMessage(c.messages); err != nil || string(got[5:]) != text {
			t.Fatalf("%q, %v, want %s", got, err, text)
		}
	}
	_ = c.send.Close()
	if s := c.status(t); s != "0" {
		t.Errorf("status %q", s)
	}
}

func TestTheHealthServiceServes(t *testing.T) {
	t.Parallel()
	dial := dialGRPC(t)
	check := dial("/grpc.health.v1.Health/Check")
	if got, err := readMessage(check.messages); err != nil || !bytes.Equal(got[5:], serving) {
		t.Errorf("%v, %v", got, err)
	}
	if s := check.status(t); s != "0" {
		t.Errorf("status %q", s)
	}
	watch := dial("/grpc.health.v1.Health/Watch")
	if got, err := readMessage(watch.messages); err != nil || !bytes.Equal(got[5:], serving) {
		t.Errorf("%v, %v", got, err)
	}
	_ = watch.messages.Close()
}

func TestTheConformanceEchoReturnsWhatArrivedAndItsIdentity(t *testing.T) {
	t.Parallel()
	const path = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/Echo"
	c := dialGRPC(t)(path, "X-Color", "blue")
	message, err := readMessage(c.messages)
	if err != nil || c.status(t) != "0" {
		t.Fatal(err)
	}
	assertions := fields(t, fields(t, message[5:])[1][0])
	context := fields(t, assertions[4][0])
	colors := 0
	for _, h := range assertions[2] {
		if header := fields(t, h); string(header[1][0]) == "x-color" && string(header[2][0]) == "blue" {
			colors++
		}
	}
	if string(assertions[1][0]) != path || string(assertions[3][0]) != c.Request.URL.Host || colors != 1 ||
		string(context[1][0]) != "shop" || string(context[3][0]) != "web" || string(context[4][0]) != "web-1" {
		t.Errorf("got %q in %q", assertions, context)
	}
}

// fields reads a message whose fields are all length-delimited.
func fields(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	m := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			t.Fatalf("field %d of kind %d", number, kind)
		}
		value, size := protowire.ConsumeBytes(b[n:])
		if size < 0 {
			t.Fatalf("field %d is cut off", number)
		}
		m[number] = append(m[number], value)
		b = b[n+size:]
	}
	return m
}

func TestCallsThatNoMethodAnswersGetAStatusAlone(t *testing.T) {
	t.Parallel()
	dial := dialGRPC(t)
	for path, want := range map[string]string{
		"/AWS.ALB/healthcheck": "12", "/": "12", "/shop.Cart": "12", "/a/b/c": "12", "/grpc.health.v1.Health/Guess": "12",
		"/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/EchoThree": "12",
	} {
		if s := dial(path).status(t); s != want {
			t.Errorf("%s: status %q, want %s", path, s, want)
		}
	}
	if s := dial("/shop.Cart/Add", "X-Grpc-Status", "14").status(t); s != "14" {
		t.Errorf("status %q, want the one asked for", s)
	}
}

func TestMessagesThatAreCutOffOrTooLongEndTheCall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                               io.EOF,
		"\x00\x00":                       io.ErrUnexpectedEOF,
		"\x00\x00\x00\x00\x05abc":        io.ErrUnexpectedEOF,
		"\x00\x7f\xff\xff\xffabc":        errLongMessage,
		"\x00\x00\x00\x00\x03abc and so": nil,
	} {
		if _, err := readMessage(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
