package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// taggedBefore puts tags on the load balancers, target groups and managed security groups of the account, as a controller did that admits any tag.
func (l *lab) taggedBefore(tags map[string]string) {
	l.Helper()
	var balancing []elbtypes.Tag
	var compute []ec2types.Tag
	for k, v := range tags {
		balancing, compute = append(balancing, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)}), append(compute, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	r := l.sim.Resources()
	var arns, groups []string
	for _, lb := range r.LoadBalancers {
		arns = append(arns, lb.ARN)
	}
	for _, tg := range r.TargetGroups {
		arns = append(arns, tg.ARN)
	}
	for _, g := range r.SecurityGroups {
		if g.Tags["ingress.k8s.aws/resource"] == "ManagedLBSecurityGroup" {
			groups = append(groups, g.ID)
		}
	}
	_, err := l.sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: arns, Tags: balancing})
	l.must(err)
	_, err = l.sim.Compute.CreateTags(l.Context(), &ec2.CreateTagsInput{Resources: groups, Tags: compute})
	l.must(err)
}

func TestReservedTagsOfAnUpgradeStay(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	before := l.sim.Resources().LoadBalancers[0]
	forged := map[string]string{
		"service.k8s.aws/stack": "shop/db", "service.k8s.aws/resource": "LoadBalancer", "elbv2.k8s.aws/resource": "backend-sg", "kubernetes.io/cluster/theirs": "owned",
	}
	l.taggedBefore(forged)
	var declared []string
	for k, v := range forged {
		declared = append(declared, k+"="+v)
	}
	l.editWeb(func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/tags"] = strings.Join(declared, ",")
	})
	l.restart()
	mark := l.mark()
	l.settle(implicit("web"))
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("the upgrade writes %v", w)
	}
	if !l.told("web", "tag key service.k8s.aws/stack is reserved") {
		t.Errorf("events: %s", strings.Join(l.events, "\n"))
	}

	l.editWeb(func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/edited" })
	l.settle(implicit("web"))
	r := l.sim.Resources()
	if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != before.ARN || !slices.Equal(r.LoadBalancers[0].SecurityGroups, before.SecurityGroups) {
		t.Fatalf("after an edit: %+v, before %+v", r.LoadBalancers, before)
	}
	if rules := l.writes(mark); len(rules) == 0 {
		t.Error("an edit of rules is not carried out")
	}

	l.editWeb(func(i *networkingv1.Ingress) { delete(i.Annotations, "alb.ingress.kubernetes.io/tags") })
	l.settle(implicit("web"))
	for k := range l.sim.Resources().LoadBalancers[0].Tags {
		if _, stays := forged[k]; stays {
			t.Errorf("tag %s stays, though nobody declares it", k)
		}
	}
}

func TestForgedTagsBlockNoOtherStack(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("mal"), labIngress("mal", nil, "mal"))
	l.settle(implicit("mal"))
	l.taggedBefore(map[string]string{"elbv2.k8s.aws/resource": "backend-sg", "gateway.k8s.aws.alb/stack": "shop/gw", "gateway.k8s.aws.alb/resource": "LoadBalancer"})
	mal := l.sim.Resources().LoadBalancers[0]
	l.create(labIngress("web", nil, "web"))
	l.restart()
	l.settle(implicit("mal"), implicit("web"))
	for _, lb := range l.sim.Resources().LoadBalancers {
		switch shared := intersection(lb.SecurityGroups, mal.SecurityGroups); {
		case lb.ARN == mal.ARN && !slices.Equal(lb.SecurityGroups, mal.SecurityGroups):
			t.Errorf("the groups of the forged load balancer: %v, before %v", lb.SecurityGroups, mal.SecurityGroups)
		case lb.ARN != mal.ARN && len(shared) != 1: // the backend group
			t.Errorf("groups of both load balancers: %v", shared)
		}
	}
	if l.told("web", "FailedDeployModel") {
		t.Errorf("events: %s", strings.Join(l.events, "\n"))
	}
}

func intersection(a, b []string) (out []string) {
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}
