package elbv2

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// lists are the actions that answer in pages: one page, as how many entries and the next marker.
func (f *fixture) lists() map[string]func(marker *string, size *int32) (int, *string, error) {
	f.t.Helper()
	lb, web := f.alb(), f.group("HTTP")
	f.alb()
	f.group("HTTP")
	l := f.listen(lb, "HTTPS", 443, forwardTo(web))
	f.listen(lb, "HTTPS", 444, forwardTo(f.group("HTTP")))
	_, err := f.addRule(l, 1, respond("200"))
	f.ok(err)
	_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
		Certificates: []types.Certificate{{CertificateArn: aws.String(cert2)}}})
	f.ok(err)
	store := f.trusting("ca")
	f.trusting("other")
	f.ok(f.verifying(l, store))
	f.account.TrustStores[*store].Consumers = []string{unknownLoadBalancer}
	for id := range int64(2) {
		f.account.TrustStores[*store].Revocations = append(f.account.TrustStores[*store].Revocations, &account.Revocation{
			ID: id + 1})
	}
	return map[string]func(marker *string, size *int32) (int, *string, error){
		"DescribeLoadBalancers": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.LoadBalancers), out.NextMarker, nil
		},
		"DescribeTargetGroups": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.TargetGroups), out.NextMarker, nil
		},
		"DescribeTargetGroups of a load balancer": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn,
				Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.TargetGroups), out.NextMarker, nil
		},
		"DescribeListeners": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeListeners(f.ctx, &elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn, Marker: m,
				PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.Listeners), out.NextMarker, nil
		},
		"DescribeRules": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn, Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.Rules), out.NextMarker, nil
		},
		"DescribeListenerCertificates": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeListenerCertificates(f.ctx, &elb.DescribeListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.Certificates), out.NextMarker, nil
		},
		"DescribeSSLPolicies": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.SslPolicies), out.NextMarker, nil
		},
		"DescribeAccountLimits": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeAccountLimits(f.ctx, &elb.DescribeAccountLimitsInput{Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.Limits), out.NextMarker, nil
		},
		"DescribeTrustStores": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeTrustStores(f.ctx, &elb.DescribeTrustStoresInput{Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.TrustStores), out.NextMarker, nil
		},
		"DescribeTrustStoreAssociations": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeTrustStoreAssociations(f.ctx, &elb.DescribeTrustStoreAssociationsInput{TrustStoreArn: store,
				Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.TrustStoreAssociations), out.NextMarker, nil
		},
		"DescribeTrustStoreRevocations": func(m *string, n *int32) (int, *string, error) {
			out, err := f.DescribeTrustStoreRevocations(f.ctx, &elb.DescribeTrustStoreRevocationsInput{TrustStoreArn: store,
				Marker: m, PageSize: n})
			if err != nil {
				return 0, nil, err
			}
			return len(out.TrustStoreRevocations), out.NextMarker, nil
		},
	}
}

func TestEveryListGoesByMarkersAndSizes(t *testing.T) {
	t.Parallel()
	f := instant(t)
	for action, list := range f.lists() {
		all, next, err := list(nil, nil)
		f.ok(err)
		if all < 2 || next != nil {
			t.Errorf("%s: %d entries on the first page, and a marker: %v", action, all, next != nil)
		}
		if n, next, err := list(nil, aws.Int32(400)); err != nil || n != all || next != nil {
			t.Errorf("%s by 400: %d entries, %v", action, n, err)
		}
		got, marker := 0, (*string)(nil)
		for {
			n, next, err := list(marker, aws.Int32(1))
			f.ok(err)
			if got += n; n != 1 {
				t.Errorf("%s by 1: %d entries on a page", action, n)
			}
			if marker = next; marker == nil {
				break
			}
		}
		if got != all {
			t.Errorf("%s: %d entries by 1, %d at once", action, got, all)
		}
		for _, size := range []int32{0, -1, 401} {
			_, _, err := list(nil, &size)
			t.Log(action, size)
			f.refused(err, "ValidationError", fmt.Sprintf("Value '%d' at 'pageSize'", size))
		}
		for _, marker := range []string{"?", "abc", "YWZ0ZXI6eA"} { // the last one is base64 of "after:x"
			_, _, err := list(&marker, nil)
			t.Log(action, marker)
			f.refused(err, "ValidationError", "Invalid marker '"+marker+"'")
		}
	}
}

func TestSizesOfPagesCountForNothingByNameOrARN(t *testing.T) {
	t.Parallel()
	f := instant(t)
	one, two := f.alb(), f.alb()
	a, b := f.group("HTTP"), f.group("HTTP")
	size := aws.Int32(1)
	byName, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{
		Names: []string{*two.LoadBalancerName, *one.LoadBalancerName}, PageSize: size})
	f.ok(err)
	byARN, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{a, b},
		PageSize: size})
	f.ok(err)
	if len(byName.LoadBalancers) != 2 || byName.NextMarker != nil || len(byARN.TargetGroups) != 2 ||
		byARN.NextMarker != nil {
		t.Errorf("%d load balancers and %d target groups", len(byName.LoadBalancers), len(byARN.TargetGroups))
	}
	_, err = f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{Names: []string{"x"},
		PageSize: aws.Int32(401)})
	f.refused(err, "ValidationError", "pageSize")
}

// TestWhatHasNoPagesAnswersAllAtOnce covers the lists that have no marker: targets and tags.
func TestWhatHasNoPagesAnswersAllAtOnce(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	in := &elb.RegisterTargetsInput{TargetGroupArn: &arn}
	for i := range int32(1000) {
		in.Targets = append(in.Targets, types.TargetDescription{Id: aws.String("10.0.1.9"), Port: aws.Int32(i + 1)})
	}
	_, err := f.RegisterTargets(f.ctx, in)
	f.ok(err)
	out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	f.ok(err)
	if len(out.TargetHealthDescriptions) != 1000 {
		t.Errorf("%d targets", len(out.TargetHealthDescriptions))
	}
	f.ok(f.tagging(arn, manyTags(50)))
	tags, err := f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	f.ok(err)
	if len(tags.TagDescriptions[0].Tags) != 50 {
		t.Errorf("%d tags", len(tags.TagDescriptions[0].Tags))
	}
}

// tagging adds tags to one resource.
func (f *fixture) tagging(arn string, tags []types.Tag) error {
	_, err := f.AddTags(f.ctx, &elb.AddTagsInput{ResourceArns: []string{arn}, Tags: tags})
	return err
}

func TestListsGoInTheOrderOfCreation(t *testing.T) {
	t.Parallel()
	f := instant(t)
	var want, got []string
	for _, name := range []string{"z", "m", "a"} {
		lb := f.balancer("network", func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String(name) })
		want = append(want, *lb.LoadBalancerArn)
	}
	out, err := f.DescribeLoadBalancers(f.ctx, nil)
	f.ok(err)
	for _, lb := range out.LoadBalancers {
		got = append(got, *lb.LoadBalancerArn)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestListsLagBehindAnswersByARN(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.account.Profile.BalancingChanged = 3 * time.Second
	kept, gone, web, old := f.alb(), f.alb(), f.group("HTTP"), f.group("HTTP")
	last := f.alb()
	_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: kept.LoadBalancerArn,
		SecurityGroups: []string{group1}})
	f.ok(err)
	_, err = f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: kept.LoadBalancerArn,
		SecurityGroups: []string{group2}})
	f.ok(err)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: gone.LoadBalancerArn})
	f.ok(err)
	_, err = f.ModifyTargetGroup(f.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &web,
		HealthCheckPath: aws.String("/new")})
	f.ok(err)
	_, err = f.DeleteTargetGroup(f.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &old})
	f.ok(err)
	shown := func() string {
		t.Helper()
		text := ""
		in := &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)} // pages fit together all the same
		for {
			out, err := f.DescribeLoadBalancers(f.ctx, in)
			f.ok(err)
			for _, lb := range out.LoadBalancers {
				name := map[string]string{*kept.LoadBalancerArn: "kept", *gone.LoadBalancerArn: "gone",
					*last.LoadBalancerArn: "last"}[*lb.LoadBalancerArn]
				text += name + fmt.Sprint(lb.SecurityGroups[0] == group2) + " "
			}
			if in.Marker = out.NextMarker; in.Marker == nil {
				break
			}
		}
		groups, err := f.DescribeTargetGroups(f.ctx, nil)
		f.ok(err)
		for _, tg := range groups.TargetGroups {
			text += map[string]string{web: "web", old: "old"}[*tg.TargetGroupArn] + *tg.HealthCheckPath + " "
		}
		return text
	}
	if got, want := shown(), "keptfalse gonefalse lastfalse web/ old/ "; got != want {
		t.Errorf("at once lists show %q, want %q", got, want)
	}
	out, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{*kept.LoadBalancerArn}})
	f.ok(err)
	if out.LoadBalancers[0].SecurityGroups[0] != group2 {
		t.Error("an answer by ARN lags")
	}
	_, err = f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{Names: []string{*gone.LoadBalancerName}})
	f.refused(err, "LoadBalancerNotFound", "")
	_, err = f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{old}})
	f.refused(err, "TargetGroupNotFound", "")
	f.clock.Advance(3 * time.Second)
	if got, want := shown(), "kepttrue lastfalse web/new "; got != want {
		t.Errorf("later lists show %q, want %q", got, want)
	}
	f.whole()
}
