package admission

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
)

// Checks of TargetGroupBindings.
const (
	checkARNOrName      = "checkTargetGroupArnOrName"
	checkRequired       = "checkRequiredFields"
	checkImmutable      = "checkImmutableFields"
	checkNodeSelector   = "checkNodeSelector"
	checkExistingGroups = "checkExistingTargetGroups"
	checkVPC            = "checkTargetGroupVpcID"
	checkTargetGroup    = "checkTargetGroupForm"
	checkAssumeRole     = "checkAssumeRoleConfig"
	checkProtocol       = "checkTargetGroupProtocol"
	checkBindable       = "checkBindableTargetGroup"
)

// BindingConfig are the settings for TargetGroupBindings.
type BindingConfig struct {
	VPC   string         // of the cluster
	Roles iamroles.Roles // that bindings may name
	// Bindable are the target groups without tags of this cluster that bindings may name.
	Bindable allowlist.List
	// External reports whether a target group is known to be none of this cluster; it does not ask AWS. Nil = nothing is
	// known.
	External func(arn string) bool
	// Misplaced reports whether a target group is known to be one of a stack whose bindings are in other namespaces than
	// this one, which may not share it either; it does not ask AWS. Nil = nothing is known.
	Misplaced func(arn, namespace string) bool
}

// CompleteBinding refuses the creation of a binding without a target group. On an update (old is not nil) it fills in
// the fields that the new version has lost, since versions of the API with fewer fields drop the others. The controller
// fills in what AWS holds right after the creation, because no request waits for AWS.
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
		{"targetGroupARN", s.TargetGroupARN == "" && s.TargetGroupName == old.Spec.TargetGroupName, old.Spec.TargetGroupARN,
			s.TargetGroupName != ""},
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
			out.Warnings = append(out.Warnings, "spec."+f.name+" cannot be removed from a TargetGroupBinding; its former "+
				"value is kept")
		}
	}
	return out
}

// incomplete reports whether the controller has yet to complete a binding from its target group. Until then it fills in
// every absent field, the protocol included, and mistakes in the others can still be corrected.
func incomplete(s *v1beta1.TargetGroupBindingSpec) bool {
	return s.TargetGroupARN == "" || s.TargetType == nil || s.TargetGroupProtocol == nil
}

// vpcID is the form of the id of a VPC.
var vpcID = regexp.MustCompile(`^(?:vpc-[0-9a-f]{8}|vpc-[0-9a-f]{17}|vpc-[0-9a-f]{32})$`)

// Binding validates the creation of a binding, or, if old is not nil, its update. Contradictions with the target group
// in AWS are left to the controller, which reports them on the binding: no request waits for AWS. An update is refused
// only for what it changes, so that finalizers can always be removed.
func Binding(v *objects.View, c BindingConfig, old, b *v1beta1.TargetGroupBinding) Response {
	if b.DeletionTimestamp != nil || old != nil && equality.Semantic.DeepEqual(old.Spec, b.Spec) {
		return Response{}
	}
	s := &b.Spec
	if old != nil && (s.TargetGroupARN != "" || s.TargetGroupName != "") {
		if changed := immutable(&old.Spec, s, c.VPC); len(changed) > 0 {
			return denied(checkImmutable, "TargetGroupBinding update may not change these immutable fields: "+
				strings.Join(changed, ","))
		}
	}
	if check, d := Contradiction(b); d != nil && (old == nil || check != checkTargetGroup &&
		(check != checkVPC || old.Spec.VpcID != s.VpcID)) {
		return Response{Check: check, Denied: d.Message(), Finding: d}
	}
	if old == nil || old.Spec.IamRoleArnToAssume != s.IamRoleArnToAssume || old.Spec.AssumeRoleExternalId !=
		s.AssumeRoleExternalId {
		if d := Role(c.Roles, b); d != nil {
			return Response{Check: checkAssumeRole, Denied: d.Message(), Finding: d}
		}
	}
	if old == nil || !sameGroup(&old.Spec, s) {
		if d := c.unbindable(b); d != nil {
			return Response{Check: checkBindable, Denied: d.Message(), Finding: d}
		}
	}
	// An update by which the controller adds the ARN to the name is not checked again: it reports the conflict on the
	// younger binding.
	var out Response
	if old == nil || !sameGroup(&old.Spec, s) || old.Spec.MultiClusterTargetGroup != s.MultiClusterTargetGroup {
		out = c.shared(v, b)
	}
	for _, d := range Idle(b) {
		out.Warnings = append(out.Warnings, d.Text+"; "+d.Remedy)
	}
	return out
}

// Idle returns the notes about fields of a binding that have no effect.
func Idle(b *v1beta1.TargetGroupBinding) (found diag.List) {
	s := &b.Spec
	if s.AssumeRoleExternalId != "" && s.IamRoleArnToAssume == "" {
		found = append(found, diag.New(owner.Object(b), "spec.assumeRoleExternalId", diag.IgnoredSetting,
			"spec.assumeRoleExternalId has no effect without spec.iamRoleArnToAssume", "name the role, or remove it"))
	}
	bound := groupName(s)
	if s.TargetGroupARN != "" && bound != "" && s.TargetGroupName != "" && s.TargetGroupName != bound {
		found = append(found, diag.New(owner.Object(b), "spec.targetGroupName", diag.IgnoredSetting,
			fmt.Sprintf("spec.targetGroupName %q has no effect: spec.targetGroupARN names target group %s", s.TargetGroupName,
				bound), "remove targetGroupName, or set it to "+bound))
	}
	return found
}

// Contradiction returns what no target group could satisfy in the spec of a binding, and the check that finds it; nil
// if there is none.
func Contradiction(b *v1beta1.TargetGroupBinding) (check string, d *diag.Diagnostic) {
	s := &b.Spec
	bad := func(check, field, text, remedy string) (string, *diag.Diagnostic) {
		d := diag.New(owner.Object(b), "spec."+field, diag.InvalidBinding, text, remedy)
		return check, &d
	}
	isType := func(t v1beta1.TargetType) bool { return s.TargetType != nil && *s.TargetType == t }
	switch {
	case s.TargetGroupARN == "" && s.TargetGroupName == "":
		return bad(checkRequired, "targetGroupARN", "TargetGroupBinding must specify these fields: either TargetGroupARN "+
			"or TargetGroupName", "set one of them")
	case s.TargetGroupARN == "" && !naming.Possible(s.TargetGroupName):
		return bad(checkTargetGroup, "targetGroupName", fmt.Sprintf("%.100q is not the name of a target group, which has "+
			"1 to 32 letters, digits and hyphens", s.TargetGroupName), "name a target group that exists")
	case isType(v1beta1.TargetTypeIP) && s.NodeSelector != nil:
		return bad(checkNodeSelector, "nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip",
			"remove nodeSelector, or bind a target group of type instance")
	case isType(v1beta1.TargetTypeInstance) && s.IamRoleArnToAssume != "":
		return bad(checkAssumeRole, "iamRoleArnToAssume", "iamRoleArnToAssume is set, and allows no instance targets",
			"remove iamRoleArnToAssume, or bind a target group of type ip")
	case s.VpcID != "" && !vpcID.MatchString(s.VpcID):
		return bad(checkVPC, "vpcID", fmt.Sprintf("vpcID %q is not the ID of a VPC", s.VpcID),
			"remove vpcID, or set it to the VPC of the target group")
	case isType(v1beta1.TargetTypeInstance) && s.TargetGroupProtocol != nil && (*s.TargetGroupProtocol == "QUIC" ||
		*s.TargetGroupProtocol == "TCP_QUIC"):
		return bad(checkProtocol, "targetGroupProtocol", "QUIC protocol is not supported for Instance target types.",
			"bind a target group of type ip")
	}
	return "", nil
}

// Role returns what is wrong with the role that a binding names, by its form and by which roles the bindings of its
// namespace may name; nil if nothing is. Whether AWS lets the controller assume it is not known here.
func Role(roles iamroles.Roles, b *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	s := &b.Spec
	bad := func(field string, code diag.Code, text, remedy string) *diag.Diagnostic {
		d := diag.New(owner.Object(b), "spec."+field, code, text, remedy)
		return &d
	}
	if s.IamRoleArnToAssume == "" {
		return nil
	}
	_, isRole := iamroles.Account(s.IamRoleArnToAssume)
	switch {
	case !isRole:
		return bad("iamRoleArnToAssume", diag.InvalidBinding, fmt.Sprintf("%q is not the ARN of a role",
			s.IamRoleArnToAssume), "set it to an ARN such as arn:aws:iam::123456789012:role/targets")
	case s.AssumeRoleExternalId != "" && !iamroles.ExternalID(s.AssumeRoleExternalId):
		return bad("assumeRoleExternalId", diag.InvalidBinding,
			"an external id has 2 to 1224 letters, digits and characters of _+=,.@:/-",
			"set it to the external id in the role's trust policy, or omit it")
	case !roles.Allow(b.Namespace, s.IamRoleArnToAssume):
		return bad("iamRoleArnToAssume", diag.RoleNotAllowed, fmt.Sprintf("TargetGroupBindings of namespace %s are not "+
			"allowed to assume role %s", b.Namespace, s.IamRoleArnToAssume),
			fmt.Sprintf("the administrator of the controller can allow it with --assumable-roles=%s=%s", b.Namespace,
				s.IamRoleArnToAssume))
	}
	return nil
}

// unbindable is the finding that a binding may not name its target group, where that is known without a question to
// AWS. The controller finds the others. A target group of another account is not of this cluster.
func (c BindingConfig) unbindable(b *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	arn, name := b.Spec.TargetGroupARN, naming.OfTargetGroup(b.Spec.TargetGroupARN)
	if arn == "" || c.Bindable.Allow(b.Namespace, arn, name) || b.Spec.IamRoleArnToAssume == "" &&
		(c.External == nil || !c.External(arn)) {
		return nil
	}
	d := UnboundTargetGroup(b, name)
	return &d
}

// UnboundTargetGroup returns the finding that a binding may not name a target group that is not of this cluster.
func UnboundTargetGroup(b *v1beta1.TargetGroupBinding, name string) diag.Diagnostic {
	return diag.New(owner.Object(b), "spec.targetGroupARN", diag.TargetGroupNotAllowed,
		fmt.Sprintf("target group %q does not belong to this cluster, and TargetGroupBindings of namespace %s are not "+
			"allowed to use it; its registered targets do not change", name, b.Namespace),
		fmt.Sprintf("the administrator of the controller can allow it with --bindable-target-groups=%s=%s",
			b.Namespace, name))
}

// sameGroup reports whether two bindings refer to one target group. If either gives only its name, the names are
// compared, which are unique within an account. Two roles may be of one account, and a role of the account in an ARN.
func sameGroup(a, b *v1beta1.TargetGroupBindingSpec) bool {
	if a.TargetGroupARN != "" && b.TargetGroupARN != "" {
		return a.TargetGroupARN == b.TargetGroupARN
	}
	name := groupName(a)
	if name == "" || name != groupName(b) {
		return false
	}
	x, y := accountOf(a), accountOf(b)
	return a.IamRoleArnToAssume == b.IamRoleArnToAssume || x != "" && x == y
}

// accountOf is the account of a binding's target group; empty = the controller's own, whose id is not known here.
func accountOf(s *v1beta1.TargetGroupBindingSpec) string {
	if parts := strings.Split(s.TargetGroupARN, ":"); len(parts) > 4 {
		return parts[4]
	}
	account, _ := iamroles.Account(s.IamRoleArnToAssume)
	return account
}

// lost reports whether the controller found that AWS has no target group of a binding's ARN. Another one may have its
// name.
func lost(b *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	return ready != nil && ready.Status == metav1.ConditionFalse && ready.Reason == string(diag.TargetGroupNotFound)
}

// groupName is the name of a binding's target group, from its ARN if there is one.
func groupName(s *v1beta1.TargetGroupBindingSpec) string {
	if s.TargetGroupARN == "" {
		return s.TargetGroupName
	}
	return naming.OfTargetGroup(s.TargetGroupARN)
}

// defers reports whether a binding must not serve the target group that another one names, so that it does not hold the
// other one up: nobody gets a target group by naming it first. The controller finds out whose the target group of a
// binding without an ARN is.
func (c BindingConfig) defers(o, to *v1beta1.TargetGroupBinding) bool {
	if o.Namespace == to.Namespace || to.Spec.TargetGroupARN == "" {
		return false
	}
	return o.Spec.TargetGroupARN == "" || c.misplaced(to.Spec.TargetGroupARN, o.Namespace)
}

func (c BindingConfig) misplaced(arn, namespace string) bool {
	return arn != "" && c.Misplaced != nil && c.Misplaced(arn, namespace)
}

// shared refuses a target group that other bindings refer to, unless all of them are multi-cluster and may share it.
func (c BindingConfig) shared(v *objects.View, b *v1beta1.TargetGroupBinding) Response {
	multi, foreign, others := b.Spec.MultiClusterTargetGroup, "", []string(nil)
	for _, o := range objects.Naming[*v1beta1.TargetGroupBinding](v, objects.TargetGroupBinding,
		objects.TargetGroupRefs(&b.Spec)...) {
		if !sameGroup(&o.Spec, &b.Spec) || o.Namespace == b.Namespace && o.Name == b.Name || b.UID != "" && o.UID == b.UID {
			continue
		}
		if byName := b.Spec.TargetGroupARN == "" && o.Spec.TargetGroupARN != ""; byName && lost(o) {
			continue
		}
		if c.defers(o, b) {
			continue
		}
		multi = multi && o.Spec.MultiClusterTargetGroup
		if arn := cmp.Or(b.Spec.TargetGroupARN, o.Spec.TargetGroupARN); c.misplaced(arn, b.Namespace) {
			foreign = arn
		}
		others = append(others, o.Namespace+"/"+o.Name)
	}
	if len(others) == 0 || multi && foreign == "" {
		return Response{}
	}
	slices.Sort(others)
	group, field := b.Spec.TargetGroupARN, "spec.targetGroupARN"
	if group == "" {
		group, field = b.Spec.TargetGroupName, "spec.targetGroupName"
	}
	text := fmt.Sprintf("target group %s is already bound by TargetGroupBinding %s", group, strings.Join(others, ", "))
	remedy := "set spec.multiClusterTargetGroup: true on each TargetGroupBinding of the target group, or choose " +
		"another target group"
	denied := fmt.Sprintf("%s; set spec.multiClusterTargetGroup on all TargetGroupBindings of %s, or choose another "+
		"target group", text, group)
	if multi {
		remedy = fmt.Sprintf("choose another target group; the administrator of the controller can allow this one with "+
			"--cross-namespace-target-groups=%s=%s", b.Namespace, naming.OfTargetGroup(foreign))
		denied = text + "; " + remedy
	}
	d := diag.New(owner.Object(b), field, diag.TargetGroupBound, text, remedy)
	return Response{Check: checkExistingGroups, Recheck: true, Finding: &d, Denied: denied}
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
	// with a role, the controller fills in the VPC of another account
	if old.VpcID != s.VpcID && (old.VpcID != "" || s.VpcID != vpc && s.IamRoleArnToAssume == "") {
		changed = append(changed, "spec.vpcID")
	}
	return changed
}
