package alb

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
)

// Bounds on what is read of a request's body before an answer that does not need it.
const (
	maxUnread  = 64 << 10 // bytes
	unreadTime = 200 * time.Millisecond
)

// readUnread reads a small body that comes soon. A stream of HTTP/2 whose body was not read ends with RST_STREAM right
// behind the answer, which older clients take for a failure.
func (x *exchange) readUnread() {
	if x.r.ProtoMajor != 2 || x.r.ContentLength == 0 || x.body != nil {
		return
	}
	c := http.NewResponseController(x.w)
	_ = c.SetReadDeadline(time.Now().Add(unreadTime))
	_, _ = io.CopyN(io.Discard, x.r.Body, maxUnread)
	_ = c.SetReadDeadline(time.Time{})
}

// generate answers without a target.
func (x *exchange) generate(status int, contentType, body string) {
	x.readUnread()
	x.conn.Counts.AddGenerated(status)
	x.status = status
	h := x.w.Header()
	if x.snapshot.ServerHeader {
		h.Set("Server", httpwire.ServerName)
	}
	if contentType == "" {
		h["Content-Type"] = nil // and no guess
	} else {
		h.Set("Content-Type", contentType)
	}
	x.insertHeaders()
	if status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	} else {
		body = ""
	}
	x.setStatusLine(httpwire.Status(status))
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead && body != "" {
		_, _ = x.w.Write([]byte(body))
		x.sent += int64(len(body))
	}
}

// setStatusLine sets the status of the answer that is about to be written: code and words. HTTP/2 has none.
func (x *exchange) setStatusLine(words string) {
	if x.conn.wire != nil {
		x.conn.wire.SetStatusLine(words)
	}
}

// fail answers with the load balancer's error page.
func (x *exchange) fail(status int) {
	if status == http.StatusBadRequest || status == http.StatusRequestTimeout {
		x.closes = true
	}
	x.generate(status, "text/html", httpwire.ErrorPage(status))
}

// insertHeaders sets the headers that listener attributes ask for, and the cookies of a session.
func (x *exchange) insertHeaders() {
	h := x.w.Header()
	for name, value := range x.snapshot.ResponseHeaders {
		h.Set(name, value)
	}
	for _, c := range x.identity.cookies {
		h.Add("Set-Cookie", c)
	}
	if x.head != nil && x.head.Upgraded && !x.upgraded && !x.conn.wire.EndTunnel() {
		x.closes = true
	}
	switch {
	case x.closes:
		h["Connection"] = closing // for HTTP/2 net/http sends GOAWAY
	case x.r.ProtoMajor == 1:
		h["Connection"] = keepAlive
	}
}

// Values of Connection.
var (
	keepAlive = []string{"keep-alive"}
	closing   = []string{"close"}
)
