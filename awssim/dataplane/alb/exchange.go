package alb

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// Limits on redirects and connections.
const (
	maxLocation = 8 << 10
	// maxStreamsPerLife is how many requests an HTTP/2 connection may carry.
	maxStreamsPerLife = 10_000
)

// exchange is one request and its answer.
type exchange struct {
	server   *Server
	snapshot *loadbalancer.Snapshot
	conn     *conn
	w        http.ResponseWriter
	r        *http.Request
	head     *httpwire.Head // nil for HTTP/2

	host        string // as sent, or the load balancer's DNS name
	path, query string // as sent
	hasQuery    bool
	secure      bool
	closes      bool // both connections end with the exchange

	groupStickiness *stack.Stickiness // when enabled for the forward that was chosen
	shared          bool              // the forward that was chosen has several target groups
	identity        identity

	account
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.LoadBalancer.Begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.LoadBalancer.End() // once the exchange is logged
	conn := connOf(r)
	x := exchange{server: s, snapshot: s.Snapshot(), conn: conn, w: w, r: r, host: r.Host, secure: conn.tls != nil,
		account: newAccount()}
	defer x.finish()
	number := conn.requests.Add(1)
	if conn.wire != nil {
		x.head = conn.wire.NextHead()
		x.begun, x.received = x.head.Begun, int64(x.head.Size)
		x.closes = x.head.Closes || r.ProtoMinor == 0
	}
	if life := x.snapshot.Settings.ClientKeepAlive; life > 0 && x.now().Sub(conn.Since) > life || x.head == nil &&
		number >= maxStreamsPerLife {
		x.closes = true
	}
	x.splitURI()
	x.conn.Counts.Add(counter.RequestCount, 1)
	if conn.Client.Addr().Is6() {
		x.conn.Counts.Add(counter.RequestCountIPv6, 1)
	}
	if x.head != nil && x.head.Class != httpwire.Compliant {
		x.conn.Counts.Add(counter.DesyncCount, 1)
	}
	if status := x.refusal(); status != 0 {
		x.fail(status)
		return
	}
	if x.host == "" {
		x.host = x.snapshot.DNSName // HTTP/1.0
	}
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") && r.ContentLength != 0 && r.ProtoMajor == 1 {
		w.WriteHeader(http.StatusContinue) // without asking the target
	}
	if !x.blocked() && !x.signedIn() {
		x.route()
	}
}

// groupCounts are the counters of a target group, and of it in the zone of the node that the client reached.
func (x *exchange) groupCounts(g *targetgroup.Group) counter.RequestTally {
	return counter.RequestTally{&g.Counters, g.CountersByZone.Of(x.conn.Zone)}
}

// now is real time, as connections are.
func (x *exchange) now() time.Time { return time.Now() }

// splitURI finds path and query exactly as the client sent them.
func (x *exchange) splitURI() {
	uri := x.r.RequestURI
	if x.head != nil && (x.head.URIRewritten || x.head.Refuse != 0) {
		uri = x.head.URI
	}
	if !strings.HasPrefix(uri, "/") && uri != "*" { // absolute form: its host is the request's
		_, rest, _ := strings.Cut(uri, "://")
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			rest = rest[i:]
		} else {
			rest = ""
		}
		if uri = rest; !strings.HasPrefix(uri, "/") {
			uri = "/" + uri
		}
	}
	x.path, x.query, x.hasQuery = strings.Cut(uri, "?")
}

// refusal is the status for a request that a load balancer does not take, 0 for all others.
func (x *exchange) refusal() int {
	if x.head != nil && x.head.Refuse != 0 {
		x.closes, x.host = true, x.head.Host
		return x.head.Refuse
	}
	return httpwire.Refusal(x.r)
}

// ready leaves of the targets those that a target optimizer lets take a request.
func (x *exchange) ready(g *targetgroup.Group, config *targetgroup.Config,
	targets []*targetgroup.Target) []*targetgroup.Target {
	if config.ControlPort == 0 || x.snapshot.Type != stack.Application {
		return targets
	}
	ready := controlled(targets)
	if len(ready) == 0 && x.awaitAgents(targets) {
		ready = controlled(targets)
	}
	if len(ready) > 0 {
		x.groupCounts(g).Add(counter.ControlRequestCount, 1)
	} else {
		x.groupCounts(g).Add(counter.ControlRejectCount, 1)
	}
	return ready
}

// controlled are the targets whose agents take requests.
func controlled(targets []*targetgroup.Target) []*targetgroup.Target {
	return slices.DeleteFunc(slices.Clone(targets), func(t *targetgroup.Target) bool { return !t.Controlled() })
}

// longestWait bounds the wait for agents, as that for a connection to a target is bounded.
const longestWait = 10 * time.Second

// awaitAgents waits while the agent of no target is known to be there or not: a request may come before the first
// attempts to reach the agents of new targets have ended. It reports whether it has waited.
func (x *exchange) awaitAgents(targets []*targetgroup.Target) (waited bool) {
	limit := time.NewTimer(longestWait)
	defer limit.Stop()
	for _, t := range targets {
		select {
		case <-t.Attempted():
			continue
		default:
		}
		waited = true
		select {
		case <-t.Attempted():
			if t.Controlled() {
				return true
			}
		case <-x.r.Context().Done():
			return true
		case <-limit.C:
			return true
		}
	}
	return waited
}

func (x *exchange) scheme() string {
	if x.secure {
		return "https"
	}
	return "http"
}

// route finds the rule and executes its routing action.
func (x *exchange) route() {
	request := traffic.Request{
		Scheme: x.scheme(), Host: x.hostForRules(), Port: x.snapshot.Listener.Port, Method: x.r.Method,
		Path: x.path, RawQuery: x.query, Header: x.r.Header, SourceIP: x.conn.Client.Addr(),
	}
	d := x.snapshot.Matcher().Match(&request)
	x.conn.Counts.AddEvaluated(d.Evaluated)
	x.priority = accesslog.DefaultOne
	if d.Rule != nil {
		x.priority = accesslog.Priority(d.Rule.Order)
		x.server.LoadBalancer.Rules.Add(d.Rule.ID)
	} else {
		x.server.LoadBalancer.Rules.Add(x.snapshot.Listener.ARN)
	}
	if !x.identified(&d) {
		return
	}
	action, _ := d.Routing()
	switch {
	case action.FixedResponse != nil:
		x.conn.Counts.Add(counter.FixedResponseCount, 1)
		x.acted("fixed-response")
		x.fixed(action.FixedResponse)
	case action.Redirect != nil:
		x.conn.Counts.Add(counter.RedirectCount, 1)
		x.acted("redirect")
		x.redirect(action.Redirect, &d, &request)
	case action.Forward != nil:
		x.acted("forward")
		x.forward(action.Forward, &d)
	default:
		x.fail(http.StatusServiceUnavailable)
	}
}

// hostForRules is the host without the port at which the listener is bound on loopback, where that is not the
// listener's.
func (x *exchange) hostForRules() string {
	bound := netip.MustParseAddrPort(x.conn.LocalAddr().String()).Port()
	if int32(bound) != x.snapshot.Listener.Port {
		return strings.TrimSuffix(x.host, ":"+strconv.Itoa(int(bound)))
	}
	return x.host
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

func (x *exchange) redirect(rd *stack.Redirect, d *traffic.Decision, request *traffic.Request) {
	location, err := d.Location(*rd, request)
	if err != nil {
		x.fail(http.StatusInternalServerError)
		return
	}
	if len(location) > maxLocation {
		x.conn.Counts.Add(counter.RedirectLimitCount, 1)
		x.fail(http.StatusInsufficientStorage)
		return
	}
	x.w.Header().Set("Location", location)
	x.location = location
	x.fail(traffic.RedirectStatus(*rd))
}

// forward chooses target group and target and sends the request there.
func (x *exchange) forward(f *stack.Forward, d *traffic.Decision) {
	g := x.chooseGroup(f)
	if g == nil {
		x.fail(http.StatusServiceUnavailable)
		return
	}
	x.group, x.shared = g, len(f.TargetGroups) > 1
	config := g.Config()
	if !speaks(x.r, config.ProtocolVersion) {
		x.fail(httpwire.StatusVersionMismatch)
		return
	}
	uri := x.path
	if x.hasQuery {
		uri += "?" + x.query
	}
	host, uri, err := d.Rewrite(x.host, uri)
	if d.Rule != nil && len(d.Rule.Transforms) > 0 {
		x.transformed(host, uri, err)
	}
	if err != nil {
		x.fail(http.StatusInternalServerError)
		return
	}
	if host == x.host {
		host = x.hostForTarget()
	}
	p := g.Pool()
	targets := p.From(x.conn.Zone, config.Settings.CrossesZones(&x.snapshot.Settings))
	targets = x.ready(g, config, targets)
	t := x.stickyTarget(g, p)
	if t == nil {
		t = g.Choose(x.conn.Zone, targets, nil)
		if x.sticks(&config.Settings) {
			x.groupCounts(g).Add(counter.NonStickyCount, 1)
		}
	}
	if t == nil && x.outdated() {
		x.route()
		return
	}
	if t == nil {
		x.unavailable(config.ProtocolVersion)
		return
	}
	if !t.IsHealthy() {
		x.conn.Counts.Add(counter.UnhealthyRoutingCount, 1)
		x.groupCounts(g).Add(counter.UnhealthyRoutingCount, 1)
	}
	x.groupCounts(g).Add(counter.RequestCount, 1)
	if httpwire.IsGRPC(x.r) {
		x.conn.Counts.Add(counter.GRPCRequestCount, 1)
	}
	x.proxy(g, t, targets, host, uri)
}

// outdated takes over the listener as it is now, and reports whether it changed since the request came: the targets
// that it led to may have left meanwhile.
func (x *exchange) outdated() bool {
	now := x.server.Snapshot()
	changed := now != x.snapshot
	x.snapshot = now
	return changed
}

// chooseGroup finds the target group by the stickiness cookie or by weight.
func (x *exchange) chooseGroup(f *stack.Forward) *targetgroup.Group {
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
	ref, _ := traffic.Pick(f, int(x.server.LoadBalancer.Random()%uint64(total)))
	return x.snapshot.TargetGroups[ref.Literal]
}

// unavailable answers for a target group without targets; clients of gRPC get a gRPC status.
func (x *exchange) unavailable(version string) {
	if version != "GRPC" || !httpwire.IsGRPC(x.r) {
		x.fail(http.StatusServiceUnavailable)
		return
	}
	h := x.w.Header()
	h.Set("Grpc-Status", "14")
	h.Set("Grpc-Message", "Service Temporarily Unavailable")
	x.generate(http.StatusOK, "application/grpc", "")
	x.conn.Counts.AddGenerated(http.StatusServiceUnavailable)
}

// hostForTarget is the Host that the target gets. Unless it is to be preserved, it is in lower case and names the
// listener's port just when that is not the default one.
func (x *exchange) hostForTarget() string {
	if x.snapshot.Settings.PreserveHost {
		return x.host
	}
	port := x.snapshot.Listener.Port
	name := strings.ToLower(x.host)
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') {
		if port != 80 && port != 443 {
			return name
		}
		return name[:i]
	}
	if port != 80 && port != 443 {
		return name + ":" + strconv.Itoa(int(port))
	}
	return name
}

// speaks reports whether a request can be sent to a target group of a protocol version.
func speaks(r *http.Request, version string) bool {
	switch version {
	case "HTTP2":
		return r.ProtoMajor == 2
	case "GRPC":
		return r.ProtoMajor == 2 && r.Method == http.MethodPost
	}
	return !httpwire.IsGRPC(r)
}
