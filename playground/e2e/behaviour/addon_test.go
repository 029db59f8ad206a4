package behaviour

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// reserved is the reserved capacity of a load balancer.
func reserved(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeCapacityReservation(t.Context(), &elb.DescribeCapacityReservationInput{LoadBalancerArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	if out.MinimumLoadBalancerCapacity == nil {
		return 0
	}
	return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits)
}
