package httpwire

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"unicode"
)

// hopByHop headers belong to one connection and are not forwarded.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// DropHopByHop removes the headers that belong to one connection.
func DropHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// UpgradeOf is the protocol of the Upgrade header, if it is WebSocket.
func UpgradeOf(h http.Header) string {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		return ""
	}
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return h.Get("Upgrade")
			}
		}
	}
	return ""
}

// AppendForwarded adds a client; an IPv6 address without port is bare only when it stands alone.
func AppendForwarded(before string, client netip.AddrPort, withPort bool) string {
	var last string
	switch {
	case withPort:
		last = client.String()
	case client.Addr().Is6() && before != "":
		last = "[" + client.Addr().String() + "]"
	default:
		last = client.Addr().String()
	}
	if before == "" {
		return last
	}
	return before + ", " + last
}

// MergeTrace is an X-Amzn-Trace-Id with an id of ours: beside a Root that the client sent it is the Self.
func MergeTrace(before, id string) string {
	var kept []string
	rooted := false
	for field := range strings.SplitSeq(before, ";") {
		field = strings.TrimSpace(field)
		if field == "" || strings.HasPrefix(field, "Self=") {
			continue
		}
		rooted = rooted || strings.HasPrefix(field, "Root=")
		kept = append(kept, field)
	}
	first := "Root=" + id
	if rooted {
		first = "Self=" + id
	}
	return strings.Join(append([]string{first}, kept...), ";")
}

// IsGRPC reports whether a request is one of gRPC.
func IsGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// HeaderSize is how many bytes headers have in HTTP/1.
func HeaderSize(h http.Header) int64 {
	size := 0
	for name, lines := range h {
		for _, line := range lines {
			size += len(name) + len(line) + len(": \r\n")
		}
	}
	return int64(size)
}

// WithoutControls percent-encodes control characters, which no HTTP library sends; all else goes as it came.
func WithoutControls(uri string) string {
	if strings.IndexFunc(uri, unicode.IsControl) < 0 {
		return uri
	}
	var b strings.Builder
	for i := range len(uri) {
		if c := uri[i]; c < ' ' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// CopyHeaders adds all of from to to, without those that belong to one connection.
func CopyHeaders(to, from http.Header) {
	maps.Copy(to, from)
	DropHopByHop(to)
}
