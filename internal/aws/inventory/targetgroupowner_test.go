package inventory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
)

// tagged makes a target group with tags, as another process of the controller would.
func (f *fixture) tagged(name string, tags map[string]string) (arn string) {
	f.Helper()
	var ts []elbv2types.Tag
	for k, v := range tags {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	out, err := f.sim.Balancing.CreateTargetGroup(f.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(vpc),
		TargetType: elbv2types.TargetTypeEnumIp, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

func ofStack(kind, stack, id string) map[string]string {
	return map[string]string{"elbv2.k8s.aws/cluster": cluster, kind + ".k8s.aws/stack": stack,
		kind + ".k8s.aws/resource": id}
}

func TestOwnerOfTargetGroupYoungerThanListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	arn := f.tagged("k8s-shop-web-0123456789", ofStack("ingress", "shop/web", "shop/web-app:80"))
	theirs := f.tagged("theirs", nil)
	if owner, known := f.inv.KnownOwner(arn); known {
		t.Errorf("known to be of %+v", owner)
	}
	need := func(arn string) facts.Need { return facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn} }
	for _, fault := range []gate.Fault{{Code: "InternalFailure", Status: 500}, {Empty: true}, {Partial: true}} {
		fault.Action = "DescribeTags"
		if _, err := f.sim.Gate.AddFault(fault); err != nil {
			t.Fatal(err)
		}
		got, err := f.inv.Answer(t.Context(), []facts.Need{need(arn)})
		if err == nil && got.Errors[need(arn)] == nil {
			t.Errorf("%+v: without an answer: %+v", fault, got.TargetGroupOwners)
		}
		f.sim.Gate.ClearFaults()
	}
	got := f.answer(need(arn), need(theirs), need("arn:x"))
	if o := got.TargetGroupOwners[arn]; o == nil || o.Stack.ID.Name != "web" || o.ID != "shop/web-app:80" {
		t.Errorf("%+v", o)
	}
	if got.TargetGroupOwners[theirs] != nil || got.TargetGroupOwners["arn:x"] != nil {
		t.Errorf("%+v", got.TargetGroupOwners)
	}
	f.reads()
	f.answer(need(arn), need(theirs))
	if n := f.reads()["DescribeTags"]; n > 0 {
		t.Errorf("read %d times more", n)
	}
}

func TestAmbiguousTargetGroupIsNotExternal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tags := ofStack("ingress", "shop/web", "shop/web-app:80")
	for k, v := range ofStack("service", "blog/app", "blog/app:80") {
		tags[k] = v
	}
	arn := f.tagged("theirs", tags)
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	owner, known := f.inv.KnownOwner(arn)
	if !known || owner.External() || !owner.ClaimedBy("shop") || !owner.ClaimedBy("blog") || owner.ClaimedBy("evil") ||
		owner.ClaimedBy("") {
		t.Errorf("%+v, known %t", owner, known)
	}
	need := facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn}
	if o := f.answer(need).TargetGroupOwners[arn]; o == nil || !o.Ambiguous {
		t.Errorf("%+v", o)
	}
	if n := len(f.inv.Foreign()); n > 0 {
		t.Errorf("a later process takes %d for those of others", n)
	}
}

func TestDeniedOwnerIsNotAskedForAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.tagged("theirs", nil)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "DescribeTags", Code: "AccessDenied", Status: 403}); err != nil {
		t.Fatal(err)
	}
	f.reads()
	for range 5 {
		if _, err := f.inv.TargetGroupOwner(t.Context(), arn); err == nil {
			t.Error("no error")
		}
	}
	if n := f.reads()["DescribeTags"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestDeniedTagsLeaveTheOwnerUnknown has AWS deny the tags of one of two target groups that are younger than the
// listing.
func TestDeniedTagsLeaveTheOwnerUnknown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	arn := f.tagged("k8s-shop-web-0123456789", ofStack("ingress", "shop/web", "shop/web-app:80"))
	theirs := f.tagged("theirs", nil)
	need := func(arn string) facts.Need { return facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn} }
	fault := gate.Fault{Action: "DescribeTags", Code: "AccessDenied", Resource: arn}
	if _, err := f.sim.Gate.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	f.reads()
	for range 3 {
		got, err := f.inv.Answer(t.Context(), []facts.Need{need(arn), need(theirs)})
		if err != nil {
			t.Fatal(err)
		}
		var problem diag.Diagnostic
		if _, answered := got.TargetGroupOwners[arn]; answered || !errors.As(got.Errors[need(arn)], &problem) ||
			problem.Class != diag.Denied || !strings.Contains(problem.Text, "elasticloadbalancing:DescribeTags") {
			t.Errorf("answered %t, %v", answered, got.Errors)
		}
		if _, answered := got.TargetGroupOwners[theirs]; !answered || got.Errors[need(theirs)] != nil {
			t.Errorf("the other one: %v", got.Errors)
		}
	}
	if n := f.reads()["DescribeTags"]; n != 3 { // of both together, and of each by itself
		t.Errorf("asked %d times", n)
	}
	f.sim.Gate.ClearFaults()
	f.clock.Advance(time.Minute)
	if o := f.answer(need(arn)).TargetGroupOwners[arn]; o == nil || o.Stack.ID.Name != "web" {
		t.Errorf("in the end: %+v", o)
	}
}
