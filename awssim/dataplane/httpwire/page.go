package httpwire

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

// ServerName is the Server header of answers that a load balancer makes itself.
const ServerName = "awselb/2.0"

// reasons are status texts where AWS's differ from net/http's or where there is none.
var reasons = map[int]string{
	http.StatusUnauthorized:            "Authorization Required",
	http.StatusServiceUnavailable:      "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:          "Gateway Time-out",
	http.StatusRequestURITooLong:       "Request-URI Too Large",
	http.StatusMethodNotAllowed:        "Not Allowed",
	http.StatusHTTPVersionNotSupported: "HTTP Version Not Supported",
	561:                                "Authentication error",
	463:                                "",
	464:                                "",
}

// Status is "503 Service Temporarily Unavailable".
func Status(status int) string {
	reason, ok := reasons[status]
	if !ok {
		reason = http.StatusText(status)
	}
	if reason == "" {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status) + " " + reason
}

// ErrorPage is the HTML body of a generated answer.
func ErrorPage(status int) string {
	t := Status(status)
	return "<html>\r\n<head><title>" + t + "</title></head>\r\n<body>\r\n<center><h1>" + t +
		"</h1></center>\r\n</body>\r\n</html>\r\n"
}

// PlainHTTPPage is the answer to HTTP on an HTTPS port.
const PlainHTTPPage = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS " +
	"port</title></head>\r\n<body>\r\n" +
	"<center><h1>400 Bad Request</h1></center>\r\n<center>The plain HTTP request was sent to HTTPS " +
	"port</center>\r\n</body>\r\n</html>\r\n"

// What net/http writes, past any handler, to requests that it cannot read.
var (
	serverPlain   = []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	serverErrors  = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	serverVersion = []byte("HTTP/1.1 ")
)

// replaceErrorPage turns such an answer into that of a load balancer.
func replaceErrorPage(p []byte) ([]byte, bool) {
	if bytes.Equal(p, serverPlain) {
		return RawAnswer(http.StatusBadRequest, PlainHTTPPage), true
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
	return RawAnswer(status, ErrorPage(status)), true
}

// retitled is the beginning of an answer with words for its status, code included, where net/http has others or makes
// some up.
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

// RawAnswer is an HTML answer that is written past net/http, after which the connection closes.
func RawAnswer(status int, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nServer: %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: "+
		"close\r\n\r\n%s",
		Status(status), ServerName, len(body), body)
}

// OwnStatus is a target's status with its own words, "" where they are the usual ones or could not stand in a status
// line.
func OwnStatus(res *http.Response) string {
	if res.ProtoMajor != 1 || strings.IndexFunc(res.Status, unicode.IsControl) >= 0 ||
		res.Status == strconv.Itoa(res.StatusCode)+" "+http.StatusText(res.StatusCode) {
		return ""
	}
	return res.Status
}
