package dataplane

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// requestLine takes the line apart at its first and last space.
func (i *inspection) requestLine(line []byte) {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	i.method = interned(method)
	if !ok || !isToken(method) {
		i.note("BadMethod")
		return
	}
	last := bytes.LastIndexByte(rest, ' ')
	if last < 0 {
		i.uri = string(rest)
		i.note("BadVersion")
		return
	}
	uri := rest[:last]
	i.uri, i.version = string(uri), interned(rest[last+1:])
	i.checkVersion()
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
			// net/http refuses it, a load balancer does not care.
		default:
			continue
		}
		odd = true
	}
	absolute := strings.HasPrefix(i.uri, "http://") || strings.HasPrefix(i.uri, "https://")
	switch {
	case i.uri == "" || i.uri[0] != '/' && i.uri != "*" && !absolute && i.method != http.MethodConnect:
		i.note("BadUri")
	case odd && !absolute:
		i.uriRewritten, i.changed = true, true
	case absolute && !readable(i.uri), i.method == http.MethodConnect && !strings.HasPrefix(i.uri, "/") && !readable("http://"+i.uri):
		i.refusal(http.StatusBadRequest) // net/http would answer it, past logs and metrics
	}
}

func readable(uri string) bool {
	_, err := url.ParseRequestURI(uri)
	return err == nil
}

func (i *inspection) checkVersion() {
	v := i.version
	switch {
	case v == "HTTP/1.1" || v == "HTTP/1.0":
	case len(v) != 8 || v[:5] != "HTTP/" || v[6] != '.' || !isDigit(v[5]) || !isDigit(v[7]):
		i.note("BadVersion")
	case v[5] == '1':
		i.note("NonCompliantVersion")
		i.changed = true
	default:
		i.refuse = http.StatusHTTPVersionNotSupported
	}
}

// interned is the text of what most requests say, without a copy.
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
func (i *inspection) headerLine(line []byte) (headLine, bool) {
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
		return headLine{name: name, value: value}, true // framing judges it
	}
	if plain(name) {
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
	i.dropped++
	return headLine{}, false
}

// cleanValue replaces control characters, which no HTTP library carries, by spaces.
func (i *inspection) cleanValue(value []byte) []byte {
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

// plain names have letters, digits and hyphens only.
func plain[T string | []byte](name T) bool {
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

// isHost reports whether a Host holds nothing but what RFC 3986 has in hosts and ports. net/http answers all else itself.
func isHost(b []byte) bool {
	for _, c := range b {
		if !plain([]byte{c}) && strings.IndexByte("!$%&'()*+,.:;=[]_~", c) < 0 {
			return false
		}
	}
	return true
}

// framing finds out how the body ends, and what is wrong with how it is said. It returns the host.
func (i *inspection) framing(lines []headLine) (host []byte) {
	var lengths, hosts int
	var length, encodings []byte
	encoded := false
	for n, l := range lines {
		if n+1 < len(lines) && lines[n+1].fold && (is(l.name, "Host") || is(l.name, "Content-Length") || is(l.name, "Transfer-Encoding")) {
			i.refusal(http.StatusBadRequest) // what net/http would make of the whole is not what is read here
		}
		switch {
		case is(l.name, "Content-Length"):
			lengths++
			switch {
			case lengths == 1:
				length = l.value
			case bytes.Equal(length, l.value):
				i.note("DuplicateContentLength")
			default:
				i.note("MultipleContentLength")
			}
		case is(l.name, "Transfer-Encoding"):
			if encoded {
				encodings = append(append(bytes.Clone(encodings), ','), l.value...)
			} else {
				encodings = l.value
			}
			encoded = true
		case is(l.name, "Host"):
			hosts++
			host = l.value
		case is(l.name, "Expect") && !is(l.value, "100-continue"):
			i.expect, i.changed = string(l.value), true
		case is(l.name, "Upgrade") && is(l.value, "websocket"):
			i.upgraded = true
		}
	}
	if lengths > 1 {
		i.changed = true
	}
	if lengths > 0 {
		i.contentLength(length)
	}
	if encoded && i.version != "HTTP/1.0" { // which knows no transfer encodings
		i.transferEncoding(encodings, lengths > 0)
	}
	if hosts > 1 || hosts == 0 && i.version != "HTTP/1.0" || !isHost(host) {
		i.refusal(http.StatusBadRequest)
	}
	if len(i.uri) > maxURI {
		i.refusal(http.StatusRequestURITooLong)
	}
	i.upgraded = i.upgraded && i.length == 0 && !i.chunked
	return host
}

func is[T string | []byte](b T, s string) bool {
	return len(b) == len(s) && strings.EqualFold(string(b), s)
}

// refusal answers with a status unless there is a reason for another already.
func (i *inspection) refusal(status int) {
	if i.refuse == 0 {
		i.refuse = status
	}
}

func (i *inspection) contentLength(value []byte) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || len(value) > 0 && !isDigit(value[0]) {
		i.note("BadContentLength")
		i.changed, i.closes = true, true
		return
	}
	i.length = int64(n)
	if i.method == http.MethodGet || i.method == http.MethodHead {
		if n == 0 {
			i.note("GetHeadZeroContentLength")
		} else {
			i.note("UndefinedContentLengthSemantics")
		}
	}
}

func (i *inspection) transferEncoding(value []byte, withLength bool) {
	chunked := 0
	for coding := range bytes.SplitSeq(value, []byte{','}) {
		coding = bytes.Trim(coding, " \t")
		switch {
		case is(coding, "chunked"):
			chunked++
		case is(coding, "identity"):
			i.changed = true
		case isToken(coding):
			i.refusal(http.StatusNotImplemented)
		default:
			i.note("BadTransferEncoding")
			i.changed, i.closes = true, true
		}
	}
	switch {
	case chunked > 1:
		i.note("MultipleTransferEncodingChunked")
		i.changed = true
	case chunked == 1 && withLength:
		i.note("BothTeClPresent")
		i.changed = true
	}
	if chunked > 0 {
		i.chunked, i.length = true, 0
		if i.method == http.MethodGet || i.method == http.MethodHead {
			i.note("UndefinedTransferEncodingSemantics")
		}
	}
}
