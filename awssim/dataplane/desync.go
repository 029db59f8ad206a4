package dataplane

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// class is how far a request departs from RFC 7230, in the words of desync mitigation.
type class uint8

const (
	compliant class = iota
	acceptable
	ambiguous
	severe
)

func (c class) String() string { return [...]string{"", "Acceptable", "Ambiguous", "Severe"}[c] }

// desyncReasons are the departures that have a name, with their class.
var desyncReasons = map[string]class{
	"SpaceInUri":                         acceptable,
	"NonCompliantHeader":                 acceptable,
	"NonCompliantVersion":                acceptable,
	"GetHeadZeroContentLength":           acceptable,
	"AmbiguousUri":                       ambiguous,
	"BothTeClPresent":                    ambiguous,
	"DuplicateContentLength":             ambiguous,
	"EmptyHeader":                        ambiguous,
	"SuspiciousHeader":                   ambiguous,
	"UndefinedContentLengthSemantics":    ambiguous,
	"UndefinedTransferEncodingSemantics": ambiguous,
	"BadContentLength":                   severe,
	"BadHeader":                          severe,
	"BadMethod":                          severe,
	"BadTransferEncoding":                severe,
	"BadUri":                             severe,
	"BadVersion":                         severe,
	"MultipleContentLength":              severe,
	"MultipleTransferEncodingChunked":    severe,
}

// inspection is what the bytes of a request's head say that net/http does not tell, or does not let pass.
type inspection struct {
	class  class
	reason string
	refuse int  // the status to answer with; 0: take the request
	closes bool // both connections end with the exchange
	size   int  // of the head, in bytes
	begun  time.Time

	method, uri, version string // as sent
	host                 string // as sent, of a request that is refused
	uriRewritten         bool   // net/http was shown another URI
	dropped              int    // header lines that no HTTP library would carry, left out
	expect               string // an Expect that net/http would refuse

	changed  bool // net/http must be shown another head
	length   int64
	chunked  bool
	upgraded bool // asks for another protocol on the connection
}

// note records a departure; the first one of the worst class counts.
func (i *inspection) note(reason string) {
	if c := desyncReasons[reason]; c > i.class {
		i.class, i.reason = c, reason
	}
}

// headLine is one header line as sent.
type headLine struct {
	name, value []byte
	fold        bool // continues the line before; value holds all of it
}

// inspect reads the head of a request, up to and with its empty line, under a desync mitigation mode. It returns the head
// that net/http is to see: the same bytes unless something in them must go.
func inspect(head []byte, mode string) (*inspection, []byte) {
	i := &inspection{size: len(head)}
	first, rest := cutLine(head)
	i.requestLine(first)
	lines := make([]headLine, 0, 16)
	for len(rest) > 0 {
		var line []byte
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		if l, ok := i.headerLine(line); ok {
			lines = append(lines, l)
		} else {
			i.changed = true
		}
	}
	host := i.framing(lines)
	i.judge(mode)
	if i.refuse != 0 {
		i.host = string(host)
		return i, refusedHead(i)
	}
	if !i.changed {
		return i, head
	}
	return i, i.rewrite(lines)
}

// cutLine takes a line off, without its LF or CR LF.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		return b, nil
	}
	line, rest = b[:n], b[n+1:]
	return bytes.TrimSuffix(line, []byte{'\r'}), rest
}

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
	}
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

// headerLine takes a header line apart; false: the line must go.
func (i *inspection) headerLine(line []byte) (headLine, bool) {
	if line[0] == ' ' || line[0] == '\t' {
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

// framing finds out how the body ends, and what is wrong with how it is said. It returns the host.
func (i *inspection) framing(lines []headLine) (host []byte) {
	var lengths, hosts int
	var length, encodings []byte
	encoded := false
	for _, l := range lines {
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
	if hosts > 1 || hosts == 0 && i.version != "HTTP/1.0" {
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

// judge decides by the mode of desync mitigation.
func (i *inspection) judge(mode string) {
	if i.reason == "BadMethod" || i.reason == "BadVersion" || i.reason == "BadUri" && !strings.HasPrefix(i.uri, "/") {
		i.refuse = http.StatusBadRequest // in any mode: there is nothing to pass on
		return
	}
	switch mode {
	case "monitor":
	case "strictest":
		if i.class != compliant {
			i.refuse = http.StatusBadRequest
		}
	default:
		switch i.class {
		case ambiguous:
			i.closes = true
		case severe:
			i.refuse = http.StatusBadRequest
		}
	}
}

// refusedHead is what net/http sees in place of a request that is not taken; its handler answers by the inspection.
func refusedHead(i *inspection) []byte {
	i.length, i.chunked, i.upgraded = 0, false, false
	method := http.MethodGet
	if i.method == http.MethodHead {
		method = http.MethodHead
	}
	return []byte(method + " / HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n")
}

// rewrite is the head with what may be known to net/http.
func (i *inspection) rewrite(lines []headLine) []byte {
	uri, version := i.uri, i.version
	if i.uriRewritten {
		uri = "/"
	}
	if version != "HTTP/1.0" {
		version = "HTTP/1.1"
	}
	b := make([]byte, 0, i.size)
	b = append(append(append(append(append(b, i.method...), ' '), uri...), ' '), version...)
	b = append(b, "\r\n"...)
	framed, kept := false, false
	for _, l := range lines {
		if l.fold {
			if kept {
				b = append(append(append(b, ' '), bytes.TrimLeft(l.value, " \t")...), "\r\n"...)
			}
			continue
		}
		kept = false
		switch {
		case is(l.name, "Transfer-Encoding") && version == "HTTP/1.1", is(l.name, "Expect") && i.expect != "":
			continue
		case is(l.name, "Content-Length"):
			if i.chunked || framed || i.reason == "BadContentLength" {
				continue
			}
			framed = true
		}
		kept = true
		b = append(append(append(append(b, l.name...), ": "...), l.value...), "\r\n"...)
	}
	if i.chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}
