package bindings

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
)

// ownGroupLab has Service web with one pod, whose security group does not have the cluster's tag: a later process does
// not look for rules there.
func ownGroupLab(t *testing.T, objects ...client.Object) (l *lab.Lab, group string) {
	t.Helper()
	l = lab.New(t, account.Profile{Draining: time.Hour}, lab.Service("web"), lab.Class(),
		lab.Node("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60"))
	group = l.SecurityGroup("pods")
	address := l.NetworkInterface(group, 0).PrivateIpAddress
	l.Create(append(lab.Pods("fargate", aws.ToString(address)), objects...)...)
	return l, group
}

// endingLab has a binding of a pod of ownGroupLab at rest.
func endingLab(t *testing.T) (l *lab.Lab, b *v1beta1.TargetGroupBinding, group string) {
	t.Helper()
	l, group = ownGroupLab(t)
	b = lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(b)
	l.Settle()
	if len(l.Admitted(group)) != 1 || len(l.Targets(b.Spec.TargetGroupARN)) != 1 {
		t.Fatalf("rules %v, targets %v", l.Admitted(group), l.Targets(b.Spec.TargetGroupARN))
	}
	return l, b, group
}

// waits expects that the deletion of a binding waits, and that an event on it has a text.
func waits(l *lab.Lab, b *v1beta1.TargetGroupBinding, text string) {
	l.Helper()
	if !l.Get(b, b.Name) {
		l.Error("the binding has ended")
	}
	if said := l.Events[len(l.Events)-1]; !strings.Contains(said, text) || !strings.Contains(said, "[FailedCleanup]") {
		l.Errorf("no event says %q:\n%s", text, said)
	}
}

// ended expects that a binding has ended, with its targets and with its rules in a group.
func ended(l *lab.Lab, b *v1beta1.TargetGroupBinding, group string) {
	l.Helper()
	arn := b.Spec.TargetGroupARN
	if l.Get(b, b.Name) || len(l.Targets(arn)) > 0 || len(l.Admitted(group)) > 0 {
		l.Errorf("the binding is there: %t; targets %v, rules %v\n%s", l.Get(b, b.Name), l.Targets(arn),
			l.Admitted(group), strings.Join(l.Events, "\n"))
	}
}

// TestBindingEndsOnceItsGroupsAreKnown deletes a binding while a process that has just started cannot read in which
// security groups the pods are. Its targets and the gates of its pods do not wait.
func TestBindingEndsOnceItsGroupsAreKnown(t *testing.T) {
	t.Parallel()
	for _, read := range []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"} {
		for _, way := range []string{"denied", "expired", "failing", "hanging"} {
			t.Run(read+" "+way, func(t *testing.T) {
				t.Parallel()
				l, b, group := endingLab(t)
				l.Restart()
				opened := false
				l.Bound.Gates.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) {
					opened = true
					return nil, nil
				}
				l.Misread(read, way, 0)
				l.Must(l.Client.Delete(t.Context(), b))
				l.PassWith(3 * time.Minute)
				if !opened {
					t.Error("pods wait for the binding")
				}
				waits(l, b, map[string]string{"denied": read, "expired": "credentials", "failing": "InternalFailure",
					"hanging": "does not answer"}[way])
				if now := l.Targets(b.Spec.TargetGroupARN); len(now) > 0 {
					t.Errorf("targets: %v", now)
				}
				l.Reread()
				l.PassWith(20 * time.Minute)
				ended(l, b, group)
			})
		}
	}
}

// TestBindingEndsOnceItsRulesAreRevoked has a process end while rules cannot be revoked.
func TestBindingEndsOnceItsRulesAreRevoked(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"ec2:RevokeSecurityGroupIngress", "ec2:DescribeSecurityGroups"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			l, b, group := endingLab(t)
			l.Clock.Advance(time.Hour)
			l.Misread(call, "denied", 0)
			l.Must(l.Client.Delete(t.Context(), b))
			l.PassWith(3 * time.Minute)
			waits(l, b, call)
			l.Restart()
			l.Reread()
			l.PassWith(20 * time.Minute)
			ended(l, b, group)
		})
	}
}

// TestBindingEndsWithoutRevocationThatLaterProcessesMake has rules in a group with the cluster's tag.
func TestBindingEndsWithoutRevocationThatLaterProcessesMake(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Misread("ec2:RevokeSecurityGroupIngress", "denied", 0)
	l.Must(l.Client.Delete(t.Context(), b))
	l.PassWith(time.Minute)
	if l.Get(b, b.Name) || len(l.Admitted(lab.NodeGroup)) != 1 {
		t.Errorf("the binding is there, or the rules are not: %v", l.Admitted(lab.NodeGroup))
	}
	l.Restart()
	l.Reread()
	l.PassWith(20 * time.Minute)
	ended(l, b, lab.NodeGroup)
}

// TestBindingThatRegisteredNothingNeedsNoRead deletes a binding of a target group that another one serves.
func TestBindingThatRegisteredNothingNeedsNoRead(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Restart()
	for _, read := range []string{"elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroups",
		"elasticloadbalancing:DescribeTargetHealth", "ec2:DescribeNetworkInterfaces"} {
		fault, _ := failedread.Fault(read, "denied")
		_, err := l.Sim.Gate.AddFault(fault)
		l.Must(err)
	}
	late := lab.Binding(b.Spec.TargetGroupARN, v1beta1.TargetTypeIP)
	late.Name, late.UID, late.CreationTimestamp = "late", "uid-late", metav1.NewTime(l.Clock.Now())
	l.Create(late)
	l.PassWith(time.Minute)
	l.Must(l.Client.Delete(t.Context(), late))
	l.PassWith(time.Minute)
	if l.Get(late, "late") {
		t.Errorf("it waits:\n%s", strings.Join(l.Events, "\n"))
	}
	l.Sim.Gate.ClearFaults()
	if now := l.Targets(b.Spec.TargetGroupARN); len(now) != 1 {
		t.Errorf("targets of the other one: %v", now)
	}
}

// TestRulesStayWhileTargetsDrainAndGroupsAreUnread refuses the list of security groups for a moment.
func TestRulesStayWhileTargetsDrainAndGroupsAreUnread(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{Draining: time.Hour}, lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.ForwardTo(b.Spec.TargetGroupARN)
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	l.Clock.Advance(time.Hour)
	l.Misread("ec2:DescribeSecurityGroups", "denied", 0)
	l.Must(l.Client.Delete(t.Context(), b))
	l.PassWith(15 * time.Second)
	l.Reread()
	l.PassWith(time.Minute)
	if l.Get(b, b.Name) {
		t.Error("the binding waits for its targets")
	}
	keepsRulesWhileTargetsDrain(l)
}

// TestBindingOfAStackThatIsDeletedByHandTakesNothingAway has pods with a security group of their own. AWS does or does
// not say that a load balancer uses the target group.
func TestBindingOfAStackThatIsDeletedByHandTakesNothingAway(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"", "denied", "failing", "hanging"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l, group := ownGroupLab(t, lab.Ingress("web", map[string]string{"target-type": "ip"}, "web"))
			l.Settle(lab.Key("web"))
			if len(l.Admitted(group)) != 1 {
				t.Fatalf("rules %v", l.Admitted(group))
			}
			if way != "" {
				l.Misread("elasticloadbalancing:DescribeTargetGroups", way, 0)
			}
			mark := l.Mark()
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(t.Context(), &b))
			l.PassWith(3*time.Minute, lab.Key("web"))
			l.Reread()
			l.PassWith(3*time.Minute, lab.Key("web"))
			if all := l.AllBindings(); len(all) != 1 || all[0].DeletionTimestamp != nil {
				t.Errorf("bindings: %v", all)
			}
			if writes := l.Writes(mark); slices.Contains(writes, "DeregisterTargets") ||
				slices.Contains(writes, "RevokeSecurityGroupIngress") {
				t.Errorf("AWS was told %v", writes)
			}
		})
	}
}

// TestBindingServesOnWhileItsOwnerIsUnread has a tenant bind the target group of another one's binding while a new
// process cannot read whose it is.
func TestBindingServesOnWhileItsOwnerIsUnread(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"denied", "failing", "hanging"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			l.Checkpointed = true
			l.Restart()
			l.Settle()
			l.Crash()
			l.Restart()
			l.Misread("elasticloadbalancing:DescribeTags", way, 0)
			late := lab.Binding(b.Spec.TargetGroupARN, v1beta1.TargetTypeIP)
			late.Namespace, late.UID, late.CreationTimestamp = "mal", "uid-late", metav1.NewTime(l.Clock.Now())
			l.Create(late)
			slice := &discoveryv1.EndpointSlice{}
			l.Get(slice, "web-a")
			l.Readdress(slice, "10.0.128.51")
			l.Must(l.Client.Update(t.Context(), slice))
			l.PassWith(2 * time.Minute)
			if now := l.Targets(b.Spec.TargetGroupARN); !slices.Contains(now, "10.0.128.51:8080") {
				t.Errorf("targets %v\n%s", now, strings.Join(l.Events, "\n"))
			}
			l.Reread()
			l.PassWith(20 * time.Minute)
			if now := l.Targets(b.Spec.TargetGroupARN); !slices.Equal(now, []string{"10.0.128.51:8080"}) {
				t.Errorf("in the end: targets %v\n%s", now, strings.Join(l.Events, "\n"))
			}
		})
	}
}
