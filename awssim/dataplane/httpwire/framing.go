package httpwire

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// framing finds out how the body ends, and how the headers about that depart from RFC 9112. It returns the host.
func (i *Head) framing(lines []headLine) (host []byte) {
	var lengths, hosts int
	var length, encodings []byte
	encoded := false
	for n, l := range lines {
		if n+1 < len(lines) && lines[n+1].fold && frames(l.name) {
			i.refusal(http.StatusBadRequest) // what net/http would make of the whole is not what is read here
		}
		switch {
		case is(l.name, "Content-Length"):
			if lengths++; lengths == 1 {
				length = l.value
			} else {
				i.repeated(length, l.value)
			}
		case is(l.name, "Transfer-Encoding"):
			encodings, encoded = joined(encodings, l.value, encoded), true
		case is(l.name, "Host"):
			hosts++
			host = l.value
		case is(l.name, "Expect") && !is(l.value, "100-continue"):
			i.Expect, i.changed = string(l.value), true
		case is(l.name, "Upgrade") && is(l.value, "websocket"):
			i.Upgraded = true
		}
	}
	if lengths > 1 {
		i.changed = true
	}
	if lengths > 0 {
		i.contentLength(length)
	}
	if encoded && i.Version != "HTTP/1.0" { // which has no transfer encodings
		i.transferEncoding(encodings, lengths > 0)
	}
	if hosts > 1 || hosts == 0 && i.Version != "HTTP/1.0" && !i.Simple || !isHost(host) {
		i.refusal(http.StatusBadRequest)
	}
	if len(i.URI) > maxURI {
		i.refusal(http.StatusRequestURITooLong)
	}
	i.Upgraded = i.Upgraded && i.length == 0 && !i.chunked
	return host
}

// frames reports whether a header decides where a request goes, or ends.
func frames(name []byte) bool {
	return is(name, "Host") || is(name, "Content-Length") || is(name, "Transfer-Encoding")
}

// joined is the value of a header that may stand in several lines.
func joined(before, value []byte, several bool) []byte {
	if !several {
		return value
	}
	return append(append(bytes.Clone(before), ','), value...)
}

// repeated notes a second length of the body.
func (i *Head) repeated(first, length []byte) {
	if bytes.Equal(first, length) {
		i.note("DuplicateContentLength")
	} else {
		i.note("MultipleContentLength")
	}
}

func is[T string | []byte](b T, s string) bool {
	return len(b) == len(s) && strings.EqualFold(string(b), s)
}

// refusal answers with a status unless there is a reason for another already.
func (i *Head) refusal(status int) {
	if i.Refuse == 0 {
		i.Refuse = status
	}
}

func (i *Head) contentLength(value []byte) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || len(value) > 0 && !isDigit(value[0]) {
		i.note("BadContentLength")
		i.changed, i.Closes = true, true
		return
	}
	i.length = int64(n)
	if i.Method == http.MethodGet || i.Method == http.MethodHead {
		if n == 0 {
			i.note("GetHeadZeroContentLength")
		} else {
			i.note("UndefinedContentLengthSemantics")
		}
	}
}

func (i *Head) transferEncoding(value []byte, withLength bool) {
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
			i.changed, i.Closes = true, true
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
		if i.Method == http.MethodGet || i.Method == http.MethodHead {
			i.note("UndefinedTransferEncodingSemantics")
		}
	}
}
