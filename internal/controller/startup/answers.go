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
	// silence is how long a service or operation answers nothing until that is a condition. The next sweep shows it,
	// within 30 seconds of the request, after which a request that hangs ends.
	silence = 25 * time.Second
	// operationLife is how long an operation counts that does not answer while others of its service do, and that is not
	// called again. What needs it is tried again sooner.
	operationLife = 10 * time.Minute
	// refusedFor is how long most calls of a family are throttled until that is a condition. AWS throttles bursts, which
	// pass.
	refusedFor = 2 * time.Minute
	// permittedFor is how long no call of a family is throttled, and one succeeded, until the condition ends.
	permittedFor = 30 * time.Second
	// refusalLife is how long a refusal counts if no call of its family follows. What waits is tried again sooner.
	refusalLife = 2 * time.Minute
	// lastRequests is how many of the last requests of a family decide whether most are refused.
	lastRequests = 8
)

// answers are what is known of the answers of one service, or of one operation.
type answers struct {
	inFlight int
	failures int       // requests without an answer since the last one
	since    time.Time // when the first request was sent after the last answer; zero = there is none
	last     time.Time // when the last request was sent
	shown    bool

	operations map[string]*answers // of a service
}

// silent reports whether the service or operation does not answer. One lost connection shows nothing. Without a request
// for so long, nothing is known any longer.
func (a *answers) silent(now time.Time, life time.Duration) bool {
	if a.inFlight == 0 && now.Sub(a.last) > life {
		a.failures, a.since = 0, time.Time{}
	}
	return !a.since.IsZero() && now.Sub(a.since) >= silence &&
		(a.inFlight > 0 || a.failures > 1 || a.shown && a.failures > 0)
}

// sending notes a request.
func (a *answers) sending(now time.Time) {
	a.inFlight++
	a.last = now
	if a.since.IsZero() {
		a.since = now
	}
}

// answered notes an answer, or that there was none. It reports whether silence that is shown may have ended.
func (a *answers) answered(call awsclient.Call, e awsclient.Error, now time.Time) bool {
	a.inFlight--
	switch {
	case call.Err == nil, e.Code != "" && !e.Credentials:
		a.failures, a.since = 0, time.Time{}
		if a.inFlight > 0 {
			a.since = now
		}
		return a.shown
	// which says nothing about the service
	case e.Unanswered == awsclient.Canceled && call.Duration < silence, e.Unanswered == "", e.Credentials:
		if a.inFlight == 0 && a.failures == 0 {
			a.since = time.Time{}
		}
	default:
		a.failures++
	}
	return false
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
		a = &answers{operations: map[string]*answers{}}
		c.services[call.Service] = a
	}
	o := a.operations[call.Operation]
	if o == nil {
		o = &answers{}
		a.operations[call.Operation] = o
	}
	a.sending(c.Now())
	o.sending(c.Now())
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
		mayEnd := a.answered(call, e, c.Now())
		if o := a.operations[call.Operation]; o != nil {
			mayEnd = o.answered(call, e, c.Now()) || mayEnd
		}
		if mayEnd {
			c.showAnswers()
		}
	}
	switch {
	case call.Err == nil:
		c.counted(call, false)
	case e.Class == diag.Throttled && e.Code != "":
		c.counted(call, true)
	}
}

// showAnswers brings the condition of services and operations that do not answer up to date. Its text stays while those
// that it names do not answer. The lock is held.
func (c *Calls) showAnswers() {
	var silent []string
	again, worse := false, false
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		hanging, ended, wider := c.services[name].look(c.Now())
		again, worse = again || ended, worse || wider
		switch {
		case c.services[name].shown:
			silent = append(silent, name)
		case len(hanging) > 0:
			silent = append(silent, name+" ("+diag.Some(hanging)+")")
		}
	}
	if len(silent) == 0 {
		c.Conditions.Heal(impairment.Unanswered)
	} else if again || worse || !c.Conditions.Has(impairment.Unanswered) {
		c.Conditions.Set(impairment.Condition{Reason: impairment.Unanswered, Text: "AWS does not answer: " +
			strings.Join(silent, ", "), Remedy: impairment.ReachAWS})
	}
	if again {
		c.recovered(impairment.Unanswered)
	}
}

// look notes whether a service does not answer, or which of its operations do not while others do. ended is true if
// silence that was shown has ended, worse if it was that of operations and is now that of the service.
func (a *answers) look(now time.Time) (hanging []string, ended, worse bool) {
	was := a.shown
	a.shown = a.silent(now, denialLife)
	ended = was && !a.shown
	for _, name := range slices.Sorted(maps.Keys(a.operations)) {
		o := a.operations[name]
		if a.shown { // which says more
			worse = worse || !was && o.shown
			continue
		}
		is := o.silent(now, operationLife)
		ended = ended || o.shown && !is
		if o.shown = is; is {
			hanging = append(hanging, name)
		}
	}
	return hanging, ended, worse
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

// throttled reports whether most calls of the family have been refused for long, and are not accepted again. Time in
// which none is sent shows nothing.
func (r *refusals) throttled(now time.Time) bool {
	accepted := !r.acceptedAt.Before(r.refusedAt) && now.Sub(r.refusedAt) >= permittedFor
	if accepted || now.Sub(r.refusedAt) > refusalLife {
		*r = refusals{service: r.service, shown: r.shown}
	}
	return !r.since.IsZero() && r.refusedAt.Sub(r.since) >= refusedFor
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
	} else if ended || !c.Conditions.Has(impairment.Throttled) {
		c.Conditions.Set(impairment.Condition{Reason: impairment.Throttled, Text: "AWS refuses most calls because " +
			"of their rate: " + strings.Join(services, ", "), Remedy: impairment.SlowDown})
	}
	if ended {
		c.recovered(impairment.Throttled)
	}
}
