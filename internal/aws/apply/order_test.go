package apply_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// paced are bindings whose writes are what a test says, by name.
type paced map[string]func() error

func (p paced) CreateBinding(_ context.Context, b stack.Binding) error         { return p[b.Name]() }
func (p paced) UpdateBinding(context.Context, stack.Binding) error             { return nil }
func (p paced) ReleaseBinding(context.Context, string, string, []string) error { return nil }
func (p paced) DeleteBinding(context.Context, string, string) error            { return nil }

func pacedStep(name string) plan.Step {
	group := stack.Literal(stack.KindTargetGroup, "arn:of:a:group")
	return plan.Step{ID: plan.StepID(name), Action: plan.Create, Op: awsop.CreateBinding{
		Binding: stack.Binding{Name: name, TargetGroup: group}}}
}

// runPaced runs steps, n at a time.
func (w *world) runPaced(n int, b apply.Bindings, steps ...plan.Step) apply.Result {
	return apply.Run(w.t.Context(), plan.Plan{Key: shop("web").Key, Steps: steps},
		apply.Deps{Clients: w.clients(), Inventory: w.inv, Bindings: b, Now: w.clock.Now, Concurrency: n})
}

// TestAStepWaitsForAllThatItNeedsOrFollows has the last of them end first, and the first one only when a fourth step
// has run. That one finds no place unless the step that must wait does.
func TestAStepWaitsForAllThatItNeedsOrFollows(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]func(*plan.Step){
		"needs":   func(s *plan.Step) { s.Needs = []plan.StepID{"slow", "fast"} },
		"follows": func(s *plan.Step) { s.After = []plan.StepID{"slow", "fast"} },
	} {
		w := newWorld(t, account.Instant())
		free := make(chan struct{})
		var slowEnded, outOfTurn atomic.Bool
		b := paced{
			"slow":    func() error { <-free; slowEnded.Store(true); return nil },
			"fast":    func() error { return nil },
			"last":    func() error { outOfTurn.Store(!slowEnded.Load()); return nil },
			"witness": func() error { close(free); return nil },
		}
		last, witness := pacedStep("last"), pacedStep("witness")
		order(&last)
		witness.Needs = []plan.StepID{"fast"}
		r := w.runPaced(2, b, pacedStep("slow"), pacedStep("fast"), last, witness)
		if outOfTurn.Load() || r.Count(apply.Done) != 4 {
			t.Errorf("%s: out of turn %t: %+v", name, outOfTurn.Load(), r.Outcomes)
		}
	}
}

// exchange returns steps that create a rule of the load balancer and remove another one.
func (w *world) exchange() (create, remove plan.Step) {
	var listener, rule string
	for _, l := range w.sim.Resources().LoadBalancers[0].Listeners {
		if l.Port == 443 {
			listener, rule = l.ARN, l.Rules[0].ARN
		}
	}
	fresh := shop("web", "/a/*").Rules[0]
	fresh.Listener = stack.Literal(stack.KindListener, listener)
	fresh.Actions = []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "404"}}}
	return plan.Step{ID: "create", Action: plan.Create, Resource: stack.Ref{Kind: stack.KindRule, ID: "new"},
			Op: awsop.CreateRule{Rule: fresh, Priority: 7}},
		plan.Step{ID: "remove", Action: plan.Delete, Op: awsop.DeleteRule{Rule: stack.Literal(stack.KindRule, rule)}}
}

// late answers the first CreateRule by an exceeded quota, once a rule was removed.
type late struct {
	awsclient.ELBV2
	removed chan struct{}
	refused atomic.Bool
}

func (l *late) CreateRule(ctx context.Context, in *elbv2.CreateRuleInput, o ...func(*elbv2.Options)) (
	*elbv2.CreateRuleOutput, error) {
	if l.refused.Swap(true) {
		return l.ELBV2.CreateRule(ctx, in, o...)
	}
	<-l.removed
	return nil, &smithy.GenericAPIError{Code: "TooManyRules"}
}

func (l *late) DeleteRule(ctx context.Context, in *elbv2.DeleteRuleInput, o ...func(*elbv2.Options)) (
	*elbv2.DeleteRuleOutput, error) {
	out, err := l.ELBV2.DeleteRule(ctx, in, o...)
	close(l.removed)
	return out, err
}

// TestStepThatMetAQuotaIsRepeatedAfterARemovalBesideIt has a removal make room while AWS refuses the step.
func TestStepThatMetAQuotaIsRepeatedAfterARemovalBesideIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	w.settle(shop("web", "/a/*"))
	create, remove := w.exchange()
	clients := w.clients()
	clients.ELBV2 = &late{ELBV2: clients.ELBV2, removed: make(chan struct{})}
	r := apply.Run(t.Context(), plan.Plan{Key: shop("web").Key, Steps: []plan.Step{create, remove}},
		apply.Deps{Clients: clients, Inventory: w.inv, Now: w.clock.Now, Concurrency: 2})
	if r.Count(apply.Done) != 2 {
		t.Errorf("%+v", r.Outcomes)
	}
}

func TestARemovalThatMakesRoomAtAQuotaStillNeedsWhatItNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	w.settle(shop("web", "/a/*"))
	if _, err := w.sim.Gate.AddFault(gate.Fault{Action: "CreateRule", Code: "TooManyRules", Message: "full"}); err != nil {
		t.Fatal(err)
	}
	create, remove := w.exchange()
	rule := remove.Op.(awsop.DeleteRule).Rule.Literal
	remove.Needs = []plan.StepID{"other", "create"}
	r := w.runPaced(1, paced{"other": func() error { return errors.New("no") }}, create, pacedStep("other"), remove)
	if o := r.Outcomes["remove"]; o.State != apply.Blocked || o.By != "other" {
		t.Errorf("the removal: %+v", o)
	}
	if o := r.Outcomes["create"]; o.State != apply.Blocked || o.By != "remove" {
		t.Errorf("what met the quota: %+v", o)
	}
	if _, err := w.sim.Balancing.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{RuleArns: []string{rule}}); err !=
		nil {
		t.Errorf("the rule is gone: %v", err)
	}
}

func TestStepsThatWaitForNothingInThePlanFailInsteadOfHanging(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	lost := pacedStep("lost")
	lost.Needs = []plan.StepID{"elsewhere"}
	r := w.runPaced(2, paced{"fine": func() error { return nil }}, pacedStep("fine"), lost)
	if r.Outcomes["fine"].State != apply.Done || r.Outcomes["lost"].State != apply.Failed {
		t.Errorf("%+v", r.Outcomes)
	}
}

// TestDeletingWhatIsGoneIsDone deletes a stack of which somebody else deleted parts that we still believe in.
func TestDeletingWhatIsGoneIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	w.settle(want)
	lb := w.sim.Resources().LoadBalancers[0].ARN
	if _, err := w.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: &lb}); err != nil {
		t.Fatal(err)
	}
	for _, g := range w.sim.Resources().TargetGroups {
		if _, err := w.sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
			TargetGroupArn: &g.ARN}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.sim.Gate.AddFault(gate.Fault{Action: "DeleteTargetGroup", Code: "TargetGroupNotFound",
		Message: "gone"}); err != nil {
		t.Fatal(err)
	}
	p, r, err := w.pass(stack.ForRemoval(want.Key, testCluster, testVPC, stack.ObjectsDeleted), diff.Options{}, 8)
	if err != nil || len(p.Steps) < 3 || r.Count(apply.Done) != len(p.Steps) {
		t.Errorf("%v\n%s", err, outcomes(p, r))
	}
}

// TestATargetGroupThatUsersNameAndThatIsNotThereFailsAtOnce tells it from one of ours, about which we may be mistaken.
func TestATargetGroupThatUsersNameAndThatIsNotThereFailsAtOnce(t *testing.T) {
	t.Parallel()
	forward := func(s *stack.Stack, to stack.Ref) {
		s.Rules[1].Actions = []stack.Action{
			{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: to}}}}}
	}
	for name, c := range map[string]struct {
		change func(s *stack.Stack)
		state  apply.State
	}{
		"by ARN": {func(s *stack.Stack) {
			forward(s, stack.Literal(stack.KindTargetGroup,
				"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/theirs/0123456789abcdef"))
		}, apply.Failed},
		"of ours": {func(s *stack.Stack) { forward(s, stack.Ref{Kind: stack.KindTargetGroup, ID: s.TargetGroups[0].ID}) },
			apply.Waiting},
	} {
		w := newWorld(t, account.Instant())
		w.settle(shop("web", "/a/*"))
		want := shop("web", "/a/*", "/b/*")
		want.TargetGroups, want.Bindings = want.TargetGroups[:1], want.Bindings[:1]
		c.change(want)
		if _, err := w.sim.Gate.AddFault(gate.Fault{Action: "CreateRule", Code: "TargetGroupNotFound",
			Message: "One or more target groups not found"}); err != nil {
			t.Fatal(err)
		}
		p, r, err := w.pass(want, diff.Options{}, 8)
		if o := r.Outcomes["CreateRule 443:2"]; err != nil || o.State != c.state {
			t.Errorf("%s: %v\n%s", name, err, outcomes(p, r))
		}
	}
}

// TestThousandsOfStepsThatWaitForOthersTakeLittleTime has a chain of steps, and one that comes after all of them.
func TestThousandsOfStepsThatWaitForOthersTakeLittleTime(t *testing.T) {
	t.Parallel()
	const n = 5000
	w := newWorld(t, account.Instant())
	done := func() error { return nil }
	steps, last, b := make([]plan.Step, n), pacedStep("last"), paced{"last": done}
	for i := range steps {
		steps[i] = pacedStep(fmt.Sprint(i))
		b[fmt.Sprint(i)] = done
		if i > 0 {
			steps[i].Needs = []plan.StepID{steps[i-1].ID}
		}
		last.After = append(last.After, steps[i].ID)
	}
	begun := time.Now()
	r := w.runPaced(8, b, append(steps, last)...)
	if got := r.Count(apply.Done); got != n+1 {
		t.Errorf("%d of %d steps are done", got, n+1)
	}
	// a tenth of a second on an idle machine; it runs in several goroutines
	if took := time.Since(begun); took > 2*time.Minute {
		t.Errorf("they take %s", took)
	}
}
