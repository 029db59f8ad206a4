package awsclient

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Codes that callers react to beyond their class.
const (
	CodeDuplicatePermission = "InvalidPermission.Duplicate"
	CodePermissionNotFound  = "InvalidPermission.NotFound"
	CodeTooManyPermissions  = "RulesPerSecurityGroupLimitExceeded"
	CodeDependencyViolation = "DependencyViolation"
	CodeGroupNotFound       = "InvalidGroup.NotFound"
	CodeResourceInUse       = "ResourceInUse"
	CodeCertificateInUse    = "ResourceInUseException"
	CodeTrustStoreInUse     = "TrustStoreInUse"
	CodeNotPermitted        = "OperationNotPermitted"
	CodeTooManyRules        = "TooManyRules"
	CodeTooManyTargets      = "TooManyTargets"
	CodeValidation          = "ValidationError"
	CodeWAFUnavailable      = "WAFUnavailableEntityException"
	CodeAlreadyExists       = "ResourceAlreadyExistsException"
	CodePriorRequest        = "PriorRequestNotComplete"
	CodeCapacityPending     = "CapacityReservationPending"
	CodeInvalidTarget       = "InvalidTarget"
	CodeTargetGroupNotFound = "TargetGroupNotFound"
	// CodeRequestExpired is EC2's code for a session that has expired, and for a clock that is wrong.
	CodeRequestExpired = "RequestExpired"

	CodeTargetGroupAssociation = "TargetGroupAssociationLimit"
)

// codeClasses is the only place that knows the meaning of AWS's codes.
var codeClasses = withAddOns(map[string]diag.Class{
	// permission
	"AccessDenied": diag.Denied, "AccessDeniedException": diag.Denied, "UnauthorizedOperation": diag.Denied,
	"UnauthorizedAccess": diag.Denied, "OptInRequired": diag.Denied,

	// credentials, whatever the call: a wider policy changes nothing
	"AuthFailure": diag.Credentials, "InvalidClientTokenId": diag.Credentials, "SignatureDoesNotMatch": diag.Credentials,
	"UnrecognizedClientException": diag.Credentials, "ExpiredToken": diag.Credentials,
	"ExpiredTokenException": diag.Credentials,
	"IncompleteSignature":   diag.Credentials, "MissingAuthenticationToken": diag.Credentials,
	"InvalidSignatureException": diag.Credentials,
	CodeRequestExpired:          diag.Credentials,

	// rate
	"Throttling": diag.Throttled, "ThrottlingException": diag.Throttled, "ThrottledException": diag.Throttled,
	"RequestThrottledException": diag.Throttled, "RequestThrottled": diag.Throttled,
	"TooManyRequestsException": diag.Throttled,
	"RequestLimitExceeded":     diag.Throttled, "Client.RequestLimitExceeded": diag.Throttled, "SlowDown": diag.Throttled,
	"EC2ThrottledException": diag.Throttled, "BandwidthLimitExceeded": diag.Throttled,

	// quotas
	"TooManyActions": diag.Quota, "TooManyCertificates": diag.Quota, "TooManyListeners": diag.Quota,
	"TooManyLoadBalancers": diag.Quota, "TooManyRegistrationsForTargetId": diag.Quota, CodeTooManyRules: diag.Quota,
	"TooManyTags": diag.Quota, "TooManyTargetGroups": diag.Quota, CodeTooManyTargets: diag.Quota,
	"TagLimitExceeded":                         diag.Quota,
	"TooManyUniqueTargetGroupsPerLoadBalancer": diag.Quota, "SecurityGroupLimitExceeded": diag.Quota,
	CodeTooManyPermissions: diag.Quota, "SecurityGroupsPerInterfaceLimitExceeded": diag.Quota,
	"FilterLimitExceeded": diag.Quota, "LimitExceededException": diag.Quota, "ResourceLimitExceeded": diag.Quota,
	"AddressLimitExceeded": diag.Quota, "TooManyTagsException": diag.Quota, "TooManyTrustStores": diag.Quota,

	// the account disagrees with what we believe, or with what we want
	CodeDuplicatePermission: diag.Conflict, CodePermissionNotFound: diag.Conflict,
	CodeDependencyViolation: diag.Conflict, CodeResourceInUse: diag.Conflict, CodeNotPermitted: diag.Conflict,
	"DuplicateListener": diag.Conflict, "DuplicateLoadBalancerName": diag.Conflict,
	"DuplicateTargetGroupName": diag.Conflict,
	"InvalidGroup.Duplicate":   diag.Conflict, "PriorityInUse": diag.Conflict, CodeTargetGroupAssociation: diag.Conflict,
	"InvalidGroup.InUse": diag.Conflict, "InvalidGroup.Reserved": diag.Conflict, CodeCertificateInUse: diag.Conflict,
	"ConflictException": diag.Conflict, CodeTrustStoreInUse: diag.Conflict, "DuplicateTrustStoreName": diag.Conflict,

	// not there (yet)
	"ListenerNotFound": diag.NotFound, "LoadBalancerNotFound": diag.NotFound, "RuleNotFound": diag.NotFound,
	"TargetGroupNotFound": diag.NotFound, "SubnetNotFound": diag.NotFound, "SSLPolicyNotFound": diag.NotFound,
	"CertificateNotFound": diag.NotFound, "AllocationIdNotFound": diag.NotFound, "ResourceNotFound": diag.NotFound,
	"TrustStoreNotFound": diag.NotFound, "CaCertificatesBundleNotFound": diag.NotFound, "NoSuchBucket": diag.NotFound,
	"ALPNPolicyNotFound": diag.NotFound,
	CodeGroupNotFound:    diag.NotFound, "InvalidVpcID.NotFound": diag.NotFound, "InvalidSubnetID.NotFound": diag.NotFound,
	"InvalidNetworkInterfaceID.NotFound": diag.NotFound, "InvalidInstanceID.NotFound": diag.NotFound,
	"InvalidPrefixListID.NotFound": diag.NotFound, "InvalidPrefixListId.NotFound": diag.NotFound,
	"InvalidAllocationID.NotFound": diag.NotFound, "ResourceNotFoundException": diag.NotFound,
	"NoSuchHostedZone": diag.NotFound, "InvalidSecurityGroup": diag.NotFound,
	"InvalidSecurityGroupID.NotFound": diag.NotFound,

	// refused as wrong
	CodeValidation: diag.Invalid, "InvalidConfigurationRequest": diag.Invalid, "InvalidLoadBalancerAction": diag.Invalid,
	"InvalidParameterValue": diag.Invalid, "InvalidParameterCombination": diag.Invalid, "InvalidScheme": diag.Invalid,
	"InvalidSubnet": diag.Invalid, "IncompatibleProtocols": diag.Invalid, "UnsupportedCertificate": diag.Invalid,
	"UnsupportedProtocol": diag.Invalid, "AvailabilityZoneNotSupported": diag.Invalid, "DuplicateTagKeys": diag.Invalid,
	"MissingParameter": diag.Invalid, "MissingAction": diag.Invalid, "InvalidAction": diag.Invalid,
	CodeInvalidTarget:          diag.Invalid,
	"InvalidGroupId.Malformed": diag.Invalid, "InvalidSubnetId.Malformed": diag.Invalid,
	"InvalidVpcId.Malformed":      diag.Invalid,
	"InvalidPermission.Malformed": diag.Invalid, "VPCIdNotSpecified": diag.Invalid, "InvalidArnException": diag.Invalid,
	"ValidationException": diag.Invalid,

	"InvalidChangeBatch": diag.Invalid, "InvalidDomainValidationOptionsException": diag.Invalid,
	"InvalidTagException": diag.Invalid, "InvalidCaCertificatesBundle": diag.Invalid, "InvalidInput": diag.Invalid,

	// may pass by itself
	"RequestInProgressException": diag.Transient,
	"InternalFailure":            diag.Transient, "InternalError": diag.Transient, "ServiceUnavailable": diag.Transient,
	"Unavailable": diag.Transient, "RequestTimeout": diag.Transient, "RequestTimeoutException": diag.Transient,
	"HealthUnavailable": diag.Transient, "InsufficientCapacity": diag.Transient,
	"RequestInTheFuture": diag.Transient, "RequestTimeTooSkewed": diag.Transient,
	"CapacityReservationPending": diag.Transient,
	"TrustStoreNotReady":         diag.Transient,

	// add-ons: AWS WAF, Shield Advanced, capacity reservations
	"WAFNonexistentItemException": diag.NotFound, CodeWAFUnavailable: diag.NotFound,
	"WAFInvalidParameterException": diag.Invalid, "WAFInvalidOperationException": diag.Conflict,
	"WAFAssociatedItemException": diag.Conflict,
	"WAFLimitsExceededException": diag.Quota, "WAFInternalErrorException": diag.Transient,
	"LimitsExceededException": diag.Quota, "InvalidResourceException": diag.Invalid,
	"InvalidParameterException": diag.Invalid,
	"OptimisticLockException":   diag.Throttled, CodeAlreadyExists: diag.Conflict,
	"InvalidOperationException":  diag.Invalid,
	"InternalErrorException":     diag.Transient,
	CodePriorRequest:             diag.Conflict, // not a rate: only time helps
	"CapacityUnitsLimitExceeded": diag.Quota, "CapacityDecreaseRequestLimitExceeded": diag.Quota,
}, func(s addOnService) map[string]diag.Class { return s.codes })

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
