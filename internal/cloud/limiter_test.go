package cloud

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// scripted answers calls from a list of errors, then with success.
type scripted struct {
	ELBV2 // everything else panics
	errs  []error
	calls int
}

func (s *scripted) next() error {
	s.calls++
	if len(s.errs) == 0 {
		return nil
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return err
}

func (s *scripted) CreateRule(context.Context, *elbv2.CreateRuleInput, ...func(*elbv2.Options)) (*elbv2.CreateRuleOutput, error) {
	return &elbv2.CreateRuleOutput{}, s.next()
}

func (s *scripted) DescribeRules(context.Context, *elbv2.DescribeRulesInput, ...func(*elbv2.Options)) (*elbv2.DescribeRulesOutput, error) {
	return &elbv2.DescribeRulesOutput{}, s.next()
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
	rule := func(ctx context.Context, c Clients) error {
		_, err := c.ELBV2.CreateRule(ctx, &elbv2.CreateRuleInput{})
		return err
	}
	rules := func(ctx context.Context, c Clients) error {
		_, err := c.ELBV2.DescribeRules(ctx, &elbv2.DescribeRulesInput{})
		return err
	}
	for _, tc := range []struct {
		name  string
		do    func(context.Context, Clients) error
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
			l := NewLimiter(LimiterOptions{Clock: c, Attempts: 4, Observe: func(x Call) { seen = append(seen, x) }, Random: func() float64 { return 0.5 }})
			done := make(chan struct{})
			var err error
			go func() { defer close(done); err = tc.do(context.Background(), l.Wrap(Clients{ELBV2: s})) }()
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

func TestAWriteThatMayNotBeMadeAnyMoreIsNotSentAndReadsAre(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{errs: []error{answered(400, "Throttling", "Rate exceeded")}}
	asked, deposed := 0, errors.New("deposed")
	w := NewLimiter(LimiterOptions{Clock: c, MayWrite: func() error {
		if asked++; asked > 1 {
			return deposed
		}
		return nil
	}}).Wrap(Clients{ELBV2: s})
	done := make(chan struct{})
	go func() { // refused once, and not tried again
		defer close(done)
		if _, err := w.ELBV2.CreateRule(context.Background(), &elbv2.CreateRuleInput{}); !errors.Is(err, deposed) {
			t.Error(err)
		}
	}()
	drive(c, done)
	if _, err := w.ELBV2.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{}); err != nil || asked != 2 {
		t.Errorf("a read: %v; asked %d times", err, asked)
	}
}

func TestNothingWaitsUntilAWSThrottles(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{}
	w := NewLimiter(LimiterOptions{Clock: c}).Wrap(Clients{ELBV2: s})
	for range 500 {
		if _, err := w.ELBV2.CreateRule(t.Context(), &elbv2.CreateRuleInput{}); err != nil {
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
	w := NewLimiter(LimiterOptions{Clock: c}).Wrap(Clients{ELBV2: s})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4 { // one of them twice: at 3 writes a second
			if _, err := w.ELBV2.CreateRule(context.Background(), &elbv2.CreateRuleInput{}); err != nil {
				t.Error(err)
			}
		}
	}()
	if d := drive(c, done); d < time.Second || d > 2*time.Second {
		t.Errorf("four writes took %v", d)
	}
	if _, err := w.ELBV2.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{}); err != nil || c.Pending() != 0 {
		t.Error("reads are another family")
	}
}

func TestAThrottleOfTheUserHoldsAlways(t *testing.T) {
	t.Parallel()
	c, s := newClock(), &scripted{}
	w := NewLimiter(LimiterOptions{Clock: c, Throttle: []Throttle{
		{Service: ServiceELBV2, Operation: regexp.MustCompile("^Create"), Rate: 2, Burst: 1},
		{Service: ServiceELBV2, Operation: regexp.MustCompile("^Describe"), Rate: 1, Burst: 0},
	}}).Wrap(Clients{ELBV2: s})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			if _, err := w.ELBV2.CreateRule(context.Background(), &elbv2.CreateRuleInput{}); err != nil {
				t.Error(err)
			}
			if _, err := w.ELBV2.DescribeRules(context.Background(), &elbv2.DescribeRulesInput{}); err != nil {
				t.Error(err)
			}
		}
	}()
	if d := drive(c, done); d != 2*time.Second {
		t.Errorf("five calls at two a second took %v", d)
	}
}

func TestWhoWantsToKnowHearsOfARequestWhenItsTurnHasCome(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := NewLimiter(LimiterOptions{Clock: c, Throttle: []Throttle{{Service: ServiceELBV2, Operation: regexp.MustCompile("CreateRule"), Rate: 1, Burst: 1}}})
	clients := l.Wrap(Clients{ELBV2: &scripted{}})
	begun, in := c.Now(), &elbv2.CreateRuleInput{}
	var heard []time.Duration
	ctx := OnSending(t.Context(), func(x any) {
		if x != in {
			t.Errorf("heard of %v", x)
		}
		heard = append(heard, c.Now().Sub(begun))
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			if _, err := clients.ELBV2.CreateRule(ctx, in); err != nil {
				t.Error(err)
			}
		}
	}()
	drive(c, done)
	if len(heard) != 2 || heard[0] != 0 || heard[1] < time.Second-time.Millisecond {
		t.Errorf("heard after %v", heard)
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
	return len(b.waiting[0]) + len(b.waiting[1]) + len(b.waiting[2]) + len(b.waiting[3])
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
