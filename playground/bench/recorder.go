package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Call is one AWS call that passed the recorder.
type Call struct {
	Service, Action string
	Begin, End      time.Time // End is zero while the call is under way
	Status          int
	Targets         []string // ids in RegisterTargets and DeregisterTargets
	Group           string   // ARN of the target group in RegisterTargets and DescribeTargetHealth
	// Look is a read of targets' health so long after they were registered that no step of a measurement brought it: the controller
	// looks by itself whether any of them got healthy, at a group or so per second. On a slow machine that falls into later rows.
	Look bool
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
	rate   int       // calls a second of ELBv2 beside registrations; 0 = as many as come
	full   time.Time // when the next of them may come
	calls  []Call
	active int
	last   time.Time // when the newest call began or ended
	// registered is when the newest targets of a group were registered by the running controller.
	registered map[string]time.Time
}

// NewRecorder stands in front of next.
func NewRecorder(next http.Handler) *Recorder {
	return &Recorder{next: next, registered: map[string]time.Time{}}
}

// Restarted says that another controller runs, which looks at no targets but those that it registers itself.
func (r *Recorder) Restarted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.registered)
}

// SetDelay changes what every call takes in addition.
func (r *Recorder) SetDelay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// SetRate limits how many calls ELBv2 takes in a second, registrations apart; what is more it refuses as AWS does. 0 = no limit.
func (r *Recorder) SetRate(rate int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate, r.full = rate, time.Time{}
}

// refuses reports whether a call comes too soon after those before.
func (r *Recorder) refuses(c Call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rate == 0 || c.Service != "elasticloadbalancing" || c.Action == "RegisterTargets" || c.Action == "DeregisterTargets" {
		return false
	}
	if c.Begin.Before(r.full) {
		return true
	}
	r.full = c.Begin.Add(time.Second / time.Duration(r.rate))
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
		fmt.Fprintf(&b, "%s %6d ms %d %s %s %s\n", c.Begin.Format("15:04:05.000"), c.End.Sub(c.Begin).Milliseconds(), c.Status, c.Service, c.Action, strings.Join(c.Targets, " "))
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
	case wait(q.Context(), delay):
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
	r.calls = append(r.calls, c)
	if !c.Look {
		r.active++
		r.last = c.Begin
	}
	return len(r.calls) - 1, r.delay
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

// wait returns false if ctx ended before d passed.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// describe finds service and action: the service in the signature's scope, the action in the form (query protocols), the
// header (JSON) or, for REST protocols, method and path.
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
	form, err := url.ParseQuery(string(body))
	if err == nil && form.Get("Action") != "" {
		c.Action, c.Group = form.Get("Action"), form.Get("TargetGroupArn")
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
