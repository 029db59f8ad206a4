package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Call is one AWS call that passed the recorder.
type Call struct {
	Service, Action string
	Begin, End      time.Time // End is zero while the call is under way
	Status          int
	Targets         []string // ids in RegisterTargets and DeregisterTargets
	Group           string   // ARN of the target group in RegisterTargets and DescribeTargetHealth
	// Look is a read of targets' health so long after they were registered that no step of a measurement brought it: the
	// controller looks by itself whether any of them got healthy, at a group or so per second. On a slow machine that
	// falls into later rows. The other looks are those of the second listing of the account some seconds after a start,
	// which no step brings either.
	Look bool
	// Listing is set for a read of all resources of a kind, and More for one of its further pages.
	Listing, More bool
}

// The time after the first listing of the account in which the second one, by which the controller verifies it, is a
// look.
const (
	listedAgainFrom  = 4500 * time.Millisecond
	listedAgainUntil = 15 * time.Second
)

// listings are those of an action since the controller was started.
type listings struct {
	first time.Time
	again bool // the second one was made
	look  bool // the newest is that
}

// lookAfter is a little less than what the controller waits, after targets changed, before it looks at their health.
const lookAfter = 35 * time.Second

// Read reports whether the call changes nothing, by AWS's naming.
func (c Call) Read() bool {
	for _, prefix := range []string{"Describe", "List", "Get", "AssumeRole"} {
		if strings.HasPrefix(c.Action, prefix) {
			return true
		}
	}
	return false
}

// Recorder passes AWS calls on to any implementation, takes note of them and delays them. It reads the action from the
// request alone, so that every AWS mock is counted in the same way.
type Recorder struct {
	next http.Handler

	mu     sync.Mutex
	delay  time.Duration
	limits limits       // of ELBv2
	spent  [4]time.Time // by family of calls: when its bucket is full again
	calls  []Call
	active int
	last   time.Time // when the newest call began or ended
	// registered is when the newest targets of a group were registered by the running controller.
	registered map[string]time.Time
	listings   map[string]*listings // by action, of the running controller
}

// NewRecorder stands in front of next.
func NewRecorder(next http.Handler) *Recorder {
	return &Recorder{next: next, registered: map[string]time.Time{}, listings: map[string]*listings{}}
}

// Restarted says that another controller runs, which looks at no targets but those that it registers itself, and lists
// the account twice.
func (r *Recorder) Restarted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.registered)
	clear(r.listings)
}

// SetDelay changes what every call takes in addition.
func (r *Recorder) SetDelay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// limits are how many calls of each family ELBv2 takes in a second, and at once; 0 = as many as come.
type limits struct {
	reads, writes, registrations float64
	// balancers is of CreateLoadBalancer, of which AWS takes balancersAtOnce at once.
	balancers float64
}

const balancersAtOnce = 10

// SetLimits limits how many calls ELBv2 takes; what is more it refuses as AWS does. Registrations and deregistrations,
// which AWS meters by themselves, are no writes.
func (r *Recorder) SetLimits(l limits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits, r.spent = l, [4]time.Time{}
}

// refuses reports whether a call comes too soon after those before.
func (r *Recorder) refuses(c Call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	family, rate, atOnce := 0, r.limits.writes, time.Second // the bucket holds the calls of a second
	switch {
	case c.Service != "elasticloadbalancing":
		return false
	case c.Read():
		family, rate = 1, r.limits.reads
	case c.Action == "RegisterTargets" || c.Action == "DeregisterTargets":
		family, rate = 2, r.limits.registrations
	case c.Action == "CreateLoadBalancer" && r.limits.balancers > 0:
		family, rate = 3, r.limits.balancers
		atOnce = time.Duration(balancersAtOnce / rate * float64(time.Second))
	}
	if rate == 0 {
		return false
	}
	full := r.spent[family]
	if full.Before(c.Begin) {
		full = c.Begin
	}
	full = full.Add(time.Duration(float64(time.Second) / rate))
	if full.Sub(c.Begin) > atOnce {
		return true
	}
	r.spent[family] = full
	return false
}

// throttled is how AWS refuses a call of a query protocol for its rate.
const throttled = `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>Throttling</Code>` +
	`<Message>Rate exceeded</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>`

// Mark is where calls stand now; Since gives those after it.
func (r *Recorder) Mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// Since are the calls that began after the mark, in that order.
func (r *Recorder) Since(mark int) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Call(nil), r.calls[mark:]...)
}

// write writes the calls to a file, one a line: when it began, how long it took, its status, service and action.
func (r *Recorder) write(path string) error {
	var b bytes.Buffer
	for _, c := range r.Since(0) {
		fmt.Fprintf(&b, "%s %6d ms %d %s %s %s\n", c.Begin.Format("15:04:05.000"), c.End.Sub(c.Begin).Milliseconds(),
			c.Status, c.Service, c.Action, strings.Join(c.Targets, " "))
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the record of calls: %w", err)
	}
	return nil
}

// QuietFor is how long no call but looks has begun, ended or been under way.
func (r *Recorder) QuietFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active > 0 {
		return 0
	}
	return time.Since(r.last)
}

// ServeHTTP implements http.Handler.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	call := Call{Begin: time.Now()}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 16<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	call.describe(q, body)
	n, delay := r.begin(call)
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	defer func() { r.end(n, status.status) }() // also when the other side cuts the connection by a panic
	switch {
	case r.refuses(call):
		status.Header().Set("Content-Type", "text/xml")
		status.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(status, throttled)
	case sleep.For(q.Context(), delay) == nil:
		r.next.ServeHTTP(status, q)
	}
}

func (r *Recorder) begin(c Call) (n int, delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, known := r.registered[c.Group]
	switch c.Action {
	case "RegisterTargets":
		r.registered[c.Group] = c.Begin
	case "DescribeTargetHealth":
		c.Look = known && c.Begin.Sub(since) >= lookAfter
	}
	if c.Listing {
		c.Look = r.verifies(c)
	}
	r.calls = append(r.calls, c)
	if !c.Look {
		r.active++
		r.last = c.Begin
	}
	return len(r.calls) - 1, r.delay
}

// verifies reports whether a call is of the second listing of the account. The lock is held.
func (r *Recorder) verifies(c Call) bool {
	l := r.listings[c.Action]
	switch {
	case l == nil:
		l = &listings{first: c.Begin}
		r.listings[c.Action] = l
	case c.More: // as the page before it
	default:
		since := c.Begin.Sub(l.first)
		l.look = !l.again && since >= listedAgainFrom && since < listedAgainUntil
		l.again = l.again || l.look
	}
	return l.look
}

func (r *Recorder) end(n, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.calls[n].End, r.calls[n].Status = now, status
	if !r.calls[n].Look {
		r.active--
		r.last = now
	}
}

// describe finds service and action: the service in the signature's scope, the action in the form (query protocols),
// the header (JSON), the path (RPC v2 CBOR) or, for REST protocols, method and path.
func (c *Call) describe(q *http.Request, body []byte) {
	// AWS4-HMAC-SHA256 Credential=AKID/20260102/us-west-2/ec2/aws4_request, …
	if _, scope, ok := strings.Cut(q.Header.Get("Authorization"), "Credential="); ok {
		if parts := strings.Split(scope, "/"); len(parts) > 3 {
			c.Service = parts[3]
		}
	}
	if _, action, ok := strings.Cut(q.Header.Get("X-Amz-Target"), "."); ok {
		c.Action = action
		return
	}
	if _, action, ok := strings.Cut(q.URL.Path, "/operation/"); ok {
		c.Action = action
		return
	}
	form, err := url.ParseQuery(string(body))
	if err == nil && form.Get("Action") != "" {
		c.Action, c.Group = form.Get("Action"), form.Get("TargetGroupArn")
		c.Listing, c.More = lists(form), form.Get("Marker") != "" || form.Get("NextToken") != ""
		if c.Action == "RegisterTargets" || c.Action == "DeregisterTargets" {
			for k, v := range form {
				if strings.HasPrefix(k, "Targets.member.") && strings.HasSuffix(k, ".Id") {
					c.Targets = append(c.Targets, v...)
				}
			}
		}
		return
	}
	if c.Action = q.URL.Query().Get("Action"); c.Action == "" {
		c.Action = q.Method + " " + q.URL.Path
		if q.Method == http.MethodGet || q.Method == http.MethodHead {
			c.Action = "Get " + q.URL.Path
		}
	}
}

// lists reports whether a request of a query protocol is for all load balancers, target groups or security groups, be
// it of a VPC.
func lists(form url.Values) bool {
	switch form.Get("Action") {
	case "DescribeLoadBalancers", "DescribeTargetGroups", "DescribeSecurityGroups":
	default:
		return false
	}
	for key, value := range form {
		switch name, _, _ := strings.Cut(key, "."); name {
		case "Names", "LoadBalancerArns", "TargetGroupArns", "LoadBalancerArn", "GroupId", "GroupName":
			return false
		case "Filter":
			if strings.HasSuffix(key, ".Name") && (len(value) != 1 || value[0] != "vpc-id") {
				return false
			}
		}
	}
	return true
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
