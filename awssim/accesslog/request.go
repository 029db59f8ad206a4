package accesslog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Request is the entry of one request in an application load balancer's access log. Empty texts and invalid addresses
// are written as "-".
type Request struct {
	Type           string // http, https, h2, grpcs, ws, wss
	Time           time.Time
	LoadBalancer   string // app/NAME/ID
	Client         netip.AddrPort
	Target         netip.AddrPort // where the request was sent; invalid: nowhere
	RequestTime    time.Duration  // from the first byte until it was sent to the target; negative: never
	TargetTime     time.Duration  // until the target's answer began; negative: never
	ResponseTime   time.Duration  // until the answer was on its way to the client; negative: never
	Status         int            // 0 is written as 000: no answer was sent
	TargetStatus   int            // 0: none
	Received, Sent int64          // bytes

	Method, URL, Protocol string // as the client sent them; URL with protocol, host and port
	UserAgent             string
	Cipher, TLSVersion    string // ECDHE-RSA-AES128-GCM-SHA256, TLSv1.2
	TargetGroup           string // ARN
	TraceID               string
	Domain                string // SNI
	Certificate           string // ARN, or session-reused
	Priority              Priority
	Created               time.Time // when the request came
	Actions               []string
	RedirectURL           string
	ErrorReason           string
	Classification        string // Acceptable, Ambiguous, Severe
	ClassificationReason  string
	ConnectionTrace       string // TID_…
	TransformedHost       string
	TransformedURI        string
	TransformStatus       string
}

// Priority is the matched rule's priority.
type Priority int

// Priorities that are not a rule's.
const (
	NoRule     Priority = -2 // rules were not evaluated: "-"
	RuleFailed Priority = -1 // an error during evaluation
	DefaultOne Priority = 0  // the default actions
)

// maxUserAgent is how much of a User-Agent is logged.
const maxUserAgent = 8 << 10

// Line is the entry as AWS writes it: 33 fields.
func (r *Request) Line() string {
	var b builder
	b.plain(r.Type)
	b.time(r.Time)
	b.plain(r.LoadBalancer)
	b.address(r.Client)
	b.address(r.Target)
	b.seconds(r.RequestTime)
	b.seconds(r.TargetTime)
	b.seconds(r.ResponseTime)
	if r.Status == 0 {
		b.plain("000")
	} else {
		b.number(int64(r.Status))
	}
	b.status(r.TargetStatus)
	b.number(r.Received)
	b.number(r.Sent)
	if r.Method == "" && r.URL == "" {
		b.quoted("- " + "- " + "- ")
	} else {
		b.quoted(r.Method + " " + r.URL + " " + r.Protocol)
	}
	b.quoted(r.UserAgent[:min(len(r.UserAgent), maxUserAgent)])
	b.plain(r.Cipher)
	b.plain(r.TLSVersion)
	b.plain(r.TargetGroup)
	b.quoted(r.TraceID)
	b.quoted(r.Domain)
	b.quoted(r.Certificate)
	if r.Priority == NoRule {
		b.plain("")
	} else {
		b.number(int64(r.Priority))
	}
	b.time(r.Created)
	b.quoted(strings.Join(r.Actions, ","))
	b.quoted(r.RedirectURL)
	b.quoted(r.ErrorReason)
	if r.Target.IsValid() {
		b.quoted(r.Target.String())
	} else {
		b.quoted("")
	}
	if r.TargetStatus != 0 {
		b.quoted(strconv.Itoa(r.TargetStatus))
	} else {
		b.quoted("")
	}
	b.quoted(r.Classification)
	b.quoted(r.ClassificationReason)
	b.plain(r.ConnectionTrace)
	b.quoted(r.TransformedHost)
	b.quoted(r.TransformedURI)
	b.quoted(r.TransformStatus)
	return b.String()
}
