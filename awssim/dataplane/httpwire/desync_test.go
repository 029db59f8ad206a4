package httpwire

import (
	"net/netip"
	"strings"
	"testing"
)

func TestDesyncMitigationClassifiesAndDecides(t *testing.T) {
	t.Parallel()
	const host = "Host: a\r\n"
	get := func(headers string) string { return "GET / HTTP/1.1\r\n" + host + headers + "\r\n" }
	post := func(headers string) string { return "POST / HTTP/1.1\r\n" + host + headers + "\r\n" }
	for name, tc := range map[string]struct {
		head, reason, class           string
		monitor, defensive, strictest int // status to refuse with
	}{
		"compliant":           {get("Accept: */*\r\nX-Y: a\tb\r\n"), "", "", 0, 0, 0},
		"post with length":    {post("Content-Length: 5\r\n"), "", "", 0, 0, 0},
		"post in chunks":      {post("Transfer-Encoding: Chunked\r\n"), "", "", 0, 0, 0},
		"identity":            {post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), "", "", 0, 0, 0},
		"bare line feeds":     {"GET / HTTP/1.1\nHost: a\n\n", "", "", 0, 0, 0},
		"control in URI":      {"GET /a\x01b HTTP/1.1\r\n" + host + "\r\n", "AmbiguousUri", "Ambiguous", 0, 0, 400},
		"length with sign":    {post("Content-Length: +5\r\n"), "BadContentLength", "Severe", 0, 400, 400},
		"length not a number": {post("Content-Length: five\r\n"), "BadContentLength", "Severe", 0, 400, 400},
		"empty length":        {post("Content-Length:\r\n"), "BadContentLength", "Severe", 0, 400, 400},
		"NUL in header":       {get("X: a\x00b\r\n"), "BadHeader", "Severe", 0, 400, 400},
		"CR in header":        {get("X: a\rb\r\n"), "BadHeader", "Severe", 0, 400, 400},
		"bad encoding": {post("Transfer-Encoding: chunked\x0b\r\n"), "BadTransferEncoding", "Severe",
			0, 400, 400},
		"NUL in URI":         {"GET /a\x00b HTTP/1.1\r\n" + host + "\r\n", "BadUri", "Severe", 0, 400, 400},
		"URI without slash":  {"GET a HTTP/1.1\r\n" + host + "\r\n", "BadUri", "Severe", 400, 400, 400},
		"bad method":         {"G(T / HTTP/1.1\r\n" + host + "\r\n", "BadMethod", "Severe", 400, 400, 400},
		"no version":         {"GET a\r\n", "BadVersion", "Severe", 400, 400, 400},
		"no version of POST": {"POST /\r\n", "BadVersion", "Severe", 400, 400, 400},
		"no URI":             {"GET\r\n", "BadMethod", "Severe", 400, 400, 400},
		"HTTP/0.9":           {"GET /\r\n", "", "", 0, 0, 0},
		"NUL in HTTP/0.9":    {"GET /a\x00b\n", "BadUri", "Severe", 0, 400, 400},
		"bad version":        {"GET / HTTP/11\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"both": {post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "BothTeClPresent",
			"Ambiguous", 0, 0, 400},
		"same length twice": {post("Content-Length: 5\r\nContent-Length: 5\r\n"), "DuplicateContentLength",
			"Ambiguous", 0, 0, 400},
		"empty name":       {get(": x\r\n"), "EmptyHeader", "Ambiguous", 0, 0, 400},
		"spaces only":      {get("A: b\r\n  \t\r\n"), "EmptyHeader", "Ambiguous", 0, 0, 400},
		"length 0 on GET":  {get("Content-Length: 0\r\n"), "GetHeadZeroContentLength", "Acceptable", 0, 0, 400},
		"length 0 on POST": {post("Content-Length: 0\r\n"), "", "", 0, 0, 0},
		"two lengths": {post("Content-Length: 5\r\nContent-Length: 6\r\n"), "MultipleContentLength", "Severe",
			0, 400, 400},
		"chunked twice": {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
			"MultipleTransferEncodingChunked", "Severe", 0, 400, 400},
		"non-ASCII header":  {get("X: \xc3\xa9\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"control in header": {get("X: a\x01b\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"folded header":     {get("X: a\r\n b\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"folded Host": {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "NonCompliantHeader", "Acceptable",
			400, 400, 400},
		"folded length": {post("Content-Length: 5\r\n 6\r\n"), "NonCompliantHeader", "Acceptable", 400, 400, 400},
		"folded encoding": {post("Transfer-Encoding: chunked\r\n\t, gzip\r\n"), "NonCompliantHeader", "Acceptable",
			400, 400, 400},
		"a comma for the dot":      {"GET / HTTP/1,1\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"another protocol":         {"GET / HTTX/1.1\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"a letter for a digit":     {"GET / HTTP/a.1\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"a letter for the second":  {"GET / HTTP/1.a\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"two digits":               {"GET / HTTP/1.10\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"a colon for a digit":      {"GET / HTTP/1.:\r\n" + host + "\r\n", "BadVersion", "Severe", 400, 400, 400},
		"tab in header":            {get("X: a\tb ~\r\n"), "", "", 0, 0, 0},
		"delete in header":         {get("X: a\x7fb\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"unit separator in header": {get("X: a\x1fb\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"first byte beyond ASCII":  {get("X: a\x80b\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"the first of two alike":   {get("X: \xc3\r\nY: a\x01\r\n\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"empty URI":                {"GET  HTTP/1.1\r\n" + host + "\r\n", "BadUri", "Severe", 400, 400, 400},
		"HTTP/1.7":                 {"GET / HTTP/1.7\r\n" + host + "\r\n", "NonCompliantVersion", "Acceptable", 0, 0, 400},
		"space in URI":             {"GET /a b HTTP/1.1\r\n" + host + "\r\n", "SpaceInUri", "Acceptable", 0, 0, 400},
		"underscore for hyphen":    {post("Transfer_Encoding: chunked\r\n"), "SuspiciousHeader", "Ambiguous", 0, 0, 400},
		"space before colon":       {post("Content-Length : 5\r\n"), "SuspiciousHeader", "Ambiguous", 0, 0, 400},
		"length on GET":            {get("Content-Length: 5\r\n"), "UndefinedContentLengthSemantics", "Ambiguous", 0, 0, 400},
		"chunked on HEAD": {"HEAD / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n",
			"UndefinedTransferEncodingSemantics", "Ambiguous", 0, 0, 400},
		"worst of several": {"GET /a b HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n", "BadContentLength",
			"Severe", 0, 400, 400},
		"unsupported encoding":    {post("Transfer-Encoding: gzip, chunked\r\n"), "", "", 501, 501, 501},
		"HTTP/3":                  {"GET / HTTP/3.0\r\n" + host + "\r\n", "", "", 505, 505, 505},
		"no Host":                 {"GET / HTTP/1.1\r\n\r\n", "", "", 400, 400, 400},
		"HTTP/1.0 without Host":   {"GET / HTTP/1.0\r\n\r\n", "", "", 0, 0, 0},
		"encodings of HTTP/1.0":   {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "", "", 0, 0, 0},
		"percent without digits":  {"GET /100% HTTP/1.1\r\n" + host + "\r\n", "", "", 0, 0, 0},
		"absolute form":           {"GET http://b/x HTTP/1.1\r\n" + host + "\r\n", "", "", 0, 0, 0},
		"name that is no token":   {get("a b: c\r\n"), "NonCompliantHeader", "Acceptable", 0, 0, 400},
		"name of odd punctuation": {get("a(b: c\r\n"), "", "", 0, 0, 0},
	} {
		for mode, want := range map[string]int{"monitor": tc.monitor, "defensive": tc.defensive, "strictest": tc.strictest} {
			i, out := inspect([]byte(tc.head), mode)
			if i.Reason != tc.reason || i.Class.String() != tc.class || i.Refuse != want {
				t.Errorf("%s, %s: %q %q %d, want %q %q %d", name, mode, i.Reason, i.Class, i.Refuse, tc.reason, tc.class, want)
			}
			if mode == "defensive" && i.Class == Ambiguous && !i.Closes {
				t.Errorf("%s: an ambiguous request leaves connections open", name)
			}
			if mode == "defensive" && i.Class <= Acceptable && i.Closes {
				t.Errorf("%s: the connections end", name)
			}
			if i.Size != len(tc.head) || len(out) == 0 {
				t.Errorf("%s: %d bytes seen, %q handed out", name, i.Size, out)
			}
		}
	}
}

func TestWhatIsHandedOutIsWhatALibraryTakes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"POST /a b HTTP/1.9\r\nHost: a\r\nX: a\x01b\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n: x\r\nb c: " +
			"d\r\nExpect: 200-ok\r\n\r\n": "POST / HTTP/1.1\r\nHost: a\r\nX: a b\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nContent-Length: 7\r\nY:z\r\n\r\n": "POST / HTTP/1.1\r\nHost: " +
			"a\r\nContent-Length: 7\r\nY: z\r\n\r\n",
		"GET /%zz HTTP/1.0\r\nX: a\r\n  b\r\n\r\n": "GET / HTTP/1.0\r\nX: " +
			"a\r\n b\r\n\r\n",
		// nothing in it must go
		"GET /%aF%09%f0%0A HTTP/1.1\r\nHost: a\r\nX: \xe4\r\n\r\n": "GET /%aF%09%f0%0A HTTP/1.1\r\nHost: " +
			"a\r\nX: \xe4\r\n\r\n",
		"GET /%4g HTTP/1.1\r\nHost: a\r\n\r\n": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%g4 HTTP/1.1\r\nHost: a\r\n\r\n": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%4` HTTP/1.1\r\nHost: a\r\n\r\n": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\xe4\x02\x7f\r\n\r\n": "GET / HTTP/1.1\r\nHost: " +
			"a\r\nX:  \xe4  \r\n\r\n",
		"GET /%41 HTTP/1.1\r\nhost: a\r\n\r\n": "GET /%41 HTTP/1.1\r\nhost: a\r\n\r\n",
		// a line that goes takes its continuation along
		"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\nb c: d\r\n e\r\n \r\n f\r\nY: z\r\n g\r\n\r\n": "GET / HTTP/1.1\r\nHost: " +
			"a\r\nX: a\r\nY: z\r\n g\r\n\r\n",
		"GET / HTTP/1.1\r\n first\r\nHost: a\r\n\r\n": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nA: b\r\n\r\n": "PUT / HTTP/1.1\r\nHost: " +
			"a\r\nA: b\r\n\r\n",
		"GET /%41\n":      "GET /%41 HTTP/1.0\r\n\r\n",
		"GET /a\x01b\r\n": "GET / HTTP/1.0\r\n\r\n",
	} {
		i, out := inspect([]byte(in), "monitor")
		if string(out) != want || i.Refuse != 0 {
			t.Errorf("%q → %q, want %q (%+v)", in, out, want, i)
		}
	}
	i, out := inspect([]byte("HEAD / HTTP/1.1\r\n\r\n"), "monitor")
	if i.Refuse != 400 || !strings.HasPrefix(string(out), "HEAD / HTTP/1.1\r\n") {
		t.Errorf("%d %q", i.Refuse, out)
	}
}

func TestChunkedBodiesEndWhereTheyEnd(t *testing.T) {
	t.Parallel()
	for body, ends := range map[string]bool{
		"0\r\n\r\n":               true,
		"5\r\nhello\r\n0\r\n\r\n": true,
		"A;x=y\r\n0123456789\r\n0\r\nA: b\r\n\r\n": true,
		"a \n0123456789\r\n00\n\n":                 true,
		"5\r\nhello\r\n0\r\nA: b\r\n":              false,
		"5\r\nhell":                                false,
		"zz\r\n":                                   false,
		"fffffffffffffffffff\r\n":                  false,
	} {
		for step := 1; step <= len(body)+1; step++ {
			var s chunkScanner
			rest, ended := []byte(body+"NEXT"), false
			for len(rest) > 0 && !ended {
				var n int
				n, ended = s.scan(rest[:min(step, len(rest))])
				rest = rest[n:]
			}
			if ended != ends || ends && string(rest) != "NEXT" {
				t.Errorf("%q in steps of %d: ended %v with %q left", body, step, ended, rest)
			}
		}
	}
}

func TestServerErrorPagesAreReplacedAndNothingElse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: " +
			"close\r\n\r\n431 …": "400 Bad Request",
		"HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nUnsupported " +
			"transfer encoding": "501 Not Implemented",
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nDate: " +
			"x\r\n\r\nfrom a target": "",
		"HTTP/1.1 200 OK\r\n\r\n": "",
	} {
		got, ok := replaceErrorPage([]byte(in))
		if ok != (want != "") || ok && (!strings.HasPrefix(string(got), "HTTP/1.1 "+want+"\r\nServer: awselb/2.0\r\n") ||
			!strings.Contains(string(got), "<h1>"+want+"</h1>")) {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
}

func TestAppendForwarded(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddrPort("203.0.113.7:51234"), netip.MustParseAddrPort("[2001:db8::7]:51234")
	for _, tc := range []struct {
		before string
		client netip.AddrPort
		port   bool
		want   string
	}{
		{"", v4, false, "203.0.113.7"},
		{"192.0.2.1", v4, false, "192.0.2.1, 203.0.113.7"},
		{"", v4, true, "203.0.113.7:51234"},
		{"", v6, false, "2001:db8::7"},
		{"192.0.2.1", v6, false, "192.0.2.1, [2001:db8::7]"},
		{"192.0.2.1", v6, true, "192.0.2.1, [2001:db8::7]:51234"},
	} {
		if got := AppendForwarded(tc.before, tc.client, tc.port); got != tc.want {
			t.Errorf("%q and %s: %q, want %q", tc.before, tc.client, got, tc.want)
		}
	}
}

func TestMergeTrace(t *testing.T) {
	t.Parallel()
	const id = "1-6553f100-36d228ad5d99923122bbe354"
	for before, want := range map[string]string{
		"":                                  "Root=" + id,
		"CalledFrom=app":                    "Root=" + id + ";CalledFrom=app",
		"Root=1-aa-bb":                      "Self=" + id + ";Root=1-aa-bb",
		"Self=1-x-y;Root=1-aa-bb;Sampled=1": "Self=" + id + ";Root=1-aa-bb;Sampled=1",
	} {
		if got := MergeTrace(before, id); got != want {
			t.Errorf("%q: %q, want %q", before, got, want)
		}
	}
}
