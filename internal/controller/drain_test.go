package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// forwardTo puts a load balancer of the user's in front of a target group.
func (l *lab) forwardTo(arn string) (listener string) {
	l.Helper()
	described, err := l.sim.Compute.DescribeSubnets(l.Context(), &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{labVPC}}}})
	l.must(err)
	zones, subnets := []string{}, []string{}
	for _, s := range described.Subnets {
		if z := aws.ToString(s.AvailabilityZone); !slices.Contains(zones, z) && len(zones) < 2 {
			zones, subnets = append(zones, z), append(subnets, aws.ToString(s.SubnetId))
		}
	}
	lb, err := l.sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String("theirs"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: subnets,
	})
	l.must(err)
	out, err := l.sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &arn}},
	})
	l.must(err)
	return aws.ToString(out.Listeners[0].ListenerArn)
}

// drainingLab has a binding of one pod behind a load balancer that is gone but for what drains, for the 300 seconds that are the
// default. The faults last while it goes.
func drainingLab(t *testing.T, faults ...gate.Fault) (*lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := newLab(t, account.Profile{Draining: time.Hour}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.forwardTo(b.Spec.TargetGroupARN)
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	for _, f := range faults {
		_, err := l.sim.Gate.AddFault(f)
		l.must(err)
	}
	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	l.sim.Gate.ClearFaults()
	if l.get(b, "bound") {
		t.Fatal("the binding waits for its targets")
	}
	return l, b
}

// drain lets time pass, as in a running controller.
func (l *lab) drain(d time.Duration) {
	for end := l.clock.Now().Add(d); l.clock.Now().Before(end); {
		l.clock.Advance(time.Second)
		l.bound.Drains.Look(l.Context())
		l.runQueues(l.Context())
	}
}

// keepsRulesWhileTargetsDrain expects the rule for the targets that left for four minutes, and none after ten.
func (l *lab) keepsRulesWhileTargetsDrain() {
	l.Helper()
	l.drain(4 * time.Minute)
	if got, want := l.admitted(labNodeGroup), []string{labPeer + " 8080-8080"}; !slices.Equal(got, want) {
		l.Errorf("while they drain: rules %v, want %v", got, want)
	}
	l.drain(6 * time.Minute)
	if got := l.admitted(labNodeGroup); len(got) != 0 {
		l.Errorf("afterwards: rules %v", got)
	}
}

// restsAfterDraining expects that nothing is looked at any more.
func (l *lab) restsAfterDraining() {
	l.Helper()
	mark := l.mark()
	l.drain(time.Hour)
	if calls := l.sim.Gate.Calls(gate.Filter{After: mark}); len(calls) != 0 || l.bound.Drains.Len() != 0 {
		l.Errorf("it is still looked at: %v", calls)
	}
}

func TestTheRulesOfABindingThatEndsStayUntilItsTargetsHaveDrained(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t)
	l.keepsRulesWhileTargetsDrain()
	l.restsAfterDraining()
}

// TestTheRulesOfABindingThatEndsStayWhileAWSDoesNotShowWhetherItsTargetsDrain refuses the read right after the deregistration.
func TestTheRulesOfABindingThatEndsStayWhileAWSDoesNotShowWhetherItsTargetsDrain(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t, gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403, Message: "no"})
	l.keepsRulesWhileTargetsDrain()
	l.restsAfterDraining()
}

func TestLookingWhetherTargetsDrainIsRare(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t)
	mark := l.mark()
	l.drain(10 * time.Minute)
	reads := 0
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "DescribeTargetHealth" {
			reads++
		}
	}
	if reads == 0 || reads > 8 {
		t.Errorf("%d reads", reads)
	}
}

func TestRulesDoNotStayForever(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t)
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403, Message: "no"})
	l.must(err)
	l.drain(time.Hour)
	if got := l.admitted(labNodeGroup); len(got) != 1 {
		t.Errorf("as long as nobody can tell: rules %v", got)
	}
	l.drain(10 * time.Minute)
	if got := l.admitted(labNodeGroup); len(got) != 0 {
		t.Errorf("in the end: rules %v", got)
	}
}

func TestRulesAreNotKeptForATargetGroupThatIsGone(t *testing.T) {
	t.Parallel()
	l, b := drainingLab(t)
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "TargetGroupNotFound", Status: 400, Message: "One or more target groups not found"})
	l.must(err)
	l.drain(10 * time.Second)
	if got := l.admitted(labNodeGroup); len(got) != 0 {
		t.Errorf("rules %v for %s", got, b.Spec.TargetGroupARN)
	}
}

func TestARevocationThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t)
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "RevokeSecurityGroupIngress", Code: "UnauthorizedOperation", Status: 403, Message: "no"})
	l.must(err)
	l.drain(11 * time.Minute)
	if got := l.admitted(labNodeGroup); len(got) != 1 {
		t.Errorf("rules %v", got)
	}
	l.sim.Gate.ClearFaults()
	l.drain(5 * time.Minute)
	if got := l.admitted(labNodeGroup); len(got) != 0 {
		t.Errorf("rules %v", got)
	}
}

func TestALaterLifeTakesTheRulesOfADrainAway(t *testing.T) {
	t.Parallel()
	l, _ := drainingLab(t)
	l.flags("--binding-networking=any-port")
	other := labBinding(l.otherGroup(), v1beta1.TargetTypeIP)
	other.Name, other.UID = "other", "uid-other"
	other.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9090))
	l.create(other)
	l.settle()
	if got, want := l.admitted(labNodeGroup), []string{labPeer + " 9090-9090"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

// otherGroup makes a second target group as a user would.
func (l *lab) otherGroup() string {
	l.Helper()
	out, err := l.sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("other"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(labVPC),
	})
	l.must(err)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

func TestABindingThatComesBackWhileItsTargetsDrainKeepsItsRules(t *testing.T) {
	t.Parallel()
	l, b := drainingLab(t)
	again := labBinding(b.Spec.TargetGroupARN, v1beta1.TargetTypeIP)
	again.UID = "uid-again"
	l.create(again)
	mark := l.mark()
	l.settle()
	l.drain(10 * time.Minute)
	if got, want := l.admitted(labNodeGroup), []string{labPeer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	if w := l.writes(mark); !slices.Equal(w, []string{"RegisterTargets"}) {
		t.Errorf("AWS was told %v", w)
	}
}

// leavingLab has a binding of one pod behind a load balancer; the pod has just gone, and its target drains for the 300 seconds that are the default.
func leavingLab(t *testing.T, prepare ...func(*lab)) (*lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := newLab(t, account.Profile{Draining: time.Hour}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	for _, p := range prepare {
		p(l)
	}
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.forwardTo(b.Spec.TargetGroupARN)
	pods := labPods("a", "10.0.128.50")
	l.create(append(pods, b)...)
	l.settle()
	if got := l.admitted(labNodeGroup); len(got) != 1 {
		t.Fatalf("rules %v", got)
	}
	for _, o := range pods {
		l.must(l.client.Delete(t.Context(), o))
	}
	l.settle()
	return l, b
}

func TestTheRulesOfAGroupStayUntilItsLastTargetHasDrained(t *testing.T) {
	t.Parallel()
	l, _ := leavingLab(t)
	l.keepsRulesWhileTargetsDrain()
	l.restsAfterDraining()
}

func TestTheRulesOfAGroupStayUntilItsLastTargetHasDrainedWhenTheProcessEndsMeanwhile(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"no checkpoints": false, "checkpoints": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := leavingLab(t, func(l *lab) {
				if l.checkpointed = keeps; keeps {
					l.restart()
				}
			})
			if keeps {
				l.crash()
			}
			l.restart()
			l.settle()
			l.keepsRulesWhileTargetsDrain()
		})
	}
}

func TestRulesForAnotherPortStayUntilTheTargetsOfTheFormerOneHaveDrained(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{Draining: time.Hour}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.flags("--binding-networking=any-port")
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.forwardTo(b.Spec.TargetGroupARN)
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	l.get(b, "bound")
	b.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9090))
	l.must(l.client.Update(t.Context(), b))
	l.settle()
	if got, want := l.admitted(labNodeGroup), []string{labPeer + " 8080-8080", labPeer + " 9090-9090"}; !slices.Equal(got, want) {
		t.Errorf("before a look: rules %v, want %v", got, want)
	}
	l.drain(10 * time.Second) // nothing drains
	if got, want := l.admitted(labNodeGroup), []string{labPeer + " 9090-9090"}; !slices.Equal(got, want) {
		t.Errorf("after it: rules %v, want %v", got, want)
	}
}

func TestASourceThatIsNotNamedAnyMoreIsShutOutAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{Draining: time.Hour}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.forwardTo(b.Spec.TargetGroupARN)
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	l.get(b, "bound")
	b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "10.9.0.0/16"}}}
	l.must(l.client.Update(t.Context(), b))
	l.settle()
	if got := l.admitted(labNodeGroup); len(got) != 0 { // admitted tells only of groups
		t.Errorf("rules %v", got)
	}
}
