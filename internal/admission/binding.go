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

// CompleteBinding judges what the creation of a binding leaves to its target group, and on an update (old is not nil) fills in
// what the new version has lost: versions of the API with fewer fields drop the others. What only AWS knows is filled in by the
// controller right after the creation, for no request waits for AWS.
func CompleteBinding(old, b *v1beta1.TargetGroupBinding) Verdict {
	s := &b.Spec
	switch {
	case b.DeletionTimestamp != nil:
		return Verdict{}
	case old == nil && s.TargetGroupARN == "" && s.TargetGroupName == "":
		return denied(checkARNOrName, "must provide either TargetGroupARN or TargetGroupName")
	case old == nil || incomplete(&old.Spec):
		return Verdict{}
	}
	var out Verdict
	for _, f := range []struct {
		name      string
		lost      bool
		was       any
		unchecked bool // leaving it out is usual
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
		out.Patch = append(out.Patch, Operation{"/spec/" + f.name, f.was})
		if !f.unchecked {
			out.Warnings = append(out.Warnings, "spec."+f.name+" cannot be taken away from a TargetGroupBinding; it stays as it was")
		}
	}
	return out
}

// incomplete reports that the controller has not yet matched a binding with its target group: then it fills in all that is left
// out, the protocol included, and mistakes in the rest can still be corrected.
func incomplete(s *v1beta1.TargetGroupBindingSpec) bool {
	return s.TargetGroupARN == "" || s.TargetType == nil || s.TargetGroupProtocol == nil
}

// vpcID is what AWS calls a VPC.
var vpcID = regexp.MustCompile(`^(?:vpc-[0-9a-f]{8}|vpc-[0-9a-f]{17}|vpc-[0-9a-f]{32})$`)

// Binding judges the creation of a binding, or, if old is not nil, its update. vpc is that of the cluster. What contradicts the
// target group itself is left to the controller, which tells it on the binding: no request waits for AWS. An update is refused
// only for what it brings, so that finalizers come off whatever is wrong.
func Binding(v *objects.View, vpc string, old, b *v1beta1.TargetGroupBinding) Verdict {
	if b.DeletionTimestamp != nil || old != nil && equality.Semantic.DeepEqual(old.Spec, b.Spec) {
		return Verdict{}
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
	// That the controller writes the ARN beside the name brings nothing: of two that got in, it tells the younger one.
	if old == nil || !sameGroup(&old.Spec, s) || old.Spec.MultiClusterTargetGroup != s.MultiClusterTargetGroup {
		return shared(v, b)
	}
	return Verdict{}
}

// sameGroup reports whether two bindings mean one target group. If either gives only its name, that decides: names are unique where
// one role leads.
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

// shared refuses a target group that other bindings serve, unless all of them leave the targets of others alone.
func shared(v *objects.View, b *v1beta1.TargetGroupBinding) Verdict {
	multi, others := b.Spec.MultiClusterTargetGroup, []string(nil)
	for _, o := range v.TargetGroupBindings("") {
		if !sameGroup(&o.Spec, &b.Spec) || o.Namespace == b.Namespace && o.Name == b.Name || b.UID != "" && o.UID == b.UID {
			continue
		}
		multi = multi && o.Spec.MultiClusterTargetGroup
		others = append(others, o.Namespace+"/"+o.Name)
	}
	if len(others) == 0 || multi {
		return Verdict{}
	}
	slices.Sort(others)
	group := cmp.Or(b.Spec.TargetGroupARN, b.Spec.TargetGroupName)
	return Verdict{Check: checkExistingGroups, Doubtful: true, Denied: fmt.Sprintf(
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
