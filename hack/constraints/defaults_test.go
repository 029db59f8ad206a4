package constraints

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// TestDefaultsAreThoseOfTheSimulator compares the defaults for which the controller sends no call, and those of
// attributes that protect, with what the simulator shows of new resources.
func TestDefaultsAreThoseOfTheSimulator(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.everyGroup()
	seen := 0
	compare := func(of constraint.Subject, key, shown, want string, known bool) {
		if !known {
			return
		}
		if seen++; shown != want {
			t.Errorf("%+v: %s is %q in the simulator, and %q for the controller", of, key, shown, want)
		}
	}
	for of, arn := range b.resources {
		for key, shown := range b.attributes(of, arn) {
			switch of.Kind {
			case constraint.LoadBalancer:
				v, known := canonical.LoadBalancerDefault(stack.LoadBalancer{Type: of.Type, Scheme: stack.Internal}, key)
				compare(of, key, shown, v, known)
			case constraint.TargetGroup:
				v, known := canonical.TargetGroupDefault(stack.TargetGroup{Protocol: of.Protocol, TargetType: of.TargetType}, key)
				compare(of, key, shown, v, known)
			case constraint.Listener:
				v, known := canonical.ListenerDefault(stack.Listener{Protocol: of.Protocol}, key)
				compare(of, key, shown, v, known)
			}
			for _, p := range constraint.ProtectiveAttributes {
				if p.Key == key && of.Kind == constraint.LoadBalancer {
					compare(of, key, shown, p.Default, true)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d defaults are compared", seen)
	}
}

// attributes are those of a resource.
func (b *bench) attributes(of constraint.Subject, arn string) map[string]string {
	b.Helper()
	out := map[string]string{}
	switch of.Kind {
	case constraint.LoadBalancer:
		all, err := b.sim.Balancing.DescribeLoadBalancerAttributes(b.Context(), &elbv2.DescribeLoadBalancerAttributesInput{
			LoadBalancerArn: &arn})
		b.must(err)
		for _, a := range all.Attributes {
			out[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	case constraint.TargetGroup:
		all, err := b.sim.Balancing.DescribeTargetGroupAttributes(b.Context(), &elbv2.DescribeTargetGroupAttributesInput{
			TargetGroupArn: &arn})
		b.must(err)
		for _, a := range all.Attributes {
			out[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	case constraint.Listener:
		all, err := b.sim.Balancing.DescribeListenerAttributes(b.Context(), &elbv2.DescribeListenerAttributesInput{
			ListenerArn: &arn})
		b.must(err)
		for _, a := range all.Attributes {
			out[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	}
	return out
}
