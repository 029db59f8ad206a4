package awsclient

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// missingKinds are the codes that say which resource does not exist.
var missingKinds = map[string]stack.Kind{
	"LoadBalancerNotFound": stack.KindLoadBalancer,
	"ListenerNotFound":     stack.KindListener,
	"RuleNotFound":         stack.KindRule,
	"TargetGroupNotFound":  stack.KindTargetGroup,
	CodeGroupNotFound:      stack.KindSecurityGroup,
	"InvalidSecurityGroup": stack.KindSecurityGroup,
}

// Missing returns the kind of a stack's resource that does not exist according to the error; "" = the error says no
// such thing.
func (e Error) Missing() stack.Kind {
	// CreateLoadBalancer has no code of its own for an unknown security group.
	if e.Code == "InvalidConfigurationRequest" && strings.Contains(e.Message, "security groups are invalid") {
		return stack.KindSecurityGroup
	}
	return missingKinds[e.Code]
}

// disagreements are the codes that contradict what the controller knows: a resource exists that it does not know, or
// the reverse.
var disagreements = map[string]bool{
	CodeDuplicatePermission: true, CodePermissionNotFound: true,
	"DuplicateListener": true, "DuplicateLoadBalancerName": true, "DuplicateTargetGroupName": true,
	"InvalidGroup.Duplicate": true, "DuplicateTrustStoreName": true,
	"PriorityInUse": true, CodeTargetGroupAssociation: true, CodeAlreadyExists: true,
}

// Disagrees reports whether the account differs from what the caller assumed, so that a new read may help.
func (e Error) Disagrees() bool { return disagreements[e.Code] }

var full = map[string]bool{
	CodeTooManyRules: true, CodeTooManyPermissions: true, "TooManyListeners": true, "TooManyCertificates": true,
	"TooManyUniqueTargetGroupsPerLoadBalancer": true,
}

// Propagating reports whether AWS says that a new resource is not known everywhere yet, and will be.
func (e Error) Propagating() bool { return e.Code == CodeWAFUnavailable }

// Pending reports whether an earlier change of a capacity reservation is still in progress.
func (e Error) Pending() bool { return e.Code == CodePriorRequest || e.Code == CodeCapacityPending }

// Full reports whether a quota of the parent resource is reached, so that deleting siblings makes room.
func (e Error) Full() bool { return full[e.Code] }

// Protected reports whether deletion protection prevents the call.
func (e Error) Protected() bool {
	return e.Code == CodeNotPermitted && strings.Contains(strings.ToLower(e.Message), "deletion protection")
}

// InUse reports whether something still uses the resource, which therefore cannot be deleted yet.
func (e Error) InUse() bool {
	return e.Code == CodeDependencyViolation || e.Code == CodeResourceInUse || e.Code == CodeCertificateInUse ||
		e.Code == CodeTrustStoreInUse
}
