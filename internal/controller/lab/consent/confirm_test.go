package consent

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// untag takes all tags off what a stack has in AWS, as somebody does who hands it over to another tool.
func untag(l *lab.Lab) {
	l.Helper()
	r := l.Sim.Resources()
	arns := []string{r.LoadBalancers[0].ARN, r.TargetGroups[0].ARN}
	for _, arn := range arns {
		var keys []string
		for _, t := range tagsOf(l, arn) {
			keys = append(keys, aws.ToString(t.Key))
		}
		_, err := l.Sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: keys})
		l.Must(err)
	}
	for _, g := range r.SecurityGroups {
		if strings.HasPrefix(g.Name, "k8s-shop-") {
			_, err := l.Sim.Compute.DeleteTags(l.Context(), &ec2.DeleteTagsInput{Resources: []string{g.ID},
				Tags: []ec2types.Tag{}})
			l.Must(err)
		}
	}
}

func TestWhatDoesNotCarryTheTagsAnyMoreIsNotDeleted(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	untag(l)
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("front", nil, "web")))
	mark := l.Mark()
	l.Settle(lab.Key("front"))
	if r := l.Sim.Resources(); len(r.LoadBalancers) != 1 || len(r.LoadBalancers[0].Listeners) != 1 ||
		len(r.TargetGroups) != 1 {
		t.Errorf("left %v after %v", l.Left(), l.Writes(mark))
	}
	if told := strings.Join(l.Events, "\n"); strings.Count(told, "["+string(diag.ResourceDisowned)+"]") < 2 {
		t.Errorf("told:\n%s", told)
	}
}

// TestTagsAreReadAgainForAllDeletionsTogether deletes a dozen load balancers with a target group and a security group
// each.
func TestTagsAreReadAgainForAllDeletionsTogether(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	var keys []stack.Key
	for i := range 12 {
		name := fmt.Sprintf("web-%d", i)
		l.Create(lab.Ingress(name, nil, "web"))
		keys = append(keys, lab.Key(name))
	}
	l.Settle(keys...)
	for _, k := range keys {
		l.Must(l.Client.Delete(t.Context(), lab.Ingress(k.ID.Name, nil, "web")))
	}
	mark := l.Mark()
	_, err := l.Round(keys...)
	l.Must(err)
	reads := map[string]int{}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		reads[c.Action]++
	}
	if reads["DescribeTags"] != 2 || reads["DescribeSecurityGroups"] != 1 || reads["DeleteLoadBalancer"] != 12 {
		t.Errorf("calls: %v", reads)
	}
}

// TestTaggedLoadBalancerIsFoundBeforeAnotherIsCreated has a load balancer with the tags of a stack
// appear long after the account was listed.
func TestTaggedLoadBalancerIsFoundBeforeAnotherIsCreated(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	original := l.Sim.Resources().LoadBalancers[0].ARN
	handed := copyBalancer(l, original, "handed-over")
	_, err := l.Sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{handed},
		Tags: tagsFor(tagsOf(l, original), "shop/late")})
	l.Must(err)
	l.Clock.Advance(11 * time.Minute)
	l.Create(lab.Ingress("late", nil, "web"))
	l.Settle(lab.Key("late"))
	r := l.Sim.Resources()
	if len(r.LoadBalancers) != 2 {
		t.Fatalf("%d load balancers", len(r.LoadBalancers))
	}
	for _, lb := range r.LoadBalancers {
		if len(lb.Listeners) != 1 {
			t.Errorf("%s has %d listeners", lb.Name, len(lb.Listeners))
		}
	}
}
