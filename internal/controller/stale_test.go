package controller

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// TestAPassWhoseFactsWereKnownGoesOnWhileEC2Hangs edits an Ingress after the time of all that was asked of EC2 is over, while EC2 does
// not answer: the edit is carried out at once, and a later pass rests on what EC2 says then.
func TestAPassWhoseFactsWereKnownGoesOnWhileEC2Hangs(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"security-groups": "demo-web"}, "web"))
	l.moment = 20 * time.Millisecond
	l.restart()
	l.settle(implicit("web"))
	l.clock.Advance(time.Hour)
	reads := []string{"DescribeSubnets", "DescribeRouteTables", "DescribeSecurityGroups", "DescribeVpcs", "DescribeAvailabilityZones"}
	const hangs = 24 * time.Hour
	for _, action := range reads {
		_, err := l.sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Latency: hangs})
		l.must(err)
	}
	web := &networkingv1.Ingress{}
	l.get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	l.must(l.client.Update(l.Context(), web))
	mark := l.mark()
	again, err := l.ingresses.Reconcile(l.Context(), implicit("web"))
	if err != nil || again.RequeueAfter == 0 || again.RequeueAfter > time.Minute {
		t.Errorf("%+v, %v: it is not looked again", again, err)
	}
	if w := l.writes(mark); len(w) != 1 || w[0] != "ModifyLoadBalancerAttributes" {
		t.Errorf("writes %v", w)
	}
	if warned := l.warnings(0); len(warned) > 0 {
		t.Errorf("%v", warned)
	}
	for _, action := range reads {
		l.sim.Gate.RemoveFault(action)
	}
	l.clock.Advance(hangs) // what hung comes back
	for again.RequeueAfter > 0 {
		if again, err = l.ingresses.Reconcile(l.Context(), implicit("web")); err != nil {
			t.Fatal(err)
		}
	}
	if total, by := l.counts(mark); total > 10 {
		t.Errorf("%d calls: %v", total, by)
	}
}

// TestWhatIsMissingFromAnOldAnswerIsReadBeforeItIsReported names a security group that was made after the groups were listed.
func TestWhatIsMissingFromAnOldAnswerIsReadBeforeItIsReported(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"security-groups": "demo-web"}, "web"))
	l.moment = time.Nanosecond // every answer past its lifetime serves on
	l.restart()
	l.settle(implicit("web"))
	l.clock.Advance(30 * time.Minute)
	_, err := l.sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("new"), Description: aws.String("new"), VpcId: aws.String("vpc-0a1de000000000001"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("new")}}}}})
	l.must(err)
	web := &networkingv1.Ingress{}
	l.get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/security-groups"] = "new"
	l.must(l.client.Update(l.Context(), web))
	mark := l.mark()
	_, err = l.ingresses.Reconcile(l.Context(), implicit("web"))
	l.must(err)
	if warned := l.warnings(0); len(warned) > 0 {
		t.Errorf("%v", warned)
	}
	if w := l.writes(mark); len(w) != 1 || w[0] != "SetSecurityGroups" {
		t.Errorf("writes %v", w)
	}
}
