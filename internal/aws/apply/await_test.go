package apply_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// clinic answers for the health of targets.
type clinic struct {
	awsclient.ELBV2
	looks  int
	states func(look int) ([]elbv2types.TargetHealthStateEnum, error)
}

func (c *clinic) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (
	*elbv2.DescribeTargetHealthOutput, error) {
	c.looks++
	states, err := c.states(c.looks)
	out := &elbv2.DescribeTargetHealthOutput{}
	for _, s := range states {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbv2types.TargetHealthDescription{
			TargetHealth: &elbv2types.TargetHealth{State: s}})
	}
	return out, err
}

// withheldFor is what is known of a target group none of whose endpoints can be registered when it is asked for the
// first times.
func withheldFor(times int) func(string) apply.Expected {
	return func(string) apply.Expected {
		times--
		return apply.Expected{Any: times < 0, Registered: true, Withheld: times >= 0}
	}
}

// TestTheSwitchToOtherTargetsWaitsAsLongAsThatHelps looks at targets in several conditions.
func TestTheSwitchToOtherTargetsWaitsAsLongAsThatHelps(t *testing.T) {
	t.Parallel()
	type states = []elbv2types.TargetHealthStateEnum
	always := func(s ...elbv2types.TargetHealthStateEnum) func(int) (states, error) {
		return func(int) (states, error) { return s, nil }
	}
	known := func(e apply.Expected) func(string) apply.Expected { return func(string) apply.Expected { return e } }
	missing := known(apply.Expected{Any: true})
	fails := func(code string) func(int) (states, error) {
		return func(int) (states, error) { return nil, &smithy.GenericAPIError{Code: code} }
	}
	for _, tc := range []struct {
		name     string
		states   func(int) (states, error)
		expected func(string) apply.Expected
		looks    int
		after    time.Duration
	}{
		{"healthy at once", always("healthy", "healthy"), nil, 1, time.Second},
		{"one is enough", always("healthy", "unhealthy"), nil, 1, time.Second},
		{"none may be new", func(n int) (states, error) {
			return states{"healthy", []elbv2types.TargetHealthStateEnum{"initial", "initial", "unhealthy"}[min(n-1, 2)]}, nil
		}, nil, 3, 7 * time.Second},
		{"never healthy", always("unhealthy"), nil, 11, 127 * time.Second},
		{"nothing is registered", always(), nil, 4, 15 * time.Second},
		{"nobody wants a target", always(), known(apply.Expected{Registered: true}), 4, 15 * time.Second},
		{"what is wanted cannot be registered", always(), missing, 41, 607 * time.Second},
		{"it is registered at last", func(n int) (states, error) {
			if n < 6 {
				return nil, nil
			}
			return states{"healthy"}, nil
		}, missing, 6, 47 * time.Second},
		{"all are healthy that can be registered, and others cannot", always("healthy"),
			known(apply.Expected{Any: true, Registered: true, Withheld: true}), 41, 607 * time.Second},
		{"none can be registered for an hour", always("healthy"), withheldFor(120), 1, time.Hour + time.Second},
		{"not checked at all", always("unavailable"), nil, 1, time.Second},
		{"the read is forbidden", fails("AccessDenied"), nil, 4, 15 * time.Second},
		{"the read is forbidden, and what is wanted is registered", fails("AccessDenied"),
			known(apply.Expected{Any: true, Registered: true}), 4, 15 * time.Second},
		{"the read is forbidden, and what is wanted cannot be registered", fails("AccessDenied"), missing, 41,
			607 * time.Second},
		{"never healthy, and some of what is wanted cannot be registered", always("unhealthy"), missing, 11,
			127 * time.Second},
		{"the read is forbidden for a while", func(n int) (states, error) {
			if n < 3 {
				return fails("AccessDenied")(n)
			}
			return states{"healthy"}, nil
		}, missing, 3, 7 * time.Second},
		{"the read is throttled for a while", func(n int) (states, error) {
			if n < 3 {
				return fails("Throttling")(n)
			}
			return states{"healthy"}, nil
		}, nil, 3, 7 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, account.Instant())
			w.settle(shop("web", "/a/*", "/b/*"))
			want := shop("web", "/a/*", "/b/*")
			want.TargetGroups[0].Protocol, want.TargetGroups[0].Name = "HTTPS", "k8s-web-a2"
			want.Bindings[0].Protocol, want.Bindings[0].Name = "HTTPS", "k8s-web-a2"
			c := &clinic{ELBV2: w.sim.Balancing, states: tc.states}
			clients := w.clients()
			clients.ELBV2 = c
			begin := w.clock.Now()
			for {
				obs, err := w.inv.Observed(t.Context(), want.Key, want)
				if err != nil {
					t.Fatal(err)
				}
				obs.Bindings = w.bindings.of(want.Key)
				p := diff.Stack(want, stack.Keep{}, obs, diff.Options{})
				if p.Empty() {
					break
				}
				r := apply.Run(t.Context(), p, apply.Deps{Clients: clients, Inventory: w.inv, Bindings: w.bindings,
					Now: w.clock.Now, Expected: tc.expected})
				until, waits := r.Wait()
				if waits {
					serves := func(s plan.Step) bool {
						return plan.NameOf(s.Op) == "DeleteTargetGroup" || plan.NameOf(s.Op) == "DeleteBinding"
					}
					if i := slices.IndexFunc(p.Steps, serves); i < 0 || r.Outcomes[p.Steps[i].ID].State != apply.Blocked {
						t.Fatalf("the old targets go too early:\n%s%s", p.Text(plan.TextOptions{}), outcomes(p, r))
					}
					w.clock.Advance(until.Sub(w.clock.Now()))
				}
			}
			if took := w.clock.Now().Sub(begin); took != tc.after || c.looks != tc.looks {
				t.Errorf("switched after %s and %d looks, want %s and %d", took, c.looks, tc.after, tc.looks)
			}
		})
	}
}

// TestAtAQuotaRulesGoOneByOneToMakeRoom fills a load balancer with rules and replaces them all.
func TestAtAQuotaRulesGoOneByOneToMakeRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	numbered := func(prefix string, n int) *stack.Stack {
		s := shop("web", "/a/*")
		rule := s.Rules[0]
		s.Rules = nil
		for i := range n {
			r := rule
			r.Order = int32(i + 1)
			r.ID = "443:" + string(rune('0'+i/10)) + string(rune('0'+i%10))
			r.Conditions = []stack.Condition{{Field: stack.PathPattern, Values: []string{prefix + r.ID[4:]}},
				{Field: stack.HostHeader, Values: []string{"*.test"}}}
			s.Rules = append(s.Rules, r)
		}
		return s
	}
	w.settle(numbered("/x*/old", 100))
	w.settle(numbered("/x*/new", 100))
	for _, l := range w.sim.Resources().LoadBalancers[0].Listeners {
		if n := len(l.Rules); l.Port == 443 && n != 101 {
			t.Errorf("%d rules", n)
		}
	}
}

// busyTargets is an ELBv2 that tells of targets' health only after a registration.
type busyTargets struct {
	awsclient.ELBV2
	registered chan struct{}
	looks      atomic.Int32
}

func (b *busyTargets) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (
	*elbv2.DescribeTargetHealthOutput, error) {
	b.looks.Add(1)
	<-b.registered
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbv2types.TargetHealthDescription{
		{TargetHealth: &elbv2types.TargetHealth{State: "healthy"}}}}, nil
}

func (b *busyTargets) RegisterTargets(context.Context, *elbv2.RegisterTargetsInput, ...func(*elbv2.Options)) (
	*elbv2.RegisterTargetsOutput, error) {
	close(b.registered)
	return &elbv2.RegisterTargetsOutput{}, nil
}

func TestLooksAtTargetsThatHangOccupyNoSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Profile{})
	b := &busyTargets{registered: make(chan struct{})}
	p := plan.Plan{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "x"}}}
	for i, arn := range []string{"arn:a", "arn:b", "arn:b"} {
		p.Steps = append(p.Steps, plan.Step{ID: plan.StepID(fmt.Sprint("await ", i)), Action: plan.Await,
			Op: awsop.AwaitTargets{TargetGroup: stack.Literal(stack.KindTargetGroup, arn)}})
	}
	p.Steps = append(p.Steps, plan.Step{ID: "register", Op: awsop.RegisterTargets{
		TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:c"), Targets: []awsop.Target{{ID: "10.0.0.1", Port: 80}}}})
	r := apply.Run(t.Context(), p, apply.Deps{Clients: awsclient.Clients{ELBV2: b}, Inventory: w.inv, Now: w.clock.Now,
		Concurrency: 1})
	if r.Count(apply.Done) != 4 || b.looks.Load() != 2 {
		t.Errorf("%d looks, %+v", b.looks.Load(), r.Outcomes)
	}
}

func TestNLBTakeoverEndsWithinSevenMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	network := func(targetType, name string) *stack.Stack {
		s := shop("web", "/a/*")
		s.Rules, s.Listeners = nil, s.Listeners[:1]
		s.LoadBalancers[0].Type = stack.Network
		l, tg, b := &s.Listeners[0], &s.TargetGroups[0], &s.Bindings[0]
		l.Protocol, l.SSLPolicy, l.Certificates, l.SNI = "TCP", "", nil, nil
		l.DefaultActions = []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
			TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID}}},
		}}}
		tg.Protocol, tg.ProtocolVersion, tg.TargetType, tg.Name = "TCP", "", targetType, name
		tg.HealthCheck = stack.HealthCheck{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 10, TimeoutSeconds: 10,
			HealthyThreshold: 3, UnhealthyThreshold: 3}
		b.Protocol, b.TargetType, b.Name = "TCP", targetType, name
		return s
	}
	w.settle(network(stack.TargetIP, "k8s-web-ip"))
	want := network(stack.TargetInstance, "k8s-web-instance")
	clients := w.clients()
	clients.ELBV2 = &clinic{ELBV2: w.sim.Balancing, states: func(int) ([]elbv2types.TargetHealthStateEnum, error) {
		return []elbv2types.TargetHealthStateEnum{"initial"}, nil
	}}
	var switched, gone time.Duration
	for begin := w.clock.Now(); ; {
		obs, err := w.inv.Observed(t.Context(), want.Key, want)
		if err != nil {
			t.Fatal(err)
		}
		obs.Bindings = w.bindings.of(want.Key)
		p := diff.Stack(want, stack.Keep{}, obs, diff.Options{})
		if p.Empty() {
			break
		}
		r := apply.Run(t.Context(), p, apply.Deps{Clients: clients, Inventory: w.inv, Bindings: w.bindings, Now: w.clock.Now})
		for id, o := range r.Outcomes {
			switch {
			case o.State != apply.Done:
			case strings.HasPrefix(string(id), "ModifyListener "):
				switched = w.clock.Now().Sub(begin) // the last one is the switch
			case strings.HasPrefix(string(id), "DeleteTargetGroup "):
				gone = w.clock.Now().Sub(begin)
			}
		}
		if until, waits := r.Wait(); waits {
			w.clock.Advance(until.Sub(w.clock.Now()))
		}
	}
	if want := 303 * time.Second; switched != want || gone-switched != 127*time.Second {
		t.Errorf("switched after %s, and the old target group went %s later", switched, gone-switched)
	}
}
