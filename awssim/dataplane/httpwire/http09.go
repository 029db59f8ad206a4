package httpwire

import (
	"bytes"
	"net/http"
)

// simpleVersion is the version that logs have for a request without one.
const simpleVersion = "HTTP/0.9"

// versionless is the length of a first line that names no version, or 0. It is the whole request: of HTTP/0.9, which
// has no headers (RFC 1945 §5), or of nothing. What follows it has no meaning.
func versionless(in []byte) int {
	end := bytes.IndexByte(in, '\n') + 1
	_, rest, _ := bytes.Cut(in[:end], []byte{' '})
	if bytes.IndexByte(rest, ' ') >= 0 {
		return 0
	}
	return end
}

// simpleLine takes a request of HTTP/0.9: GET and a URI, which is all that this version has.
func (i *Head) simpleLine(uri []byte) {
	i.URI = string(uri)
	if i.Method != http.MethodGet || len(uri) == 0 || uri[0] != '/' {
		i.note("BadVersion")
		return
	}
	i.Version, i.Simple, i.changed = simpleVersion, true, true
	i.checkURI(uri)
}

// headCutter takes the head off an answer.
type headCutter struct {
	matched int // bytes of the empty line that ends it
}

// body is what of an answer's next bytes does not belong to its head.
func (h *headCutter) body(p []byte) []byte {
	const end = "\r\n\r\n"
	for len(p) > 0 && h.matched < len(end) {
		switch p[0] {
		case end[h.matched]:
			h.matched++
		case '\r':
			h.matched = 1
		default:
			h.matched = 0
		}
		p = p[1:]
	}
	return p
}
