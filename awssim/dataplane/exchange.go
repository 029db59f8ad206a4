package dataplane

import (
	"net/http"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// Limits on requests and redirects.
const (
	maxURI       = 16 << 10
	maxHeader    = 16 << 10 // one line
	maxForwarded = 30       // addresses in X-Forwarded-For
	maxLocation  = 8 << 10
)

// Status codes that only load balancers use.
const (
	statusTooManyForwarded = 463
	statusVersionMismatch  = 464
)

// exchange is one request and its answer.
type exchange struct {
	front *front
	view  *view
	conn  *clientConn
	w     http.ResponseWriter
	r     *http.Request

	path, query string // as sent
	hasQuery    bool
	secure      bool

	groupStickiness *stack.Stickiness // when enabled for the forward that was chosen
	identity        identity
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{front: f, view: f.view.Load(), conn: connOf(r), w: w, r: r, secure: r.TLS != nil}
	x.splitURI()
	x.conn.counts.add(requestCount, 1)
	if status := x.refusal(); status != 0 {
		x.fail(status)
		return
	}
	if !x.signedIn() {
		x.route()
	}
}

// groupCounts are the counters of a target group, and of it in the zone of the node that the client reached.
func (x *exchange) groupCounts(g *group) tally {
	return tally{&g.counters, g.zoned.of(x.conn.zone)}
}

// now is real time, as connections are.
func (x *exchange) now() time.Time { return time.Now() }

// splitURI finds path and query exactly as the client sent them.
func (x *exchange) splitURI() {
	uri := x.r.RequestURI
	if !strings.HasPrefix(uri, "/") && uri != "*" { // absolute form
		uri = x.r.URL.RequestURI()
	}
	x.path, x.query, x.hasQuery = strings.Cut(uri, "?")
}

// refusal is the status for what a load balancer does not take, 0 for all else.
func (x *exchange) refusal() int {
	switch {
	case x.r.ProtoMajor == 2 && !x.secure: // HTTP/2 by prior knowledge
		x.w.Header().Set("Connection", "close")
		return http.StatusHTTPVersionNotSupported
	case x.r.Method == http.MethodTrace || x.r.Method == http.MethodConnect:
		return http.StatusMethodNotAllowed
	case len(x.r.RequestURI) > maxURI:
		return http.StatusRequestURITooLong
	}
	for name, lines := range x.r.Header {
		for _, line := range lines {
			if len(name)+len(line) > maxHeader {
				return http.StatusBadRequest
			}
		}
	}
	forwarded := 0
	for _, line := range x.r.Header["X-Forwarded-For"] {
		forwarded += strings.Count(line, ",") + 1
	}
	if forwarded > maxForwarded {
		return statusTooManyForwarded
	}
	return 0
}

func (x *exchange) scheme() string {
	if x.secure {
		return "https"
	}
	return "http"
}

// route finds the rule and does what its routing action says.
func (x *exchange) route() {
	request := traffic.Request{
		Scheme: x.scheme(), Host: x.r.Host, Port: x.view.listener.Port, Method: x.r.Method,
		Path: x.path, RawQuery: x.query, Header: x.r.Header, SourceIP: x.conn.client.Addr(),
	}
	d := x.view.matcher().Match(&request)
	if d.Rule != nil {
		x.front.balancer.rules.add(d.Rule.ID)
	} else {
		x.front.balancer.rules.add(x.view.listener.ARN)
	}
	if !x.identified(&d) {
		return
	}
	action, _ := d.Routing()
	switch {
	case action.FixedResponse != nil:
		x.conn.counts.add(fixedResponseCount, 1)
		x.fixed(action.FixedResponse)
	case action.Redirect != nil:
		x.conn.counts.add(redirectCount, 1)
		x.redirect(action.Redirect, &request)
	case action.Forward != nil:
		x.forward(action.Forward, &d)
	default:
		x.fail(http.StatusServiceUnavailable)
	}
}

func (x *exchange) fixed(f *stack.FixedResponse) {
	status := 0
	for _, c := range f.StatusCode {
		if c < '0' || c > '9' {
			status = 0
			break
		}
		status = status*10 + int(c-'0')
	}
	if status < 200 || status > 599 {
		x.fail(http.StatusInternalServerError)
		return
	}
	contentType := f.ContentType
	if contentType == "" && f.MessageBody != "" {
		contentType = "text/plain"
	}
	x.generate(status, contentType, f.MessageBody)
}

func (x *exchange) redirect(rd *stack.Redirect, request *traffic.Request) {
	location := traffic.Location(*rd, request)
	if len(location) > maxLocation {
		x.conn.counts.add(redirectLimitCount, 1)
		x.fail(http.StatusInsufficientStorage)
		return
	}
	x.w.Header().Set("Location", location)
	x.fail(traffic.RedirectStatus(*rd))
}

// forward chooses target group and target and sends the request there.
func (x *exchange) forward(f *stack.Forward, d *traffic.Decision) {
	g := x.chooseGroup(f)
	if g == nil {
		x.fail(http.StatusServiceUnavailable)
		return
	}
	config := g.config.Load()
	if !speaks(x.r, config.ProtocolVersion) {
		x.fail(statusVersionMismatch)
		return
	}
	uri := x.path
	if x.hasQuery {
		uri += "?" + x.query
	}
	host, uri, err := d.Rewrite(x.r.Host, uri)
	if err != nil {
		x.fail(http.StatusInternalServerError)
		return
	}
	p := g.pool.Load()
	targets := p.from(x.conn.zone, config.settings.crossesZones(&x.view.settings))
	t := x.stickyTarget(g, p)
	if t == nil {
		t = g.choose(targets, nil)
	}
	if t == nil {
		x.fail(http.StatusServiceUnavailable)
		return
	}
	if !t.isHealthy.Load() {
		x.conn.counts.add(unhealthyRoutingCount, 1)
		x.groupCounts(g).add(unhealthyRoutingCount, 1)
	}
	x.groupCounts(g).add(requestCount, 1)
	if isGRPC(x.r) {
		x.conn.counts.add(grpcRequestCount, 1)
	}
	x.proxy(g, t, targets, host, uri)
}

// chooseGroup finds the target group by the stickiness cookie or by weight.
func (x *exchange) chooseGroup(f *stack.Forward) *group {
	if f.Stickiness != nil && f.Stickiness.Enabled {
		x.groupStickiness = f.Stickiness
		if g := x.stickyGroup(f); g != nil {
			return g
		}
	}
	total := traffic.TotalWeight(f)
	if total == 0 {
		return nil
	}
	ref, _ := traffic.Pick(f, int(x.front.balancer.plane.random()%uint64(total)))
	return x.view.groups[ref.Literal]
}

func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// speaks reports whether a request can be sent to a target group of a protocol version.
func speaks(r *http.Request, version string) bool {
	switch version {
	case "HTTP2":
		return r.ProtoMajor == 2
	case "GRPC":
		return r.ProtoMajor == 2 && r.Method == http.MethodPost
	}
	return !isGRPC(r)
}
