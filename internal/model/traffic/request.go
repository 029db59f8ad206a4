package traffic

import (
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
)

// Request has the parts of a request that conditions compare.
type Request struct {
	Scheme   string              // of the client's connection: "http" or "https"
	Host     string              // Host or :authority as sent, possibly with a port
	Port     int32               // the listener's port
	Method   string              // as sent
	Path     string              // as sent: percent-encoded, without the query
	RawQuery string              // as sent, without the question mark
	Header   map[string][]string // canonical names (net/textproto), as http.Header has them
	SourceIP netip.Addr          // the TCP peer as the load balancer sees it
}

// hostname is the Host value that conditions compare: in lower case, and with its port unless that is the listener's.
// IPv6 literals keep their brackets.
func (r *Request) hostname() string {
	host := withoutPort(r.Host)
	if port := r.Host[len(host):]; port != "" && port != ":"+strconv.Itoa(int(r.Port)) {
		host = r.Host
	}
	return strings.ToLower(host)
}

func withoutPort(host string) string {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.IndexByte(host[colon:], ']') >= 0 {
		return host
	}
	if !strings.HasPrefix(host, "[") && strings.IndexByte(host[:colon], ':') >= 0 {
		return host // a bare IPv6 address
	}
	return host[:colon]
}

func (r *Request) header(name string) []string {
	return r.Header[textproto.CanonicalMIMEHeaderKey(name)]
}

// NormalizePath returns the form of a path that conditions compare. Characters that are not printable ASCII are
// dropped. Percent-encoded unreserved characters (RFC 3986 §2.3) are decoded. Dot segments are removed (§5.2.4);
// duplicate slashes are not. The path that is forwarded is never changed.
func NormalizePath(path string) string {
	return removeDotSegments(decodeUnreserved(visible(path)))
}

// visible is s without the bytes that are not printable ASCII.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
}

func decodeUnreserved(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && unreserved(byte(c)) {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path, "/")
	kept := segments[:1]
	for i, s := range segments[1:] {
		last := i == len(segments)-2
		switch s {
		case ".", "..":
			if s == ".." && len(kept) > 1 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "/")
}
