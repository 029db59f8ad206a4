package bindings

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// TestTheSpecOfABindingMustBeWhatItsTargetGroupIs leaves something to the target group, so that it is read, and nothing
// is written where the rest does not fit.
func TestTheSpecOfABindingMustBeWhatItsTargetGroupIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*v1beta1.TargetGroupBindingSpec)
		says   string
	}{
		"the protocol": {func(s *v1beta1.TargetGroupBindingSpec) {
			s.TargetGroupProtocol = ptr.To(v1beta1.Protocol("HTTPS"))
		}, "targetGroupProtocol is HTTPS, but target group arn:"},
		"the type": {func(s *v1beta1.TargetGroupBindingSpec) {
			s.TargetType = ptr.To(v1beta1.TargetTypeInstance)
		}, "has type ip (spec.targetType); remove targetType, or set it to ip"},
		"the family": {func(s *v1beta1.TargetGroupBindingSpec) {
			s.IPAddressType = ptr.To(v1beta1.IPAddressTypeIPv6)
		}, "ipAddressType is ipv6, but target group arn:"},
		"the VPC": {func(s *v1beta1.TargetGroupBindingSpec) { s.VpcID = "vpc-0a1de0000000000ff" },
			"vpcID is vpc-0a1de0000000000ff, but target group arn:"},
		"a selector of nodes": {func(s *v1beta1.TargetGroupBindingSpec) { s.NodeSelector = &metav1.LabelSelector{} },
			"has type ip, which uses no nodes (spec.nodeSelector)"},
		"a function": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "function" },
			"has type lambda, which cannot be bound (spec.targetType)"},
		"a group that is not there": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "nobodys" },
			"target group \"nobodys\": "},
		"a name of a shared group": {func(s *v1beta1.TargetGroupBindingSpec) { s.MultiClusterTargetGroup = true },
			"must be named by its ARN (spec.targetGroupARN)"},
		"neither": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "" },
			"must specify these fields: either TargetGroupARN or TargetGroupName (spec.targetGroupARN)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.TargetGroup(elbtypes.TargetTypeEnumIp)
			_, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{Name: aws.String("function"),
				TargetType: elbtypes.TargetTypeEnumLambda})
			l.Must(err)
			b := lab.Binding("", v1beta1.TargetTypeIP)
			b.Finalizers = []string{naming.BindingFinalizer}
			b.Spec = v1beta1.TargetGroupBindingSpec{TargetGroupName: "theirs", ServiceRef: b.Spec.ServiceRef}
			c.change(&b.Spec)
			l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
			before := b.Spec.DeepCopy()
			for range 2 {
				_, err := l.Round()
				l.Must(err)
			}
			l.ToldOnce(c.says)
			if l.Get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") ||
				b.Spec.TargetGroupARN != before.TargetGroupARN || (b.Spec.TargetType == nil) != (before.TargetType == nil) {
				t.Errorf("%+v, %+v", b.Spec, b.Status.Conditions)
			}
		})
	}
}

// TestACompleteBindingIsComparedWithItsTargetGroup has every field of the spec set, so that nothing is left to the
// target group, and has pods that would be registered.
func TestACompleteBindingIsComparedWithItsTargetGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*v1beta1.TargetGroupBindingSpec)
		says   string
	}{
		"the protocol": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupProtocol = ptr.To(v1beta1.Protocol("TCP")) },
			"targetGroupProtocol is TCP, but target group arn:"},
		"the type": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetType = ptr.To(v1beta1.TargetTypeInstance) },
			"has type ip (spec.targetType); remove targetType, or set it to ip"},
		"the family": {func(s *v1beta1.TargetGroupBindingSpec) { s.IPAddressType = ptr.To(v1beta1.IPAddressTypeIPv6) },
			"ipAddressType is ipv6, but target group arn:"},
		"the VPC": {func(s *v1beta1.TargetGroupBindingSpec) { s.VpcID = "vpc-0a1de0000000000ff" },
			"vpcID is vpc-0a1de0000000000ff, but target group arn:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := completeLab(t)
			l.Settle()
			if l.Get(b, "bound"); !meta.IsStatusConditionTrue(b.Status.Conditions, "Ready") ||
				len(l.Targets(b.Spec.TargetGroupARN)) != 1 {
				t.Fatalf("a binding that is right: %+v, targets %v", b.Status.Conditions, l.Targets(b.Spec.TargetGroupARN))
			}
			c.change(&b.Spec)
			b.Generation++
			l.Must(l.Client.Update(t.Context(), b))
			l.Create(append(lab.Pods("b", "10.0.128.51"), lab.Node("b", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			mark := l.Mark()
			for range 3 {
				_, err := l.Round()
				l.Must(err)
			}
			l.ToldOnce(c.says)
			if l.Get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") {
				t.Errorf("%+v", b.Status.Conditions)
			}
			if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 {
				t.Errorf("its targets did not stay as they are: %v", got)
			}
			if _, by := l.Counts(mark); by["DescribeTargetGroups"] > 1 {
				t.Errorf("read %v", by)
			}
		})
	}
}

// TestTheTargetGroupOfACompleteBindingIsReadOnce counts the reads of passes, edits and a restart.
func TestTheTargetGroupOfACompleteBindingIsReadOnce(t *testing.T) {
	t.Parallel()
	l, b := completeLab(t)
	reads := func(mark uint64) (n int) {
		for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
			if in, ok := c.Input.(*elbv2.DescribeTargetGroupsInput); ok && len(in.TargetGroupArns) > 0 { // no listing
				n++
			}
		}
		return n
	}
	// AWS does not tell: the targets are served, and it is asked again.
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "down", Action: "DescribeTargetGroups", Code: "InternalFailure",
		Status: 500})
	l.Must(err)
	mark := l.Mark()
	wait, err := l.Round()
	l.Must(err)
	if n := len(l.Targets(b.Spec.TargetGroupARN)); n != 1 || wait == 0 || wait > l.Config.BindingRequeue {
		t.Errorf("while AWS does not tell of the group: %d targets, again after %s", n, wait)
	}
	l.Sim.Gate.RemoveFault("down")
	failed := reads(mark)
	l.Clock.Advance(wait)
	for range 3 {
		l.Settle()
	}
	if n := reads(mark); n != failed+1 {
		t.Errorf("%d reads, of which %d failed", n, failed)
	}
	mark = l.Mark()
	l.Get(b, "bound")
	b.Spec.ServiceRef.Port = intstr.FromString("http")
	b.Generation++
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	l.Restart()
	l.Settle()
	if n := reads(mark); n > 0 {
		t.Errorf("%d reads after the first", n)
	}
}

// completeLab has a binding with all that it could leave to its target group, and a pod.
func completeLab(t *testing.T) (*lab.Lab, *v1beta1.TargetGroupBinding) {
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Generation, b.Finalizers = 1, []string{naming.BindingFinalizer}
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	return l, b
}
