package admission

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// Checks of TargetGroupBindings.
const (
	checkARNOrName      = "checkTargetGroupArnOrName"
	checkRequired       = "checkRequiredFields"
	checkImmutable      = "checkImmutableFields"
	checkNodeSelector   = "checkNodeSelector"
	checkExistingGroups = "checkExistingTargetGroups"
	checkVPC            = "checkTargetGroupVpcID"
	checkAssumeRole     = "checkAssumeRoleConfig"
	checkProtocol       = "checkTargetGroupProtocol"
)

// CompleteBinding refuses the creation of a binding without a target group. On an update (old is not nil) it fills in the fields that
// the new version has lost, since versions of the API with fewer fields drop the others. The controller fills in what AWS holds right
// after the creation, because no request waits for AWS.
func CompleteBinding(old, b *v1beta1.TargetGroupBinding) Response {
	s := &b.Spec
	switch {
	case b.DeletionTimestamp != nil:
		return Response{}
	case old == nil && s.TargetGroupARN == "" && s.TargetGroupName == "":
		return denied(checkARNOrName, "must provide either TargetGroupARN or TargetGroupName")
	case old == nil || incomplete(&old.Spec):
		return Response{}
	}
	var out Response
	for _, f := range []struct {
		name     string
		lost     bool
		was      any
		optional bool // it may be left out without a warning
	}{
		{"targetGroupARN", s.TargetGroupARN == "" && s.TargetGroupName == old.Spec.TargetGroupName, old.Spec.TargetGroupARN, s.TargetGroupName != ""},
		{"targetType", s.TargetType == nil, old.Spec.TargetType, false},
		{"targetGroupProtocol", s.TargetGroupProtocol == nil, old.Spec.TargetGroupProtocol, false},
		{"ipAddressType", s.IPAddressType == nil && old.Spec.IPAddressType != nil, old.Spec.IPAddressType, false},
		{"vpcID", s.VpcID == "" && old.Spec.VpcID != "", old.Spec.VpcID, false},
	} {
		if !f.lost {
			continue
		}
		out.Patch = append(out.Patch, set("/spec/"+f.name, f.was))
		if !f.optional {
			out.Warnings = append(out.Warnings, "spec."+f.name+" cannot be removed from a TargetGroupBinding; its former value is kept")
		}
	}
	return out
}

// incomplete reports whether the controller has yet to complete a binding from its target group. Until then it fills in every absent
// field, the protocol included, and mistakes in the others can still be corrected.
func incomplete(s *v1beta1.TargetGroupBindingSpec) bool {
	return s.TargetGroupARN == "" || s.TargetType == nil || s.TargetGroupProtocol == nil
}

// vpcID is the form of the id of a VPC.
var vpcID = regexp.MustCompile(`^(?:vpc-[0-9a-f]{8}|vpc-[0-9a-f]{17}|vpc-[0-9a-f]{32})$`)

// Binding validates the creation of a binding, or, if old is not nil, its update. vpc is that of the cluster. Contradictions with the
// target group in AWS are left to the controller, which reports them on the binding: no request waits for AWS. An update is refused
// only for what it changes, so that finalizers can always be removed.
func Binding(v *objects.View, vpc string, old, b *v1beta1.TargetGroupBinding) Response {
	if b.DeletionTimestamp != nil || old != nil && equality.Semantic.DeepEqual(old.Spec, b.Spec) {
		return Response{}
	}
	s := &b.Spec
	if s.TargetGroupARN == "" && s.TargetGroupName == "" {
		return denied(checkRequired, "TargetGroupBinding must specify these fields: either TargetGroupARN or TargetGroupName")
	}
	if old != nil {
		if changed := immutable(&old.Spec, s, vpc); len(changed) > 0 {
			return denied(checkImmutable, "TargetGroupBinding update may not change these immutable fields: "+strings.Join(changed, ","))
		}
	}
	isType := func(t v1beta1.TargetType) bool { return s.TargetType != nil && *s.TargetType == t }
	switch {
	case isType(v1beta1.TargetTypeIP) && s.NodeSelector != nil:
		return denied(checkNodeSelector, "TargetGroupBinding cannot set NodeSelector when TargetType is ip (spec.nodeSelector); remove nodeSelector, or bind a target group of type instance")
	case isType(v1beta1.TargetTypeInstance) && s.IamRoleArnToAssume != "":
		return denied(checkAssumeRole, "Unable to use instance target type while using assume role (spec.iamRoleArnToAssume)")
	case s.VpcID != "" && !vpcID.MatchString(s.VpcID) && (old == nil || old.Spec.VpcID != s.VpcID):
		return denied(checkVPC, fmt.Sprintf("ValidationError: vpcID %s failed to satisfy constraint: VPC Id must begin with 'vpc-' followed by 8, 17 or 32 lowercase letters (a-f) or numbers.", s.VpcID))
	case isType(v1beta1.TargetTypeInstance) && s.TargetGroupProtocol != nil && (*s.TargetGroupProtocol == "QUIC" || *s.TargetGroupProtocol == "TCP_QUIC"):
		return denied(checkProtocol, "QUIC protocol is not supported for Instance target types.")
	}
	// An update by which the controller adds the ARN to the name is not checked again: it reports the conflict on the younger binding.
	if old == nil || !sameGroup(&old.Spec, s) || old.Spec.MultiClusterTargetGroup != s.MultiClusterTargetGroup {
		return shared(v, b)
	}
	return Response{}
}

// sameGroup reports whether two bindings refer to one target group. If either gives only its name, the names are compared: they are
// unique within the account of a role.
func sameGroup(a, b *v1beta1.TargetGroupBindingSpec) bool {
	if a.TargetGroupARN != "" && b.TargetGroupARN != "" {
		return a.TargetGroupARN == b.TargetGroupARN
	}
	name := groupName(a)
	return name != "" && name == groupName(b) && a.IamRoleArnToAssume == b.IamRoleArnToAssume
}

// groupName is the name of a binding's target group, from its ARN if there is one.
func groupName(s *v1beta1.TargetGroupBindingSpec) string {
	if s.TargetGroupARN == "" {
		return s.TargetGroupName
	}
	return naming.OfTargetGroup(s.TargetGroupARN)
}

// shared refuses a target group that other bindings refer to, unless all of them are multi-cluster.
func shared(v *objects.View, b *v1beta1.TargetGroupBinding) Response {
	multi, others := b.Spec.MultiClusterTargetGroup, []string(nil)
	for _, o := range v.TargetGroupBindings("") {
		if !sameGroup(&o.Spec, &b.Spec) || o.Namespace == b.Namespace && o.Name == b.Name || b.UID != "" && o.UID == b.UID {
			continue
		}
		multi = multi && o.Spec.MultiClusterTargetGroup
		others = append(others, o.Namespace+"/"+o.Name)
	}
	if len(others) == 0 || multi {
		return Response{}
	}
	slices.Sort(others)
	group := cmp.Or(b.Spec.TargetGroupARN, b.Spec.TargetGroupName)
	return Response{Check: checkExistingGroups, Recheck: true, Denied: fmt.Sprintf(
		"TargetGroup %[1]s is already bound to following TargetGroupBindings %[2]v. Please enable MultiCluster mode on all TargetGroupBindings referencing %[1]s or choose a different Target Group ARN.", group, others)}
}

// immutable lists the fields that an update changes and must not, once the binding is complete.
func immutable(old, s *v1beta1.TargetGroupBindingSpec, vpc string) []string {
	if incomplete(old) {
		return nil
	}
	var changed []string
	if old.TargetGroupARN != s.TargetGroupARN {
		changed = append(changed, "spec.targetGroupARN")
	}
	if s.TargetType == nil || *s.TargetType != *old.TargetType {
		changed = append(changed, "spec.targetType")
	}
	switch {
	case old.IPAddressType == nil && (s.IPAddressType == nil || *s.IPAddressType == v1beta1.IPAddressTypeIPv4):
	case old.IPAddressType == nil || s.IPAddressType == nil || *s.IPAddressType != *old.IPAddressType:
		changed = append(changed, "spec.ipAddressType")
	}
	if old.VpcID != s.VpcID && (old.VpcID != "" || s.VpcID != vpc) {
		changed = append(changed, "spec.vpcID")
	}
	return changed
}
