package inventory_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func webTags() map[string]string {
	return map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": "shop/web",
		"ingress.k8s.aws/resource": "LoadBalancer"}
}

// webStack is a wish that manages attributes of the load balancer and of nothing else.
func webStack(k stack.Key) *stack.Stack {
	return &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{
		{ID: "LoadBalancer", Type: stack.Application, Attributes: map[string]string{"idle_timeout.timeout_seconds": "60"}}}}
}

func TestWhatIsChangedByHandIsSeenWithoutAListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, _ := f.balancer("web", webTags())
	k := key(stack.Ingress, "web")
	look := func() awsop.Observed {
		o, err := f.inv.Observed(f.Context(), k, webStack(k))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	before := look()
	f.reads()
	if _, err := f.sim.Balancing.ModifyLoadBalancerAttributes(f.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: aws.String(lb), Attributes: []elbv2types.LoadBalancerAttribute{
			{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("99")}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.DeleteRule(f.Context(), &elbv2.DeleteRuleInput{
		RuleArn: aws.String(before.Rules[0].ARN)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.AddTags(f.Context(), &elbv2.AddTagsInput{ResourceArns: []string{lb},
		Tags: []elbv2types.Tag{{Key: aws.String("by"), Value: aws.String("hand")}}}); err != nil {
		t.Fatal(err)
	}
	f.reads()
	read, err := f.inv.Reread(f.Context(), k)
	if err != nil || !read {
		t.Fatal(read, err)
	}
	calls := f.reads()
	if calls["DescribeTargetGroupAttributes"]+calls["DescribeListenerAttributes"] != 0 ||
		calls["DescribeLoadBalancers"] != 1 {
		t.Errorf("calls: %v", calls)
	}
	o := look()
	if len(o.Rules) != 0 || o.LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"] != "99" ||
		o.LoadBalancers[0].Tags["by"] != "hand" || len(o.Listeners) != 1 {
		t.Errorf("observed %+v", o)
	}
	if more := f.reads(); len(more) != 0 {
		t.Errorf("the pass after it reads again: %v", more)
	}
}

func TestWhatVanishedIsListedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, _ := f.balancer("web", webTags())
	k := key(stack.Ingress, "web")
	if _, err := f.inv.Observed(f.Context(), k, webStack(k)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.DeleteLoadBalancer(f.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: aws.String(lb)}); err != nil {
		t.Fatal(err)
	}
	if read, err := f.inv.Reread(f.Context(), k); err != nil || !read {
		t.Fatal(read, err)
	}
	o, err := f.inv.Observed(f.Context(), k, webStack(k))
	if err != nil || len(o.LoadBalancers) != 0 || len(o.TargetGroups) != 1 {
		t.Errorf("observed %+v, %v", o, err)
	}
}

func TestWhatWasTakenAwayByItsTagsIsNoLongerTheStacks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, _ := f.balancer("web", webTags())
	k := key(stack.Ingress, "web")
	if _, err := f.inv.Observed(f.Context(), k, webStack(k)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.RemoveTags(f.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{lb},
		TagKeys: []string{"ingress.k8s.aws/stack"}}); err != nil {
		t.Fatal(err)
	}
	if read, err := f.inv.Reread(f.Context(), k); err != nil || !read {
		t.Fatal(read, err)
	}
	o, err := f.inv.Observed(f.Context(), k, webStack(k))
	if err != nil || len(o.LoadBalancers) != 0 {
		t.Errorf("observed %+v, %v", o, err)
	}
}

func TestNothingIsReadAgainThatWasNeverRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if read, err := f.inv.Reread(f.Context(), key(stack.Ingress, "web")); err != nil || read {
		t.Error(read, err)
	}
	if calls := f.reads(); len(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
}
