package httpwire

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// requestLine takes the line apart at its first and last space.
func (i *Head) requestLine(line []byte) {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	i.Method = interned(method)
	if !ok || !isToken(method) {
		i.note("BadMethod")
		return
	}
	last := bytes.LastIndexByte(rest, ' ')
	if last < 0 {
		i.simpleLine(rest)
		return
	}
	i.URI, i.Version = string(rest[:last]), interned(rest[last+1:])
	i.checkVersion()
	i.checkURI(rest[:last])
}

// checkURI checks the request target and reports whether net/http accepts it.
func (i *Head) checkURI(uri []byte) {
	odd := false
	for n, c := range uri {
		switch {
		case c == 0 || c == '\r':
			i.note("BadUri")
		case c < ' ' || c == 0x7f:
			i.note("AmbiguousUri")
		case c == ' ':
			i.note("SpaceInUri")
		case c == '%' && (n+2 >= len(uri) || !isHex(uri[n+1]) || !isHex(uri[n+2])):
			// net/http refuses it, a load balancer does not.
		default:
			continue
		}
		odd = true
	}
	absolute := strings.HasPrefix(i.URI, "http://") || strings.HasPrefix(i.URI, "https://")
	switch {
	case i.URI == "" || i.URI[0] != '/' && i.URI != "*" && !absolute && i.Method != http.MethodConnect:
		i.note("BadUri")
	case odd && !absolute:
		i.URIRewritten, i.changed = true, true
	case absolute && !readable(i.URI), i.Method == http.MethodConnect && !strings.HasPrefix(i.URI, "/") &&
		!readable("http://"+i.URI):
		i.refusal(http.StatusBadRequest) // net/http would answer it, past logs and metrics
	}
}

func readable(uri string) bool {
	_, err := url.ParseRequestURI(uri)
	return err == nil
}

func (i *Head) checkVersion() {
	v := i.Version
	switch {
	case v == "HTTP/1.1" || v == "HTTP/1.0":
	case len(v) != 8 || v[:5] != "HTTP/" || v[6] != '.' || !isDigit(v[5]) || !isDigit(v[7]):
		i.note("BadVersion")
	case v[5] == '1':
		i.note("NonCompliantVersion")
		i.changed = true
	default:
		i.Refuse = http.StatusHTTPVersionNotSupported
	}
}

// interned is the text of common parts of requests, without a copy.
func interned(b []byte) string {
	switch string(b) {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	case "HTTP/1.1":
		return "HTTP/1.1"
	}
	return string(b)
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isFold reports whether a line continues the one before it (RFC 9112 §5.2).
func isFold(line []byte) bool { return line[0] == ' ' || line[0] == '\t' }

// headerLine takes a header line apart; false: the line must go.
func (i *Head) headerLine(line []byte) (headLine, bool) {
	if isFold(line) {
		if len(bytes.TrimLeft(line, " \t")) == 0 {
			i.note("EmptyHeader")
			return headLine{}, false
		}
		i.note("NonCompliantHeader")
		return headLine{value: i.cleanValue(line), fold: true}, true
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || bytes.ContainsAny(line, "\x00\r") {
		i.note("BadHeader")
		return headLine{}, false
	}
	if len(name) == 0 {
		i.note("EmptyHeader")
		return headLine{}, false
	}
	value = bytes.Trim(value, " \t")
	if is(name, "Transfer-Encoding") || is(name, "Content-Length") {
		return headLine{name: name, value: value}, true // framing checks it
	}
	if PlainName(name) {
		return headLine{name: name, value: i.cleanValue(value)}, true
	}
	switch normalName(name) {
	case "transferencoding", "contentlength":
		i.note("SuspiciousHeader")
	}
	if isToken(name) {
		return headLine{name: name, value: i.cleanValue(value)}, true
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			i.note("NonCompliantHeader")
		}
	}
	i.Dropped++
	return headLine{}, false
}

// cleanValue replaces control characters, which no HTTP library carries, by spaces.
func (i *Head) cleanValue(value []byte) []byte {
	var clean []byte
	for n, c := range value {
		if c >= ' ' && c < 0x7f || c == '\t' {
			continue
		}
		i.note("NonCompliantHeader")
		if c >= 0x80 {
			continue
		}
		if clean == nil {
			clean = bytes.Clone(value)
			i.changed = true
		}
		clean[n] = ' '
	}
	if clean != nil {
		return clean
	}
	return value
}

// PlainName names have letters, digits and hyphens only.
func PlainName[T string | []byte](name T) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// normalName is the name's letters and digits in lower case.
func normalName(name []byte) string {
	var b strings.Builder
	for _, c := range bytes.ToLower(name) {
		if isDigit(c) || 'a' <= c && c <= 'z' {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isToken is RFC 9110's token.
func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

// isHost reports whether a Host holds nothing but what RFC 3986 has in hosts and ports. net/http answers all else
// itself.
func isHost(b []byte) bool {
	for _, c := range b {
		if !PlainName([]byte{c}) && strings.IndexByte("!$%&'()*+,.:;=[]_~", c) < 0 {
			return false
		}
	}
	return true
}
