package network

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
)

// noVPCs is an EC2 that shows no VPC.
type noVPCs struct {
	awsclient.EC2
	calls int
}

func (n *noVPCs) DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...func(*ec2.Options)) (
	*ec2.DescribeVpcsOutput, error) {
	n.calls++
	return nil, &smithy.GenericAPIError{Code: "InvalidVpcID.NotFound", Message: "The vpc ID does not exist"}
}

// TestAnotherAccountsVPCIsAskedForAgainAfterAPauseOnly has a VPC that is not shown, and the own one, whose absence is
// an error.
func TestAnotherAccountsVPCIsAskedForAgainAfterAPauseOnly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	none := &noVPCs{}
	n := New(none, "vpc-own", func() time.Time { return now }, 0)
	for _, step := range []struct {
		after time.Duration
		calls int // in all
	}{{0, 1}, {time.Second, 1}, {cache.AbsencePauses.First, 2}} {
		now = now.Add(step.after)
		if done := n.vpcs.Refresh(t.Context(), "vpc-other"); done != nil {
			<-done
		}
		if _, known := n.VPCAtHand(t.Context(), "vpc-other"); known || none.calls != step.calls {
			t.Errorf("after %s: known %t, %d calls; want %d", step.after, known, none.calls, step.calls)
		}
	}
	if _, err := n.VPC(t.Context()); err == nil {
		t.Error("the own VPC may be missing")
	}
}

// oneSubnet is an EC2 that shows one subnet.
type oneSubnet struct{ awsclient.EC2 }

func (oneSubnet) DescribeAvailabilityZones(context.Context, *ec2.DescribeAvailabilityZonesInput,
	...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error) {
	return &ec2.DescribeAvailabilityZonesOutput{}, nil
}

func (oneSubnet) DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (
	*ec2.DescribeSubnetsOutput, error) {
	return &ec2.DescribeSubnetsOutput{Subnets: []types.Subnet{{SubnetId: aws.String("subnet-own")}}}, nil
}

// TestListCountsOnceItServes looks at each moment in which the caches look at the clock.
func TestListCountsOnceItServes(t *testing.T) {
	t.Parallel()
	var n *Network
	early := false
	n = New(oneSubnet{}, "vpc-own", func() time.Time {
		early = early || n.Lists() > 0
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}, 0)
	if _, err := n.Subnets(t.Context()); err != nil || early || n.Lists() != 1 {
		t.Errorf("%v, counted before it serves: %t, then %d lists", err, early, n.Lists())
	}
}
