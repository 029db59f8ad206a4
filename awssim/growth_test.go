package awssim

import (
	"runtime"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestLoadBalancersCostTheSameHoweverManyThereAre shows what the simulator allocates for the creation of a load
// balancer with its listener and target group, and for the reads of one of them, among many.
func TestLoadBalancersCostTheSameHoweverManyThereAre(t *testing.T) { // not parallel: it counts bytes
	var creation, reads []growth.Point
	for _, n := range growth.Sizes {
		s, err := New(Options{KeepCalls: 100})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		balancers, groups := create(t, s, n)
		runtime.ReadMemStats(&after)
		creation = append(creation, growth.Point{N: n, Cost: float64(after.TotalAlloc-before.TotalAlloc) / float64(n)})
		reads = append(reads, growth.Point{N: n, Cost: growth.Bytes(func() {
			for _, err := range []error{
				second(s.Balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{
					LoadBalancerArns: balancers[:1]})),
				second(s.Balancing.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: &balancers[0]})),
				second(s.Balancing.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &groups[0]})),
			} {
				if err != nil {
					t.Error(err)
				}
			}
		})})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for what, points := range map[string][]growth.Point{"bytes of a creation, by load balancers": creation,
		"bytes of three reads, by load balancers": reads} {
		growth.Log(t, what, points)
		if e := growth.Exponent(points); e > growth.Constant {
			t.Errorf("%s: exponent %.2f, want at most %.2f", what, e, growth.Constant)
		}
	}
}

func second[T any](_ T, err error) error { return err }
