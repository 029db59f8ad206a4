package controller

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// TestTheSpecOfABindingMustBeWhatItsTargetGroupIs leaves something to the target group, so that it is read, and nothing is written
// where the rest does not fit.
func TestTheSpecOfABindingMustBeWhatItsTargetGroupIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*v1beta1.TargetGroupBindingSpec)
		says   string
	}{
		"the protocol":              {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupProtocol = ptr.To(v1beta1.Protocol("HTTPS")) }, "protocol differs (got HTTPS, expected HTTP) (spec.targetGroupProtocol)"},
		"the type":                  {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetType = ptr.To(v1beta1.TargetTypeInstance) }, "is ip, not instance (spec.targetType)"},
		"the family":                {func(s *v1beta1.TargetGroupBindingSpec) { s.IPAddressType = ptr.To(v1beta1.IPAddressTypeIPv6) }, "invalid IP address type ipv6 for TargetGroup"},
		"the VPC":                   {func(s *v1beta1.TargetGroupBindingSpec) { s.VpcID = "vpc-0a1de0000000000ff" }, "invalid VpcID vpc-0a1de0000000000ff doesnt match VpcID from TargetGroup"},
		"a selector of nodes":       {func(s *v1beta1.TargetGroupBindingSpec) { s.NodeSelector = &metav1.LabelSelector{} }, "cannot set NodeSelector when TargetType is ip (spec.nodeSelector)"},
		"a function":                {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "function" }, "unsupported TargetType: lambda (spec.targetType)"},
		"a group that is not there": {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "nobodys" }, "target group nobodys: "},
		"a name of a shared group":  {func(s *v1beta1.TargetGroupBindingSpec) { s.MultiClusterTargetGroup = true }, "must be named by its ARN (spec.targetGroupARN)"},
		"neither":                   {func(s *v1beta1.TargetGroupBindingSpec) { s.TargetGroupName = "" }, "must provide either TargetGroupARN or TargetGroupName (spec.targetGroupARN)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.targetGroup(elbtypes.TargetTypeEnumIp)
			_, err := l.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{Name: aws.String("function"), TargetType: elbtypes.TargetTypeEnumLambda})
			l.must(err)
			b := labBinding("", v1beta1.TargetTypeIP)
			b.Finalizers = []string{naming.BindingFinalizer}
			b.Spec = v1beta1.TargetGroupBindingSpec{TargetGroupName: "theirs", ServiceRef: b.Spec.ServiceRef}
			c.change(&b.Spec)
			l.create(append(labPods("a", "10.0.128.50"), b)...)
			before := b.Spec.DeepCopy()
			for range 2 {
				_, err := l.round()
				l.must(err)
			}
			l.toldOnce(c.says)
			if l.get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") || b.Spec.TargetGroupARN != before.TargetGroupARN || (b.Spec.TargetType == nil) != (before.TargetType == nil) {
				t.Errorf("%+v, %+v", b.Spec, b.Status.Conditions)
			}
		})
	}
}
