package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func needsOf(kind facts.NeedKind, keys ...string) (out []facts.Need) {
	for _, k := range keys {
		out = append(out, facts.Need{Kind: kind, Key: k})
	}
	return out
}

// named are n target groups by name, tg-0 and so on. Only the first exist of them exist.
type named struct {
	awsclient.ELBV2
	awsclient.EC2
	exist int

	mu    sync.Mutex
	calls map[string]int
}

func namedARN(n int) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/tg-%d/%016x", n, n)
}

func (a *named) count(action string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[action]++
}

func (a *named) all() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, c := range a.calls {
		n += c
	}
	clear(a.calls)
	return n
}

func (a *named) DescribeTargetGroups(_ context.Context, in *elbv2.DescribeTargetGroupsInput, _ ...func(*elbv2.Options)) (
	*elbv2.DescribeTargetGroupsOutput, error) {
	a.count("DescribeTargetGroups")
	out := &elbv2.DescribeTargetGroupsOutput{}
	add := func(n int) {
		out.TargetGroups = append(out.TargetGroups, elbv2types.TargetGroup{TargetGroupArn: aws.String(namedARN(n)),
			TargetGroupName: aws.String(fmt.Sprint("tg-", n)), VpcId: aws.String(vpc)})
	}
	if len(in.Names) > 20 {
		return nil, &smithy.GenericAPIError{Code: "ValidationError"}
	}
	if len(in.Names) == 0 {
		from, to, next := page(in.Marker, a.exist)
		for n := from; n < to; n++ {
			add(n)
		}
		out.NextMarker = next
		return out, nil
	}
	for _, name := range in.Names {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "tg-"))
		if err != nil || n >= a.exist {
			return nil, &smithy.GenericAPIError{Code: "TargetGroupNotFound"}
		}
		add(n)
	}
	return out, nil
}

func (a *named) DescribeLoadBalancers(context.Context, *elbv2.DescribeLoadBalancersInput, ...func(*elbv2.Options)) (
	*elbv2.DescribeLoadBalancersOutput, error) {
	return &elbv2.DescribeLoadBalancersOutput{}, nil
}

func (a *named) DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (
	*ec2.DescribeSecurityGroupsOutput, error) {
	return &ec2.DescribeSecurityGroupsOutput{}, nil
}

func (a *named) DescribeTags(_ context.Context, in *elbv2.DescribeTagsInput, _ ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	a.count("DescribeTags")
	out := &elbv2.DescribeTagsOutput{}
	if len(in.ResourceArns) > 20 {
		return nil, &smithy.GenericAPIError{Code: "ValidationError"}
	}
	for _, arn := range in.ResourceArns {
		if n, err := strconv.ParseInt(arn[len(arn)-16:], 16, 0); err != nil || int(n) >= a.exist {
			return nil, &smithy.GenericAPIError{Code: "TargetGroupNotFound"}
		}
		out.TagDescriptions = append(out.TagDescriptions, elbv2types.TagDescription{ResourceArn: aws.String(arn)})
	}
	return out, nil
}

// TestNamesCostFewCalls counts the calls of one object that names many target groups.
func TestNamesCostFewCalls(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		exist int // of ten names
		kind  facts.NeedKind
		key   func(n int) string
		most  func(n int) int
	}{
		"names": {10, facts.NeedTargetGroupName, func(n int) string { return fmt.Sprint("tg-", n) },
			func(n int) int { return (n + 19) / 20 }},
		"names, half of which do not exist": {5, facts.NeedTargetGroupName,
			func(n int) string { return fmt.Sprint("tg-", n) },
			func(n int) int { return (n+19)/20 + (n+399)/400 }},
		"ARNs": {10, facts.NeedTargetGroupOwner, namedARN, func(n int) int { return (n + 19) / 20 }},
		"ARNs, half of which do not exist": {5, facts.NeedTargetGroupOwner, namedARN,
			func(n int) int { return 25 * ((n + 19) / 20) }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			growth.AtMost(t, 1, "calls for target groups, by "+what, func(n int) float64 {
				a := &named{calls: map[string]int{}}
				inv := inventory.New(awsclient.Clients{ELBV2: a, EC2: a}, inventory.Config{Cluster: cluster, VPC: vpc})
				if _, err := inv.Keys(t.Context()); err != nil {
					t.Fatal(err)
				}
				a.all()
				a.exist = n * c.exist / 10
				var keys []string
				for k := range n {
					keys = append(keys, c.key(k))
				}
				got, err := inv.Answer(t.Context(), needsOf(c.kind, keys...))
				if err != nil || len(got.Errors) > 0 || len(got.TargetGroups)+len(got.TargetGroupOwners) != n {
					t.Fatalf("%v, %v, %d and %d answers", err, got.Errors, len(got.TargetGroups), len(got.TargetGroupOwners))
				}
				for k := range n {
					tg := got.TargetGroups[fmt.Sprint("tg-", k)]
					if c.kind == facts.NeedTargetGroupName && (tg != nil) != (k < a.exist) {
						t.Errorf("tg-%d: %v", k, tg)
					}
				}
				calls := a.all()
				if calls > c.most(n) {
					t.Errorf("%d calls for %d, want at most %d", calls, n, c.most(n))
				}
				return float64(calls)
			})
		})
	}
}

// TestNameThatAWSRefusesConcernsNoOther has names in one look-up that do not exist, and names that AWS takes for no
// name.
func TestNameThatAWSRefusesConcernsNoOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	theirs := f.tagged("theirs", nil)
	lb, _ := f.balancer("front", nil)
	f.answer(needsOf(facts.NeedTargetGroupName, "theirs")...)
	f.clock.Advance(time.Hour)
	f.reads()
	odd := []string{"absent", "under_score", strings.Repeat("n", 33), "", "two words"}
	got := f.answer(append(needsOf(facts.NeedTargetGroupName, append(odd, "theirs")...), needsOf(facts.NeedLoadBalancer,
		append(odd, "front", lb, "arn:x", strings.Replace(lb, "us-west-2", "eu-west-1", 1))...)...)...)
	if tg := got.TargetGroups["theirs"]; tg == nil || tg.ARN != theirs {
		t.Errorf("the one that exists: %+v", tg)
	}
	for _, name := range []string{"front", lb} {
		if x := got.LoadBalancers[name]; x == nil || x.ARN != lb || len(x.Listeners) != 1 {
			t.Errorf("%s: %+v", name, x)
		}
	}
	for _, name := range odd {
		tg, asked := got.TargetGroups[name]
		x, askedToo := got.LoadBalancers[name]
		if tg != nil || x != nil || !asked || !askedToo {
			t.Errorf("%q: %+v, %t, %+v, %t", name, tg, asked, x, askedToo)
		}
	}
	if n := f.reads(); n["DescribeTargetGroups"] > 2 || n["DescribeLoadBalancers"] > 3 {
		t.Errorf("calls: %v", n)
	}
}

// TestFailedLookUpIsNoAbsence has the look-up of new names fail. Names that are known keep their answers, and no name
// is absent.
func TestFailedLookUpIsNoAbsence(t *testing.T) {
	t.Parallel()
	for code, class := range map[string]diag.Class{"Throttling": diag.Throttled, "AccessDenied": diag.Denied,
		"InternalFailure": diag.Transient} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.tagged("known", nil)
			f.tagged("new", nil)
			f.answer(needsOf(facts.NeedTargetGroupName, "known", "gone")...)
			if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetGroups", Code: code, Status: 400}); err != nil {
				t.Fatal(err)
			}
			all := needsOf(facts.NeedTargetGroupName, "known", "gone", "new", "newer")
			got, err := f.inv.Answer(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			if tg, asked := got.TargetGroups["gone"]; got.TargetGroups["known"] == nil || tg != nil || !asked {
				t.Errorf("what is known: %v", got.TargetGroups)
			}
			for _, need := range all[2:] {
				var problem diag.Diagnostic
				if _, answered := got.TargetGroups[need.Key]; answered || !errors.As(got.Errors[need], &problem) ||
					problem.Class != class {
					t.Errorf("%s: answered %t, %v", need.Key, answered, got.Errors[need])
				}
			}
		})
	}
}

// TestListThatFailsIsNoAbsence has AWS refuse two names, one of which exists, and not give the list that tells which.
func TestListThatFailsIsNoAbsence(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tagged("theirs", nil)
	f.answer(needsOf(facts.NeedTargetGroupName, "other")...)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetGroups", Code: "Throttling", Skip: 1}); err != nil {
		t.Fatal(err)
	}
	needs := needsOf(facts.NeedTargetGroupName, "absent", "theirs")
	got, err := f.inv.Answer(t.Context(), needs)
	if err != nil || len(got.TargetGroups) > 0 || got.Errors[needs[0]] == nil || got.Errors[needs[1]] == nil {
		t.Errorf("%v, %v, %v", err, got.TargetGroups, got.Errors)
	}
}

// TestListThatLacksANameForgetsNone has AWS refuse names, one of which was found before, and give an empty list.
func TestListThatLacksANameForgetsNone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tagged("theirs", nil)
	f.balancer("front", nil)
	f.answer(append(needsOf(facts.NeedTargetGroupName, "theirs"), needsOf(facts.NeedLoadBalancer, "front")...)...)
	f.clock.Advance(2 * time.Hour)
	for _, action := range []string{"DescribeTargetGroups", "DescribeLoadBalancers"} {
		if _, err := f.sim.Gate.AddFault(gate.Fault{Action: action, Empty: true, Skip: 1, Times: 1}); err != nil {
			t.Fatal(err)
		}
	}
	got := f.answer(append(needsOf(facts.NeedTargetGroupName, "absent", "theirs"),
		needsOf(facts.NeedLoadBalancer, "absent", "front")...)...)
	if got.TargetGroups["theirs"] == nil || got.LoadBalancers["front"] == nil {
		t.Errorf("forgotten: %v, %v", got.TargetGroups, got.LoadBalancers)
	}
	if n := f.sim.Gate.Calls(gate.Filter{Action: "DescribeTargetGroups"}); len(n) < 4 {
		t.Errorf("%d calls: the list was not read", len(n))
	}
}

// TestAbsenceIsRemembered has a name that does not exist asked for again and again, along with others of another object.
func TestAbsenceIsRemembered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tagged("theirs", nil)
	f.answer(needsOf(facts.NeedTargetGroupName, "absent")...)
	f.reads()
	for range 5 {
		f.answer(needsOf(facts.NeedTargetGroupName, "absent")...)
	}
	if n := f.reads(); len(n) > 0 {
		t.Errorf("read again at once: %v", n)
	}
	total := 0
	for range 60 {
		f.clock.Advance(time.Second * 5)
		f.answer(needsOf(facts.NeedTargetGroupName, "absent")...)
		total += f.reads()["DescribeTargetGroups"]
	}
	if total < 5 || total > 7 {
		t.Errorf("%d reads in five minutes", total)
	}
	f.clock.Advance(time.Minute)
	if f.answer(needsOf(facts.NeedTargetGroupName, "theirs")...); f.reads()["DescribeTargetGroups"] != 1 {
		t.Error("a name that does not exist is read along with another object's, and AWS refuses both")
	}
	f.tagged("absent", nil)
	if got := f.answer(needsOf(facts.NeedTargetGroupName, "absent")...); got.TargetGroups["absent"] == nil {
		t.Error("not found once it exists")
	}
}

// TestRefusedOwnerConcernsNoOther has ARNs in one look-up of owners whose tags AWS refuses to tell.
func TestRefusedOwnerConcernsNoOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	arn := f.tagged("k8s-shop-web-0123456789", ofStack("ingress", "shop/web", "shop/web-app:80"))
	absent := strings.TrimRight(arn, "0123456789abcdef") + "0123456789abcdef"
	elsewhere := strings.Replace(arn, "us-west-2", "eu-west-1", 1)
	needs := needsOf(facts.NeedTargetGroupOwner, arn, absent, elsewhere)
	for range 2 {
		f.reads()
		got, err := f.inv.Answer(t.Context(), needs)
		if err != nil {
			t.Fatal(err)
		}
		if o := got.TargetGroupOwners[arn]; o == nil || o.Stack.ID.Name != "web" {
			t.Errorf("the one that exists: %+v, %v", o, got.Errors)
		}
		if o, answered := got.TargetGroupOwners[absent]; o != nil || !answered {
			t.Errorf("the absent one: %+v, %t", o, answered)
		}
		if _, answered := got.TargetGroupOwners[elsewhere]; answered || got.Errors[needs[2]] == nil {
			t.Errorf("the one of another Region: answered %t, %v", answered, got.Errors)
		}
	}
	if n := f.reads(); len(n) > 0 {
		t.Errorf("asked again at once: %v", n)
	}
}

// forwardsTo is a write of a rule that forwards to a target group.
func forwardsTo(arn string) plan.Operation {
	return awsop.CreateRule{Rule: stack.Rule{Actions: []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
		TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Literal(stack.KindTargetGroup, arn)}}}}}}}
}

// TestRefusedWriteForgetsNoOtherName has AWS refuse a rule because its target group does not exist.
func TestRefusedWriteForgetsNoOtherName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.tagged("theirs", nil)
	f.tagged("others", nil)
	f.answer(needsOf(facts.NeedTargetGroupName, "theirs", "others")...)
	f.inv.Refuted(forwardsTo(arn), awsclient.Error{Code: "TargetGroupNotFound"})
	f.reads()
	for name, want := range map[string]int{"others": 0, "theirs": 1} {
		if f.answer(needsOf(facts.NeedTargetGroupName, name)...); f.reads()["DescribeTargetGroups"] != want {
			t.Errorf("%s: read %t", name, want == 0)
		}
	}
}
