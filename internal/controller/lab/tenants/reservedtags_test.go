package tenants

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// taggedBefore puts tags on the load balancers, target groups and managed security groups of the account, as a
// controller did that admits any tag.
func taggedBefore(l *lab.Lab, tags map[string]string) {
	l.Helper()
	var balancing []elbtypes.Tag
	var compute []ec2types.Tag
	for k, v := range tags {
		balancing, compute = append(balancing, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)}),
			append(compute, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	r := l.Sim.Resources()
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
	_, err := l.Sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: arns, Tags: balancing})
	l.Must(err)
	_, err = l.Sim.Compute.CreateTags(l.Context(), &ec2.CreateTagsInput{Resources: groups, Tags: compute})
	l.Must(err)
}

func TestReservedTagsOfAnUpgradeStay(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	before := l.Sim.Resources().LoadBalancers[0]
	forged := map[string]string{
		"service.k8s.aws/stack": "shop/db", "service.k8s.aws/resource": "LoadBalancer",
		"elbv2.k8s.aws/resource": "backend-sg", "kubernetes.io/cluster/theirs": "owned",
		"karpenter.sh/discovery": "demo",
	}
	taggedBefore(l, forged)
	var declared []string
	for k, v := range forged {
		declared = append(declared, k+"="+v)
	}
	l.EditWeb(func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/tags"] = strings.Join(declared, ",")
	})
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("the upgrade writes %v", w)
	}
	if !l.Told("web", "tag key service.k8s.aws/stack is reserved") {
		t.Errorf("events: %s", strings.Join(l.Events, "\n"))
	}

	l.EditWeb(func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/edited" })
	l.Settle(lab.Key("web"))
	r := l.Sim.Resources()
	if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != before.ARN ||
		!slices.Equal(r.LoadBalancers[0].SecurityGroups, before.SecurityGroups) {
		t.Fatalf("after an edit: %+v, before %+v", r.LoadBalancers, before)
	}
	if rules := l.Writes(mark); len(rules) == 0 {
		t.Error("an edit of rules is not carried out")
	}

	l.EditWeb(func(i *networkingv1.Ingress) { delete(i.Annotations, "alb.ingress.kubernetes.io/tags") })
	l.Settle(lab.Key("web"))
	for k := range l.Sim.Resources().LoadBalancers[0].Tags {
		if _, stays := forged[k]; stays {
			t.Errorf("tag %s stays, though nobody declares it", k)
		}
	}
}

func TestForgedTagsBlockNoOtherStack(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("mal"), lab.Ingress("mal", nil, "mal"))
	l.Settle(lab.Key("mal"))
	taggedBefore(l, map[string]string{"elbv2.k8s.aws/resource": "backend-sg", "gateway.k8s.aws.alb/stack": "shop/gw",
		"gateway.k8s.aws.alb/resource": "LoadBalancer"})
	mal := l.Sim.Resources().LoadBalancers[0]
	l.Create(lab.Ingress("web", nil, "web"))
	l.Restart()
	l.Settle(lab.Key("mal"), lab.Key("web"))
	for _, lb := range l.Sim.Resources().LoadBalancers {
		switch shared := intersection(lb.SecurityGroups, mal.SecurityGroups); {
		case lb.ARN == mal.ARN && !slices.Equal(lb.SecurityGroups, mal.SecurityGroups):
			t.Errorf("the groups of the forged load balancer: %v, before %v", lb.SecurityGroups, mal.SecurityGroups)
		case lb.ARN != mal.ARN && len(shared) != 1: // the backend group
			t.Errorf("groups of both load balancers: %v", shared)
		}
	}
	if l.Told("web", "FailedDeployModel") {
		t.Errorf("events: %s", strings.Join(l.Events, "\n"))
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
