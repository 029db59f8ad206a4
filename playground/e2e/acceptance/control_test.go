package acceptance

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// controlPort is the control port of the only target group of a load balancer.
func controlPort(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: aws.String(arn)})
	if err != nil || len(out.TargetGroups) != 1 {
		t.Fatalf("target groups %+v, %v", out, err)
	}
	return aws.ToInt32(out.TargetGroups[0].TargetControlPort)
}
