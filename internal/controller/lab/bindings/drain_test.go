package bindings

import (
	"slices"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// keepsRulesWhileTargetsDrain expects the rule for the targets that left for four minutes, and none after ten.
func keepsRulesWhileTargetsDrain(l *lab.Lab) {
	l.Helper()
	l.Drain(4 * time.Minute)
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		l.Errorf("while they drain: rules %v, want %v", got, want)
	}
	l.Drain(6 * time.Minute)
	if got := l.Admitted(lab.NodeGroup); len(got) != 0 {
		l.Errorf("afterwards: rules %v", got)
	}
}

// restsAfterDraining expects that nothing is looked at any more.
func restsAfterDraining(l *lab.Lab) {
	l.Helper()
	mark := l.Mark()
	l.Drain(time.Hour)
	if calls := l.Sim.Gate.Calls(gate.Filter{After: mark}); len(calls) != 0 || l.Bound.Drains.Len() != 0 {
		l.Errorf("it is still looked at: %v", calls)
	}
}

func TestTheRulesOfABindingThatEndsStayUntilItsTargetsHaveDrained(t *testing.T) {
	t.Parallel()
	l, _ := lab.DrainingLab(t)
	keepsRulesWhileTargetsDrain(l)
	restsAfterDraining(l)
}

// TestRulesOfEndingBindingStayIfDrainingIsUnknown refuses the read right after the
// deregistration.
func TestRulesOfEndingBindingStayIfDrainingIsUnknown(t *testing.T) {
	t.Parallel()
	l, _ := lab.DrainingLab(t, gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403,
		Message: "no"})
	keepsRulesWhileTargetsDrain(l)
	restsAfterDraining(l)
}

func TestLookingWhetherTargetsDrainIsRare(t *testing.T) {
	t.Parallel()
	l, _ := lab.DrainingLab(t)
	mark := l.Mark()
	l.Drain(10 * time.Minute)
	reads := 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
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
	l, _ := lab.DrainingLab(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403,
		Message: "no"})
	l.Must(err)
	l.Drain(time.Hour)
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Errorf("as long as nobody can tell: rules %v", got)
	}
	l.Drain(10 * time.Minute)
	if got := l.Admitted(lab.NodeGroup); len(got) != 0 {
		t.Errorf("in the end: rules %v", got)
	}
}

func TestRulesAreNotKeptForATargetGroupThatIsGone(t *testing.T) {
	t.Parallel()
	l, b := lab.DrainingLab(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "TargetGroupNotFound", Status: 400,
		Message: "One or more target groups not found"})
	l.Must(err)
	l.Drain(10 * time.Second)
	if got := l.Admitted(lab.NodeGroup); len(got) != 0 {
		t.Errorf("rules %v for %s", got, b.Spec.TargetGroupARN)
	}
}

func TestARevocationThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	l, _ := lab.DrainingLab(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "RevokeSecurityGroupIngress", Code: "UnauthorizedOperation",
		Status: 403, Message: "no"})
	l.Must(err)
	l.Drain(11 * time.Minute)
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Errorf("rules %v", got)
	}
	l.Sim.Gate.ClearFaults()
	l.Drain(5 * time.Minute)
	if got := l.Admitted(lab.NodeGroup); len(got) != 0 {
		t.Errorf("rules %v", got)
	}
}

func TestALaterLifeTakesTheRulesOfADrainAway(t *testing.T) {
	t.Parallel()
	l, _ := lab.DrainingLab(t)
	l.Flags("--binding-networking=any-port")
	other := lab.Binding(l.OtherGroup(), v1beta1.TargetTypeIP)
	other.Name, other.UID = "other", "uid-other"
	other.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9090))
	l.Create(other)
	l.Settle()
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 9090-9090"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

func TestABindingThatComesBackWhileItsTargetsDrainKeepsItsRules(t *testing.T) {
	t.Parallel()
	l, b := lab.DrainingLab(t)
	again := lab.Binding(b.Spec.TargetGroupARN, v1beta1.TargetTypeIP)
	again.UID = "uid-again"
	l.Create(again)
	mark := l.Mark()
	l.Settle()
	l.Drain(10 * time.Minute)
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	if w := l.Writes(mark); !slices.Equal(w, []string{"RegisterTargets"}) {
		t.Errorf("AWS was told %v", w)
	}
}

// leavingLab has a binding of one pod behind a load balancer; the pod has just gone, and its target drains for the 300
// seconds that are the default.
func leavingLab(t *testing.T, prepare ...func(*lab.Lab)) (*lab.Lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := lab.New(t, account.Profile{Draining: time.Hour}, lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	for _, p := range prepare {
		p(l)
	}
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.ForwardTo(b.Spec.TargetGroupARN)
	pods := lab.Pods("a", "10.0.128.50")
	l.Create(append(pods, b)...)
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Fatalf("rules %v", got)
	}
	for _, o := range pods {
		l.Must(l.Client.Delete(t.Context(), o))
	}
	l.Settle()
	return l, b
}

func TestTheRulesOfAGroupStayUntilItsLastTargetHasDrained(t *testing.T) {
	t.Parallel()
	l, _ := leavingLab(t)
	keepsRulesWhileTargetsDrain(l)
	restsAfterDraining(l)
}

func TestRulesOutliveRestartUntilLastTargetDrained(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"no checkpoints": false, "checkpoints": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := leavingLab(t, func(l *lab.Lab) {
				if l.Checkpointed = keeps; keeps {
					l.Restart()
				}
			})
			if keeps {
				l.Crash()
			}
			l.Restart()
			l.Settle()
			keepsRulesWhileTargetsDrain(l)
		})
	}
}

func TestRulesOfFormerPortStayUntilItsTargetsDrained(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.ForwardTo(l.arn)
	b := &v1beta1.TargetGroupBinding{}
	l.Get(b, "bound")
	b.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9090))
	l.Must(l.Client.Update(t.Context(), b))
	l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromInt32(9090) })
	l.Get(l.slice, l.slice.Name)
	l.slice.Ports[0].Port = ptr.To[int32](9090)
	l.Must(l.Client.Update(t.Context(), l.slice))
	l.Settle()
	former, next := lab.Peer+" 8080-8080", lab.Peer+" 9090-9090"
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{former, next}) {
		t.Errorf("before a look: rules %v", got)
	}
	for range 8 {
		l.Clock.Advance(time.Minute)
		l.Settle()
	}
	l.Drain(time.Hour)
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{next}) {
		t.Errorf("when they have drained: rules %v, targets %v", got, l.Targets(l.arn))
	}
}

func TestASourceThatIsNotNamedAnyMoreIsShutOutAtOnce(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{Draining: time.Hour}, lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.ForwardTo(b.Spec.TargetGroupARN)
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	l.Get(b, "bound")
	b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "10.9.0.0/16"}}}
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); len(got) != 0 { // admitted tells only of groups
		t.Errorf("rules %v", got)
	}
}
