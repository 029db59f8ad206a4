package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
)

// tagsOf are the tags of a resource of ELBv2, as a tool that copies resources reads them.
func (l *lab) tagsOf(arn string) []elbtypes.Tag {
	l.Helper()
	out, err := l.sim.Balancing.DescribeTags(l.Context(), &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	l.must(err)
	return out.TagDescriptions[0].Tags
}

// copyBalancer makes a load balancer of the same kind, with the same tags and without listeners.
func (l *lab) copyBalancer(of, name string) string {
	l.Helper()
	in := &elbv2.CreateLoadBalancerInput{Name: &name, Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing, Tags: l.tagsOf(of)}
	out, err := l.sim.Balancing.DescribeLoadBalancers(l.Context(), &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{of}})
	l.must(err)
	for _, z := range out.LoadBalancers[0].AvailabilityZones {
		in.Subnets = append(in.Subnets, aws.ToString(z.SubnetId))
	}
	made, err := l.sim.Balancing.CreateLoadBalancer(l.Context(), in)
	l.must(err)
	return aws.ToString(made.LoadBalancers[0].LoadBalancerArn)
}

// TestACopyOfALoadBalancerStaysUntilItsDeletionIsConsentedTo has some tool copy a load balancer and a target group with their tags;
// the copies' ARNs are before and after the originals'. A new process finds them.
func TestACopyOfALoadBalancerStaysUntilItsDeletionIsConsentedTo(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	r := l.sim.Resources()
	original, group := r.LoadBalancers[0].ARN, r.TargetGroups[0].ARN
	var copies []string
	for _, name := range []string{"copy-one", "copy-two", "copy-three"} {
		copies = append(copies, l.copyBalancer(original, name))
		made, err := l.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
			Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(labVPC), Tags: l.tagsOf(group),
		})
		l.must(err)
		copies = append(copies, aws.ToString(made.TargetGroups[0].TargetGroupArn))
	}
	l.restart()
	mark := l.mark()
	l.settle(implicit("front"))
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("written: %v", w)
	}
	if n := len(l.sim.Resources().LoadBalancers); n != 4 {
		t.Fatalf("%d load balancers", n)
	}
	told := strings.Join(l.events, "\n")
	for _, arn := range copies {
		if strings.Count(told, "write "+arn+" into annotation "+string(annotation.DeleteDuplicates)) != 1 {
			t.Errorf("%s is not told once:\n%s", arn, told)
		}
	}
	if strings.Count(told, "["+string(diag.DuplicateResource)+"]") != len(copies) {
		t.Errorf("told:\n%s", told)
	}
	ing := &networkingv1.Ingress{}
	if l.get(ing, "front"); len(ing.Status.LoadBalancer.Ingress) != 1 || ing.Status.LoadBalancer.Ingress[0].Hostname != r.LoadBalancers[0].DNSName {
		t.Errorf("status: %+v", ing.Status)
	}

	// An edit of the rest is carried out beside them.
	l.create(labService("more"))
	more := labIngress("front", map[string]string{"delete-duplicates": copies[0] + ", " + copies[1]}, "web", "more")
	ing.Spec, ing.Annotations = more.Spec, more.Annotations
	l.must(l.client.Update(t.Context(), ing))
	l.settle(implicit("front"))
	r = l.sim.Resources()
	if len(r.LoadBalancers) != 3 || len(r.TargetGroups) != 4 {
		t.Errorf("left: %v", l.left())
	}
	for _, lb := range r.LoadBalancers {
		if lb.ARN == copies[0] || lb.ARN == original && len(lb.Listeners[0].Rules) != 3 {
			t.Errorf("%s has %d rules", lb.Name, len(lb.Listeners[0].Rules))
		}
	}

	// The Ingress goes; what is not consented to stays, and holds it up no longer.
	l.must(l.client.Delete(t.Context(), ing))
	l.settle(implicit("front"))
	if l.get(ing, "front") {
		t.Error("the Ingress is held up")
	}
	for _, lb := range l.sim.Resources().LoadBalancers {
		if lb.ARN == original {
			t.Error("the original is left")
		}
	}
}

// TestACopyOfALoadBalancerStaysWhenTheDeletionOfTheOriginalTakesSeveralPasses: AWS lets go of target groups and security groups some time
// after the load balancer that used them, so that later passes find the copy alone.
func TestACopyOfALoadBalancerStaysWhenTheDeletionOfTheOriginalTakesSeveralPasses(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{InterfaceRelease: 40 * time.Second, TargetGroupRelease: 5 * time.Second}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	duplicate := l.copyBalancer(l.sim.Resources().LoadBalancers[0].ARN, "copy")
	l.restart()
	l.settle(implicit("front"))
	ing := &networkingv1.Ingress{}
	l.get(ing, "front")
	l.must(l.client.Delete(t.Context(), ing))
	l.settle(implicit("front"))
	r := l.sim.Resources()
	if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != duplicate || len(r.TargetGroups) > 0 {
		t.Errorf("left: %v", l.left())
	}
	if l.get(ing, "front") {
		t.Error("the Ingress is held up")
	}
	if n := strings.Count(strings.Join(l.events, "\n"), "["+string(diag.DuplicateResource)+"]"); n != 1 {
		t.Errorf("told %d times:\n%s", n, strings.Join(l.events, "\n"))
	}
}

// tagsFor are tags with another stack's name.
func tagsFor(tags []elbtypes.Tag, name string) []elbtypes.Tag {
	out := slices.Clone(tags)
	for i := range out {
		if aws.ToString(out[i].Key) == "ingress.k8s.aws/stack" {
			out[i].Value = &name
		}
	}
	return out
}
