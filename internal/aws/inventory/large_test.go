package inventory_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// largeAccount is an account of load balancers and target groups of others, with pages of 400 as AWS has, that answers
// ten reads a second.
type largeAccount struct {
	awsclient.ELBV2
	awsclient.EC2
	balancers, groups int
	pause             time.Duration                     // between two reads, whoever makes them
	fail              func(action string, n int) error  // of the nth read; nil = never
	between           func()                            // after each read; nil = nothing
	tags              func(arn string) []elbv2types.Tag // nil = none

	turn  chan struct{} // one is in it during a read; a mutex would stop the bubble's clock
	reads map[string]int
	all   int
}

func (a *largeAccount) read(ctx context.Context, action string) error {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	time.Sleep(a.pause)
	a.all++
	a.reads[action]++
	if a.between != nil {
		a.between()
	}
	if a.fail != nil {
		if err := a.fail(action, a.all); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// page is where a page of a list of so many begins and ends, and the token of the next one.
func page(marker *string, of int) (from, to int, next *string) {
	from, _ = strconv.Atoi(aws.ToString(marker))
	if to = from + 400; to < of {
		return from, to, aws.String(strconv.Itoa(to))
	}
	return from, of, nil
}

func (a *largeAccount) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancersOutput, error) {
	from, to, next := page(in.Marker, a.balancers)
	out := &elbv2.DescribeLoadBalancersOutput{NextMarker: next}
	for n := from; n < to; n++ {
		out.LoadBalancers = append(out.LoadBalancers, elbv2types.LoadBalancer{
			LoadBalancerArn: aws.String(fmt.Sprintf("lb-%d", n)), VpcId: aws.String(vpc)})
	}
	return out, a.read(ctx, "DescribeLoadBalancers")
}

func (a *largeAccount) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	from, to, next := page(in.Marker, a.groups)
	out := &elbv2.DescribeTargetGroupsOutput{NextMarker: next}
	for n := from; n < to; n++ {
		out.TargetGroups = append(out.TargetGroups, elbv2types.TargetGroup{
			TargetGroupArn: aws.String(fmt.Sprintf("tg-%d", n)), VpcId: aws.String(vpc)})
	}
	return out, a.read(ctx, "DescribeTargetGroups")
}

func (a *largeAccount) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, _ ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	out := &elbv2.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		d := elbv2types.TagDescription{ResourceArn: aws.String(arn)}
		if a.tags != nil {
			d.Tags = a.tags(arn)
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, a.read(ctx, "DescribeTags")
}

func (a *largeAccount) DescribeSecurityGroups(ctx context.Context, _ *ec2.DescribeSecurityGroupsInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return &ec2.DescribeSecurityGroupsOutput{}, a.read(ctx, "DescribeSecurityGroups")
}

func (a *largeAccount) inventory(progress func(read, of int)) *inventory.Inventory {
	a.reads, a.turn = map[string]int{}, make(chan struct{}, 1)
	return inventory.New(awsclient.Clients{ELBV2: a, EC2: a}, inventory.Config{Cluster: cluster, VPC: vpc,
		Progress: progress})
}

// writing is the fast lane, which writes after every read: targets, and rules of security groups.
func writing(inv *inventory.Inventory) func() {
	return func() {
		binding := stack.Key{Owner: "binding", ID: stack.ID{Namespace: "shop", Name: "web"}}
		tg, sg := stack.Ref{Literal: "tg-0"}, stack.Ref{Literal: "sg-0"}
		byLiteral := func(r stack.Ref) string { return r.Literal }
		inv.Record(binding, awsop.RegisterTargets{TargetGroup: tg}, awsop.Output{}, byLiteral)
		inv.Record(binding, awsop.AuthorizeSecurityGroupIngress{Group: sg}, awsop.Output{}, byLiteral)
	}
}

// ours finds the one load balancer of this cluster in a large account, behind all others.
func ours(last string) func(arn string) []elbv2types.Tag {
	return func(arn string) (out []elbv2types.Tag) {
		if arn != last {
			return []elbv2types.Tag{{Key: aws.String("owner"), Value: aws.String("others")}}
		}
		for k, v := range tracking("web") {
			out = append(out, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		return out
	}
}

func TestFirstListingDoesNotDelayTargets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &largeAccount{balancers: 10_000, groups: 20_000, pause: 100 * time.Millisecond, tags: ours("lb-9999")}
		var told []int
		inv := a.inventory(func(read, of int) {
			if of != 30_000 {
				t.Errorf("%d of %d", read, of)
			}
			told = append(told, read)
		})
		a.between = writing(inv)
		begun := time.Now()
		keys, err := inv.Keys(t.Context())
		if err != nil || len(keys) != 1 {
			t.Fatalf("%v: %v", keys, err)
		}
		if took := time.Since(begun); a.all != 25+50+1+1500 || took > 3*time.Minute {
			t.Errorf("%v took %v", a.reads, took)
		}
		if len(told) < 10 || len(told) > 16 || told[0] < 1 || told[0] >= told[len(told)-1] {
			t.Errorf("progress was told as %v", told)
		}
	})
}

func TestFirstListingSkipsTagsOfForeignResources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &largeAccount{balancers: 10_000, groups: 20_000, tags: ours("lb-9999")}
		before := a.inventory(nil)
		if _, err := before.Keys(t.Context()); err != nil {
			t.Fatal(err)
		}
		foreign := before.Foreign()
		if len(foreign) != 29_999 {
			t.Fatalf("%d are foreign", len(foreign))
		}
		a.balancers++ // since then
		inv := a.inventory(nil)
		inv.Assume(inventory.Kept{Foreign: foreign, Since: time.Now()})
		keys, err := inv.Keys(t.Context())
		if err != nil || len(keys) != 1 || a.reads["DescribeTags"] != 1 {
			t.Fatalf("%v: %v, %v", keys, err, a.reads)
		}
		if read, err := inv.RereadTags(t.Context()); read || err != nil {
			t.Errorf("they are read again at once: %v", err)
		}
	})
}

func TestAFirstListingThatFailsAgainAndAgainGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &largeAccount{balancers: 2_500, groups: 5_000, pause: time.Millisecond, tags: ours("lb-2499")}
		a.fail = func(_ string, n int) error {
			if n%20 == 0 {
				return context.DeadlineExceeded
			}
			return nil
		}
		inv := a.inventory(nil)
		a.between = writing(inv)
		attempts := 1
		for ; ; attempts++ {
			keys, err := inv.Keys(t.Context())
			if err == nil {
				if len(keys) != 1 {
					t.Errorf("%v", keys)
				}
				break
			}
			if attempts > 100 {
				t.Fatalf("%d attempts and %v: %v", attempts, a.reads, err)
			}
		}
		if a.all > 440 { // 395, one in twenty of them twice
			t.Errorf("%d attempts made %v", attempts, a.reads)
		}
	})
}

func TestAListingThatAWSLeavesHangingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &hangingTags{largeAccount: largeAccount{balancers: 1, groups: 1, reads: map[string]int{},
			turn: make(chan struct{}, 1)}}
		inv := inventory.New(awsclient.Clients{ELBV2: a, EC2: a}, inventory.Config{Cluster: cluster, VPC: vpc})
		begun := time.Now()
		if _, err := inv.Keys(t.Context()); err == nil || time.Since(begun) > 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// hangingTags is an account that answers no question for tags.
type hangingTags struct{ largeAccount }

func (h *hangingTags) DescribeTags(ctx context.Context, _ *elbv2.DescribeTagsInput, _ ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
