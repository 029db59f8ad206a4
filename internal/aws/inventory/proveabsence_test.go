package inventory_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// lagging is AWS where lists miss what was just made, for as long as they really do.
func lagging() account.Profile {
	return account.Profile{Name: "lagging", BalancingListed: account.Real().BalancingListed,
		ComputeDescribed: account.Real().ComputeDescribed}
}

func TestIncompleteListingProvesNoAbsence(t *testing.T) {
	t.Parallel()
	k := key(stack.Ingress, "web")
	byLiteral := func(r stack.Ref) string { return r.Literal }
	for name, create := range map[string]func(f *fixture){
		"target group": func(f *fixture) {
			out, err := f.sim.Balancing.CreateTargetGroup(f.Context(), &elbv2.CreateTargetGroupInput{
				Name: aws.String("web"), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(vpc),
				TargetType: elbv2types.TargetTypeEnumIp,
				Tags: []elbv2types.Tag{{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)},
					{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/web")},
					{Key: aws.String("ingress.k8s.aws/resource"), Value: aws.String("shop/web:80")}},
			})
			if err != nil {
				f.Fatal(err)
			}
			f.inv.Record(k, awsop.CreateTargetGroup{TargetGroup: stack.TargetGroup{ID: "shop/web:80"}}, awsop.Output{
				ID: *out.TargetGroups[0].TargetGroupArn}, byLiteral)
		},
		"load balancer": func(f *fixture) {
			out, err := f.sim.Balancing.CreateLoadBalancer(f.Context(), &elbv2.CreateLoadBalancerInput{
				Name: aws.String("web"), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
				SecurityGroups: []string{webGroup},
				Tags: []elbv2types.Tag{{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)},
					{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/web")},
					{Key: aws.String("ingress.k8s.aws/resource"), Value: aws.String(stack.LoadBalancerIdentity)}},
			})
			if err != nil {
				f.Fatal(err)
			}
			f.inv.Record(k, awsop.CreateLoadBalancer{LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}},
				awsop.Output{ID: *out.LoadBalancers[0].LoadBalancerArn}, byLiteral)
		},
		"security group": func(f *fixture) {
			out, err := f.sim.Compute.CreateSecurityGroup(f.Context(), &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("web"), Description: aws.String("d"), VpcId: aws.String(vpc),
				TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
					Tags: []ec2types.Tag{
						{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)}, {Key: aws.String("ingress.k8s.aws/stack"),
							Value: aws.String("shop/web")},
						{Key: aws.String("ingress.k8s.aws/resource"), Value: aws.String("ManagedLBSecurityGroup")}}}},
			})
			if err != nil {
				f.Fatal(err)
			}
			f.inv.Record(k, awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: "ManagedLBSecurityGroup"}}, awsop.Output{
				ID: *out.GroupId}, byLiteral)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixtureWith(t, lagging())
			held := func() int {
				o, err := f.inv.Observed(t.Context(), k, nil)
				if err != nil {
					t.Fatal(err)
				}
				return len(o.LoadBalancers) + len(o.TargetGroups) + len(o.SecurityGroups)
			}
			certain := func(since time.Time) time.Duration {
				rest, wait, err := f.inv.ProveAbsence(t.Context(), k, since)
				if err != nil || rest.Proven() != (wait == 0) {
					t.Fatalf("%q, %v, %v", rest, wait, err)
				}
				return wait
			}
			held()
			f.clock.Advance(time.Hour)
			young := f.clock.Now()
			create(f)
			if held() != 1 || certain(young) != 0 {
				t.Fatal("what was written through is not believed")
			}
			f.inv.Invalidate(k) // another step has found the account different from what we believe
			want := 1           // the list lags, and what was known is read by its ARN
			if name == "security group" {
				want = 0
			}
			if n := held(); n != want {
				t.Fatalf("after the stack is invalidated, %d are held", n)
			}
			wait := certain(young)
			if wait <= 0 || wait > 5*time.Second {
				t.Fatalf("waits %v, though the listing may miss something", wait)
			}
			f.clock.Advance(wait)
			if wait := certain(young); want == 0 && wait <= 0 || held() != 1 { // it was found, so that there is something to plan
				t.Errorf("waits %v, holds %d", wait, held())
			}
			if wait := certain(young); wait != 0 {
				t.Errorf("waits %v, though everything is known", wait)
			}
		})
	}
}

// TestStacksThatGoWhileAListingIsUnderWayShareItAsTheProof has two stacks of a former process let go of at about the
// same time.
func TestStacksThatGoWhileAListingIsUnderWayShareItAsTheProof(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureWith(t, account.Profile{})
		late := &lateGroups{EC2: f.sim.Compute}
		f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: late, ACM: f.sim.Trust, STS: f.sim.Identity},
			f.config())
		before := f.clock.Now().Add(-time.Hour)
		if err := f.inv.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Minute)
		f.reads()
		certain := func(name string) {
			if gone, wait, err := f.inv.ProveAbsence(t.Context(), key(stack.Ingress, name), before); !gone.Proven() ||
				err != nil {
				t.Errorf("%s: %q, %v, %v", name, gone, wait, err)
			}
		}
		var other sync.WaitGroup
		late.meanwhile = func() {
			other.Go(func() { certain("other") })
			synctest.Wait()
		}
		certain("web")
		other.Wait()
		if n := f.reads()["DescribeLoadBalancers"]; n != 1 {
			t.Errorf("%d listings, want one for both", n)
		}
	})
}
