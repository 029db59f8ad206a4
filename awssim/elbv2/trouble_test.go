package elbv2

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestListsLagBehindCreationButAnswersByARNDoNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	arn := f.group("HTTP")
	lb := f.alb()
	count := func() (int, int) {
		t.Helper()
		lbs, err := f.DescribeLoadBalancers(f.ctx, nil)
		f.ok(err)
		groups, err := f.DescribeTargetGroups(f.ctx, nil)
		f.ok(err)
		return len(lbs.LoadBalancers), len(groups.TargetGroups)
	}
	if lbs, groups := count(); lbs != 0 || groups != 0 {
		t.Errorf("%d load balancers and %d target groups are listed at once", lbs, groups)
	}
	_, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{*lb.LoadBalancerArn}})
	f.ok(err)
	_, err = f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	f.ok(err)
	f.clock.Advance(account.Real().BalancingListed)
	if lbs, groups := count(); lbs != 1 || groups != 1 {
		t.Errorf("%d load balancers and %d target groups are listed later", lbs, groups)
	}
}

func TestFreedTargetGroupStillShowsLoadBalancer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	arn := f.group("HTTP")
	lb := f.alb()
	l := f.listen(lb, "HTTP", 80, forwardTo(arn))
	_, err := f.DeleteListener(f.ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn})
	f.ok(err)
	arns := func() []string {
		t.Helper()
		out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
		f.ok(err)
		return out.TargetGroups[0].LoadBalancerArns
	}
	if got := arns(); !slices.Equal(got, []string{*lb.LoadBalancerArn}) {
		t.Errorf("right after it belongs to %v", got)
	}
	f.clock.Advance(account.Real().TargetGroupRelease)
	if got := arns(); len(got) != 0 {
		t.Errorf("later it belongs to %v", got)
	}
}

func TestTroubleMakesPagesSmallAndUnordered(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.account.Trouble = account.Trouble{PageSize: 1}
	want := map[string]bool{}
	for range 4 {
		want[f.group("HTTP")] = true
	}
	var marker *string
	for pages := 0; ; pages++ {
		out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{Marker: marker, PageSize: aws.Int32(100)})
		f.ok(err)
		if len(out.TargetGroups) != 1 {
			t.Fatalf("%d target groups on a page", len(out.TargetGroups))
		}
		delete(want, *out.TargetGroups[0].TargetGroupArn)
		if marker = out.NextMarker; marker == nil {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("%d target groups were on no page", len(want))
	}
	f.account.Trouble = account.Trouble{Shuffle: true}
	orders := map[string]bool{}
	for range 20 {
		out, err := f.DescribeTargetGroups(f.ctx, nil)
		f.ok(err)
		order := ""
		for _, tg := range out.TargetGroups {
			order += *tg.TargetGroupName + " "
		}
		orders[order] = true
	}
	if len(orders) < 3 {
		t.Errorf("20 lists came in %d orders", len(orders))
	}
	f.whole()
}

func TestAccountLimitsReportTheQuotasThatWereSet(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	for i, name := range limits {
		if f.account.Quota(name) == 0 {
			t.Errorf("quota %s has no default", name)
		}
		f.ok(f.account.SetQuota(name, 1000+i))
	}
	out, err := f.DescribeAccountLimits(f.ctx, nil)
	f.ok(err)
	for i, l := range out.Limits {
		if *l.Name != limits[i] || *l.Max != strconv.Itoa(1000+i) {
			t.Errorf("limit %d is %s=%s", i, *l.Name, *l.Max)
		}
	}
	if len(out.Limits) != len(limits) {
		t.Errorf("%d limits", len(out.Limits))
	}
}

func TestProvisioningMayFail(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	f.account.Trouble.Provisioning = []account.Outcome{{Name: "*", State: "failed", Reason: "no capacity"}}
	arn := *f.alb().LoadBalancerArn
	f.clock.Advance(time.Hour)
	out, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	f.ok(err)
	if s := out.LoadBalancers[0].State; s.Code != "failed" || *s.Reason != "no capacity" {
		t.Errorf("it is %s", s.Code)
	}
}
