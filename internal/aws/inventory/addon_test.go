package inventory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// guarded wants add-ons of a load balancer that exists.
func guarded(f *fixture, name string, on stack.AddOns) *stack.Stack {
	f.Helper()
	f.balancer(name, tracking(name))
	return &stack.Stack{Key: key(stack.Ingress, name), LoadBalancers: []stack.LoadBalancer{
		{ID: stack.LoadBalancerIdentity, Type: stack.Application, Scheme: stack.InternetFacing, AddOns: on},
	}}
}

func (f *fixture) observed(want *stack.Stack) awsop.Observed {
	f.Helper()
	o, err := f.inv.Observed(f.Context(), want.Key, want)
	if err != nil {
		f.Fatal(err)
	}
	return o
}

func (f *fixture) webACL(name string) string {
	f.Helper()
	out, err := f.sim.Firewall.CreateWebACL(f.Context(), &wafv2.CreateWebACLInput{
		Name: aws.String(name), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{
			Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String(name)},
	})
	if err != nil {
		f.Fatal(err)
	}
	return aws.ToString(out.Summary.ARN)
}

func TestAddOnsAreReadOnlyWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	none, no, zero := "", false, int32(0)
	reads := []string{"GetWebACLForResource", "DescribeProtection", "DescribeCapacityReservation", "GetSubscriptionState"}
	plain := guarded(f, "web", stack.AddOns{})
	o := f.observed(plain)
	got := f.reads()
	for _, r := range reads {
		if got[r] > 0 {
			t.Errorf("%s although nobody wants it", r)
		}
	}
	if lb := o.LoadBalancers[0]; lb.WebACL != nil || lb.Shield != nil || lb.Capacity != nil || o.Pending {
		t.Errorf("known: %+v", lb)
	}
	plain.LoadBalancers[0].AddOns = stack.AddOns{WebACL: &none, Shield: &no, Capacity: &zero}
	for range 3 {
		o = f.observed(plain)
	}
	got = f.reads()
	if lb := o.LoadBalancers[0]; lb.WebACL == nil || lb.Shield == nil || lb.Capacity == nil ||
		got["GetWebACLForResource"] != 1 {
		t.Errorf("known: %+v, reads %v", lb, got)
	}
	f.clock.Advance(11 * time.Minute)
	f.observed(plain)
	if got = f.reads(); got["GetWebACLForResource"] != 1 {
		t.Errorf("after ten minutes: reads %v", got)
	}
}

func TestAnAddOnThatCannotBeReadIsReportedAndNotReadAtOnceAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	none := ""
	want := guarded(f, "web", stack.AddOns{WebACL: &none})
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "GetWebACLForResource", Code: "AccessDeniedException", Status: 400,
		Message: "no"}); err != nil {
		t.Fatal(err)
	}
	f.reads()
	for range 3 {
		o := f.observed(want)
		g := o.LoadBalancers[0].Unread
		if g[awsop.AddOnWebACL].Code != diag.AccessDenied || g[awsop.AddOnWebACL].Remedy !=
			"allow the controller's role the action wafv2:GetWebACLForResource (statement AddOns of lbc iam-policy)" {
			t.Fatalf("unread: %+v", g)
		}
	}
	if got := f.reads(); got["GetWebACLForResource"] != 1 {
		t.Errorf("reads %v", got)
	}
	f.sim.Gate.ClearFaults()
	f.clock.Advance(16 * time.Second)
	if o := f.observed(want); o.LoadBalancers[0].Unread != nil || o.LoadBalancers[0].WebACL == nil {
		t.Errorf("%+v", o.LoadBalancers[0])
	}
}

// slowWAF answers when it is let.
type slowWAF struct {
	awsclient.WAFv2
	let chan struct{}
}

func (w slowWAF) GetWebACLForResource(ctx context.Context, in *wafv2.GetWebACLForResourceInput,
	o ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error) {
	<-w.let
	return w.WAFv2.GetWebACLForResource(ctx, in, o...)
}

func (w slowWAF) ListWebACLs(ctx context.Context, in *wafv2.ListWebACLsInput, o ...func(*wafv2.Options)) (
	*wafv2.ListWebACLsOutput, error) {
	<-w.let
	return w.WAFv2.ListWebACLs(ctx, in, o...)
}

func TestNoPassWaitsForASlowAddOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	slow := slowWAF{f.sim.Firewall, make(chan struct{})}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust,
		STS: f.sim.Identity, WAFv2: slow},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: 10 * time.Millisecond})
	none := ""
	want := guarded(f, "web", stack.AddOns{WebACL: &none})
	need := facts.Need{Kind: facts.NeedWebACLs}
	if o := f.observed(want); !o.Pending || o.LoadBalancers[0].WebACL != nil || o.LoadBalancers[0].Unread != nil {
		t.Errorf("pending %v: %+v", o.Pending, o.LoadBalancers[0])
	}
	got, err := f.inv.Answer(t.Context(), []facts.Need{need})
	var d diag.Diagnostic
	if err != nil || !errors.As(got.Errors[need], &d) || d.Class != diag.Transient {
		t.Errorf("answer %+v, %v", got, err)
	}
	close(slow.let)
	for deadline := time.Now().Add(time.Minute); ; {
		if o := f.observed(want); !o.Pending {
			if o.LoadBalancers[0].WebACL == nil {
				t.Error("not known in the end")
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("pending for ever")
		}
	}
}

// lateWAF lets something happen between the reading of a web ACL and the arrival of the answer.
type lateWAF struct {
	awsclient.WAFv2
	meanwhile func()
}

func (w lateWAF) GetWebACLForResource(ctx context.Context, in *wafv2.GetWebACLForResourceInput,
	o ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error) {
	out, err := w.WAFv2.GetWebACLForResource(ctx, in, o...)
	w.meanwhile()
	return out, err
}

func TestAReadThatBeganBeforeAWriteDoesNotHideIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	acl := f.webACL("guard")
	want := guarded(f, "web", stack.AddOns{WebACL: &acl})
	arn := f.observed(&stack.Stack{Key: want.Key}).LoadBalancers[0].ARN
	var inv *inventory.Inventory
	late := lateWAF{f.sim.Firewall, func() {
		inv.Record(want.Key, awsop.AssociateWebACL{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn), WebACL: acl},
			awsop.Output{}, func(r stack.Ref) string { return r.Literal })
	}}
	inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, WAFv2: late}, inventory.Config{
		Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute})
	o, err := inv.Observed(t.Context(), want.Key, want)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.LoadBalancers[0].WebACL; got == nil || *got != acl {
		t.Errorf("web ACL %v", got)
	}
}

func TestWebACLsAreListedOnceAnHourInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns := map[string]string{}
	for _, n := range []string{"a", "b", "c"} {
		arns[n] = f.webACL(n)
	}
	f.sim.Account.Trouble.PageSize = 2
	f.reads()
	need := facts.Need{Kind: facts.NeedWebACLs}
	for range 3 {
		if got := f.answer(need).WebACLs; len(got) != 3 || got["c"] != arns["c"] {
			t.Fatalf("web ACLs %v", got)
		}
	}
	if got := f.reads(); got["ListWebACLs"] != 2 {
		t.Errorf("reads %v", got)
	}
	f.clock.Advance(61 * time.Minute)
	f.answer(need)
	f.inv.InvalidateFacts(need)
	f.answer(need)
	if got := f.reads(); got["ListWebACLs"] != 4 {
		t.Errorf("reads %v", got)
	}
}

// stuckWAF refuses once and then hangs until it is let.
type stuckWAF struct {
	awsclient.WAFv2
	calls chan struct{}
	let   chan struct{}
}

func (w stuckWAF) GetWebACLForResource(context.Context, *wafv2.GetWebACLForResourceInput, ...func(*wafv2.Options)) (
	*wafv2.GetWebACLForResourceOutput, error) {
	select {
	case w.calls <- struct{}{}:
	default:
		<-w.let
	}
	return nil, errors.New("no route to AWS WAF")
}

func TestWhatCouldNotBeReadIsReportedWhileItIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stuck := stuckWAF{f.sim.Firewall, make(chan struct{}, 1), make(chan struct{})}
	defer close(stuck.let)
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, WAFv2: stuck},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: 20 * time.Millisecond})
	none := ""
	want := guarded(f, "web", stack.AddOns{WebACL: &none})
	var first awsop.Observed
	for deadline := time.Now().Add(time.Minute); len(first.LoadBalancers) == 0 || first.LoadBalancers[0].Unread == nil; {
		if first = f.observed(want); time.Now().After(deadline) {
			t.Fatal("not told")
		}
	}
	f.clock.Advance(time.Minute)
	again := f.observed(want)
	if !again.Pending || again.LoadBalancers[0].Unread[awsop.AddOnWebACL] !=
		first.LoadBalancers[0].Unread[awsop.AddOnWebACL] {
		t.Errorf("pending %v, unread %+v; before: %+v", again.Pending, again.LoadBalancers[0].Unread,
			first.LoadBalancers[0].Unread)
	}
}
