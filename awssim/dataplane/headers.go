package dataplane

import (
	"crypto/tls"
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
	for name, lines := range in {
		if x.view.settings.dropInvalid && !validName(name) {
			x.conn.counts.add(droppedHeaderCount, 1)
			continue
		}
		out[name] = lines
	}
	upgrade := upgradeOf(in)
	trailers := strings.Contains(strings.ToLower(in.Get("Te")), "trailers")
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
	if x.secure && x.view.settings.tlsHeaders {
		a := attributes(x.view.listener.Attributes)
		out.Set(a.text("routing.http.request.x_amzn_tls_version.header_name", "X-Amzn-Tls-Version"), strings.ReplaceAll(tls.VersionName(x.r.TLS.Version), "TLS 1", "TLSv1"))
		out.Set(a.text("routing.http.request.x_amzn_tls_cipher_suite.header_name", "X-Amzn-Tls-Cipher-Suite"), cipherName(x.r.TLS.CipherSuite))
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

// validName is what routing.http.drop_invalid_header_fields lets through.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != ""
}

// forwardedFor sets X-Forwarded-For by the load balancer's mode.
func (x *exchange) forwardedFor(h http.Header) {
	s := &x.view.settings
	switch s.xffMode {
	case "preserve":
		return
	case "remove":
		delete(h, "X-Forwarded-For")
		return
	}
	before := strings.Join(h["X-Forwarded-For"], ", ")
	h["X-Forwarded-For"] = []string{appendForwarded(before, x.conn.client, s.xffPort)}
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
	return mergeTrace(before, id)
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

// openSSLNames are the names of cipher suites in headers and logs; TLS 1.3 suites have the same name everywhere.
var openSSLNames = map[uint16]string{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   "ECDHE-RSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:   "ECDHE-RSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:    "ECDHE-ECDSA-AES128-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:    "ECDHE-ECDSA-AES256-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:      "ECDHE-RSA-AES128-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:      "ECDHE-RSA-AES256-SHA",
}

func cipherName(id uint16) string {
	if name, ok := openSSLNames[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}
