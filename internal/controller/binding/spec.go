package binding

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// complete fills in what the user left to the target group, once: its ARN, type, protocol, address type and VPC. It reports whether the binding may be served: not
// before its ARN is written, by which other bindings of the target group, and a later process that ends this one, find it.
func (b *Reconciler) complete(ctx context.Context, o *v1beta1.TargetGroupBinding) (complete bool, d *diag.Diagnostic) {
	if d := contradiction(o); d != nil {
		return false, d
	}
	s := &o.Spec
	if s.TargetGroupARN != "" && s.TargetType != nil && s.TargetGroupProtocol != nil && s.IPAddressType != nil && s.VpcID != "" {
		return true, nil
	}
	k, before := b.memory.get(o), o.DeepCopy()
	if k.group == nil || k.read != o.Generation {
		tg, d := b.describe(ctx, o)
		if d != nil {
			return false, d
		}
		k.group, k.read = &tg, o.Generation
		b.memory.put(o, k)
	}
	fill(s, *k.group)
	want := *s.DeepCopy()
	_, err := b.Writes.Enqueue(objectwriter.Write{Object: before, Part: objectwriter.Spec, Change: func(x client.Object) bool {
		t, ok := x.(*v1beta1.TargetGroupBinding)
		if !ok || t.Generation != before.Generation { // an edit makes another pass
			return false
		}
		changed := !equality.Semantic.DeepEqual(t.Spec, want)
		t.Spec = want
		return changed
	}}, o.Generation)
	if err != nil {
		x := diag.New(kube.BindingObject(o), "spec", diag.BindingNotCompleted, "what its target group tells cannot be written into the binding: "+cloud.SteadyText(err.Error()),
			"it is tried again; if it stays, look whether the controller's role in Kubernetes, or a policy of the cluster, allows it, or write type, protocol, address type, VPC and ARN yourself")
		d = &x
	}
	return before.Spec.TargetGroupARN != "", d
}

// fill writes into a spec what it leaves to its target group.
func fill(s *v1beta1.TargetGroupBindingSpec, tg elbtypes.TargetGroup) {
	s.TargetGroupARN = cmp.Or(s.TargetGroupARN, aws.ToString(tg.TargetGroupArn))
	s.TargetType = cmp.Or(s.TargetType, kube.Pointer[v1beta1.TargetType](string(tg.TargetType)))
	s.TargetGroupProtocol = cmp.Or(s.TargetGroupProtocol, kube.Pointer[v1beta1.Protocol](string(tg.Protocol)))
	s.IPAddressType = cmp.Or(s.IPAddressType, kube.Pointer[v1beta1.IPAddressType](cmp.Or(string(tg.IpAddressType), stack.IPv4)))
	s.VpcID = cmp.Or(s.VpcID, aws.ToString(tg.VpcId))
}

// contradiction finds what no target group could satisfy.
func contradiction(o *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	s := &o.Spec
	bad := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(kube.BindingObject(o), path, diag.InvalidBinding, text, remedy)
		return &d
	}
	isIP := s.TargetType != nil && *s.TargetType == v1beta1.TargetTypeIP
	isInstance := s.TargetType != nil && *s.TargetType == v1beta1.TargetTypeInstance
	switch {
	case s.TargetGroupARN == "" && s.TargetGroupName == "":
		return bad("spec.targetGroupARN", "must provide either TargetGroupARN or TargetGroupName", "set one of them")
	case isIP && s.NodeSelector != nil:
		return bad("spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip", "remove nodeSelector, or bind a target group of type instance")
	case isInstance && s.TargetGroupProtocol != nil && (*s.TargetGroupProtocol == "QUIC" || *s.TargetGroupProtocol == "TCP_QUIC"):
		return bad("spec.targetGroupProtocol", "QUIC protocol is not supported for Instance target types.", "use ip targets")
	case s.IamRoleArnToAssume != "":
		return bad("spec.iamRoleArnToAssume", "registering targets through an assumed role is not built in this version: its targets stay as they are, though pods come and go", "remove iamRoleArnToAssume, or register in a target group of this account")
	case s.MultiClusterTargetGroup && s.TargetGroupARN == "":
		return bad("spec.targetGroupARN", "a target group shared by clusters must be named by its ARN", "set spec.targetGroupARN")
	}
	return nil
}

// describe reads the target group of a binding and compares what the binding says with it.
func (b *Reconciler) describe(ctx context.Context, o *v1beta1.TargetGroupBinding) (elbtypes.TargetGroup, *diag.Diagnostic) {
	s := &o.Spec
	in, path := &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{s.TargetGroupARN}}, "spec.targetGroupARN"
	if s.TargetGroupARN == "" {
		in, path = &elbv2.DescribeTargetGroupsInput{Names: []string{s.TargetGroupName}}, "spec.targetGroupName"
	}
	out, err := b.ELBV2.DescribeTargetGroups(ctx, in)
	if err != nil {
		d := cloud.Problem("DescribeTargetGroups", err)
		d.Object, d.Path = kube.BindingObject(o), path
		d.Text = fmt.Sprintf("target group %s: %s", cmp.Or(s.TargetGroupARN, s.TargetGroupName), d.Text)
		return elbtypes.TargetGroup{}, &d
	}
	fail := func(path, text, remedy string) (elbtypes.TargetGroup, *diag.Diagnostic) {
		d := diag.New(kube.BindingObject(o), path, diag.InvalidBinding, text, remedy)
		return elbtypes.TargetGroup{}, &d
	}
	if n := len(out.TargetGroups); n != 1 {
		return fail(path, fmt.Sprintf("expecting a single targetGroup with query [%s%s] but got %d", s.TargetGroupARN, s.TargetGroupName, n), "name an existing target group")
	}
	tg := out.TargetGroups[0]
	arn := aws.ToString(tg.TargetGroupArn)
	family := string(tg.IpAddressType)
	switch {
	case tg.TargetType != elbtypes.TargetTypeEnumIp && tg.TargetType != elbtypes.TargetTypeEnumInstance:
		return fail("spec.targetType", "unsupported TargetType: "+string(tg.TargetType), "bind a target group of type ip or instance")
	case s.TargetType != nil && string(*s.TargetType) != string(tg.TargetType):
		return fail("spec.targetType", fmt.Sprintf("targetType of TargetGroup %s is %s, not %s", arn, tg.TargetType, *s.TargetType), "leave spec.targetType out, or set it so")
	case s.TargetGroupProtocol != nil && string(*s.TargetGroupProtocol) != string(tg.Protocol):
		return fail("spec.targetGroupProtocol", fmt.Sprintf("TargetGroup %s protocol differs (got %s, expected %s)", arn, *s.TargetGroupProtocol, tg.Protocol), "leave it out, or set it so")
	case s.IPAddressType != nil && family != "" && string(*s.IPAddressType) != family:
		return fail("spec.ipAddressType", fmt.Sprintf("invalid IP address type %s for TargetGroup %s", *s.IPAddressType, arn), "leave it out, or set it to "+family)
	case s.VpcID != "" && s.VpcID != aws.ToString(tg.VpcId):
		return fail("spec.vpcID", fmt.Sprintf("invalid VpcID %s doesnt match VpcID from TargetGroup %s", s.VpcID, arn), "leave it out, or set it to "+aws.ToString(tg.VpcId))
	case tg.TargetType == elbtypes.TargetTypeEnumIp && s.NodeSelector != nil:
		return fail("spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip", "remove nodeSelector")
	}
	return tg, nil
}
