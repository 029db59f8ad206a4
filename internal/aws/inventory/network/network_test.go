package network

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
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
	}{{0, 1}, {time.Second, 1}, {absencePauses.First, 2}} {
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
