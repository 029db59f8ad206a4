// Package bindings has the decisions about TargetGroupBindings that the controller and the command line share: which
// target group a binding means and whether the binding contradicts it, which of several bindings serves a target
// group, which endpoints are targets, and which security group rules its networking needs.
//
// It reads AWS through the inventory and Kubernetes through its arguments, and writes nothing. It does not import
// the controllers.
package bindings

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TargetGroups describes target groups.
type TargetGroups interface {
	DescribeTargetGroups(context.Context, *elbv2.DescribeTargetGroupsInput, ...func(*elbv2.Options)) (
		*elbv2.DescribeTargetGroupsOutput, error)
}

// Fill writes into a spec what it leaves to its target group.
func Fill(s *v1beta1.TargetGroupBindingSpec, tg elbtypes.TargetGroup) {
	s.TargetGroupARN = cmp.Or(s.TargetGroupARN, aws.ToString(tg.TargetGroupArn))
	s.TargetType = cmp.Or(s.TargetType, bindingobject.Pointer[v1beta1.TargetType](string(tg.TargetType)))
	s.TargetGroupProtocol = cmp.Or(s.TargetGroupProtocol, bindingobject.Pointer[v1beta1.Protocol](string(tg.Protocol)))
	s.IPAddressType = cmp.Or(s.IPAddressType, bindingobject.Pointer[v1beta1.IPAddressType](
		cmp.Or(string(tg.IpAddressType), stack.IPv4)))
	s.VpcID = cmp.Or(s.VpcID, aws.ToString(tg.VpcId))
}

// Contradiction finds what no target group could satisfy, and a role that the binding may not name.
func Contradiction(roles iamroles.Roles, o *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	if _, d := admission.Contradiction(o); d != nil {
		return d
	}
	if o.Spec.MultiClusterTargetGroup && o.Spec.TargetGroupARN == "" {
		d := diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.InvalidBinding,
			"a target group shared by clusters must be named by its ARN", "set spec.targetGroupARN")
		return &d
	}
	return admission.Role(roles, o)
}

// Describe reads the target group of a binding; balancing is Elastic Load Balancing where that is.
func Describe(ctx context.Context, balancing TargetGroups, o *v1beta1.TargetGroupBinding) (elbtypes.TargetGroup,
	*diag.Diagnostic) {
	s := &o.Spec
	in, path := &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{s.TargetGroupARN}}, "spec.targetGroupARN"
	if s.TargetGroupARN == "" {
		in, path = &elbv2.DescribeTargetGroupsInput{Names: []string{s.TargetGroupName}}, "spec.targetGroupName"
	}
	out, err := balancing.DescribeTargetGroups(ctx, in)
	if err != nil {
		return elbtypes.TargetGroup{}, Unread(o, err)
	}
	if n := len(out.TargetGroups); n != 1 {
		d := diag.New(bindingobject.BindingObject(o), path, diag.InvalidBinding,
			fmt.Sprintf("target group %s%s: AWS has %d of them, and the binding needs exactly one", s.TargetGroupARN,
				s.TargetGroupName, n),
			"name an existing target group")
		return elbtypes.TargetGroup{}, &d
	}
	return out.TargetGroups[0], nil
}

// Unread returns the finding that the target group of a binding cannot be read.
func Unread(o *v1beta1.TargetGroupBinding, err error) *diag.Diagnostic {
	s, path := &o.Spec, "spec.targetGroupARN"
	if s.TargetGroupARN == "" {
		path = "spec.targetGroupName"
	}
	d := Problem(o, path, err)
	if d.Path == path {
		d.Text = fmt.Sprintf("target group %q: %s", cmp.Or(s.TargetGroupARN, s.TargetGroupName), d.Text)
	}
	return &d
}

// Mismatch returns the finding that a binding says something else of its target group than AWS; nil = it does not.
func Mismatch(o *v1beta1.TargetGroupBinding, tg elbtypes.TargetGroup) *diag.Diagnostic {
	s := &o.Spec
	fail := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(bindingobject.BindingObject(o), path, diag.InvalidBinding, text, remedy)
		return &d
	}
	arn, family := aws.ToString(tg.TargetGroupArn), cmp.Or(string(tg.IpAddressType), stack.IPv4)
	switch {
	case tg.TargetType != elbtypes.TargetTypeEnumIp && tg.TargetType != elbtypes.TargetTypeEnumInstance:
		return fail("spec.targetType", fmt.Sprintf("target group %s has type %s, which cannot be bound", arn, tg.TargetType),
			"bind a target group of type ip or instance")
	case s.TargetType != nil && string(*s.TargetType) != string(tg.TargetType):
		return fail("spec.targetType", fmt.Sprintf("targetType is %s, but target group %s has type %s", *s.TargetType, arn,
			tg.TargetType), "remove targetType, or set it to "+string(tg.TargetType))
	case s.TargetGroupProtocol != nil && string(*s.TargetGroupProtocol) != string(tg.Protocol):
		return fail("spec.targetGroupProtocol", fmt.Sprintf("targetGroupProtocol is %s, but target group %s has %s",
			*s.TargetGroupProtocol, arn, tg.Protocol), "remove targetGroupProtocol, or set it to "+string(tg.Protocol))
	case s.IPAddressType != nil && string(*s.IPAddressType) != family:
		return fail("spec.ipAddressType", fmt.Sprintf("ipAddressType is %s, but target group %s has %s", *s.IPAddressType,
			arn, family), "remove ipAddressType, or set it to "+family)
	case s.VpcID != "" && s.VpcID != aws.ToString(tg.VpcId):
		return fail("spec.vpcID", fmt.Sprintf("vpcID is %s, but target group %s is in VPC %s", s.VpcID, arn,
			aws.ToString(tg.VpcId)), "remove vpcID, or set it to "+aws.ToString(tg.VpcId))
	case tg.TargetType == elbtypes.TargetTypeEnumIp && s.NodeSelector != nil:
		return fail("spec.nodeSelector", "nodeSelector is set, but the target group has type ip, which uses no nodes",
			"remove nodeSelector")
	}
	return nil
}

// Problem returns the finding of a call of AWS that failed. What a role lacks is reported at the field that names it.
func Problem(o *v1beta1.TargetGroupBinding, path string, err error) diag.Diagnostic {
	status := apierrors.APIStatus(nil)
	if denial, ok := diag.DenialOf(awsclient.SteadyText(err.Error())); ok && errors.As(err, &status) {
		text, remedy := denial.Of(diag.Object{Kind: "ConfigMap", Namespace: o.Namespace, Name: naming.ClaimsConfigMap(
			o.Name)}, true)
		return diag.New(bindingobject.BindingObject(o), "", diag.PolicyDenied, text, remedy)
	}
	if record := (*registrar.RecordError)(nil); errors.As(err, &record) {
		code := diag.ObjectsUnread
		if record.Saving {
			code = diag.ObjectNotWritten
		}
		return diag.New(bindingobject.BindingObject(o), "", code, awsclient.SteadyText(err.Error()),
			"the controller tries again; if the error persists, check the permissions of its service account")
	}
	d := awsclient.Problem("", err)
	d.Object, d.Path = bindingobject.BindingObject(o), path
	switch role := o.Spec.IamRoleArnToAssume; {
	case role == "":
	case d.Code == diag.RoleNotAssumed:
		d.Path = "spec.iamRoleArnToAssume"
	case d.Code == diag.AccessDenied:
		operation := ""
		if call := (*smithy.OperationError)(nil); errors.As(err, &call) {
			operation = call.Operation()
		}
		lack, _ := awsclient.Lack(operation, err)
		d.Path, d.Remedy = "spec.iamRoleArnToAssume", fmt.Sprintf("allow role %s the action %s", role, lack.Text)
	}
	return d
}
