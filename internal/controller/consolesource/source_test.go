package consolesource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// elbHealth has one healthy target in each target group, and counts reads.
type elbHealth struct {
	reads atomic.Int32
	err   error
}

func (e *elbHealth) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	e.reads.Add(1)
	if e.err != nil {
		return nil, e.err
	}
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{{
		Target: &types.TargetDescription{Id: aws.String("10.0.0.7"), Port: aws.Int32(8080)}, TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumHealthy},
	}}}, nil
}

// newSource is a source at a clock that the returned function moves.
func newSource(t *testing.T, elb *elbHealth) (*Source, func(time.Duration)) {
	t.Helper()
	c, err := config.Parse([]string{"--cluster-name=demo"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := New(Options{
		Config: c, Objects: func(context.Context) *objects.View { return objects.New(objects.Snapshot{}) }, Health: elb, Now: func() time.Time { return now },
		Names: func(context.Context, *stack.Stack) map[string]string {
			return map[string]string{"10.0.0.7": "Pod shop/web-1"}
		},
	})
	return s, func(d time.Duration) { now = now.Add(d) }
}

func keyOf(n int) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: fmt.Sprintf("web-%d", n)}}
}

func objectOf(key stack.Key) diag.Object {
	return diag.Object{Kind: "Ingress", Namespace: key.ID.Namespace, Name: key.ID.Name}
}

// passed is a pass over a load balancer with ten rules and a target group, after which AWS has it.
func passed(key stack.Key, found ...diag.Diagnostic) stacks.Passed {
	lb := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Name: "k8s-" + key.ID.Name, Type: stack.Application, Scheme: "internal"}
	group := stack.TargetGroup{ID: "web:80", Name: "k8s-web", TargetType: stack.TargetIP, Port: 8080, Protocol: "HTTP"}
	forward := []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: group.ID}}}}}}
	l := stack.Listener{ID: "80", LoadBalancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}, Port: 80, Protocol: "HTTP", DefaultActions: forward}
	s := &stack.Stack{
		Key: key, LoadBalancers: []stack.LoadBalancer{lb}, TargetGroups: []stack.TargetGroup{group}, Listeners: []stack.Listener{l},
		Bindings: []stack.Binding{{ID: group.ID, Namespace: "shop", Name: "k8s-web", TargetType: stack.TargetIP, ServiceName: "web", ServicePort: "80"}},
	}
	for n := range int32(10) {
		s.Rules = append(s.Rules, stack.Rule{
			ID: fmt.Sprintf("80:%d", n+1), Listener: stack.Ref{Kind: stack.KindListener, ID: "80"}, Order: n + 1, Actions: forward,
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{fmt.Sprintf("/p%d", n+1)}}},
		})
	}
	o := awsop.Observed{
		LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb/" + key.ID.Name, DNSName: key.ID.Name + ".elb.example.com", State: "active", LoadBalancer: lb}},
		TargetGroups:  []awsop.TargetGroup{{ARN: "arn:tg/" + key.ID.Name, TargetGroup: group}},
	}
	p := stacks.Passed{Key: key, Compiled: compile.Result{Stack: s}, Observed: &o, Plan: &plan.Plan{Key: key}, Found: found}
	p.Input = front.Input{Wanted: true, LoadBalancer: intent.LoadBalancer{Key: key, Members: []intent.Member{{Object: objectOf(key)}}}}
	return p
}

// withSteps is a pass whose plan had steps, each with its outcome.
func withSteps(p stacks.Passed, outcomes ...apply.Outcome) stacks.Passed {
	p.Plan, p.Result = &plan.Plan{Key: p.Key}, apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
	for n, o := range outcomes {
		rule := p.Compiled.Stack.Rules[n%10]
		step := plan.Step{ID: plan.StepID(fmt.Sprintf("CreateRule %d", n)), Action: plan.Create, Resource: stack.Ref{Kind: stack.KindRule, ID: rule.ID}, Op: awsop.CreateRule{Rule: rule}, Why: []string{"it is new"}}
		p.Plan.Steps = append(p.Plan.Steps, step)
		p.Result.Outcomes[step.ID] = o
	}
	return p
}

func (s *Source) must(t *testing.T, key stack.Key) console.Detail {
	t.Helper()
	d, err := s.LoadBalancer(t.Context(), key.String())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatAPassCameToIsShown(t *testing.T) {
	t.Parallel()
	s, _ := newSource(t, &elbHealth{})
	key := keyOf(1)
	s.Passed(passed(key, diag.New(objectOf(key), "spec", diag.ServiceNotFound, "Service shop/x does not exist", "create it")))
	o, err := s.Overview(t.Context(), true)
	if err != nil || len(o.LoadBalancers) != 1 || len(o.Findings) != 1 || o.Cluster != "demo" || o.Note != "" {
		t.Fatalf("%v: %+v", err, o)
	}
	if lb := o.LoadBalancers[0]; lb.State != "active" || lb.Name != "k8s-web-1" || lb.Rules != 10 || lb.Errors != 1 || lb.Changes != 0 || strings.Join(lb.Objects, ",") != "Ingress shop/web-1" || strings.Join(lb.Listeners, ",") != "HTTP 80" {
		t.Errorf("%+v", lb)
	}
	d := s.must(t, key)
	if len(d.Ports) != 1 || len(d.Ports[0].Rules) != 11 || len(d.TargetGroups) != 1 || len(d.Findings) != 1 || len(d.Steps) != 0 || len(d.Passes) != 0 {
		t.Fatalf("%+v", d)
	}
	if x := d.TargetGroups[0].Targets; len(x) != 1 || x[0].Health != "healthy" || x[0].Object != "Pod shop/web-1" {
		t.Errorf("%+v", x)
	}
	w, err := s.Ask(t.Context(), console.Question{Key: key.String(), Request: "GET http://example.com/p3", From: "192.0.2.1"})
	if err != nil || len(w.Tried) != 3 || w.Tried[2].Failed != "" || len(w.Groups) != 1 || w.Groups[0].Health != "1 healthy" {
		t.Errorf("%v: %+v", err, w)
	}
	for name, q := range map[string]console.Question{
		"a client without an address": {Key: key.String(), Request: "GET http://example.com/", From: "nowhere"},
		"no URL":                      {Key: key.String(), Request: "GET ://", From: "192.0.2.1"},
	} {
		if _, err := s.Ask(t.Context(), q); !errors.Is(err, console.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, k := range []string{keyOf(2).String(), "web", ""} {
		if _, err := s.LoadBalancer(t.Context(), k); !errors.Is(err, console.ErrNotFound) {
			t.Errorf("%q: %v", k, err)
		}
		if _, err := s.Ask(t.Context(), console.Question{Key: k, Request: "GET http://example.com/", From: "192.0.2.1"}); !errors.Is(err, console.ErrNotFound) {
			t.Errorf("%q: %v", k, err)
		}
	}
}

func TestAPassThatEndsEarlyLeavesWhatWasKnown(t *testing.T) {
	t.Parallel()
	s, _ := newSource(t, &elbHealth{})
	key := keyOf(1)
	s.Passed(withSteps(passed(key), apply.Outcome{State: apply.Failed, Problem: diag.Diagnostic{Code: "Refused", Text: "AWS refuses the rule"}}))
	early := passed(key, diag.New(objectOf(key), "", diag.ObjectsUnread, "the API server does not answer", ""))
	early.Partial, early.Compiled, early.Observed, early.Plan = true, compile.Result{}, nil, nil
	s.Passed(early)
	d := s.must(t, key)
	if d.State != "active" || len(d.Ports) != 1 || d.Unbuildable || len(d.Findings) != 1 || len(d.Steps) != 1 || d.Changes != 1 || len(d.Passes) != 1 {
		t.Errorf("%+v", d)
	}
	unbuildable := early
	unbuildable.Partial = false
	s.Passed(unbuildable)
	if d = s.must(t, key); d.State != "active" || !d.Unbuildable || len(d.Ports) != 0 || len(d.Steps) != 0 || len(d.Passes) != 1 {
		t.Errorf("%+v", d)
	}
	if _, err := s.Ask(t.Context(), console.Question{Key: key.String(), Request: "GET http://example.com/", From: "192.0.2.1"}); !errors.Is(err, console.ErrInvalid) || !strings.Contains(err.Error(), "the API server does not answer") {
		t.Errorf("%v", err)
	}
	s.Passed(passed(key))
	if d = s.must(t, key); d.Unbuildable || len(d.Ports) != 1 || len(d.Findings) != 0 {
		t.Errorf("%+v", d)
	}
	s.Passed(stacks.Passed{Key: key, Nothing: true})
	if _, err := s.LoadBalancer(t.Context(), key.String()); !errors.Is(err, console.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestTheLastPlansAreKeptWithTheirOutcomes(t *testing.T) {
	t.Parallel()
	s, wait := newSource(t, &elbHealth{})
	key := keyOf(1)
	done, failed := apply.Outcome{State: apply.Done}, apply.Outcome{State: apply.Failed, Problem: diag.Diagnostic{Code: "Refused", Text: "AWS refuses the rule"}}
	s.Passed(withSteps(passed(key), done, failed, apply.Outcome{State: apply.Blocked, By: "CreateRule 1"}, apply.Outcome{State: apply.Waiting, On: "the target group to be empty"}))
	d := s.must(t, key)
	var got []string
	for _, x := range d.Passes[0].Steps {
		got = append(got, x.Action+" "+x.Resource+": "+x.Outcome)
	}
	want := "create Rule 80:1: done\ncreate Rule 80:2: failed: AWS refuses the rule [Refused]\ncreate Rule 80:3: blocked: by CreateRule 1\ncreate Rule 80:4: waiting: for the target group to be empty"
	if strings.Join(got, "\n") != want || len(d.Steps) != 3 || d.Changes != 3 {
		t.Errorf("%s\n%+v", strings.Join(got, "\n"), d.Steps)
	}
	for range 4 { // which goes on failing
		wait(time.Minute)
		s.Passed(withSteps(passed(key), failed))
	}
	s.Passed(passed(key)) // without steps
	if d = s.must(t, key); len(d.Passes) != 2 || d.Passes[0].Times != 4 || !d.Passes[0].Time.Equal(s.Now()) || len(d.Steps) != 0 {
		t.Errorf("%+v", d.Passes)
	}
	for n := range 3 * mostPasses {
		outcomes := make([]apply.Outcome, 1+n)
		for i := range outcomes {
			outcomes[i] = done
		}
		s.Passed(withSteps(passed(key), outcomes...))
	}
	if d = s.must(t, key); len(d.Passes) != mostPasses || len(d.Passes[0].Steps) != 3*mostPasses {
		t.Errorf("%d passes, the last of %d steps", len(d.Passes), len(d.Passes[0].Steps))
	}
	many := make([]apply.Outcome, mostSteps+7)
	s.Passed(withSteps(passed(key), many...))
	if d = s.must(t, key); len(d.Passes[0].Steps) != mostSteps || d.Passes[0].More != 7 {
		t.Errorf("%d steps and %d more", len(d.Passes[0].Steps), d.Passes[0].More)
	}
}

func TestHealthIsReadOnceInTenSecondsAndOfNoOtherLoadBalancer(t *testing.T) {
	t.Parallel()
	e := &elbHealth{}
	s, wait := newSource(t, e)
	for n := range 5 {
		s.Passed(passed(keyOf(n)))
	}
	if _, err := s.Overview(t.Context(), true); err != nil || e.reads.Load() != 0 {
		t.Errorf("%v, %d reads for the list", err, e.reads.Load())
	}
	for range 20 {
		s.must(t, keyOf(1))
		if _, err := s.Ask(t.Context(), console.Question{Key: keyOf(1).String(), Request: "GET http://example.com/", From: "192.0.2.1"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
	wait(healthLifetime + time.Second)
	e.err = errors.New("AccessDenied: no")
	for range 20 {
		if d := s.must(t, keyOf(1)); !strings.Contains(d.HealthProblem, "AccessDenied") || len(d.Ports) != 1 {
			t.Fatalf("%+v", d)
		}
	}
	if n := e.reads.Load(); n != 2 {
		t.Errorf("%d reads after a failure", n)
	}
}

func TestEventsAreThoseOfTheObjectsAndBindingsOfALoadBalancer(t *testing.T) {
	t.Parallel()
	s, wait := newSource(t, &elbHealth{})
	s.Passed(passed(keyOf(1)))
	e := reporting.Event{Type: "Warning", Reason: "NoHealthyTargets", Message: "no target is healthy"}
	s.Recorded(diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "k8s-web", UID: "u"}, e)
	wait(time.Minute)
	s.Recorded(diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "k8s-web", UID: "u"}, e)
	s.Recorded(objectOf(keyOf(1)), reporting.Event{Type: "Normal", Reason: "SuccessfullyReconciled", Message: "done"})
	s.Recorded(objectOf(keyOf(2)), e)
	s.Recorded(diag.Object{Kind: "Service", Namespace: "shop", Name: "web-1"}, e)
	got := s.must(t, keyOf(1)).Events
	if len(got) != 2 || got[0].Reason != "SuccessfullyReconciled" || got[1].Count != 2 || !got[1].Time.Equal(s.Now()) || got[1].Object != "TargetGroupBinding shop/k8s-web" {
		t.Errorf("%+v", got)
	}
	for n := range mostEvents {
		s.Recorded(objectOf(keyOf(3)), reporting.Event{Reason: fmt.Sprint(n)})
	}
	if got := s.must(t, keyOf(1)).Events; len(got) != 0 || len(s.events.ring) != mostEvents {
		t.Errorf("%+v of %d events", got, len(s.events.ring))
	}
	s.Passed(passed(keyOf(3)))
	if got := s.must(t, keyOf(3)).Events; len(got) != eventsShown || got[0].Reason != fmt.Sprint(mostEvents-1) {
		t.Errorf("%+v", got)
	}
}

func TestAReplicaThatStandsByNamesTheOneThatLeads(t *testing.T) {
	t.Parallel()
	s, _ := newSource(t, &elbHealth{})
	s.Standby = func(context.Context) string { return "lbc-1 leads" }
	if o, err := s.Overview(t.Context(), false); err != nil || o.Note != "lbc-1 leads" || o.LoadBalancers == nil {
		t.Errorf("%v: %+v", err, o)
	}
}

// TestTheListOfAThousandLoadBalancersTakesLessThanASecond is about the answer to the page, which is a few milliseconds; package console measures the page.
func TestTheListOfAThousandLoadBalancersTakesLessThanASecond(t *testing.T) {
	t.Parallel()
	e := &elbHealth{}
	s, _ := newSource(t, e)
	for n := range 1000 {
		key := keyOf(n)
		s.Passed(passed(key, diag.New(objectOf(key), "spec", diag.ServiceNotFound, "Service shop/x does not exist", "create it")))
	}
	h := console.Handler(s)
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9090/api/overview", nil)
	w := httptest.NewRecorder()
	took := cputime.Of(func() { h.ServeHTTP(w, r) })
	if w.Code != http.StatusOK || strings.Count(w.Body.String(), `"dnsName"`) != 1000 {
		t.Fatalf("%d: %.300s", w.Code, w.Body)
	}
	t.Logf("1,000 load balancers: %s", took)
	if took > time.Second || e.reads.Load() != 0 {
		t.Errorf("the list took %s, and %d reads of AWS", took, e.reads.Load())
	}
}

func TestPassesAreNotedWhileAnswersAreGiven(t *testing.T) {
	t.Parallel()
	s, _ := newSource(t, &elbHealth{})
	s.Passed(passed(keyOf(1)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 200 {
			s.Passed(withSteps(passed(keyOf(1)), apply.Outcome{State: apply.Done}))
			s.Recorded(objectOf(keyOf(1)), reporting.Event{Reason: "x"})
		}
	}()
	for range 50 {
		s.must(t, keyOf(1))
		if _, err := s.Overview(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	<-ended
}

func TestTargetsHaveTheNamesOfPodsAndNodes(t *testing.T) {
	t.Parallel()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-x", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.7"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web-1"}}, {Addresses: []string{"10.0.0.8"}}},
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{ProviderID: "aws:///us-west-2a/i-0a"}}
	names := NamesFrom(fake.NewClientBuilder().WithObjects(slice, node).Build())
	for name, tt := range map[string]struct {
		binding stack.Binding
		want    string
	}{
		"pods":              {stack.Binding{Namespace: "shop", ServiceName: "web", TargetType: stack.TargetIP}, "map[10.0.0.7:Pod shop/web-1]"},
		"nodes":             {stack.Binding{Namespace: "shop", ServiceName: "web", TargetType: stack.TargetInstance}, "map[i-0a:Node n1]"},
		"another namespace": {stack.Binding{Namespace: "blog", ServiceName: "web", TargetType: stack.TargetIP}, "map[]"},
	} {
		if got := fmt.Sprint(names(t.Context(), &stack.Stack{Bindings: []stack.Binding{tt.binding}})); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
