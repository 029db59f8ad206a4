package dataplane

import (
	"bytes"
	"net/http"
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
	simple   bool // of HTTP/0.9: no headers, and the answer has none
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
	if len(rest) > maxHeaderBytes {
		i.refusal(http.StatusBadRequest)
	}
	lines := make([]headLine, 0, 16)
	gone := true // the line before that is no continuation is left out, or there is none: its continuations go with it
	for len(rest) > 0 {
		var line []byte
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		l, ok := i.headerLine(line)
		if !isFold(line) {
			gone = !ok
		}
		if !ok || l.fold && gone {
			i.changed = true
			continue
		}
		lines = append(lines, l)
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
		i.closes = i.closes || i.class == ambiguous
		if i.class == severe {
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
	switch {
	case i.simple:
		version = "HTTP/1.0"
	case version != "HTTP/1.0":
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
