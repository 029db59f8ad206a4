package elbv2

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestEveryKindOfResourceCanBeTagged(t *testing.T) {
	t.Parallel()
	f := instant(t)
	tag := []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")}}
	lb := f.balancer("application", func(in *elb.CreateLoadBalancerInput) { in.Tags = tag })
	l, err := f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: "HTTP",
		Port: aws.Int32(80), DefaultActions: respond("200"), Tags: tag})
	f.ok(err)
	r, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(1),
		Conditions: onPath("/"), Actions: respond("200"), Tags: tag})
	f.ok(err)
	arns := []string{*lb.LoadBalancerArn, f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.Tags = tag }),
		*l.Listeners[0].ListenerArn, *r.Rules[0].RuleArn}
	show := func() string {
		out, err := f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: arns})
		f.ok(err)
		text := ""
		for i, d := range out.TagDescriptions {
			if *d.ResourceArn != arns[i] {
				t.Errorf("answer %d is for %s", i, *d.ResourceArn)
			}
			for _, tag := range d.Tags {
				text += *tag.Key + "=" + *tag.Value + " "
			}
			text += "| "
		}
		return text
	}
	if got, want := show(), "a=1 b=2 | a=1 b=2 | a=1 b=2 | a=1 b=2 | "; got != want {
		t.Errorf("created with %q, want %q", got, want)
	}
	_, err = f.AddTags(f.ctx, &elb.AddTagsInput{ResourceArns: arns[:2], Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String(" 3 ")}}})
	f.ok(err)
	_, err = f.RemoveTags(f.ctx, &elb.RemoveTagsInput{ResourceArns: arns[2:], TagKeys: []string{"a", "b", "none"}})
	f.ok(err)
	if got, want := show(), "a= 3  b=2 | a= 3  b=2 | | | "; got != want {
		t.Errorf("after changes %q, want %q", got, want)
	}
}

func TestTagCallsRefuseWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	var many []types.Tag
	for i := range 50 {
		many = append(many, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
	}
	add := func(tags []types.Tag, arns ...string) error {
		_, err := f.AddTags(f.ctx, &elb.AddTagsInput{ResourceArns: arns, Tags: tags})
		return err
	}
	one := []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}
	f.ok(add(many, arn))
	f.refused(add(one, arn), "TooManyTags", "'50'")
	f.refused(add(one), "ValidationError", "resourceArns")
	f.refused(add(nil, arn), "ValidationError", "tags")
	f.refused(add([]types.Tag{{Key: aws.String("a#b")}}, arn), "ValidationError", "pattern")
	f.refused(add([]types.Tag{{Key: aws.String("AWS:b")}}, arn), "ValidationError", "reserved")
	f.refused(add(one, make([]string, 21)...), "ValidationError", "'20'")
	f.refused(add(one, "arn:aws:s3:::x"), "ValidationError", "taggable")
	for unknown, code := range map[string]string{unknownLoadBalancer: "LoadBalancerNotFound",
		unknownTargetGroup: "TargetGroupNotFound", unknownListener: "ListenerNotFound", unknownRule: "RuleNotFound"} {
		_, err := f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn, unknown}})
		f.refused(err, code, "")
	}
	_, err := f.RemoveTags(f.ctx, &elb.RemoveTagsInput{ResourceArns: []string{arn}})
	f.refused(err, "ValidationError", "tagKeys")
}

func TestCapacityIsReservedWithinTheQuota(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.alb()
	reserve := func(units int32) error {
		_, err := f.ModifyCapacityReservation(f.ctx, &elb.ModifyCapacityReservationInput{LoadBalancerArn: lb.LoadBalancerArn,
			MinimumLoadBalancerCapacity: &types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(units)}})
		return err
	}
	f.refused(reserve(100), "CapacityUnitsLimitExceeded", "'0'")
	f.account.Quotas = map[string]int{quotaCapacity: 500}
	f.refused(reserve(99), "ValidationError", "'99'")
	f.ok(reserve(400))
	f.ok(reserve(300))
	f.ok(reserve(200))
	f.refused(reserve(100), "CapacityDecreaseRequestLimitExceeded", "'2'")
	out, err := f.DescribeCapacityReservation(f.ctx, &elb.DescribeCapacityReservationInput{
		LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	if *out.MinimumLoadBalancerCapacity.CapacityUnits != 200 || len(out.CapacityReservationState) != 2 ||
		out.CapacityReservationState[0].State.Code != "provisioned" {
		t.Errorf("reservation %v", out)
	}
	_, err = f.ModifyCapacityReservation(f.ctx, &elb.ModifyCapacityReservationInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.refused(err, "ValidationError", "either")
}
