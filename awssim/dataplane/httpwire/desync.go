package httpwire

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// Class is how far a request departs from RFC 7230, as desync mitigation classifies it.
type Class uint8

// The classes, from the best to the worst.
const (
	Compliant Class = iota
	Acceptable
	Ambiguous
	Severe
)

func (c Class) String() string { return [...]string{"", "Acceptable", "Ambiguous", "Severe"}[c] }

// desyncReasons are the departures that have a name, with their class.
var desyncReasons = map[string]Class{
	"SpaceInUri":                         Acceptable,
	"NonCompliantHeader":                 Acceptable,
	"NonCompliantVersion":                Acceptable,
	"GetHeadZeroContentLength":           Acceptable,
	"AmbiguousUri":                       Ambiguous,
	"BothTeClPresent":                    Ambiguous,
	"DuplicateContentLength":             Ambiguous,
	"EmptyHeader":                        Ambiguous,
	"SuspiciousHeader":                   Ambiguous,
	"UndefinedContentLengthSemantics":    Ambiguous,
	"UndefinedTransferEncodingSemantics": Ambiguous,
	"BadContentLength":                   Severe,
	"BadHeader":                          Severe,
	"BadMethod":                          Severe,
	"BadTransferEncoding":                Severe,
	"BadUri":                             Severe,
	"BadVersion":                         Severe,
	"MultipleContentLength":              Severe,
	"MultipleTransferEncodingChunked":    Severe,
}

// Head is what net/http does not report of a request's head, or does not let pass.
type Head struct {
	Class  Class
	Reason string
	Refuse int  // the status to answer with; 0: take the request
	Closes bool // both connections end with the exchange
	Size   int  // of the head, in bytes
	Begun  time.Time

	Method, URI, Version string // as sent
	Host                 string // as sent, of a request that is refused
	URIRewritten         bool   // net/http was shown another URI
	Dropped              int    // header lines that no HTTP library would carry, left out
	Expect               string // an Expect that net/http would refuse

	changed  bool // net/http must be shown another head
	length   int64
	chunked  bool
	Upgraded bool // has an Upgrade header
	Simple   bool // of HTTP/0.9: no headers, and the answer has none
}

// note records a departure; the first one of the worst class counts.
func (i *Head) note(reason string) {
	if c := desyncReasons[reason]; c > i.Class {
		i.Class, i.Reason = c, reason
	}
}

// headLine is one header line as sent.
type headLine struct {
	name, value []byte
	fold        bool // continues the line before; value holds all of it
}

// inspect reads the head of a request, up to and with its empty line, under a desync mitigation mode. It returns the
// head that net/http is to see: the same bytes unless something in them must go.
func inspect(head []byte, mode string) (*Head, []byte) {
	i := &Head{Size: len(head)}
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
	if i.Refuse != 0 {
		i.Host = string(host)
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

// judge classifies by the mode of desync mitigation.
func (i *Head) judge(mode string) {
	if i.Reason == "BadMethod" || i.Reason == "BadVersion" || i.Reason == "BadUri" && !strings.HasPrefix(i.URI, "/") {
		i.Refuse = http.StatusBadRequest // in any mode: there is nothing to pass on
		return
	}
	switch mode {
	case "monitor":
	case "strictest":
		if i.Class != Compliant {
			i.Refuse = http.StatusBadRequest
		}
	default:
		i.Closes = i.Closes || i.Class == Ambiguous
		if i.Class == Severe {
			i.Refuse = http.StatusBadRequest
		}
	}
}

// refusedHead is what net/http sees in place of a request that is not taken; its handler answers by the inspection.
func refusedHead(i *Head) []byte {
	i.length, i.chunked, i.Upgraded = 0, false, false
	method := http.MethodGet
	if i.Method == http.MethodHead {
		method = http.MethodHead
	}
	return []byte(method + " / HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n")
}

// rewrite is the head with what may be known to net/http.
func (i *Head) rewrite(lines []headLine) []byte {
	uri, version := i.URI, i.Version
	if i.URIRewritten {
		uri = "/"
	}
	switch {
	case i.Simple:
		version = "HTTP/1.0"
	case version != "HTTP/1.0":
		version = "HTTP/1.1"
	}
	b := make([]byte, 0, i.Size)
	b = append(append(append(append(append(b, i.Method...), ' '), uri...), ' '), version...)
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
		case is(l.name, "Transfer-Encoding") && version == "HTTP/1.1", is(l.name, "Expect") && i.Expect != "":
			continue
		case is(l.name, "Content-Length"):
			if i.chunked || framed || i.Reason == "BadContentLength" {
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
