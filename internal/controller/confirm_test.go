package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// untag takes all tags off what a stack has in AWS, as somebody does who hands it over to another tool.
func (l *lab) untag() {
	l.Helper()
	r := l.sim.Resources()
	arns := []string{r.LoadBalancers[0].ARN, r.TargetGroups[0].ARN}
	for _, arn := range arns {
		var keys []string
		for _, t := range l.tagsOf(arn) {
			keys = append(keys, aws.ToString(t.Key))
		}
		_, err := l.sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: keys})
		l.must(err)
	}
	for _, g := range r.SecurityGroups {
		if strings.HasPrefix(g.Name, "k8s-shop-") {
			_, err := l.sim.Compute.DeleteTags(l.Context(), &ec2.DeleteTagsInput{Resources: []string{g.ID}, Tags: []ec2types.Tag{}})
			l.must(err)
		}
	}
}

func TestWhatDoesNotCarryTheTagsAnyMoreIsNotDeleted(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	l.untag()
	l.must(l.client.Delete(t.Context(), labIngress("front", nil, "web")))
	mark := l.mark()
	l.settle(implicit("front"))
	if r := l.sim.Resources(); len(r.LoadBalancers) != 1 || len(r.LoadBalancers[0].Listeners) != 1 || len(r.TargetGroups) != 1 {
		t.Errorf("left %v after %v", l.left(), l.writes(mark))
	}
	if told := strings.Join(l.events, "\n"); strings.Count(told, "["+string(diag.ResourceDisowned)+"]") < 2 {
		t.Errorf("told:\n%s", told)
	}
}

// TestTagsAreReadAgainForAllDeletionsTogether deletes a dozen load balancers with a target group and a security group each.
func TestTagsAreReadAgainForAllDeletionsTogether(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	var keys []stack.Key
	for i := range 12 {
		name := fmt.Sprintf("web-%d", i)
		l.create(labIngress(name, nil, "web"))
		keys = append(keys, implicit(name))
	}
	l.settle(keys...)
	for _, k := range keys {
		l.must(l.client.Delete(t.Context(), labIngress(k.ID.Name, nil, "web")))
	}
	mark := l.mark()
	_, err := l.round(keys...)
	l.must(err)
	reads := map[string]int{}
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		reads[c.Action]++
	}
	if reads["DescribeTags"] != 2 || reads["DescribeSecurityGroups"] != 1 || reads["DeleteLoadBalancer"] != 12 {
		t.Errorf("calls: %v", reads)
	}
}

// TestALoadBalancerThatCameWithTheTagsIsSeenBeforeAnotherIsMade has a load balancer of a stack appear long after the account was
// listed.
func TestALoadBalancerThatCameWithTheTagsIsSeenBeforeAnotherIsMade(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	original := l.sim.Resources().LoadBalancers[0].ARN
	handed := l.copyBalancer(original, "handed-over")
	_, err := l.sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{handed}, Tags: tagsFor(l.tagsOf(original), "shop/late")})
	l.must(err)
	l.clock.Advance(11 * time.Minute)
	l.create(labIngress("late", nil, "web"))
	l.settle(implicit("late"))
	r := l.sim.Resources()
	if len(r.LoadBalancers) != 2 {
		t.Fatalf("%d load balancers", len(r.LoadBalancers))
	}
	for _, lb := range r.LoadBalancers {
		if len(lb.Listeners) != 1 {
			t.Errorf("%s has %d listeners", lb.Name, len(lb.Listeners))
		}
	}
}
