package alb

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// account is what an access log has of an exchange.
type account struct {
	begun    time.Time
	sentAt   time.Time // when the request was sent to a target
	headAt   time.Time // when the head of the target's answer came
	received int64
	sent     int64 // of the answer's body, or of a tunnel
	status   int   // 0: nothing was answered

	body         *requestBody       // that was sent to the target; nil: none
	group        *targetgroup.Group // that was chosen
	target       netip.AddrPort
	targetStatus int

	priority  accesslog.Priority
	actions   [4]string
	acts      int
	location  string
	newHost   string
	newURI    string
	transform string
	trace     string // X-Amzn-Trace-Id
	upgraded  bool
}

func newAccount() account { return account{begun: time.Now(), priority: accesslog.NoRule} }

// acted notes an action that was executed, in the log's words.
func (a *account) acted(name string) {
	if a.acts < len(a.actions) {
		a.actions[a.acts] = name
		a.acts++
	}
}

// transformed notes the outcome of a rule's transforms.
func (a *account) transformed(host, uri string, err error) {
	if err == nil {
		a.newHost, a.newURI, a.transform = host, uri, "TransformSuccess"
		return
	}
	switch text := err.Error(); {
	case strings.Contains(text, "rewritten host"):
		a.transform = "TransformInvalidHost"
	case strings.Contains(text, "compile"):
		a.transform = "TransformRegexSyntaxError"
	default:
		a.transform = "TransformInvalidPath"
	}
}

// finish counts and logs the exchange.
func (x *exchange) finish() {
	if x.body != nil {
		x.received += x.body.read.Load()
	}
	bytes := x.received + x.sent
	x.conn.Counts.Add(counter.ProcessedBytes, bytes)
	if x.conn.Client.Addr().Is6() {
		x.conn.Counts.Add(counter.ProcessedBytesIPv6, bytes)
	}
	place := x.snapshot.Settings.AccessLog
	if logs := x.server.LoadBalancer.Logs; logs != nil && place.Bucket != "" {
		entry := x.entry()
		logs.Add(place.Stream(accesslog.Access, x.server.LoadBalancer.ARN, x.snapshot.PrivateAddress(x.conn.Zone, false)),
			entry.Line())
	}
}

// Abandoned implements httpwire.Client: it logs the beginning of a request whose client went before its head was
// complete.
func (c *conn) Abandoned(received int, begun time.Time) {
	b := c.Listener.LoadBalancer
	config := b.Config()
	place := config.Settings.AccessLog
	if b.Logs == nil || place.Bucket == "" {
		return
	}
	e := accesslog.Request{
		Type: "http", Time: time.Now(), LoadBalancer: topology.ResourceName(b.ARN), Client: c.Client, RequestTime: -1,
		TargetTime: -1, ResponseTime: -1,
		Received: int64(received), Priority: accesslog.NoRule, Created: begun, ConnectionTrace: c.traceID(),
	}
	if c.tls != nil {
		e.Type = "https"
	}
	b.Logs.Add(place.Stream(accesslog.Access, b.ARN, config.PrivateAddress(c.Zone, false)), e.Line())
}

// entry is the exchange as the access log has it.
func (x *exchange) entry() accesslog.Request {
	now := x.now()
	if x.trace == "" {
		x.traceID(x.r.Header.Get("X-Amzn-Trace-Id"))
	}
	e := accesslog.Request{
		Type: x.kind(), Time: now, LoadBalancer: topology.ResourceName(x.server.LoadBalancer.ARN), Client: x.conn.Client,
		Target:      x.target,
		RequestTime: -1, TargetTime: -1, ResponseTime: -1, Status: x.status, TargetStatus: x.targetStatus,
		Received: x.received, Sent: x.sent + x.headSize(), Method: x.r.Method, Protocol: x.r.Proto,
		UserAgent: x.r.UserAgent(),
		TraceID:   x.trace, Priority: x.priority, Created: x.begun, Actions: x.actions[:x.acts],
		RedirectURL: x.location, ConnectionTrace: x.conn.traceID(),
		TransformedHost: x.newHost, TransformedURI: x.newURI, TransformStatus: x.transform,
	}
	if x.identity.action != "" {
		before := 0
		if x.acts > 0 && strings.HasPrefix(x.actions[0], "waf") {
			before = 1
		}
		e.Actions = slices.Insert(slices.Clone(e.Actions), before, x.identity.action)
		e.ErrorReason = string(x.identity.reason)
	}
	if x.head == nil {
		e.Received += httpwire.HeaderSize(x.r.Header)
	} else {
		e.Classification, e.ClassificationReason = x.head.Class.String(), x.head.Reason
		if x.head.Refuse != 0 || x.head.Simple {
			e.Method, e.Protocol = x.head.Method, x.head.Version
		}
	}
	if e.Method != "" {
		e.URL = x.url()
	}
	if !x.sentAt.IsZero() {
		e.RequestTime = x.sentAt.Sub(x.begun)
		if !x.headAt.IsZero() {
			e.TargetTime, e.ResponseTime = x.headAt.Sub(x.sentAt), now.Sub(x.headAt)
		}
	}
	if x.group != nil {
		e.TargetGroup = x.group.ARN
	}
	if s := x.conn.tls; s != nil {
		e.Cipher, e.TLSVersion, e.Domain, e.Certificate = handshake.CipherName(s.CipherSuite),
			handshake.VersionName(s.Version), s.ServerName, x.conn.Hello.Certificate
		if s.DidResume {
			e.Certificate = "session-reused"
		}
	}
	return e
}

// url is the request's, with protocol, host and the listener's port.
func (x *exchange) url() string {
	uri := x.path
	if x.hasQuery {
		uri += "?" + x.query
	}
	host := x.host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return x.scheme() + "://" + host + ":" + strconv.Itoa(int(x.snapshot.Listener.Port)) + uri
}

// kind is the entry's type.
func (x *exchange) kind() string {
	kinds := [2]string{"http", "https"}
	switch {
	case x.upgraded:
		kinds = [2]string{"ws", "wss"}
	case x.r.ProtoMajor == 2 && httpwire.IsGRPC(x.r):
		return "grpcs"
	case x.r.ProtoMajor == 2:
		return "h2"
	}
	if x.secure {
		return kinds[1]
	}
	return kinds[0]
}

// headSize is about the bytes of the answer's head, 0 when there was none.
func (x *exchange) headSize() int64 {
	if x.status == 0 || x.status == httpwire.StatusClientGone || x.head != nil && x.head.Simple {
		return 0
	}
	return int64(len("HTTP/1.1 200 OK\r\n\r\n")) + httpwire.HeaderSize(x.w.Header())
}
