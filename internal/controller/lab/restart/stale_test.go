package restart

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAPassWhoseFactsWereKnownGoesOnWhileEC2Hangs edits an Ingress after the time of all that was asked of EC2 is over,
// while EC2 does not answer: the edit is carried out at once, and a later pass rests on what EC2 says then.
func TestAPassWhoseFactsWereKnownGoesOnWhileEC2Hangs(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Ingress("web", map[string]string{"security-groups": "demo-web"}, "web"))
	l.Moment = 20 * time.Millisecond
	l.Restart()
	l.Settle(lab.Key("web"))
	l.Clock.Advance(time.Hour)
	reads := []string{"DescribeSubnets", "DescribeRouteTables", "DescribeSecurityGroups", "DescribeVpcs",
		"DescribeAvailabilityZones"}
	const hangs = 24 * time.Hour
	for _, action := range reads {
		_, err := l.Sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Latency: hangs})
		l.Must(err)
	}
	web := &networkingv1.Ingress{}
	l.Get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	l.Must(l.Client.Update(l.Context(), web))
	mark := l.Mark()
	again, err := l.Ingresses.Reconcile(l.Context(), lab.Key("web"))
	if err != nil || again.RequeueAfter == 0 || again.RequeueAfter > time.Minute {
		t.Errorf("%+v, %v: it is not looked again", again, err)
	}
	if w := l.Writes(mark); len(w) != 1 || w[0] != "ModifyLoadBalancerAttributes" {
		t.Errorf("writes %v", w)
	}
	if warned := l.Warnings(0); len(warned) > 0 {
		t.Errorf("%v", warned)
	}
	for _, action := range reads {
		l.Sim.Gate.RemoveFault(action)
	}
	l.Clock.Advance(hangs) // what hung comes back
	for again.RequeueAfter > 0 {
		if again, err = l.Ingresses.Reconcile(l.Context(), lab.Key("web")); err != nil {
			t.Fatal(err)
		}
	}
	if total, by := l.Counts(mark); total > 10 {
		t.Errorf("%d calls: %v", total, by)
	}
}

// TestWhatIsMissingFromAnOldAnswerIsReadBeforeItIsReported names a security group that was made after the groups were
// listed.
func TestWhatIsMissingFromAnOldAnswerIsReadBeforeItIsReported(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Ingress("web", map[string]string{"security-groups": "demo-web"}, "web"))
	l.Moment = time.Nanosecond // every answer past its lifetime serves on
	l.Restart()
	l.Settle(lab.Key("web"))
	l.Clock.Advance(30 * time.Minute)
	_, err := l.Sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("new"),
		Description: aws.String("new"), VpcId: aws.String("vpc-0a1de000000000001"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("new")}}}}})
	l.Must(err)
	web := &networkingv1.Ingress{}
	l.Get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/security-groups"] = "new"
	l.Must(l.Client.Update(l.Context(), web))
	mark := l.Mark()
	_, err = l.Ingresses.Reconcile(l.Context(), lab.Key("web"))
	l.Must(err)
	if warned := l.Warnings(0); len(warned) > 0 {
		t.Errorf("%v", warned)
	}
	if w := l.Writes(mark); len(w) != 1 || w[0] != "SetSecurityGroups" {
		t.Errorf("writes %v", w)
	}
}
