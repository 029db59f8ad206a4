package dataplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/k8s-lbc/lbc/awssim/authn"
)

var errNoCertificate = errors.New("the listener has no certificate")

// balancerServer is the Server header of answers that a load balancer makes itself.
const balancerServer = "awselb/2.0"

// reasons are status texts where AWS's differ from net/http's or where there is none.
var reasons = map[int]string{
	http.StatusUnauthorized:            "Authorization Required",
	http.StatusServiceUnavailable:      "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:          "Gateway Time-out",
	http.StatusRequestURITooLong:       "Request-URI Too Large",
	http.StatusMethodNotAllowed:        "Not Allowed",
	http.StatusHTTPVersionNotSupported: "HTTP Version Not Supported",
	authn.StatusProviderError:          "Authentication error",
	463:                                "",
	464:                                "",
}

// title is "503 Service Temporarily Unavailable".
func title(status int) string {
	reason, ok := reasons[status]
	if !ok {
		reason = http.StatusText(status)
	}
	if reason == "" {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status) + " " + reason
}

// page is the HTML body of a generated answer.
func page(status int) string {
	t := title(status)
	return "<html>\r\n<head><title>" + t + "</title></head>\r\n<body>\r\n<center><h1>" + t + "</h1></center>\r\n</body>\r\n</html>\r\n"
}

// plainPage is what a client gets that speaks HTTP to an HTTPS port.
const plainPage = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body>\r\n" +
	"<center><h1>400 Bad Request</h1></center>\r\n<center>The plain HTTP request was sent to HTTPS port</center>\r\n</body>\r\n</html>\r\n"

// What net/http writes, past any handler, to clients that it does not understand.
var (
	serverPlain   = []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	serverErrors  = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	serverVersion = []byte("HTTP/1.1 ")
)

// replaceErrorPage turns such an answer into that of a load balancer.
func replaceErrorPage(p []byte) ([]byte, bool) {
	if bytes.Equal(p, serverPlain) {
		return rawAnswer(http.StatusBadRequest, plainPage), true
	}
	if len(p) > 512 || !bytes.HasPrefix(p, serverVersion) || !bytes.Contains(p, serverErrors) {
		return nil, false
	}
	line, _, _ := bytes.Cut(p[len(serverVersion):], []byte("\r\n"))
	status, err := strconv.Atoi(string(line[:min(3, len(line))]))
	if err != nil {
		return nil, false
	}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		status = http.StatusBadRequest
	}
	return rawAnswer(status, page(status)), true
}

// retitled is the beginning of an answer with words for its status, code included, where net/http has others or makes some up.
func retitled(p []byte, words string) ([]byte, bool) {
	line, rest, ok := bytes.Cut(p, []byte("\r\n"))
	version, _, is := bytes.Cut(line, []byte{' '})
	if !ok || !is || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return nil, false
	}
	if !strings.Contains(words, " ") {
		words += " " // which ends the status also where no words follow (RFC 9112 §4)
	}
	return fmt.Appendf(make([]byte, 0, len(p)+len(words)), "%s %s\r\n%s", version, words, rest), true
}

func rawAnswer(status int, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nServer: %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		title(status), balancerServer, len(body), body)
}

// Bounds on what is read of a request's body before an answer that does not need it.
const (
	maxUnread  = 64 << 10 // bytes
	unreadTime = 200 * time.Millisecond
)

// readUnread reads a small body that comes soon. A stream of HTTP/2 whose body was not read ends with RST_STREAM right behind the
// answer, which older clients take for a failure.
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
	x.conn.counts.generated(status)
	x.status = status
	h := x.w.Header()
	if x.view.ServerHeader {
		h.Set("Server", balancerServer)
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
	x.say(title(status))
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead && body != "" {
		_, _ = x.w.Write([]byte(body))
		x.sent += int64(len(body))
	}
}

// say has the status line of the answer that is about to be written say words, which begin with the code. HTTP/2 has none.
func (x *exchange) say(words string) {
	if x.conn.wire != nil {
		x.conn.wire.words.Store(&words)
	}
}

// wordsOf is a target's status with its own words, "" where they are the usual ones or could not stand in a status line.
func wordsOf(res *http.Response) string {
	if res.ProtoMajor != 1 || strings.IndexFunc(res.Status, unicode.IsControl) >= 0 || res.Status == strconv.Itoa(res.StatusCode)+" "+http.StatusText(res.StatusCode) {
		return ""
	}
	return res.Status
}

// fail answers with the load balancer's error page.
func (x *exchange) fail(status int) {
	if status == http.StatusBadRequest || status == http.StatusRequestTimeout {
		x.closes = true
	}
	x.generate(status, "text/html", page(status))
}

// insertHeaders sets the headers that listener attributes ask for, and the cookies of a session.
func (x *exchange) insertHeaders() {
	h := x.w.Header()
	for name, value := range x.view.ResponseHeaders {
		h.Set(name, value)
	}
	for _, c := range x.identity.cookies {
		h.Add("Set-Cookie", c)
	}
	if x.head != nil && x.head.upgraded && !x.upgraded && !x.conn.wire.stay() {
		x.closes = true
	}
	switch {
	case x.closes:
		h["Connection"] = closing // for HTTP/2 net/http says GOAWAY
	case x.r.ProtoMajor == 1:
		h["Connection"] = keepAlive
	}
}

// Values of Connection.
var (
	keepAlive = []string{"keep-alive"}
	closing   = []string{"close"}
)

// copyHeaders adds all of from to to, without those that belong to one connection.
func copyHeaders(to, from http.Header) {
	maps.Copy(to, from)
	dropHopByHop(to)
}
