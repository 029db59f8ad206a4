package targets

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1"

// balancing fakes what is registered, and the executor.
type balancing struct {
	held  []types.TargetHealthDescription
	reads atomic.Int32
	steps []string
	fail  error
}

func (b *balancing) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	b.reads.Add(1)
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: b.held}, nil
}

func (b *balancing) run(_ context.Context, p plan.Plan) apply.Result {
	r := apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
	for _, s := range p.Steps {
		if b.fail != nil {
			r.Outcomes[s.ID] = apply.Outcome{State: apply.Failed, Err: b.fail}
			continue
		}
		switch op := s.Op.(type) {
		case plan.RegisterTargets:
			b.steps = append(b.steps, fmt.Sprintf("register %d from %s", len(op.Targets), op.Targets[0].ID))
		case plan.DeregisterTargets:
			b.steps = append(b.steps, fmt.Sprintf("deregister %d from %s", len(op.Targets), op.Targets[0].ID))
		}
		r.Outcomes[s.ID] = apply.Outcome{State: apply.Done}
	}
	return r
}

func held(id, state string) types.TargetHealthDescription {
	return types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String(id), Port: aws.Int32(80)},
		TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnum(state)}}
}

func want(ids ...string) []Endpoint {
	var out []Endpoint
	for _, id := range ids {
		out = append(out, Endpoint{Target: Target{ID: id, Port: 80}})
	}
	return out
}

func TestAGroupOfOurOwnMakingIsNotReadAndAForeignOneOnce(t *testing.T) {
	t.Parallel()
	for _, fresh := range []bool{true, false} {
		b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.9", "draining")}}
		r := NewRegistry(b, b.run, func(string) bool { return fresh })
		for range 3 {
			if _, err := r.Sync(context.Background(), Request{Binding: stack.ID{Name: "b"}, ARN: arn, Want: want("10.0.0.1", "10.0.0.2")}); err != nil {
				t.Fatal(err)
			}
		}
		reads, steps := int32(1), []string{"register 1 from 10.0.0.2"}
		if fresh {
			reads, steps = 0, []string{"register 2 from 10.0.0.1"}
		}
		if diff := cmp.Diff(steps, b.steps); diff != "" || b.reads.Load() != reads {
			t.Errorf("fresh %t: %d reads; %s", fresh, b.reads.Load(), diff)
		}
	}
}

func TestADrainingTargetThatReturnsIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "draining")}}
	r := NewRegistry(b, b.run, func(string) bool { return false })
	if _, err := r.Sync(context.Background(), Request{ARN: arn, Want: want("10.0.0.1")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"register 1 from 10.0.0.1"}, b.steps); diff != "" {
		t.Error(diff)
	}
}

func TestCallsCarryAtMostTwoHundredTargets(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := NewRegistry(b, b.run, func(string) bool { return true })
	var many []Endpoint
	for i := range 450 {
		many = append(many, Endpoint{Target: Target{ID: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Port: 80}})
	}
	c, err := r.Sync(context.Background(), Request{ARN: arn, Want: many})
	if err != nil || c.Registered != 450 || len(b.steps) != 3 {
		t.Errorf("%+v, %v, %d calls; want 450 targets in 3 calls", c, err, len(b.steps))
	}
	if c, err = r.Sync(context.Background(), Request{ARN: arn, Want: many[:100]}); err != nil || c.Deregistered != 350 {
		t.Errorf("%+v, %v; want 350 deregistered", c, err)
	}
}

func TestTargetsBeyondTheLimitAreLeftOutAndTold(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := NewRegistry(b, b.run, func(string) bool { return true })
	c, err := r.Sync(context.Background(), Request{ARN: arn, Want: want("1", "2", "3"), Max: 2})
	if err != nil || c.Registered != 2 || c.LeftOut != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = r.Sync(context.Background(), Request{ARN: arn, Want: want("1", "2", "3"), Max: 1}); err != nil || c.LeftOut != 1 || c.Registered != 0 {
		t.Errorf("a limit below what is registered: %+v, %v", c, err)
	}
}

func TestAfterAFailureTheGroupIsReadAgain(t *testing.T) {
	t.Parallel()
	b := &balancing{fail: errors.New("lost")}
	r := NewRegistry(b, b.run, func(string) bool { return true })
	if _, err := r.Sync(context.Background(), Request{ARN: arn, Want: want("1")}); err == nil {
		t.Fatal("the failure is swallowed")
	}
	b.fail, b.held = nil, []types.TargetHealthDescription{held("1", "initial")}
	if _, err := r.Sync(context.Background(), Request{ARN: arn, Want: want("1")}); err != nil || b.reads.Load() != 1 || len(b.steps) != 0 {
		t.Errorf("%v; %d reads, steps %v: the call may have had its effect, so it must be looked up", err, b.reads.Load(), b.steps)
	}
}

func TestTargetsThatSomebodyElseChangedAreNoticedAndPutRight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		held    []types.TargetHealthDescription
		drifted bool
		steps   []string
	}{
		"as it was":             {[]types.TargetHealthDescription{held("10.0.0.1", "unhealthy"), held("10.0.0.2", "healthy"), held("10.0.0.9", "draining")}, false, nil},
		"one was deregistered":  {[]types.TargetHealthDescription{held("10.0.0.1", "draining"), held("10.0.0.2", "healthy")}, true, []string{"register 1 from 10.0.0.1"}},
		"one was registered":    {[]types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.2", "healthy"), held("10.0.0.3", "healthy")}, true, []string{"deregister 1 from 10.0.0.3"}},
		"one was put for other": {[]types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.3", "healthy")}, true, []string{"register 1 from 10.0.0.2", "deregister 1 from 10.0.0.3"}},
	} {
		b := &balancing{}
		r := NewRegistry(b, b.run, func(string) bool { return true })
		q := Request{ARN: arn, Want: want("10.0.0.1", "10.0.0.2")}
		if _, drifted, err := r.Recheck(t.Context(), arn); err != nil || drifted {
			t.Errorf("%s: before anything is known: %t, %v", name, drifted, err)
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		b.held, b.steps = test.held, nil
		health, drifted, err := r.Recheck(t.Context(), arn)
		if err != nil || drifted != test.drifted || len(health) != len(test.held) {
			t.Errorf("%s: drifted %t, %v", name, drifted, err)
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.steps, b.steps); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
