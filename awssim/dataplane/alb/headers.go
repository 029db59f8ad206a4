package alb

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
)

// requestHeaders are the headers that the target sees.
func (x *exchange) requestHeaders() http.Header {
	in := x.r.Header
	out := make(http.Header, len(in)+6)
	dropped, forwarded := x.head != nil && x.head.Dropped > 0, false
	for name, lines := range in {
		if !httpwire.PlainName(name) {
			if x.snapshot.Settings.DropInvalid {
				dropped = true
				continue
			}
			forwarded = true
		}
		out[name] = lines
	}
	if dropped {
		x.conn.Counts.Add(counter.DroppedHeaderCount, 1)
	}
	if forwarded {
		x.conn.Counts.Add(counter.ForwardedHeaderCount, 1)
	}
	upgrade := httpwire.UpgradeOf(in)
	trailers := httpwire.IsGRPC(x.r) && strings.Contains(strings.ToLower(in.Get("Te")), "trailers")
	httpwire.DropHopByHop(out)
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
	out["X-Forwarded-Port"] = []string{strconv.Itoa(int(x.snapshot.Listener.Port))}
	out["X-Amzn-Trace-Id"] = []string{x.traceID(in.Get("X-Amzn-Trace-Id"))}
	if strings.EqualFold(in.Get("Expect"), "100-continue") { // the load balancer has answered it
		delete(out, "Expect")
	}
	if x.head != nil && x.head.Expect != "" {
		out["Expect"] = []string{x.head.Expect}
	}
	if x.secure {
		x.tlsHeaders(out)
	}
	x.identityHeaders(out)
	return out
}

// forwardedFor sets X-Forwarded-For by the load balancer's mode.
func (x *exchange) forwardedFor(h http.Header) {
	s := &x.snapshot.Settings
	switch s.XFFMode {
	case "preserve":
		return
	case "remove":
		delete(h, "X-Forwarded-For")
		return
	}
	before := strings.Join(h["X-Forwarded-For"], ", ")
	h["X-Forwarded-For"] = []string{httpwire.AppendForwarded(before, x.conn.Client, s.XFFPort)}
}

// traceID makes or completes an X-Amzn-Trace-Id: a client's Root is kept behind a Self of ours, other fields are kept,
// a client's Self is replaced.
func (x *exchange) traceID(before string) string {
	random := x.server.LoadBalancer.Random
	id := fmt.Sprintf("1-%08x-%08x%016x", uint32(x.now().Unix()), uint32(random()), random())
	x.trace = httpwire.MergeTrace(before, id)
	return x.trace
}
