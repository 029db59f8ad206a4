package alb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// Causes of a cancelled request to a target.
var (
	errIdle    = errors.New("idle time-out")
	errDrained = errors.New("the target was deregistered and its deregistration delay is over")
)

// proxy sends the request to a target and its answer to the client. A refused connection is tried once more at another
// target when the request may be repeated.
func (x *exchange) proxy(g *targetgroup.Group, t *targetgroup.Target, targets []*targetgroup.Target, host, uri string) {
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)
	idle := flow.NewIdleTimer(clock.Real{}, x.snapshot.Settings.IdleTimeout, func() { cancel(errIdle) })
	defer idle.Stop()
	config := g.Config()
	out := x.outgoing(ctx, config.Protocol == "HTTPS", host, uri, idle)

	if x.body != nil {
		x.prepareBody(x.body, idle, cancel)
	}
	res, err := x.send(t, out, cancel)
	if refused(err) && repeatable(x.r.Method) {
		if other := g.Choose(x.conn.Zone, targets, t); other != nil && other != t {
			x.groupCounts(g).Add(counter.TargetConnectionErrorCount, 1)
			t = other
			res, err = x.send(t, out, cancel)
		}
	}
	if err != nil {
		t.Performance.Observed(0)
		x.failed(ctx, g, out, err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 100 { // no status of HTTP (RFC 9110 §15)
		t.Performance.Observed(0)
		x.fail(http.StatusBadGateway)
		return
	}
	t.Performance.Observed(res.StatusCode)
	t.InFlight.Add(1)
	defer t.InFlight.Add(-1)
	defer context.AfterFunc(t.Gone, func() { cancel(errDrained) })()
	x.targetStatus, x.headAt = res.StatusCode, x.now()
	buf := flow.Buffers.Get().(*[]byte)
	defer flow.Buffers.Put(buf)
	buffered, err := x.buffer(res, *buf, idle)
	if err != nil {
		x.failed(ctx, g, out, err)
		return
	}
	x.status = res.StatusCode
	x.groupCounts(g).AddAnswered(res.StatusCode)
	x.groupCounts(g).Add(counter.ResponseMicros, x.headAt.Sub(x.sentAt).Microseconds())
	x.conn.Counts.AddAnswered(res.StatusCode)
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.upgraded = true
		x.tunnel(g, t, res, idle)
		return
	}
	x.setCopiedHeaders(res)
	x.setCookies(g, t, res)
	x.respond(res, *buf, buffered, idle)
}

// prepareBody lets the answer begin before the request's body ends, and idle end the wait for the client's next bytes.
func (x *exchange) prepareBody(body *requestBody, idle *flow.IdleTimer, cancel context.CancelCauseFunc) {
	if x.r.ProtoMajor == 1 {
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
	idle.OnExpiry(func() {
		cancel(errIdle)
		if !body.ended.Load() {
			_ = http.NewResponseController(x.w).SetReadDeadline(time.Now())
		}
	})
}

// buffer reads an answer's body whose announced length fits into buf, so that an answer that is shorter than announced
// is found while another status may still be sent. It returns how much it read: nothing of other answers.
func (x *exchange) buffer(res *http.Response, buf []byte, idle *flow.IdleTimer) (buffered int, err error) {
	if x.r.Method == http.MethodHead || res.ContentLength <= 0 || res.ContentLength > int64(len(buf)) {
		return 0, nil
	}
	for int64(buffered) < res.ContentLength && err == nil {
		var n int
		n, err = res.Body.Read(buf[buffered:res.ContentLength])
		idle.Feed()
		buffered += n
	}
	if int64(buffered) == res.ContentLength {
		return buffered, nil
	}
	return buffered, err
}

// send does one attempt at one target.
func (x *exchange) send(t *targetgroup.Target, out *http.Request, cancel context.CancelCauseFunc) (
	*http.Response, error) {
	t.InFlight.Add(1)
	defer t.InFlight.Add(-1)
	defer context.AfterFunc(t.Gone, func() { cancel(errDrained) })()
	to := t.AddrPort()
	x.target, x.sentAt = to, x.now()
	out.URL.Host = to.String()
	if out.URL.Scheme == "https" {
		out = out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
			TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
				if err != nil {
					x.groupCounts(t.Group).Add(counter.TargetTLSErrorCount, 1)
				}
			}}))
	}
	return t.Transport().RoundTrip(out)
}

// outgoing is the request as the target gets it.
func (x *exchange) outgoing(ctx context.Context, secure bool, host, uri string, idle *flow.IdleTimer) *http.Request {
	from := x.snapshot.PrivateAddress(x.conn.Zone, false)
	path, query, hasQuery := strings.Cut(httpwire.WithoutControls(uri), "?")
	out := (&http.Request{
		Method: x.r.Method, Header: x.requestHeaders(), Host: host,
		URL:           &url.URL{Scheme: "http", Opaque: path, RawQuery: query, ForceQuery: hasQuery && query == ""},
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		ContentLength: x.r.ContentLength,
	}).WithContext(targetgroup.WithSource(ctx, from))
	if secure {
		out.URL.Scheme = "https"
	}
	out.Close = x.head != nil && x.head.Closes
	if strings.HasPrefix(path, "//") { // an opaque part would be taken for scheme://host
		out.URL.Opaque = ""
		out.URL.RawPath = path
		out.URL.Path, _ = url.PathUnescape(path)
	}
	if x.r.ContentLength != 0 {
		out.Body = &requestBody{ReadCloser: x.r.Body, idle: idle}
		x.body = out.Body.(*requestBody)
		out.Trailer = x.r.Trailer
	}
	return out
}

// requestBody distinguishes a client that fails from a target that fails, and lets a refused request be sent again.
type requestBody struct {
	io.ReadCloser
	idle   *flow.IdleTimer
	failed atomic.Bool
	ended  atomic.Bool
	read   atomic.Int64
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.idle.Feed()
	b.read.Add(int64(n))
	switch {
	case err == io.EOF:
		b.ended.Store(true)
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// Close leaves the body to the server, which closes it with the exchange.
func (b *requestBody) Close() error { return nil }

// refused reports whether the connection attempt failed at once, so that nothing was sent.
func refused(err error) bool {
	var d *targetgroup.DialError
	return errors.As(err, &d) && !d.Timeout()
}

// repeatable methods may be sent twice (RFC 9110 §9.2.2).
func repeatable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// failed answers for a target that did not.
func (x *exchange) failed(ctx context.Context, g *targetgroup.Group, out *http.Request, err error) {
	var d *targetgroup.DialError
	var timeout net.Error
	body, _ := out.Body.(*requestBody)
	switch {
	case errors.Is(context.Cause(ctx), errIdle):
		if body != nil && !body.ended.Load() {
			x.closes = true
			x.fail(http.StatusRequestTimeout) // it is the client that is silent
			return
		}
		x.fail(http.StatusGatewayTimeout)
	case errors.Is(context.Cause(ctx), errDrained):
		x.fail(http.StatusBadGateway)
	case x.r.Context().Err() != nil && (body == nil || !body.failed.Load()): // the client is gone
		x.status = httpwire.StatusClientGone
		x.conn.Counts.AddGenerated(httpwire.StatusClientGone)
		panic(http.ErrAbortHandler)
	case errors.As(err, &d):
		x.groupCounts(g).Add(counter.TargetConnectionErrorCount, 1)
		if d.Timeout() {
			x.fail(http.StatusGatewayTimeout)
			return
		}
		x.fail(http.StatusBadGateway)
	case body != nil && body.failed.Load(): // the client broke off, or its body is malformed
		x.fail(http.StatusBadRequest)
	case errors.As(err, &timeout) && timeout.Timeout():
		x.fail(http.StatusGatewayTimeout)
	default:
		x.fail(http.StatusBadGateway)
	}
}

// setCopiedHeaders copies the headers of a target's answer and announces its trailers.
func (x *exchange) setCopiedHeaders(res *http.Response) {
	h := x.w.Header()
	httpwire.CopyHeaders(h, res.Header)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // and no guess
	}
	for name := range res.Trailer {
		h.Add("Trailer", name)
	}
}

// respond sends a target's answer to the client, after its headers were set. The first buffered bytes of its body are
// in buf. It closes the client's connection if the target breaks off.
func (x *exchange) respond(res *http.Response, buf []byte, buffered int, idle *flow.IdleTimer) {
	h, announced := x.w.Header(), len(res.Trailer)
	x.insertHeaders()
	if words := httpwire.OwnStatus(res); words != "" {
		x.setStatusLine(words)
	}
	x.w.WriteHeader(res.StatusCode)

	c, flush := http.NewResponseController(x.w), func() {}
	if res.ContentLength < 0 {
		flush = func() { _ = c.Flush() }
	}
	if int64(buffered) != res.ContentLength { // the head does not wait for a body that is not here
		_ = c.Flush()
	}
	if buffered > 0 {
		if _, err := x.w.Write(buf[:buffered]); err != nil {
			return
		}
		x.sent += int64(buffered)
	}
	for {
		n, err := res.Body.Read(buf)
		idle.Feed()
		if n > 0 {
			if _, werr := x.w.Write(buf[:n]); werr != nil {
				return
			}
			x.sent += int64(n)
			flush()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	for name, lines := range res.Trailer {
		if len(res.Trailer) != announced {
			name = http.TrailerPrefix + name
		}
		h[name] = lines
	}
}
