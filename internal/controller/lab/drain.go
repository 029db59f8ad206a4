package lab

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// ForwardTo puts a load balancer of the user's in front of a target group.
func (l *Lab) ForwardTo(arn string) (listener string) {
	l.Helper()
	described, err := l.Sim.Compute.DescribeSubnets(l.Context(), &ec2.DescribeSubnetsInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{VPC}}}})
	l.Must(err)
	zones, subnets := []string{}, []string{}
	for _, s := range described.Subnets {
		if z := aws.ToString(s.AvailabilityZone); !slices.Contains(zones, z) && len(zones) < 2 {
			zones, subnets = append(zones, z), append(subnets, aws.ToString(s.SubnetId))
		}
	}
	lb, err := l.Sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String("theirs"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: subnets,
	})
	l.Must(err)
	out, err := l.Sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &arn}},
	})
	l.Must(err)
	return aws.ToString(out.Listeners[0].ListenerArn)
}

// DrainingLab has a binding of one pod behind a load balancer that is gone but for what drains, for the 300 seconds
// that are the default. The faults last while it goes.
func DrainingLab(t *testing.T, faults ...gate.Fault) (*Lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := New(t, account.Profile{Draining: time.Hour}, Service("web"), Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.ForwardTo(b.Spec.TargetGroupARN)
	l.Create(append(Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	for _, f := range faults {
		_, err := l.Sim.Gate.AddFault(f)
		l.Must(err)
	}
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	l.Sim.Gate.ClearFaults()
	if l.Get(b, "bound") {
		t.Fatal("the binding waits for its targets")
	}
	return l, b
}

// Drain lets time pass, as in a running controller.
func (l *Lab) Drain(d time.Duration) {
	for end := l.Clock.Now().Add(d); l.Clock.Now().Before(end); {
		l.Clock.Advance(time.Second)
		l.Bound.Drains.Look(l.Context())
		l.RunQueues(l.Context())
	}
}

// OtherGroup makes a second target group as a user would.
func (l *Lab) OtherGroup() string {
	l.Helper()
	out, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("other"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(VPC),
	})
	l.Must(err)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}
