package httpwire

import (
	"net/http"
	"strings"
)

// Status codes that only load balancers use.
const (
	StatusClientGone       = 460 // in logs only
	statusTooManyForwarded = 463
	StatusVersionMismatch  = 464
)

// Limits on requests, in bytes but for maxForwarded.
const (
	maxURI         = 16 << 10
	maxHeader      = 16 << 10 // one line
	maxHeaderBytes = 64 << 10 // all headers
	maxForwarded   = 30       // addresses in X-Forwarded-For

	// MaxHead is the longest head: request line and all headers.
	MaxHead = maxURI + maxHeaderBytes
)

// Refusal is the status for a request that net/http takes and a load balancer does not, 0 for all others.
func Refusal(r *http.Request) int {
	switch {
	case r.ProtoMajor == 2 && refusedByFrames(r):
		return http.StatusBadRequest
	case !isToken([]byte(r.Method)): // of HTTP/2; of HTTP/1 it was inspected
		return http.StatusBadRequest
	case r.Method == http.MethodTrace || r.Method == http.MethodConnect:
		return http.StatusMethodNotAllowed
	case len(r.RequestURI) > maxURI:
		return http.StatusRequestURITooLong
	}
	all := 0 // of HTTP/1 it was measured as sent
	for name, lines := range r.Header {
		for _, line := range lines {
			all += len(name) + len(line)
			if len(name)+len(line) > maxHeader || all > maxHeaderBytes {
				return http.StatusBadRequest
			}
		}
	}
	forwarded := 0
	for _, line := range r.Header["X-Forwarded-For"] {
		forwarded += strings.Count(line, ",") + 1
	}
	if forwarded > maxForwarded {
		return statusTooManyForwarded
	}
	return 0
}
