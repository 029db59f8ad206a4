package apply_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

func TestAStackIsCreatedChangedAndDeletedWithTheFewestCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	empty := w.picture()
	if err := w.inv.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	if reads, _ := w.calls(0); sum(reads) > 8 {
		t.Errorf("start reads %v", reads)
	}
	attribute := func(s *stack.Stack) *stack.Stack {
		s.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
		return s
	}
	for _, step := range []struct {
		name          string
		want          *stack.Stack
		reads, writes map[string]int
	}{
		{"create", shop("web", "/b/*"), map[string]int{}, map[string]int{
			"CreateSecurityGroup": 2, "AuthorizeSecurityGroupIngress": 1, "CreateTargetGroup": 1, "CreateLoadBalancer": 1,
			"CreateListener": 2, "AddListenerCertificates": 1, "CreateRule": 1}},
		{"touch", shop("web", "/b/*"), map[string]int{}, map[string]int{}},
		{"attribute", attribute(shop("web", "/b/*")), map[string]int{}, map[string]int{"ModifyLoadBalancerAttributes": 1}},
		{"path in front", attribute(shop("web", "/a/*", "/b/*")), map[string]int{}, map[string]int{"CreateTargetGroup": 1,
			"CreateRule": 1, "SetRulePriorities": 1}},
		{"reorder", attribute(shop("web", "/b/*", "/a/*")), map[string]int{}, map[string]int{"SetRulePriorities": 1}},
		{"second", shop("blog", "/c/*"), map[string]int{}, map[string]int{
			"CreateSecurityGroup": 1, "AuthorizeSecurityGroupIngress": 1, "CreateTargetGroup": 1, "CreateLoadBalancer": 1,
			"CreateListener": 2, "AddListenerCertificates": 1, "CreateRule": 1}},
		{"delete the second", stack.ForRemoval(shop("blog").Key, "", "", stack.ObjectsDeleted), map[string]int{},
			map[string]int{
				"DeleteLoadBalancer": 1, "DeleteTargetGroup": 1, "DeleteSecurityGroup": 1}},
		{"delete the first", stack.ForRemoval(shop("web").Key, "", "", stack.ObjectsDeleted), map[string]int{},
			map[string]int{
				"DeleteLoadBalancer": 1, "DeleteTargetGroup": 2, "DeleteSecurityGroup": 1}},
	} {
		from := w.mark()
		w.settle(step.want)
		reads, writes := w.calls(from)
		if diff := cmp.Diff(step.reads, reads); diff != "" {
			t.Errorf("%s: reads (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.writes, writes); diff != "" {
			t.Errorf("%s: writes (-want +got):\n%s", step.name, diff)
		}
	}
	w.remove(shop("web").Key)
	if diff := cmp.Diff(empty, w.picture()); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
}

func TestARestartedControllerFindsEverythingAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*", "/b/*")
	want.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	want.TargetGroups[0].Attributes = map[string]string{"deregistration_delay.timeout_seconds": "30"}
	want.Listeners[0].Attributes = map[string]string{"routing.http.response.server.enabled": "false"}
	w.settle(want)
	w.restart()
	from := w.mark()
	w.settle(want)
	if _, writes := w.calls(from); len(writes) > 0 {
		t.Errorf("writes %v", writes)
	}
}

// TestAControllerThatDiesAtAnyWriteConvergesAfterwards runs one story (create, edit, delete) for every number of writes
// after which the process dies, and compares what exists in the end with a story without deaths.
func TestAControllerThatDiesAtAnyWriteConvergesAfterwards(t *testing.T) {
	t.Parallel()
	stories := []struct {
		name     string
		from, to func() *stack.Stack
	}{
		{"create", nil, func() *stack.Stack { return shop("web", "/a/*", "/b/*") }},
		{"edit", func() *stack.Stack { return shop("web", "/a/*", "/b/*") }, func() *stack.Stack {
			s := shop("web", "/c/*", "/b/*", "/d/*")
			s.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
			s.SecurityGroups[0].Ingress = s.SecurityGroups[0].Ingress[1:]
			s.Listeners[0].SNI = nil
			return s
		}},
		{"another scheme", func() *stack.Stack { return shop("web", "/a/*") }, func() *stack.Stack {
			s := shop("web", "/a/*")
			s.LoadBalancers[0].Scheme, s.LoadBalancers[0].Name = stack.Internal, "k8s-shop-web-internal"
			s.LoadBalancers[0].Subnets = []stack.SubnetMapping{{Subnet: "subnet-0a1de0000000000a2"},
				{Subnet: "subnet-0a1de0000000000b2"}}
			return s
		}},
		{"a frontend", func() *stack.Stack { return shop("web", "/a/*") }, func() *stack.Stack {
			return fronted(shop("web", "/a/*"), map[int32]int32{80: 80, 8443: 443})
		}},
		{"other ports of a frontend", func() *stack.Stack {
			return fronted(shop("web", "/a/*"), map[int32]int32{80: 80, 8443: 443})
		}, func() *stack.Stack {
			return fronted(shop("web", "/a/*"), map[int32]int32{80: 443})
		}},
		{"another scheme behind a frontend", func() *stack.Stack {
			return fronted(shop("web", "/a/*"), map[int32]int32{80: 80})
		}, func() *stack.Stack {
			s := fronted(shop("web", "/a/*"), map[int32]int32{80: 80})
			s.LoadBalancers[0].Scheme, s.LoadBalancers[0].Name = stack.Internal, "k8s-shop-web-internal"
			s.LoadBalancers[0].Subnets = []stack.SubnetMapping{{Subnet: "subnet-0a1de0000000000a2"},
				{Subnet: "subnet-0a1de0000000000b2"}}
			return s
		}},
		{"delete a frontend with its ALB", func() *stack.Stack {
			return fronted(shop("web", "/a/*"), map[int32]int32{80: 80})
		}, func() *stack.Stack {
			return stack.ForRemoval(shop("web").Key, testCluster, testVPC, stack.ObjectsDeleted)
		}},
		{"delete", func() *stack.Stack { return shop("web", "/a/*", "/b/*") }, func() *stack.Stack {
			return stack.ForRemoval(shop("web").Key, testCluster, testVPC, stack.ObjectsDeleted)
		}},
	}
	for _, story := range stories {
		for _, concurrency := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s/%d at a time", story.name, concurrency), func(t *testing.T) {
				t.Parallel()
				begin := func() *world {
					w := newWorld(t, account.Fast())
					if story.from != nil {
						w.settle(story.from())
					}
					return w
				}
				w := begin()
				from := w.mark()
				w.settle(story.to())
				_, writes := w.calls(from)
				reference := w.picture()
				for life := range sum(writes) + 8 { // bindings count as well
					w := begin()
					w.restart()
					w.budget.Store(int64(life))
					_, _, _ = w.pass(story.to(), diff.Options{}, concurrency)
					w.restart()
					w.settle(story.to())
					if diff := cmp.Diff(reference, w.picture()); diff != "" {
						t.Errorf("after a death at write %d (-want +got):\n%s", life, diff)
					}
				}
			})
		}
	}
}

// TestALostAnswerIsCured loses the answer of, or breaks the connection before, the first call of each action.
func TestALostAnswerIsCured(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "CreateTargetGroup",
		"CreateLoadBalancer", "CreateListener",
		"CreateRule", "AddListenerCertificates", "ModifyLoadBalancerAttributes", "DeleteLoadBalancer", "DeleteTargetGroup",
		"DeleteSecurityGroup"} {
		for _, f := range []gate.Fault{{ID: "lost", Action: action, Times: 1, Lose: true},
			{ID: "reset", Action: action, Times: 1, Reset: true},
			{ID: "refused", Action: action, Times: 1, Code: "InternalFailure", Status: 500}, {ID: "throttled", Action: action,
				Times: 1, Code: "Throttling"}} {
			if action == "CreateSecurityGroup" {
				f.Times = 2 // a stack creates two, its own and the cluster's backend group
			}
			t.Run(action+" "+f.ID, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, account.Instant())
				empty := w.picture()
				if _, err := w.sim.Gate.AddFault(f); err != nil {
					t.Fatal(err)
				}
				want := shop("web", "/a/*", "/b/*")
				want.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
				w.settle(want)
				w.remove(want.Key)
				if diff := cmp.Diff(empty, w.picture()); diff != "" {
					t.Errorf("left over (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestAFailureBlocksOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	for _, f := range []gate.Fault{
		{Action: "CreateTargetGroup", Resource: "k8s-web-b" + generated, Code: "AccessDenied", Status: 403, Message: "no"},
		{Action: "ModifyLoadBalancerAttributes", Code: "InvalidConfigurationRequest", Message: "no bucket"},
	} {
		if _, err := w.sim.Gate.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	want := shop("web", "/a/*", "/b/*")
	want.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	states := map[plan.StepID]apply.State{}
	for id, o := range r.Outcomes {
		if o.State != apply.Done {
			states[id] = o.State
		}
	}
	if diff := cmp.Diff(map[plan.StepID]apply.State{
		"CreateTargetGroup shop/web-b:80":           apply.Failed,
		"CreateBinding shop/web-b:80":               apply.Blocked,
		"CreateRule 443:2":                          apply.Blocked,
		"ModifyLoadBalancerAttributes LoadBalancer": apply.Failed,
	}, states); diff != "" {
		t.Error(diff)
	}
	d := r.Outcomes["CreateTargetGroup shop/web-b:80"].Problem
	if d.Code != diag.AccessDenied || d.Class != diag.Denied ||
		d.Remedy != "allow the controller's role the action elasticloadbalancing:CreateTargetGroup (statement Create of "+
			"lbc iam-policy)" {
		t.Errorf("problem: %+v", d)
	}
}

func TestACertificateThatDoesNotExistFailsItsListenerOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	want.Listeners[0].Certificates = []string{
		"arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-4000-8000-000000000bad"}
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Outcomes["CreateListener 443"]; o.State != apply.Failed || o.Problem.Code != diag.CertificateNotFound {
		t.Errorf("%+v", o)
	}
	if o := r.Outcomes["CreateListener 80"]; o.State != apply.Done {
		t.Errorf("%+v", o)
	}
	if o := r.Outcomes["CreateRule 443:1"]; o.State != apply.Blocked || o.By != "CreateListener 443" {
		t.Errorf("%+v", o)
	}
}

func TestWhatVanishedBehindOurBackIsCreatedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	w.settle(want)
	lb := w.sim.Resources().LoadBalancers[0].ARN
	if _, err := w.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: &lb}); err != nil {
		t.Fatal(err)
	}
	w.settle(want) // not noticed: nothing is to be done
	want.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	w.settle(want)
	if r := w.sim.Resources().LoadBalancers; len(r) != 1 || r[0].ARN == lb || len(r[0].Listeners) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestTakenNameIsNotRetriedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	made, err := w.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("k8s-web-a" + generated), TargetType: "ip", Protocol: "TCP", Port: aws.Int32(1),
		VpcId: aws.String(testVPC)})
	if err != nil {
		t.Fatal(err)
	}
	want := shop("web", "/a/*")
	attempt := func() (apply.Outcome, int) {
		mark := w.mark()
		_, r, err := w.pass(want, diff.Options{}, 8)
		if err != nil {
			t.Fatal(err)
		}
		_, writes := w.calls(mark)
		return r.Outcomes["CreateTargetGroup shop/web-a:80"], writes["CreateTargetGroup"]
	}
	for n, pause := range []time.Duration{2 * time.Minute, 8 * time.Minute, 30 * time.Minute, time.Hour} {
		look := min(pause, 5*time.Minute)
		o, sent := attempt()
		if o.State != apply.Failed || o.Problem.Code != diag.NameTaken || o.Until.Sub(w.clock.Now()) != look || sent != 1 {
			t.Errorf("attempt %d: %+v, sent %d", n+1, o, sent)
		}
		w.clock.Advance(pause - time.Second)
		if again, sent := attempt(); sent != 0 || again.State != apply.Failed || again.Problem != o.Problem {
			t.Errorf("before its time: %+v, sent %d", again, sent)
		}
		w.clock.Advance(time.Second)
	}
	if _, err := w.sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
		TargetGroupArn: made.TargetGroups[0].TargetGroupArn}); err != nil {
		t.Fatal(err)
	}
	w.inv.Refusals().RetryObstacles(want.Key) // somebody edits an object
	if o, sent := attempt(); o.State != apply.Done || sent != 1 {
		t.Errorf("after an edit: %+v, sent %d", o, sent)
	}
}

func TestANameThatTheStackItselfHoldsIsTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	if _, err := w.inv.Observed(t.Context(), want.Key, want); err != nil { // before it is made behind our back
		t.Fatal(err)
	}
	tg := want.TargetGroups[0]
	var tags []elbv2types.Tag
	for k, v := range tg.Tags {
		tags = append(tags, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if _, err := w.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(tg.Name), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(1), VpcId: aws.String(testVPC),
		Tags: tags}); err != nil {
		t.Fatal(err)
	}
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Outcomes["CreateTargetGroup shop/web-a:80"]; o.State != apply.Waiting || o.Until.Sub(w.clock.Now()) >
		time.Second {
		t.Errorf("outcome %+v", o)
	}
	w.settle(want)
}

func TestADeletionWaitsForTheInterfacesOfTheLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Real())
	want := shop("web", "/a/*")
	w.settle(want)
	gone := stack.ForRemoval(want.Key, testCluster, testVPC, stack.ObjectsDeleted)
	_, r, err := w.pass(gone, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	o := r.Outcomes["DeleteSecurityGroup ManagedLBSecurityGroup"]
	if o.State != apply.Waiting || o.Until.Sub(w.clock.Now()) != time.Second {
		t.Errorf("outcome %+v", o)
	}
	w.settle(gone)
}

func TestDeletionProtectionUnknownToUsIsRefusedByAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	want.LoadBalancers[0].Attributes = map[string]string{"deletion_protection.enabled": "true"}
	w.settle(want)
	gone := stack.ForRemoval(want.Key, testCluster, testVPC, stack.ObjectsDeleted)
	for _, life := range []string{"known", "unknown"} {
		_, r, err := w.pass(gone, diff.Options{}, 8)
		if err != nil {
			t.Fatal(err)
		}
		if o := r.Outcomes["DeleteLoadBalancer LoadBalancer"]; o.State != apply.Prevented ||
			o.Problem.Code != diag.DeletionProtected {
			t.Errorf("%s: outcome %+v", life, o)
		}
		w.restart()
	}
	if _, r, err := w.pass(gone, diff.Options{LiftProtection: []string{stack.LoadBalancerIdentity}}, 8); err != nil ||
		r.Count(apply.Done) != len(r.Outcomes) {
		t.Errorf("lifted: %+v %v", r.Outcomes, err)
	}
}

func TestAtTheRuleQuotaDeletionsMakeRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	paths := func(prefix string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("/%s%d/*", prefix, i))
		}
		return out
	}
	one := func(ps []string) *stack.Stack { // all to one target group, of which AWS allows fewer
		s := shop("web", ps...)
		s.TargetGroups, s.Bindings = s.TargetGroups[:1], s.Bindings[:1]
		s.TargetGroups[0].ID, s.TargetGroups[0].Name, s.TargetGroups[0].Tags = "shop/one", "k8s-one", nil
		s.TargetGroups[0].Tags = shop("web", "/one").TargetGroups[0].Tags
		s.TargetGroups[0].ID = "shop/web-one:80"
		s.Bindings[0].ID, s.Bindings[0].TargetGroup.ID, s.Bindings[0].Name = "shop/web-one:80", "shop/web-one:80", "k8s-one"
		for i := range s.Rules {
			s.Rules[i].Actions[0].Forward.TargetGroups[0].TargetGroup.ID = "shop/web-one:80"
		}
		return s
	}
	full := one(paths("a", 100))
	w.settle(full)
	// The last twenty go; twenty others come in front of all.
	next := one(slices.Concat(paths("b", 20), paths("a", 80)))
	w.settle(next)
	n := 0
	for _, l := range w.sim.Resources().LoadBalancers[0].Listeners {
		n += len(l.Rules)
	}
	if n != 102 { // with the default rules of two listeners
		t.Errorf("%d rules", n)
	}
}

func TestStacksThatStartTogetherShareOneBackendGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	done := make(chan struct{})
	const n = 8
	for k := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			if _, r, err := w.pass(shop(fmt.Sprintf("s%d", k), "/a/*"), diff.Options{}, 4); err != nil ||
				r.Count(apply.Done) != len(r.Outcomes) {
				t.Errorf("stack %d: %v %v", k, err, r.Outcomes)
			}
		}()
	}
	for range n {
		<-done
	}
	if _, writes := w.calls(0); writes["CreateSecurityGroup"] != n+1 {
		t.Errorf("%d security groups were created for %d stacks", writes["CreateSecurityGroup"], n)
	}
	if reads, _ := w.calls(0); sum(reads) > 8 {
		t.Errorf("reads %v", reads)
	}
}

func TestARuleThatLosesItsTransformsKeepsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	rewriting, plain := shop("web", "/a/*"), shop("web", "/a/*")
	rewriting.Rules[0].Transforms = []stack.Transform{
		{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/a/(.*)$", Replace: "/$1"}}}}
	for _, c := range []struct {
		want       *stack.Stack
		transforms int
		writes     int
	}{{rewriting, 1, -1}, {plain, 0, 1}, {plain, 0, 0}} {
		mark := w.mark()
		w.settle(c.want)
		if _, writes := w.calls(mark); c.writes >= 0 && sum(writes) != c.writes {
			t.Errorf("%d transforms: writes %v", c.transforms, writes)
		}
		found := 0
		for _, lb := range w.sim.Resources().LoadBalancers {
			for _, l := range lb.Listeners {
				for _, r := range l.Rules {
					found += len(r.Transforms)
				}
			}
		}
		if found != c.transforms {
			t.Errorf("there are %d transforms, want %d", found, c.transforms)
		}
	}
}
