package binding

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/admission"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// complete fills in what the user left to the target group, once: its ARN, type, protocol, address type and VPC. It reports whether the binding may be served: not
// before its ARN is written, by which other bindings of the target group, and a later process that ends this one, find it.
func (b *Reconciler) complete(ctx context.Context, o *v1beta1.TargetGroupBinding) (complete bool, d *diag.Diagnostic) {
	if d := b.contradiction(o); d != nil {
		return false, d
	}
	s := &o.Spec
	if s.TargetGroupARN != "" && s.TargetType != nil && s.TargetGroupProtocol != nil && s.IPAddressType != nil && s.VpcID != "" {
		return true, nil
	}
	k, before := b.memory.get(o), o.DeepCopy()
	if k.group == nil || k.read != o.Generation {
		tg, d := b.describe(ctx, o)
		if d == nil {
			d = mismatch(o, tg)
		}
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

// verifyWait is how long a pass waits for the description of the target group of a complete binding. Its targets must not wait longer for a check.
const verifyWait = time.Second

// verify compares a complete binding with its target group. That is read once, as nothing that is compared can change in AWS; if AWS does not
// answer in time, the binding is served, and again reports that another pass must ask again. The target group of a binding of a stack is not read, as the
// stack made both, nor is that of a binding which a former process found right.
func (b *Reconciler) verify(ctx context.Context, o *v1beta1.TargetGroupBinding) (d *diag.Diagnostic, again bool) {
	k := b.memory.get(o)
	if k.group == nil || aws.ToString(k.group.TargetGroupArn) != o.Spec.TargetGroupARN {
		if kube.OfStack(o.Labels) || k.read == o.Generation || !k.unanswered && carriedOut(o) {
			return nil, false
		}
		bounded, end := context.WithTimeout(ctx, verifyWait)
		defer end()
		tg, d := b.describe(bounded, o)
		k.unanswered = d != nil && d.Class != diag.NotFound && d.Class != diag.Invalid
		if !k.unanswered {
			k.read = o.Generation
		}
		if d == nil {
			k.group = &tg
		}
		b.memory.put(o, k)
		if d != nil { // if it does not exist, the registration of targets reports it
			return nil, k.unanswered
		}
	}
	return mismatch(o, *k.group), false
}

// carriedOut reports whether a pass has found a binding right as it is now.
func carriedOut(o *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == o.Generation
}

// fill writes into a spec what it leaves to its target group.
func fill(s *v1beta1.TargetGroupBindingSpec, tg elbtypes.TargetGroup) {
	s.TargetGroupARN = cmp.Or(s.TargetGroupARN, aws.ToString(tg.TargetGroupArn))
	s.TargetType = cmp.Or(s.TargetType, kube.Pointer[v1beta1.TargetType](string(tg.TargetType)))
	s.TargetGroupProtocol = cmp.Or(s.TargetGroupProtocol, kube.Pointer[v1beta1.Protocol](string(tg.Protocol)))
	s.IPAddressType = cmp.Or(s.IPAddressType, kube.Pointer[v1beta1.IPAddressType](cmp.Or(string(tg.IpAddressType), stack.IPv4)))
	s.VpcID = cmp.Or(s.VpcID, aws.ToString(tg.VpcId))
}

// contradiction finds what no target group could satisfy, and a role that the binding may not name.
func (b *Reconciler) contradiction(o *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	if _, d := admission.Contradiction(o); d != nil {
		return d
	}
	if o.Spec.MultiClusterTargetGroup && o.Spec.TargetGroupARN == "" {
		d := diag.New(kube.BindingObject(o), "spec.targetGroupARN", diag.InvalidBinding, "a target group shared by clusters must be named by its ARN", "set spec.targetGroupARN")
		return &d
	}
	return admission.Role(b.Roles, o)
}

// describe reads the target group of a binding.
func (b *Reconciler) describe(ctx context.Context, o *v1beta1.TargetGroupBinding) (elbtypes.TargetGroup, *diag.Diagnostic) {
	s := &o.Spec
	in, path := &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{s.TargetGroupARN}}, "spec.targetGroupARN"
	if s.TargetGroupARN == "" {
		in, path = &elbv2.DescribeTargetGroupsInput{Names: []string{s.TargetGroupName}}, "spec.targetGroupName"
	}
	balancing, err := b.balancing(o)
	var out *elbv2.DescribeTargetGroupsOutput
	if err == nil {
		out, err = balancing.DescribeTargetGroups(ctx, in)
	}
	if err != nil {
		d := b.problem(o, path, err)
		if d.Path == path {
			d.Text = fmt.Sprintf("target group %s: %s", cmp.Or(s.TargetGroupARN, s.TargetGroupName), d.Text)
		}
		return elbtypes.TargetGroup{}, &d
	}
	if n := len(out.TargetGroups); n != 1 {
		d := diag.New(kube.BindingObject(o), path, diag.InvalidBinding,
			fmt.Sprintf("expecting a single targetGroup with query [%s%s] but got %d", s.TargetGroupARN, s.TargetGroupName, n), "name an existing target group")
		return elbtypes.TargetGroup{}, &d
	}
	return out.TargetGroups[0], nil
}

// mismatch is the finding that a binding says something else of its target group than AWS; nil = it does not.
func mismatch(o *v1beta1.TargetGroupBinding, tg elbtypes.TargetGroup) *diag.Diagnostic {
	s := &o.Spec
	fail := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(kube.BindingObject(o), path, diag.InvalidBinding, text, remedy)
		return &d
	}
	arn, family := aws.ToString(tg.TargetGroupArn), cmp.Or(string(tg.IpAddressType), stack.IPv4)
	switch {
	case tg.TargetType != elbtypes.TargetTypeEnumIp && tg.TargetType != elbtypes.TargetTypeEnumInstance:
		return fail("spec.targetType", "unsupported TargetType: "+string(tg.TargetType), "bind a target group of type ip or instance")
	case s.TargetType != nil && string(*s.TargetType) != string(tg.TargetType):
		return fail("spec.targetType", fmt.Sprintf("targetType of TargetGroup %s is %s, not %s", arn, tg.TargetType, *s.TargetType), "leave spec.targetType out, or set it so")
	case s.TargetGroupProtocol != nil && string(*s.TargetGroupProtocol) != string(tg.Protocol):
		return fail("spec.targetGroupProtocol", fmt.Sprintf("TargetGroup %s protocol differs (got %s, expected %s)", arn, *s.TargetGroupProtocol, tg.Protocol), "leave it out, or set it so")
	case s.IPAddressType != nil && string(*s.IPAddressType) != family:
		return fail("spec.ipAddressType", fmt.Sprintf("invalid IP address type %s for TargetGroup %s", *s.IPAddressType, arn), "leave it out, or set it to "+family)
	case s.VpcID != "" && s.VpcID != aws.ToString(tg.VpcId):
		return fail("spec.vpcID", fmt.Sprintf("invalid VpcID %s doesnt match VpcID from TargetGroup %s", s.VpcID, arn), "leave it out, or set it to "+aws.ToString(tg.VpcId))
	case tg.TargetType == elbtypes.TargetTypeEnumIp && s.NodeSelector != nil:
		return fail("spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip", "remove nodeSelector")
	}
	return nil
}
