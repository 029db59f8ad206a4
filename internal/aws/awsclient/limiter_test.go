package awsclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// scripted answers calls from a list of errors, then with success.
type scripted struct {
	errs  []error
	calls int
}

func (s *scripted) call(ctx context.Context, l *Limiter, operation string) error {
	return l.Do(ctx, ServiceELBV2, operation, func(context.Context) error {
		s.calls++
		if len(s.errs) == 0 {
			return nil
		}
		err := s.errs[0]
		s.errs = s.errs[1:]
		return err
	})
}

// drive advances the clock whenever something waits for it, until done is closed.
func drive(c *clock.Stepped, done <-chan struct{}) (elapsed time.Duration) {
	start := c.Now()
	for {
		select {
		case <-done:
			return c.Now().Sub(start)
		default:
		}
		if at, ok := c.Next(); ok {
			c.Advance(at.Sub(c.Now()))
		}
		runtime.Gosched()
	}
}

func newClock() *clock.Stepped { return clock.NewStepped(time.Unix(1_000_000, 0)) }

func TestRetriesRepeatWhatCannotHaveHappened(t *testing.T) {
	t.Parallel()
	throttled, reset := answered(400, "Throttling", "Rate exceeded"), errors.New("connection reset")
	const rule, rules = "CreateRule", "DescribeRules"
	for _, tc := range []struct {
		name  string
		does  string
		errs  []error
		calls int
		fails bool
	}{
		{"a write that succeeds", rule, nil, 1, false},
		{"a throttled write", rule, []error{throttled, throttled}, 3, false},
		{"a write with an unknown outcome", rule, []error{reset}, 1, true},
		{"a read with an unknown outcome", rules, []error{reset, reset}, 3, false},
		{"a read that never works", rules, []error{reset, reset, reset, reset}, 3, true},
		{"a write that is refused", rule, []error{answered(400, "ValidationError", "no")}, 1, true},
		{"a write that is throttled for ever", rule, []error{throttled, throttled, throttled, throttled, throttled}, 4, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := newClock(), &scripted{errs: tc.errs}
			var seen []Call
			l := NewLimiter(LimiterOptions{Clock: c, Attempts: 4, Observe: func(x Call) { seen = append(seen, x) },
				Random: func() float64 { return 0.5 }})
			done := make(chan struct{})
			var err error
			go func() { defer close(done); err = s.call(context.Background(), l, tc.does) }()
			drive(c, done)
			if s.calls != tc.calls || (err != nil) != tc.fails {
				t.Errorf("%d calls, error %v", s.calls, err)
			}
			if len(seen) != 1 || seen[0].Attempts != tc.calls || (seen[0].Err != nil) != tc.fails {
				t.Errorf("observed %+v", seen)
			}
		})
	}
}

// TestEachCallOfAnSDKClientPassesTheLimiter has AWS throttle the first request of a call.
func TestEachCallOfAnSDKClientPassesTheLimiter(t *testing.T) {
	t.Parallel()
	answers := []string{
		`400 <ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`,
		`200 <CreateRuleResponse><CreateRuleResult><Rules><member><RuleArn>arn:rule</RuleArn></member></Rules></CreateRuleResult></CreateRuleResponse>`}
	var bodies []string
	sent := 0
	c, seen := newClock(), []Call(nil)
	connection := Connection{config: aws.Config{Region: "eu-west-1", Credentials: aws.AnonymousCredentials{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: doer(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			status, text, _ := strings.Cut(answers[0], " ")
			answers = answers[1:]
			code, _ := strconv.Atoi(status)
			return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(text))}, err
		})}}
	clients := connection.Clients(NewLimiter(LimiterOptions{Clock: c, Observe: func(x Call) { seen = append(seen, x) },
		Sending: func(Call) { sent++ }}))
	in := &elbv2.CreateRuleInput{ListenerArn: aws.String("arn:listener"), Priority: aws.Int32(7),
		Conditions: []elbv2types.RuleCondition{}, Actions: []elbv2types.Action{}}
	var out *elbv2.CreateRuleOutput
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err = clients.ELBV2.CreateRule(context.Background(), in)
	}()
	drive(c, done)
	if err != nil || len(out.Rules) != 1 || aws.ToString(out.Rules[0].RuleArn) != "arn:rule" {
		t.Fatalf("answer %+v, error %v", out, err)
	}
	if len(bodies) != 2 || bodies[0] != bodies[1] || !strings.Contains(bodies[0], "Priority=7") {
		t.Errorf("requests %q", bodies)
	}
	busy := connection.Clients(NewLimiter(LimiterOptions{Clock: c, MayWrite: func() error { return ErrBusy }}))
	if _, err := busy.ELBV2.CreateRule(t.Context(), in); !errors.Is(err, ErrBusy) ||
		Classify(err).Message != ErrBusy.Error() || len(bodies) != 2 {
		t.Errorf("a call that may not be sent: %v", err)
	}
	if sent != 2 || len(seen) != 1 || seen[0].Service != ServiceELBV2 || seen[0].Operation != "CreateRule" ||
		seen[0].Attempts != 2 {
		t.Errorf("sent %d times, observed %+v", sent, seen)
	}
}

// doer is an HTTP client that is a function.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestAWriteThatMayNotBeMadeAnyMoreIsNotSentAndReadsAre(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{errs: []error{answered(400, "Throttling", "Rate exceeded")}}
	asked, deposed := 0, errors.New("deposed")
	l := NewLimiter(LimiterOptions{Clock: c, MayWrite: func() error {
		if asked++; asked > 1 {
			return deposed
		}
		return nil
	}})
	done := make(chan struct{})
	go func() { // refused once, and not tried again
		defer close(done)
		if err := s.call(context.Background(), l, "CreateRule"); !errors.Is(err, deposed) {
			t.Error(err)
		}
	}()
	drive(c, done)
	if err := s.call(t.Context(), l, "DescribeRules"); err != nil || asked != 2 {
		t.Errorf("a read: %v; asked %d times", err, asked)
	}
}

func TestCallsOneAfterTheOtherDoNotWaitUntilAWSThrottles(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{}
	l := NewLimiter(LimiterOptions{Clock: c})
	for range 500 {
		if err := s.call(t.Context(), l, "CreateRule"); err != nil {
			t.Fatal(err)
		}
	}
	if c.Pending() != 0 {
		t.Error("something waits")
	}
}

func TestAfterAThrottleTheFamilyGoesAtThePublishedRate(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{errs: []error{answered(400, "Throttling", "Rate exceeded")}}
	l := NewLimiter(LimiterOptions{Clock: c})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4 { // one of them twice: at 3 writes a second
			if err := s.call(context.Background(), l, "CreateRule"); err != nil {
				t.Error(err)
			}
		}
	}()
	if d := drive(c, done); d < time.Second || d > 2*time.Second {
		t.Errorf("four writes took %v", d)
	}
	if err := s.call(t.Context(), l, "DescribeRules"); err != nil || c.Pending() != 0 {
		t.Error("reads are another family")
	}
}

func TestAThrottleOfTheUserHoldsAlways(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{}
	l := NewLimiter(LimiterOptions{Clock: c, Throttle: []Throttle{
		{Service: ServiceELBV2, Operation: regexp.MustCompile("^Create"), Rate: 2, Burst: 1},
		{Service: ServiceELBV2, Operation: regexp.MustCompile("^Describe"), Rate: 1, Burst: 0},
	}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			if err := s.call(context.Background(), l, "CreateRule"); err != nil {
				t.Error(err)
			}
			if err := s.call(context.Background(), l, "DescribeRules"); err != nil {
				t.Error(err)
			}
		}
	}()
	if d := drive(c, done); d != 2*time.Second {
		t.Errorf("five calls at two a second took %v", d)
	}
}

func TestSendingIsCalledWhenTheTurnHasCome(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := &scripted{}
	begun := c.Now()
	var waits []time.Duration
	sending := func(Call) { waits = append(waits, c.Now().Sub(begun)) }
	l := NewLimiter(LimiterOptions{Clock: c, Sending: sending, Throttle: []Throttle{
		{Service: ServiceELBV2, Operation: regexp.MustCompile("CreateRule"), Rate: 1, Burst: 1}}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			if err := s.call(t.Context(), l, "CreateRule"); err != nil {
				t.Error(err)
			}
		}
	}()
	drive(c, done)
	if len(waits) != 2 || waits[0] != 0 || waits[1] < time.Second-time.Millisecond {
		t.Errorf("waits after %v", waits)
	}
}

func TestVitalCallsOvertakeOthersInTheQueue(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, 1, 1)
	if err := b.take(t.Context(), rankOf("", Normal)); err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 3)
	for _, w := range []struct {
		name string
		p    Priority
	}{{"cosmetic", Cosmetic}, {"normal", Normal}, {"vital", Vital}} {
		queued := standing(b)
		go func() {
			if err := b.take(context.Background(), rankOf("", w.p)); err != nil {
				t.Error(err)
			}
			order <- w.name
		}()
		for standing(b) == queued { // until it stands in the queue
			runtime.Gosched()
		}
	}
	for _, want := range []string{"vital", "normal", "cosmetic"} {
		c.Advance(time.Second)
		if got := <-order; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// standing is how many calls wait.
func standing(b *bucket) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.standing()
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, 1, 1)
	if err := b.take(t.Context(), rankOf("", Normal)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.take(ctx, rankOf("", Normal)) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	c.Advance(time.Minute)
	if err := b.take(t.Context(), rankOf("", Normal)); err != nil { // nobody took the token away
		t.Error(err)
	}
}
