package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1"

var tg = Group{ARN: arn}

// newRegistry makes a registry of one account.
func newRegistry(read Describer, write apply.Writer, fresh func(arn string) bool) *Registry {
	return NewRegistry(func(awsclient.Scope) (ScopeCalls, error) { return ScopeCalls{read, write, fresh, nil}, nil })
}

// balancing fakes what is registered, and the executor.
type balancing struct {
	mu    sync.Mutex
	held  []types.TargetHealthDescription
	reads atomic.Int32
	steps []string
	fail  error
	// unread is what asking for health is answered with.
	unread error
	// refuse refuses a registration.
	refuse func([]awsop.Target) error
	zones  []string // of the last registration: "ADDRESS ZONE"
}

func (b *balancing) DescribeTargetHealth(_ context.Context, in *elbv2.DescribeTargetHealthInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	if len(in.Targets) > 0 {
		out := notRegistered(in.Targets)
		for n := range out {
			for _, h := range b.held {
				if aws.ToString(h.Target.Id) == aws.ToString(out[n].Target.Id) {
					out[n] = h
				}
			}
		}
		return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: out}, b.unread
	}
	b.reads.Add(1)
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: b.held}, b.unread
}

// notRegistered is AWS's answer about targets that it is asked for by name and that are not registered.
func notRegistered(targets []types.TargetDescription) (out []types.TargetHealthDescription) {
	for n := range targets {
		out = append(out, types.TargetHealthDescription{Target: &targets[n], TargetHealth: &types.TargetHealth{
			State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered}})
	}
	return out
}

func (b *balancing) write(_ context.Context, _ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return apply.Outcome{State: apply.Failed, Err: b.fail}
	}
	switch op := op.(type) {
	case awsop.RegisterTargets:
		if b.refuse != nil {
			if err := b.refuse(op.Targets); err != nil {
				return apply.Outcome{State: apply.Failed, Err: err}
			}
		}
		b.zones = nil
		for _, t := range op.Targets {
			b.zones = append(b.zones, t.ID+" "+t.Zone)
		}
		b.steps = append(b.steps, fmt.Sprintf("register %d from %s", len(op.Targets), op.Targets[0].ID))
	case awsop.DeregisterTargets:
		b.steps = append(b.steps, fmt.Sprintf("deregister %d from %s", len(op.Targets), op.Targets[0].ID))
	}
	return apply.Outcome{State: apply.Done}
}

// done is what was called: deregistrations after what goes on beside them, registrations and notes that still have
// their target.
func (b *balancing) done() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.steps[:max(len(b.steps)-1, 0)] {
		_, id, out := strings.Cut(b.steps[i], " from ")
		out = out && strings.HasPrefix(b.steps[i], "deregister")
		next := b.steps[i+1]
		if out && (strings.HasPrefix(next, "register") || strings.HasPrefix(next, "save") && strings.Contains(next, id+":")) {
			b.steps[i], b.steps[i+1] = next, b.steps[i]
		}
	}
	return b.steps
}

func held(id, state string) types.TargetHealthDescription {
	return types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String(id), Port: aws.Int32(80)},
		TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnum(state)}}
}

func want(ids ...string) Endpoints { return wantAs(func(*Endpoint) {}, ids...) }

// wantAs are endpoints of port 80, as change makes them.
func wantAs(change func(*Endpoint), ids ...string) Endpoints {
	var out []Endpoint
	for _, id := range ids {
		e := Endpoint{Target: Target{ID: id, Port: 80}}
		change(&e)
		out = append(out, e)
	}
	return EndpointsOf(out...)
}

func TestGroupUsesClientsOfItsScope(t *testing.T) {
	t.Parallel()
	ours, theirs := &balancing{}, &balancing{}
	role := awsclient.Scope{Role: "arn:aws:iam::123456789012:role/other"}
	r := NewRegistry(func(in awsclient.Scope) (ScopeCalls, error) {
		b := map[awsclient.Scope]*balancing{{}: ours, role: theirs}[in]
		if b == nil {
			return ScopeCalls{}, errors.New("no such role")
		}
		return ScopeCalls{b, b.write, func(string) bool { return true }, nil}, nil
	})
	for _, q := range []Request{{Group: tg, Want: want("10.0.0.1")},
		{Group: Group{role, arn}, Want: want("10.0.0.2", "10.0.0.3")}} {
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if got := [][]string{ours.done(), theirs.done()}; !cmp.Equal(got, [][]string{{"register 1 from 10.0.0.1"},
		{"register 2 from 10.0.0.2"}}) {
		t.Error(got)
	}
	if got := r.Registered(role); len(got[arn]) != 2 {
		t.Errorf("registered in the scope of the role: %v", got)
	}
	if _, err := r.Sync(t.Context(), Request{Group: Group{awsclient.Scope{Role: "unknown"}, arn},
		Want: want("10.0.0.4")}); err == nil || !strings.Contains(err.Error(), "no such role") {
		t.Errorf("a scope that cannot be connected to: %v", err)
	}
}

func TestAGroupOfOurOwnMakingIsNotReadAndAForeignOneOnce(t *testing.T) {
	t.Parallel()
	for _, fresh := range []bool{true, false} {
		b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.9", "draining")}}
		r := newRegistry(b, b.write, func(string) bool { return fresh })
		for range 3 {
			if _, err := r.Sync(context.Background(), Request{Binding: stack.ID{Name: "b"}, Group: tg,
				Want: want("10.0.0.1", "10.0.0.2")}); err != nil {
				t.Fatal(err)
			}
		}
		reads, steps := int32(1), []string{"register 1 from 10.0.0.2"}
		if fresh {
			reads, steps = 0, []string{"register 2 from 10.0.0.1"}
		}
		if diff := cmp.Diff(steps, b.done()); diff != "" || b.reads.Load() != reads {
			t.Errorf("fresh %t: %d reads; %s", fresh, b.reads.Load(), diff)
		}
	}
}

func TestADrainingTargetThatReturnsIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"draining", "unhealthy.draining"} {
		b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", state)}}
		r := newRegistry(b, b.write, func(string) bool { return false })
		if _, err := r.Sync(context.Background(), Request{Group: tg, Want: want("10.0.0.1")}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"register 1 from 10.0.0.1"}, b.done()); diff != "" {
			t.Errorf("%s: %s", state, diff)
		}
	}
}

func TestTheLimitDoesNotKeepNewTargetsOutThatTakeThePlaceOfOthers(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.2", "healthy")}}
	r := newRegistry(b, b.write, func(string) bool { return false })
	c, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.2", "10.0.0.3", "10.0.0.4"), Max: 2})
	if diff := cmp.Diff([]string{"register 1 from 10.0.0.3", "deregister 1 from 10.0.0.1"}, b.done()); err != nil ||
		diff != "" || c.LeftOut != 1 {
		t.Errorf("%+v, %v: %s", c, err, diff)
	}
}

func TestAGroupOfOurOwnThatAUserDeletesIsNotTakenForEmpty(t *testing.T) {
	t.Parallel()
	b := &balancing{unread: &smithy.GenericAPIError{Code: "TargetGroupNotFound", Message: "One or more target " +
		"groups not found"}}
	r := newRegistry(b, b.write, func(string) bool { return true })
	if _, drifted, err := r.Recheck(t.Context(), tg); err != nil || !drifted {
		t.Errorf("drifted %t, %v", drifted, err)
	}
	if _, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.1")}); !errors.Is(err, b.unread) ||
		len(b.steps) > 0 {
		t.Errorf("%v; steps %v", err, b.steps)
	}
}

func TestCallsCarryAtMostTwoHundredTargets(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := newRegistry(b, b.write, func(string) bool { return true })
	var many []Endpoint
	for i := range 450 {
		many = append(many, Endpoint{Target: Target{ID: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Port: 80}})
	}
	c, err := r.Sync(context.Background(), Request{Group: tg, Want: EndpointsOf(many...)})
	if err != nil || c.Registered != 450 || len(b.steps) != 3 {
		t.Errorf("%+v, %v, %d calls; want 450 targets in 3 calls", c, err, len(b.steps))
	}
	if c, err = r.Sync(context.Background(), Request{Group: tg, Want: EndpointsOf(many[:100]...)}); err != nil ||
		c.Deregistered != 350 {
		t.Errorf("%+v, %v; want 350 deregistered", c, err)
	}
}

func TestTargetsBeyondTheLimitAreLeftOutAndReported(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := newRegistry(b, b.write, func(string) bool { return true })
	c, err := r.Sync(context.Background(), Request{Group: tg, Want: want("1", "2", "3"), Max: 2})
	if err != nil || c.Registered != 2 || c.LeftOut != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = r.Sync(context.Background(), Request{Group: tg, Want: want("1", "2", "3"), Max: 1}); err != nil ||
		c.LeftOut != 1 || c.Registered != 0 {
		t.Errorf("a limit below what is registered: %+v, %v", c, err)
	}
}

func TestAFailedRegistrationIsTriedAgainByTheNextSyncWithoutARead(t *testing.T) {
	t.Parallel()
	b := &balancing{fail: errors.New("lost")}
	r := newRegistry(b, b.write, func(string) bool { return true })
	if _, err := r.Sync(t.Context(), Request{Group: tg, Want: want("1", "2")}); err == nil {
		t.Fatal("the failure is swallowed")
	}
	b.fail = nil
	if c, err := r.Sync(t.Context(), Request{Group: tg, Want: want("1")}); err != nil || c.Registered != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if diff := cmp.Diff([]string{"register 1 from 1", "deregister 1 from 2"}, b.done()); diff != "" ||
		b.reads.Load() != 0 {
		t.Errorf("%d reads; the call may have had its effect: %s", b.reads.Load(), diff)
	}
}

func TestTargetsThatOthersChangedAreNoticedAndPutRight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		held    []types.TargetHealthDescription
		drifted bool
		steps   []string
	}{
		"as it was": {[]types.TargetHealthDescription{held("10.0.0.1", "unhealthy"), held("10.0.0.2", "healthy"),
			held("10.0.0.9", "draining")}, false, nil},
		"one was deregistered": {[]types.TargetHealthDescription{held("10.0.0.1", "draining"), held("10.0.0.2", "healthy")},
			true, []string{"register 1 from 10.0.0.1"}},
		"one was registered": {[]types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.2", "healthy"),
			held("10.0.0.3", "healthy")}, true, []string{"deregister 1 from 10.0.0.3"}},
		"one was put for other": {[]types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.3", "healthy")},
			true, []string{"register 1 from 10.0.0.2", "deregister 1 from 10.0.0.3"}},
	} {
		b := &balancing{}
		r := newRegistry(b, b.write, func(string) bool { return true })
		q := Request{Group: tg, Want: want("10.0.0.1", "10.0.0.2")}
		if _, drifted, err := r.Recheck(t.Context(), tg); err != nil || drifted {
			t.Errorf("%s: before anything is known: %t, %v", name, drifted, err)
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		b.held, b.steps = test.held, nil
		health, drifted, err := r.Recheck(t.Context(), tg)
		if err != nil || drifted != test.drifted || len(health) != len(test.held) {
			t.Errorf("%s: drifted %t, %v", name, drifted, err)
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.steps, b.done()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheZoneOfATargetIsSentWhereAWSRequiresIt(t *testing.T) {
	t.Parallel()
	outside := func(Endpoint) string { return AllZones }
	home := func(_ context.Context, e Endpoint) string { return map[string]string{"10.0.0.1": "us-west-2a"}[e.ID] }
	refusal := &smithy.GenericAPIError{Code: "ValidationError",
		Message: "For targets in this VPC you must specify an Availability Zone"}
	b := &balancing{refuse: func(targets []awsop.Target) error {
		for _, target := range targets {
			if target.ID == "10.0.0.1" && target.Zone == AllZones {
				return refusal
			}
		}
		return nil
	}}
	r := newRegistry(b, b.write, func(string) bool { return true })
	c, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.1", "192.0.2.1"), Zone: outside, HomeZone: home})
	if diff := cmp.Diff([]string{"10.0.0.1 us-west-2a", "192.0.2.1 all"}, b.zones); err != nil || c.Registered != 2 ||
		len(c.Added) != 2 || diff != "" {
		t.Errorf("%+v, %v: %s", c, err, diff)
	}
	// It is known from now on.
	b.held = []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("192.0.2.1", "healthy")}
	b.steps = nil
	if _, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.1", "192.0.2.1", "192.0.2.2"), Zone: outside,
		HomeZone: home}); err != nil || len(b.steps) != 1 {
		t.Errorf("%v; steps %v", err, b.steps)
	}
	// Another refusal is an error, and so is the same one where nobody knows better.
	b.refuse = func([]awsop.Target) error { return refusal }
	if _, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.3"), Zone: outside, HomeZone: home}); err ==
		nil {
		t.Error("a refusal is swallowed")
	}
	if _, err := newRegistry(b, b.write, func(string) bool { return true }).Sync(t.Context(),
		Request{Group: tg, Want: want("10.0.0.3"), Zone: outside}); err == nil {
		t.Error("a refusal is swallowed without knowledge of zones")
	}
}

func TestAGroupThatTakesAddressesOfAllZonesGetsThemSo(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := newRegistry(b, b.write, func(string) bool { return true })
	zone := func(e Endpoint) string { return map[string]string{"192.0.2.1": AllZones}[e.ID] }
	home := func(context.Context, Endpoint) string { return "us-west-2a" }
	if _, err := r.Sync(t.Context(), Request{Group: tg, Want: want("10.0.0.1", "192.0.2.1"), Zone: zone,
		HomeZone: home}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"10.0.0.1 ", "192.0.2.1 all"}, b.zones); diff != "" {
		t.Error(diff)
	}
}

func TestALookThatFailsReportsNoDriftAndAGroupInDoubtIsReadAgain(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := newRegistry(b, b.write, func(string) bool { return true })
	q := Request{Group: tg, Want: want("10.0.0.1")}
	sync := func(step string, reads int32) {
		t.Helper()
		b.reads.Store(0)
		if _, err := r.Sync(t.Context(), q); err != nil || b.reads.Load() != reads {
			t.Errorf("%s: %v, %d reads, want %d", step, err, b.reads.Load(), reads)
		}
	}
	sync("a group of our own making", 0)
	b.unread = errors.New("throttled")
	if health, drifted, err := r.Recheck(t.Context(), tg); !errors.Is(err, b.unread) || drifted || health != nil {
		t.Errorf("%v, drifted %t, %v", health, drifted, err)
	}
	sync("after a look that failed", 0)
	b.unread, b.held = nil, []types.TargetHealthDescription{held("10.0.0.1", "healthy"), {}}
	r.Invalidate(tg)
	sync("in doubt", 1)
	sync("once read", 0)
}

func TestATargetThatAWSRefusesDoesNotKeepTheOthersOut(t *testing.T) {
	t.Parallel()
	refusing := func(message string, bad ...string) func([]awsop.Target) error {
		return func(targets []awsop.Target) error {
			for _, target := range targets {
				if slices.Contains(bad, target.ID) {
					return &smithy.GenericAPIError{Code: "InvalidTarget", Message: fmt.Sprintf(message, target.ID)}
				}
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		refuse   func([]awsop.Target) error
		attempts int
	}{
		"it is named": {refusing("The following targets are not in a running state and cannot be registered: '%s'", "i-3"),
			2},
		"one by one":   {refusing("Instance ID '%s' is not valid", "i-3", "i-7"), 3},
		"nobody named": {refusing("one of the targets is wrong%.0s", "i-3"), 7},
	} {
		attempts := 0
		b := &balancing{refuse: func(targets []awsop.Target) error { attempts++; return c.refuse(targets) }}
		r := newRegistry(b, b.write, func(string) bool { return true })
		var ids, rest []string
		for i := range 8 {
			id := fmt.Sprintf("i-%d", i)
			ids = append(ids, id)
			if c.refuse([]awsop.Target{{ID: id}}) == nil {
				rest = append(rest, id+":80")
			}
		}
		got, err := r.Sync(t.Context(), Request{Group: tg, Want: want(ids...)})
		slices.Sort(got.Added)
		if diff := cmp.Diff(rest, got.Added); err == nil || diff != "" || got.Registered != len(rest) ||
			attempts != c.attempts {
			t.Errorf("%s: %v after %d attempts, want %d; %s", name, err, attempts, c.attempts, diff)
		}
	}
}
