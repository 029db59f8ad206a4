package dataplane

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// hopByHop headers belong to one connection and are not forwarded.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

func dropHopByHop(h http.Header) {
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

// requestHeaders are the headers that the target sees.
func (x *exchange) requestHeaders() http.Header {
	in := x.r.Header
	out := make(http.Header, len(in)+6)
	dropped, forwarded := x.head != nil && x.head.dropped > 0, false
	for name, lines := range in {
		if !plain(name) {
			if x.view.settings.DropInvalid {
				dropped = true
				continue
			}
			forwarded = true
		}
		out[name] = lines
	}
	if dropped {
		x.conn.counts.add(droppedHeaderCount, 1)
	}
	if forwarded {
		x.conn.counts.add(forwardedHeaderCount, 1)
	}
	upgrade := upgradeOf(in)
	trailers := isGRPC(x.r) && strings.Contains(strings.ToLower(in.Get("Te")), "trailers")
	dropHopByHop(out)
	if upgrade != "" {
		out["Connection"] = []string{"Upgrade"}
		out["Upgrade"] = []string{upgrade}
	}
	if trailers {
		out["Te"] = []string{"trailers"}
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // or net/http adds its own
	}
	x.forwardedFor(out)
	out["X-Forwarded-Proto"] = []string{x.scheme()}
	out["X-Forwarded-Port"] = []string{strconv.Itoa(int(x.view.listener.Port))}
	out["X-Amzn-Trace-Id"] = []string{x.traceID(in.Get("X-Amzn-Trace-Id"))}
	if is(in.Get("Expect"), "100-continue") { // the load balancer has answered it
		delete(out, "Expect")
	}
	if x.head != nil && x.head.expect != "" {
		out["Expect"] = []string{x.head.expect}
	}
	if x.secure {
		x.tlsHeaders(out)
	}
	x.identityHeaders(out)
	return out
}

// upgradeOf is the protocol that the client wants to change to, if it is WebSocket.
func upgradeOf(h http.Header) string {
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

// forwardedFor sets X-Forwarded-For by the load balancer's mode.
func (x *exchange) forwardedFor(h http.Header) {
	s := &x.view.settings
	switch s.XFFMode {
	case "preserve":
		return
	case "remove":
		delete(h, "X-Forwarded-For")
		return
	}
	before := strings.Join(h["X-Forwarded-For"], ", ")
	h["X-Forwarded-For"] = []string{appendForwarded(before, x.conn.client, s.XFFPort)}
}

// appendForwarded adds a client; an IPv6 address without port is bare only when it stands alone.
func appendForwarded(before string, client netip.AddrPort, withPort bool) string {
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

// traceID makes or completes an X-Amzn-Trace-Id: a client's Root is kept behind a Self of ours, other fields are kept, a
// client's Self is replaced.
func (x *exchange) traceID(before string) string {
	random := x.front.balancer.plane.random
	id := fmt.Sprintf("1-%08x-%08x%016x", uint32(x.now().Unix()), uint32(random()), random())
	x.trace = mergeTrace(before, id)
	return x.trace
}

func mergeTrace(before, id string) string {
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
