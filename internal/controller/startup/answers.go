package startup

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

const (
	// silence is how long a service answers nothing until that is a condition.
	silence = 30 * time.Second
	// refusedFor is how long most calls of a family are throttled until that is a condition. AWS throttles bursts, which
	// pass.
	refusedFor = 2 * time.Minute
	// permittedFor is how long no call of a family is throttled, and one succeeded, until the condition ends.
	permittedFor = 30 * time.Second
	// lastRequests is how many of the last requests of a family decide whether most are refused.
	lastRequests = 8
)

// answers are what is known of the answers of one service.
type answers struct {
	inFlight int
	failures int       // requests without an answer since the last one
	since    time.Time // when the first request was sent after the last answer; zero = there is none
	last     time.Time // when the last request was sent
	shown    bool
}

// silent reports whether the service does not answer. One lost connection shows nothing.
func (a *answers) silent(now time.Time) bool {
	return !a.since.IsZero() && now.Sub(a.since) >= silence &&
		(a.inFlight > 0 || (a.failures > 1 || a.shown && a.failures > 0) && now.Sub(a.last) <= denialLife)
}

// Sending takes a request that is about to be sent.
func (c *Calls) Sending(call awsclient.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.services == nil {
		c.services = map[string]*answers{}
	}
	a := c.services[call.Service]
	if a == nil {
		a = &answers{}
		c.services[call.Service] = a
	}
	a.inFlight++
	a.last = c.Now()
	if a.since.IsZero() {
		a.since = a.last
	}
}

// Answered takes a request that has ended, with an answer or without.
func (c *Calls) Answered(call awsclient.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := awsclient.Error{}
	if call.Err != nil {
		e = awsclient.Classify(call.Err)
	}
	if a := c.services[call.Service]; a != nil {
		a.inFlight--
		c.answered(a, call, e)
	}
	switch {
	case call.Err == nil:
		c.counted(call, false)
	case e.Class == diag.Throttled && e.Code != "":
		c.counted(call, true)
	}
}

// answered notes an answer of a service, or that there was none. The lock is held.
func (c *Calls) answered(a *answers, call awsclient.Call, e awsclient.Error) {
	switch {
	case call.Err == nil, e.Code != "" && !e.Credentials:
		a.failures, a.since = 0, time.Time{}
		if a.inFlight > 0 {
			a.since = c.Now()
		}
		if a.shown {
			c.showAnswers()
		}
	// which says nothing about the service
	case e.Unanswered == awsclient.Canceled && call.Duration < silence, e.Unanswered == "", e.Credentials:
		if a.inFlight == 0 && a.failures == 0 {
			a.since = time.Time{}
		}
	default:
		a.failures++
	}
}

// showAnswers brings the condition of services that do not answer up to date. Its text stays while those that it names
// do not answer. The lock is held.
func (c *Calls) showAnswers() {
	var silent []string
	again := false
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		a := c.services[name]
		is := a.silent(c.Now())
		again = again || a.shown && !is
		if a.shown = is; is {
			silent = append(silent, name)
		}
	}
	if len(silent) == 0 {
		c.Conditions.Heal(impairment.Unanswered)
	} else if again || !c.Conditions.Holds(impairment.Unanswered) {
		c.Conditions.Set(impairment.Condition{Reason: impairment.Unanswered, Text: "AWS does not answer: " +
			strings.Join(silent, ", "), Remedy: impairment.ReachAWS})
	}
	if again {
		c.recovered(impairment.Unanswered)
	}
}

// refusals are the last requests of a family of calls that AWS meters together.
type refusals struct {
	service               string
	last                  [lastRequests]bool // throttled, by their number
	n                     int
	since                 time.Time // since when most are throttled; zero = most are not
	refusedAt, acceptedAt time.Time
	shown                 bool
}

// counted notes a request that AWS has throttled, or has not. The lock is held.
func (c *Calls) counted(call awsclient.Call, refused bool) {
	family := awsclient.Family(call.Service, call.Operation)
	r := c.families[family]
	switch {
	case r == nil && !refused:
		return
	case r == nil:
		if c.families == nil {
			c.families = map[string]*refusals{}
		}
		r = &refusals{service: call.Service}
		c.families[family] = r
	}
	r.last[r.n%lastRequests] = refused
	r.n++
	if refused {
		r.refusedAt = c.Now()
	} else {
		r.acceptedAt = c.Now()
	}
	most := 0
	for _, x := range r.last[:min(r.n, lastRequests)] {
		if x {
			most++
		}
	}
	switch {
	case 2*most <= min(r.n, lastRequests):
		r.since = time.Time{}
	case r.since.IsZero():
		r.since = c.Now()
	}
	if r.shown && r.since.IsZero() {
		c.showRefusals()
	}
}

// throttled reports whether most calls of the family have been refused for long, and are not accepted again.
func (r *refusals) throttled(now time.Time) bool {
	accepted := !r.acceptedAt.Before(r.refusedAt) && now.Sub(r.refusedAt) >= permittedFor
	if accepted || now.Sub(r.refusedAt) > denialLife {
		*r = refusals{service: r.service, shown: r.shown}
	}
	return !r.since.IsZero() && now.Sub(r.since) >= refusedFor
}

// showRefusals brings the condition of throttled calls up to date, as showAnswers does. The lock is held.
func (c *Calls) showRefusals() {
	var services []string
	ended := false
	for _, r := range c.families {
		is := r.throttled(c.Now())
		ended = ended || r.shown && !is
		if r.shown = is; is && !slices.Contains(services, r.service) {
			services = append(services, r.service)
		}
	}
	slices.Sort(services)
	if len(services) == 0 {
		c.Conditions.Heal(impairment.Throttled)
	} else if ended || !c.Conditions.Holds(impairment.Throttled) {
		c.Conditions.Set(impairment.Condition{Reason: impairment.Throttled, Text: "AWS refuses most calls because " +
			"of their rate: " + strings.Join(services, ", "), Remedy: impairment.SlowDown})
	}
	if ended {
		c.recovered(impairment.Throttled)
	}
}
