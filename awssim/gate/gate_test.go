package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

type input struct {
	Name       string
	Filters    []string
	MaxResults *int
}

type output struct{ N int }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// bench is a gate with a handler that counts.
type bench struct {
	*Gate
	clock   *clock.Stepped
	effects int
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	c := clock.NewStepped(epoch)
	o.Clock = c
	return &bench{Gate: New(o), clock: c}
}

func (b *bench) call(service, action, name string) (*output, error) {
	return Do(WithCaller(context.Background(), "AKIATEST"), b.Gate, Operation{service, action}, &input{Name: name},
		func(context.Context, *input) (*output, error) {
			b.effects++
			return &output{N: b.effects}, nil
		})
}

func TestTheRecordHoldsTheCallOfEveryEffectThatCanBeSeen(t *testing.T) {
	t.Parallel()
	g := New(Options{})
	effect, read := make(chan struct{}), make(chan []Call, 1)
	go func() {
		<-effect
		read <- g.Calls()
	}()
	_, err := Do(t.Context(), g, Operation{"ec2", "CreateTags"}, &input{}, func(context.Context, *input) (*output, error) {
		close(effect)
		for range 1000 { // the reader comes before the answer
			runtime.Gosched()
		}
		return &output{}, nil
	})
	if calls := <-read; err != nil || len(calls) != 1 {
		t.Errorf("after the effect the record holds %d calls (%v), want 1", len(calls), err)
	}
}

func TestANilGateOnlyCallsTheHandler(t *testing.T) {
	t.Parallel()
	out, err := Do(context.Background(), nil, Operation{"ec2", "CreateTags"}, &input{}, func(context.Context, *input) (
		*output, error) {
		return &output{N: 7}, nil
	})
	if err != nil || out.N != 7 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestEveryCallIsRecordedWithItsCallerAndResult(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	if _, err := b.call("ec2", "DescribeVpcs", "a"); err != nil {
		t.Fatal(err)
	}
	_, err := Do(WithRequestID(context.Background(), "given"), b.Gate, Operation{"elasticloadbalancing", "DeleteRule"},
		&input{},
		func(ctx context.Context, _ *input) (*output, error) {
			if RequestID(ctx) != "given" {
				t.Errorf("the handler sees request id %q", RequestID(ctx))
			}
			return &output{}, apierr.New("RuleNotFound", "one or more rules not found")
		})
	if apierr.As(err) == nil {
		t.Fatalf("got %v", err)
	}
	calls := b.Calls()
	if len(calls) != 2 {
		t.Fatalf("%d calls recorded, want 2", len(calls))
	}
	first, second := calls[0], calls[1]
	if first.Number != 1 || first.Service != "ec2" || first.Action != "DescribeVpcs" || first.Caller != "AKIATEST" ||
		first.Status != 200 || first.Failed() || len(first.RequestID) != 36 || first.Input.(*input).Name != "a" {
		t.Errorf("first call recorded as %+v", first)
	}
	if second.Number != 2 || second.RequestID != "given" || second.Code != "RuleNotFound" || second.Status != 400 ||
		!second.Failed() {
		t.Errorf("second call recorded as %+v", second)
	}
}

func TestCallsAreFoundByFilter(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for _, action := range []string{"DescribeVpcs", "DescribeSubnets", "CreateTags"} {
		b.clock.Advance(time.Second)
		if _, err := b.call("ec2", action, ""); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		filters []Filter
		want    []string
	}{
		"none":          {nil, []string{"DescribeVpcs", "DescribeSubnets", "CreateTags"}},
		"action":        {[]Filter{{Action: "DescribeVpcs"}}, []string{"DescribeVpcs"}},
		"prefix":        {[]Filter{{Action: "Describe*"}}, []string{"DescribeVpcs", "DescribeSubnets"}},
		"since":         {[]Filter{{Since: epoch.Add(2 * time.Second)}}, []string{"DescribeSubnets", "CreateTags"}},
		"after":         {[]Filter{{After: 2}}, []string{"CreateTags"}},
		"other service": {[]Filter{{Service: "acm"}}, nil},
		"other caller":  {[]Filter{{Caller: "nobody"}}, nil},
		"failed":        {[]Filter{{Failed: true}}, nil},
		"limit":         {[]Filter{{Limit: 1}}, []string{"CreateTags"}},
		"two":           {[]Filter{{Service: "ec2"}, {Action: "Create*"}}, []string{"CreateTags"}},
	} {
		var got []string
		for _, c := range b.Calls(tt.filters...) {
			got = append(got, c.Action)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestCountersOutliveTheRingAndEndWithAReset(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Keep: 3})
	for range 10 {
		if _, err := b.call("ec2", "DescribeVpcs", ""); err != nil {
			t.Fatal(err)
		}
	}
	if calls := b.Calls(); len(calls) != 3 || calls[0].Number != 8 || calls[2].Number != 10 {
		t.Errorf("the ring holds %+v", calls)
	}
	if counts := b.Counts(); len(counts) != 1 ||
		counts[0] != (Count{Service: "ec2", Action: "DescribeVpcs", Caller: "AKIATEST", Calls: 10}) {
		t.Errorf("counts are %+v", counts)
	}
	b.Reset()
	if len(b.Calls()) != 0 || b.Total() != 0 {
		t.Errorf("after a reset there are calls %v, total %d", b.Calls(), b.Total())
	}
	if _, err := b.call("ec2", "DescribeVpcs", ""); err != nil {
		t.Fatal(err)
	}
	if calls := b.Calls(); len(calls) != 1 || calls[0].Number != 11 {
		t.Errorf("numbers go on after a reset: %+v", calls)
	}
}

func TestAFaultStrikesTheCallsThatItSelects(t *testing.T) {
	t.Parallel()
	const refused, passed = "refused", "passed"
	for name, tt := range map[string]struct {
		fault Fault
		want  []string // five calls of RegisterTargets for "blue", a second apart
	}{
		"every call":        {Fault{}, []string{refused, refused, refused, refused, refused}},
		"the third call":    {Fault{Skip: 2, Times: 1}, []string{passed, passed, refused, passed, passed}},
		"another action":    {Fault{Action: "CreateRule"}, []string{passed, passed, passed, passed, passed}},
		"actions by prefix": {Fault{Action: "Register*", Times: 1}, []string{refused, passed, passed, passed, passed}},
		"another service":   {Fault{Service: "ec2"}, []string{passed, passed, passed, passed, passed}},
		"another caller":    {Fault{Caller: "AKIAOTHER"}, []string{passed, passed, passed, passed, passed}},
		"the caller":        {Fault{Caller: "AKIA*", Times: 2}, []string{refused, refused, passed, passed, passed}},
		"a resource":        {Fault{Resource: "blue", Times: 1}, []string{refused, passed, passed, passed, passed}},
		"another resource":  {Fault{Resource: "green"}, []string{passed, passed, passed, passed, passed}},
		"a window": {Fault{From: epoch.Add(1 * time.Second), Until: epoch.Add(3 * time.Second)},
			[]string{passed, refused, refused, passed, passed}},
		"half of them":       {Fault{Probability: 0.5}, nil},
		"with certainty one": {Fault{Probability: 1}, []string{refused, refused, refused, refused, refused}},
	} {
		b := newBench(t, Options{Seed: 1})
		tt.fault.Code, tt.fault.Status = "InternalFailure", 500
		if _, err := b.AddFault(tt.fault); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for range 5 {
			_, err := b.call("elasticloadbalancing", "RegisterTargets", "blue")
			switch e := apierr.As(err); {
			case err == nil:
				got = append(got, passed)
			case e != nil && e.Code == "InternalFailure" && e.Status == 500 && !e.Sender:
				got = append(got, refused)
			default:
				t.Fatalf("%s: %v", name, err)
			}
			b.clock.Advance(time.Second)
		}
		if tt.want != nil && !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if tt.want == nil && (!slices.Contains(got, refused) || !slices.Contains(got, passed)) {
			t.Errorf("%s: got %v, want some of both", name, got)
		}
	}
}

func TestALostAnswerComesAfterTheEffectAndAResetBeforeIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for _, f := range []Fault{{Action: "CreateRule", Lose: true}, {Action: "DeleteRule", Reset: true}} {
		if _, err := b.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.call("elasticloadbalancing", "DeleteRule", ""); !errors.Is(err, ErrDropped) || b.effects != 0 {
		t.Errorf("reset: got %v after %d effects", err, b.effects)
	}
	_, err := b.call("elasticloadbalancing", "CreateRule", "")
	if !errors.Is(err, ErrDropped) || !errors.Is(err, syscall.ECONNRESET) || b.effects != 1 {
		t.Errorf("lost answer: got %v after %d effects", err, b.effects)
	}
	if calls := b.Calls(Filter{Action: "CreateRule"}); len(calls) != 1 || !calls[0].Dropped ||
		calls[0].Fault != "fault-1" || !calls[0].Failed() {
		t.Errorf("recorded as %+v", calls)
	}
}

func TestAnEmptyAnswerIsASuccess(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	if _, err := b.AddFault(Fault{Action: "DescribeRules", Empty: true, Times: 1}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if out, err := b.call("elasticloadbalancing", "DescribeRules", "x"); err != nil || (out.N == 0) != (n == 0) {
			t.Errorf("call %d: %+v, %v", n, out, err)
		}
	}
}

func TestPartialAnswerLacksEveryOtherItem(t *testing.T) {
	t.Parallel()
	type answer struct {
		Items []int
		Next  string
	}
	for _, tc := range []struct{ items, want []int }{{[]int{1, 2, 3, 4, 5}, []int{2, 4}}, {[]int{1}, nil}, {nil, nil}} {
		whole := &answer{Items: tc.items, Next: "x"}
		part, ok := partOf(whole).(*answer)
		if !ok || !slices.Equal(part.Items, tc.want) || part.Next != "x" || len(whole.Items) != len(tc.items) {
			t.Errorf("%v: %+v", tc.items, part)
		}
	}
	b := newBench(t, Options{})
	if _, err := b.AddFault(Fault{Action: "DescribeRules", Partial: true}); err != nil {
		t.Fatal(err)
	}
	if out, err := b.call("elasticloadbalancing", "DescribeRules", "x"); err != nil || out.N != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAStaleReadAnswersAsBeforeUntilItsAgeIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	if _, err := b.AddFault(Fault{Action: "DescribeRules", Stale: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	read := func(name string) int {
		t.Helper()
		out, err := b.call("elasticloadbalancing", "DescribeRules", name)
		if err != nil {
			t.Fatal(err)
		}
		return out.N
	}
	if a, b := read("x"), read("x"); a != 1 || b != 1 {
		t.Errorf("got %d then %d, want the same answer", a, b)
	}
	if n := read("y"); n != 2 {
		t.Errorf("other parameters got answer %d, want one of their own", n)
	}
	b.clock.Advance(5 * time.Second)
	if n := read("x"); n != 3 {
		t.Errorf("got %d after the age, want a fresh answer", n)
	}
}

func TestLatencyPassesOnTheClockAndEndsWithTheContext(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Latency: time.Second})
	done := make(chan error, 1)
	go func() {
		_, err := b.call("ec2", "DescribeVpcs", "")
		done <- err
	}()
	for b.clock.Pending() == 0 {
		select {
		case err := <-done:
			t.Fatalf("answered at once: %v", err)
		default:
			runtime.Gosched()
		}
	}
	b.clock.Advance(time.Second)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if calls := b.Calls(); calls[0].Duration != time.Second {
		t.Errorf("took %v, want 1s", calls[0].Duration)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Do(ctx, b.Gate, Operation{"ec2", "DescribeVpcs"}, &input{}, func(context.Context, *input) (*output, error) {
		t.Error("called although the caller is gone")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if b.clock.Pending() != 0 {
		t.Error("a timer is left")
	}
}

func TestTheAuthorizerRefusesBeforeTheEffect(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Authorize: func(_ context.Context, service, action, caller string, _ any) error {
		if action == "DeleteLoadBalancer" {
			return apierr.WithStatus(403, "AccessDenied", "User: %s is not authorized to perform: %s:%s", caller,
				service, action)
		}
		return nil
	}})
	_, err := b.call("elasticloadbalancing", "DeleteLoadBalancer", "")
	if e := apierr.As(err); e == nil || e.Status != 403 || b.effects != 0 {
		t.Errorf("got %v after %d effects", err, b.effects)
	}
	if _, err := b.call("elasticloadbalancing", "DescribeLoadBalancers", ""); err != nil {
		t.Error(err)
	}
}

func TestTokenBucketsHaveAWSsSizes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		service, action string
		burst           int           // calls at once before the first refusal
		refill          time.Duration // until one more goes through
		code            string
		status          int
	}{
		"creating load balancers": {"elasticloadbalancing", "CreateLoadBalancer", 10, 5 * time.Second, "Throttling", 400},
		"registering targets":     {"elasticloadbalancing", "RegisterTargets", 20, 250 * time.Millisecond, "Throttling", 400},
		"balancing reads":         {"elasticloadbalancing", "DescribeRules", 40, 100 * time.Millisecond, "Throttling", 400},
		"balancing writes":        {"elasticloadbalancing", "CreateRule", 20, 334 * time.Millisecond, "Throttling", 400},
		"filterless reads":        {"ec2", "DescribeInstances", 50, 100 * time.Millisecond, "RequestLimitExceeded", 503},
		"compute reads":           {"ec2", "DescribeSubnets", 100, 50 * time.Millisecond, "RequestLimitExceeded", 503},
		"ingress rules": {"ec2", "AuthorizeSecurityGroupIngress", 50, 200 * time.Millisecond,
			"RequestLimitExceeded", 503},
		"compute tags": {"ec2", "CreateTags", 100, 100 * time.Millisecond, "RequestLimitExceeded", 503},
		"certificates": {"acm", "ListCertificates", 10, 100 * time.Millisecond, "ThrottlingException", 400},
		"tagging":      {"tagging", "GetResources", 15, 67 * time.Millisecond, "ThrottledException", 400},
	} {
		b := newBench(t, Options{Throttle: true})
		n := 0
		var err error
		for ; err == nil; n++ {
			_, err = b.call(tt.service, tt.action, "")
		}
		if e := apierr.As(err); n-1 != tt.burst || e.Code != tt.code || e.Status != tt.status {
			t.Errorf("%s: %d calls went through, then %v; want %d, %s with %d", name, n-1, err, tt.burst, tt.code, tt.status)
		}
		b.clock.Advance(tt.refill)
		if _, err := b.call(tt.service, tt.action, ""); err != nil {
			t.Errorf("%s: after %v: %v", name, tt.refill, err)
		}
		if _, err := b.call(tt.service, tt.action, ""); err == nil {
			t.Errorf("%s: two calls went through after %v", name, tt.refill)
		}
	}
}

func TestAllBalancingActionsShareTheAccountsBucket(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Throttle: true})
	for range 20 {
		for _, action := range []string{"CreateRule", "DescribeRules"} {
			if _, err := b.call("elasticloadbalancing", action, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.call("elasticloadbalancing", "DescribeRules", ""); err == nil {
		t.Error("the forty-first call went through")
	}
	b.SetThrottle(false)
	if _, err := b.call("elasticloadbalancing", "DescribeRules", ""); err != nil {
		t.Errorf("throttled although switched off: %v", err)
	}
}

func TestAFaultThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{
		{}, {Code: "X", Probability: 2}, {Code: "X", Times: -1}, {Latency: -1}, {Code: "X", Status: 200},
		{Status: 500, Reset: true},
	} {
		if _, err := newBench(t, Options{}).AddFault(f); err == nil {
			t.Errorf("accepted %+v", f)
		}
	}
}

func TestFaultsAreListedReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for _, f := range []Fault{{ID: "slow", Latency: 1}, {Code: "Throttling"}, {ID: "slow", Code: "Other"}} {
		if _, err := b.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	faults := b.Faults()
	if len(faults) != 2 || faults[0].Rule.ID != "slow" || faults[0].Rule.Code != "Other" ||
		faults[1].Rule.ID != "fault-1" {
		t.Errorf("faults are %+v", faults)
	}
	if !b.RemoveFault("slow") || b.RemoveFault("slow") {
		t.Error("removing must report whether there was one")
	}
	b.ClearFaults()
	if len(b.Faults()) != 0 {
		t.Error("faults are left")
	}
}

func TestFaultsSurviveJSONWithReadableDurations(t *testing.T) {
	t.Parallel()
	f := Fault{ID: "slow", Action: "Describe*", From: epoch, Latency: 1500 * time.Millisecond,
		Stale: time.Minute, Lose: true}
	text, err := json.Marshal(FaultStatus{Rule: f, Struck: 2})
	if err != nil {
		t.Fatal(err)
	}
	want :=
		`{"rule":{"id":"slow","action":"Describe*","from":"2026-01-02T03:04:05Z","lose":true,"latency":"1.5s","stale":"1m0s"},"selected":0,"struck":2}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	var back FaultStatus
	if err := json.Unmarshal(text, &back); err != nil || back.Rule != f || back.Struck != 2 {
		t.Errorf("came back as %+v, %v", back, err)
	}
	for _, bad := range []string{`{"latency":"soon"}`, `{"latncy":"1s"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &f); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestAGateTakesConcurrentCalls(t *testing.T) {
	t.Parallel()
	g := New(Options{Throttle: true})
	if _, err := g.AddFault(Fault{Code: "Odd", Probability: 0.5}); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				_, _ = Do(context.Background(), g, Operation{"sts", "GetCallerIdentity"}, &input{}, func(context.Context, *input) (
					*output, error) {
					return &output{}, nil
				})
				g.Calls(Filter{Limit: 1})
			}
		})
	}
	wait.Wait()
	if g.Total() != 800 {
		t.Errorf("%d calls counted, want 800", g.Total())
	}
}

func TestFirewallAssociationsAreThrottledToOneInTwoSeconds(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	g := New(Options{Clock: c, Throttle: true})
	call := func() error {
		_, err := Do(t.Context(), g, Operation{"wafv2", "AssociateWebACL"}, &struct{}{}, func(context.Context, *struct{}) (
			*struct{}, error) {
			return &struct{}{}, nil
		})
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Second)
	if e := apierr.As(call()); e == nil || e.Code != "ThrottlingException" {
		t.Errorf("one second later: %v", e)
	}
	c.Advance(time.Second)
	if err := call(); err != nil {
		t.Errorf("two seconds later: %v", err)
	}
}

func TestTheRecordTakesMemoryForTheCallsThatThereAre(t *testing.T) {
	t.Parallel()
	g := New(Options{})
	for n := range 12 {
		if n == 6 {
			g.Reset()
		}
		if _, err := Do(t.Context(), g, Operation{"ec2", "CreateTags"}, &input{}, func(context.Context, *input) (*output,
			error) {
			return &output{}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := cap(g.calls.ring); got > 16 {
		t.Errorf("there is room for %d calls after 6", got)
	}
	if calls := g.Calls(); len(calls) != 6 || calls[0].Number != 7 || calls[5].Number != 12 {
		t.Errorf("after a reset, the record has %v", calls)
	}
}

func TestTheRecordTurnsAlsoAfterAReset(t *testing.T) {
	t.Parallel()
	g := New(Options{Keep: 3})
	call := func() {
		if _, err := Do(WithSize(t.Context(), 7), g, Operation{"ec2", "CreateTags"}, &input{}, func(context.Context, *input) (
			*output, error) {
			return &output{}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	call()
	call()
	g.Reset()
	for n := uint64(3); n < 12; n++ {
		call()
		var got, want []uint64
		for _, c := range g.Calls() {
			got = append(got, c.Number)
		}
		for i := max(3, n-2); i <= n; i++ {
			want = append(want, i)
		}
		if !slices.Equal(got, want) || g.calls.inputs != 7*len(want) {
			t.Errorf("after call %d: %v with %d bytes, want %v", n, got, g.calls.inputs, want)
		}
	}
}

func BenchmarkAGateThatIsHardlyUsed(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		g := New(Options{})
		for range 100 {
			_, _ = Do(b.Context(), g, Operation{"ec2", "CreateTags"}, &input{}, func(context.Context, *input) (*output,
				error) {
				return nil, nil
			})
		}
	}
}

func TestTheRecordIsBoundedWhateverCallersSend(t *testing.T) {
	t.Parallel()
	g := New(Options{Keep: 100})
	for i := range 3 * maxCounts {
		g.Refuse(context.Background(), "ec2", fmt.Sprint(strings.Repeat("x", 2*maxText), i), apierr.New("InvalidAction", "%s",
			strings.Repeat("y", 2*maxText)))
	}
	for i := range maxCounts {
		g.Refuse(WithCaller(context.Background(), fmt.Sprint(i)), "ec2", "Explode", apierr.New("InvalidAction", "no"))
	}
	if n := len(g.Counts()); n > maxCounts+1 {
		t.Errorf("%d counters", n)
	}
	if n := g.Total(); n != 4*maxCounts {
		t.Errorf("%d calls counted, want %d", n, 4*maxCounts)
	}
	in := &struct{ Name string }{"x"}
	for range 200 {
		if _, err := Do(WithSize(context.Background(), maxInputs/10), g, Operation{"ec2", "Large"}, in,
			func(context.Context, *struct{ Name string }) (*int, error) { return new(int), nil }); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for _, c := range g.Calls() {
		if c.Input != nil {
			kept++
		}
	}
	if kept < 9 || kept > 10 {
		t.Errorf("%d large requests are kept with their parameters, want about ten", kept)
	}
	g.Reset()
	if _, err := Do(context.Background(), g, Operation{"ec2", "Small"}, in, func(context.Context, *struct{ Name string }) (
		*int, error) {
		return new(int), nil
	}); err != nil {
		t.Fatal(err)
	}
	if c := g.Calls(); len(c) != 1 || c[0].Input == nil {
		t.Errorf("after a reset %v", c)
	}
}
