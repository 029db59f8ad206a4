package diag

import (
	"maps"
	"slices"
)

// EventReason is the reason of the Kubernetes event of a diagnostic; the values are those of the existing controller.
type EventReason string

// Event reasons.
const (
	FailedLoadGroupID   EventReason = "FailedLoadGroupID"
	FailedBuildModel    EventReason = "FailedBuildModel"
	FailedDeployModel   EventReason = "FailedDeployModel"
	FailedReconcile     EventReason = "FailedReconcile"
	FailedNetwork       EventReason = "FailedNetworkReconcile"
	BackendNotFound     EventReason = "BackendNotFound"
	FailedCleanup       EventReason = "FailedCleanup"
	FailedAdd           EventReason = "FailedAddFinalizer"
	FailedRemove        EventReason = "FailedRemoveFinalizer"
	FailedStatus        EventReason = "FailedUpdateStatus"
	FailedCleanupStatus EventReason = "FailedCleanupStatus"
	UnhealthyTargets    EventReason = "UnhealthyTargets"
	UnknownKey          EventReason = "UnknownAnnotation"
	NoteReason          EventReason = "Note"
	SupportEnded        EventReason = "EndedSupport"
	DryRunReason        EventReason = "DryRun"
	SuccessfullyDone    EventReason = "SuccessfullyReconciled"
	WarningEndpoints    EventReason = "WarningEndpoints"
	FailedDeploy        EventReason = "FailedDeploy"       // of GlobalAccelerators, instead of FailedDeployModel
	FailedEndpointLoad  EventReason = "FailedEndpointLoad" // of GlobalAccelerators, instead of FailedLoadGroupID
)

// Info is the row of a code.
type Info struct {
	Class  Class
	Reason EventReason
}

// The codes. Producers use these constants only; a test checks that each appears in some golden case.
const (
	InvalidIngressClass    Code = "InvalidIngressClass"
	InvalidGroup           Code = "InvalidGroup"
	InvalidAnnotation      Code = "InvalidAnnotation"
	ReservedTag            Code = "ReservedTag"
	UnknownAnnotation      Code = "UnknownAnnotation"
	ForeignAnnotation      Code = "ForeignAnnotation"
	GuardNotApplied        Code = "GuardNotApplied"
	UnsupportedFeature     Code = "UnsupportedFeature"
	IgnoredSetting         Code = "IgnoredSetting"
	EndedSupport           Code = "EndedSupport"
	AdditionInUse          Code = "AdditionInUse"
	ConflictingSettings    Code = "ConflictingSettings"
	GroupWaits             Code = "GroupWaits"
	SettingsWait           Code = "SettingsWait"
	InvalidRule            Code = "InvalidRule"
	OverlappingRule        Code = "OverlappingRule"
	HiddenRule             Code = "HiddenRule"
	InvalidListener        Code = "InvalidListener"
	HostnameTaken          Code = "HostnameTaken"
	ServiceNotFound        Code = "ServiceNotFound"
	BackendLeftOut         Code = "BackendLeftOut"
	ServicePortNotFound    Code = "ServicePortNotFound"
	WrongServiceType       Code = "WrongServiceType"
	NoSubnets              Code = "NoSubnets"
	InvalidSubnets         Code = "InvalidSubnets"
	SecurityGroupNotFound  Code = "SecurityGroupNotFound"
	CertificateNotFound    Code = "CertificateNotFound"
	HostWithoutCertificate Code = "HostWithoutCertificate"
	HostNotCovered         Code = "HostNotCovered"
	SeveralCertificates    Code = "SeveralCertificates"
	CertificatePending     Code = "CertificatePending"
	CertificateFailed      Code = "CertificateFailed"
	ImportsHeld            Code = "ImportsHeld"
	ImportsNearQuota       Code = "ImportsNearQuota"
	HostedZoneNotFound     Code = "HostedZoneNotFound"
	TargetGroupNotFound    Code = "TargetGroupNotFound"
	TargetGroupTaken       Code = "TargetGroupTaken"
	RefNotPermitted        Code = "RefNotPermitted"
	TargetGroupNotAllowed  Code = "TargetGroupNotAllowed"
	TargetGroupInUse       Code = "TargetGroupInUse"
	ResourceInUse          Code = "ResourceInUse"
	TargetsKept            Code = "TargetsKept"
	PortTaken              Code = "PortTaken"
	ListenerTaken          Code = "ListenerTaken"
	LoadBalancerNotFound   Code = "LoadBalancerNotFound"
	LoadBalancerUnfit      Code = "LoadBalancerUnfit"
	LoadBalancerNotAllowed Code = "LoadBalancerNotAllowed"
	DeletionWithoutConsent Code = "DeletionWithoutConsent"
	TakenWithoutConsent    Code = "TakenWithoutConsent"
	ProtocolRefused        Code = "ProtocolRefused"
	WebACLNotFound         Code = "WebACLNotFound"
	NotSubscribed          Code = "NotSubscribed"
	TrustStoreNotFound     Code = "TrustStoreNotFound"
	NameTooLong            Code = "NameTooLong"
	DeletionProtected      Code = "DeletionProtected"
	DuplicateResource      Code = "DuplicateResource"
	ResourceDisowned       Code = "ResourceDisowned"
	DeletionsHeld          Code = "DeletionsHeld"
	DriftReported          Code = "DriftReported"
	ConnectionsReset       Code = "ConnectionsReset"
	ReplacementRefused     Code = "ReplacementRefused"
	PlanNotApproved        Code = "PlanNotApproved"
	SettingNotPermitted    Code = "SettingNotPermitted"
	TakeoverNotApproved    Code = "TakeoverNotApproved"
	OnlyObserved           Code = "OnlyObserved"
	OnHold                 Code = "OnHold"
	PlanOnHold             Code = "PlanOnHold"
	HoldUnreadable         Code = "HoldUnreadable"
	LoadBalancerRetained   Code = "LoadBalancerRetained"
	DriftCorrected         Code = "DriftCorrected"
	DeregistrationsHeld    Code = "DeregistrationsHeld"
	AccessDenied           Code = "AccessDenied"
	QuotaExceeded          Code = "QuotaExceeded"
	RateExceeded           Code = "RateExceeded"
	CredentialsRefused     Code = "CredentialsRefused"
	NameTaken              Code = "NameTaken"
	AWSRejected            Code = "AWSRejected"
	AWSUnavailable         Code = "AWSUnavailable"
	ObjectNotWritten       Code = "ObjectNotWritten"
	PolicyDenied           Code = "PolicyDenied"
	DeletionWaits          Code = "DeletionWaits"
	NoTargets              Code = "NoTargets"
	NoHealthyTargets       Code = "NoHealthyTargets"
	ReadinessGateClosed    Code = "ReadinessGateClosed"
	PodsEndEarly           Code = "PodsEndEarly"
	PodsUngated            Code = "PodsUngated"
	PodsUnidentified       Code = "PodsUnidentified"
	ServiceMissing         Code = "BackendServiceMissing"
	BackendUnresolved      Code = "BackendUnresolved"
	RouteNotAttached       Code = "RouteNotAttached"
	NoTargetsAfterEdit     Code = "NoTargetsAfterEdit"
	ServicePortEdited      Code = "ServicePortEdited"
	EndpointNotResolved    Code = "EndpointNotResolved"
	EndpointNotAllowed     Code = "EndpointNotAllowed"
	ZoneNotEnabled         Code = "ZoneNotEnabled"
	SecurityGroupUnclear   Code = "SecurityGroupUnclear"
	InvalidNetworking      Code = "InvalidNetworking"
	NetworkingNotAllowed   Code = "NetworkingNotAllowed"
	RulesNotWritten        Code = "RulesNotWritten"
	CleanupFailed          Code = "FailedCleanup" // the reason of condition Ready, which users know
	InvalidBinding         Code = "InvalidBinding"
	TargetGroupBound       Code = "TargetGroupBound"
	UnseenBindings         Code = "UnseenBindings"
	UnseenMembers          Code = "UnseenMembers"
	UnwatchedNamespaces    Code = "UnwatchedNamespaces"
	VerifyingListeners     Code = "VerifyingListeners"
	UnansweredHealthCheck  Code = "UnansweredHealthCheck"
	UnusableReadinessProbe Code = "UnusableReadinessProbe"
	BindingNotCompleted    Code = "BindingNotCompleted"
	RoleNotAssumed         Code = "RoleNotAssumed"
	RoleNotAllowed         Code = "RoleNotAllowed"
	TargetsStranded        Code = "TargetsStranded"
	SecretNotFound         Code = "SecretNotFound"
	SecretRefused          Code = "SecretRefused"
	CertificateRefused     Code = "CertificateRefused"
	InvalidSecret          Code = "InvalidSecret"
	InvalidCACertificate   Code = "InvalidCACertificate"
	CACertificateUnread    Code = "CACertificateUnread"
	SecretUnread           Code = "SecretUnread"
	DryRun                 Code = "DryRun"
	PlanTooLarge           Code = "PlanTooLarge"
	ObjectsUnread          Code = "ObjectsUnread"
	FinalizerNotAdded      Code = "FinalizerNotAdded"
	FinalizerNotRemoved    Code = "FinalizerNotRemoved"
	StatusNotWritten       Code = "StatusNotWritten"
	StatusNotCleared       Code = "StatusNotCleared"
	AddressNotShown        Code = "AddressNotShown"
	SeveralLoadBalancers   Code = "SeveralLoadBalancers"
	NotServed              Code = "NotServed"
	HeldByFlags            Code = "HeldByFlags"
	TargetGroupKept        Code = "TargetGroupKept"
	NoClientAdmitted       Code = "NoClientAdmitted"
	CheckpointNotWritten   Code = "CheckpointNotWritten"
	DefinitionMissing      Code = "DefinitionMissing"
	InvalidConfiguration   Code = "InvalidConfiguration"
	UnsupportedAddress     Code = "UnsupportedAddress"
	AddressNotUsable       Code = "AddressNotUsable"
	InvalidAccelerator     Code = "InvalidAccelerator"
	EndpointNotLoaded      Code = "EndpointNotLoaded"
	AcceleratorNotOwned    Code = "AcceleratorNotOwned"
	AcceleratorDeleting    Code = "AcceleratorDeleting"
	AcceleratorNotDeleted  Code = "AcceleratorNotDeleted"
)

// table has a row for every code. The comment above a row is its sentence of docs/findings.md.
var table = map[Code]Info{
	// the IngressClass, or the IngressClassParams that it names, does not exist or does not admit this Ingress.
	InvalidIngressClass: {Invalid, FailedLoadGroupID},
	// the group name or order is not acceptable.
	InvalidGroup: {Invalid, FailedLoadGroupID},
	// an annotation's value is malformed or out of range.
	InvalidAnnotation: {Invalid, FailedBuildModel},
	// the tags of an object have a key by which the controller finds its own resources, or by which other controllers
	// select security groups and subnets; the controller does not write the tag, and everything else of the object takes
	// effect.
	ReservedTag: {Invalid, FailedBuildModel},
	// an annotation has the controller's prefix and is unknown, probably because of a spelling mistake.
	UnknownAnnotation: {Note, UnknownKey},
	// an object has an annotation of another controller, which has no effect; the note says what to write instead.
	ForeignAnnotation: {Note, NoteReason},
	// something that restricts or protects has no effect, such as an annotation of another controller, so the requests
	// are not protected.
	GuardNotApplied: {Note, NoteReason},
	// a setting is valid, but this version ignores it.
	UnsupportedFeature: {Note, NoteReason},
	// a setting has no effect because of another setting.
	IgnoredSetting: {Note, NoteReason},
	// a setting has no effect, because AWS has ended the service behind it; a protection that the setting asked for,
	// such as a web ACL, does not exist.
	EndedSupport: {Note, SupportEnded},
	// with --existing-features-only, an object has a feature that the AWS Load Balancer Controller v3.5 lacks; the
	// object had it before the flag was set or while admission did not answer; [going-back.md](tasks/going-back.md)
	// says what happens to it.
	AdditionInUse: {Note, NoteReason},
	// two members of a group declare different values for one setting of the shared load balancer.
	ConflictingSettings: {Conflict, FailedBuildModel},
	// the controller does not know the last valid settings of an invalid member, so the shared settings of the group do
	// not change until somebody corrects this member; rules and targets of the other members change.
	SettingsWait: {Note, NoteReason},
	// a member of a group waits for another member. With --strict-groups, it waits until all members are valid. Without
	// it, the controller does not know what is deployed for the other member, and AWS has no load balancer whose settings
	// the controller could keep.
	GroupWaits: {Conflict, FailedBuildModel},
	// a rule of the Ingress cannot be expressed as a listener rule.
	InvalidRule: {Invalid, FailedBuildModel},
	// a rule of another namespace in the group matches the same requests; the rule with the lower group.order answers
	// them, and with equal order the rule of the Ingress that joined earlier. Also, a more specific listener of another
	// namespace takes requests of a route.
	OverlappingRule: {Note, NoteReason},
	// no request reaches a rule or one of its matches, because an earlier rule or ssl-redirect answers all of its
	// requests, or because it redirects to itself.
	HiddenRule: {Note, NoteReason},
	// a listener of a Gateway or ListenerSet is not valid; its last valid version keeps serving, if there is one.
	InvalidListener: {Invalid, FailedBuildModel},
	// a ListenerSet or its route has a hostname that a route of another namespace serves at the Gateway or an older
	// ListenerSet; requests for it stay with that route.
	HostnameTaken: {Conflict, FailedBuildModel},
	// a Service that an action names does not exist.
	ServiceNotFound: {NotFound, FailedBuildModel},
	// one of several Services that an action of a listener names does not exist: the other target groups get its
	// share.
	BackendLeftOut: {Note, NoteReason},
	// a backend Service has no such port.
	ServicePortNotFound: {NotFound, FailedBuildModel},
	// instance targets need a Service of type NodePort or LoadBalancer.
	WrongServiceType: {Invalid, FailedBuildModel},
	// no subnet of the VPC qualifies for the load balancer.
	NoSubnets: {NotFound, FailedBuildModel},
	// the named subnets cannot carry the load balancer.
	InvalidSubnets: {Invalid, FailedBuildModel},
	// a named security group does not exist in the VPC.
	SecurityGroupNotFound: {NotFound, FailedBuildModel},
	// a certificate does not exist, is not issued, or none covers a host.
	CertificateNotFound: {NotFound, FailedBuildModel},
	// routes of a Gateway have hosts that no certificate of its listener covers, so clients of these hosts get the
	// certificate of another host; each route names its hosts.
	HostWithoutCertificate: {Note, NoteReason},
	// the certificates that a listener names do not cover a host, so clients of the host get the certificate of
	// another one; reported only if the controller knows the names of all these certificates.
	HostNotCovered: {Note, NoteReason},
	// several discovered certificates of ACM cover one host: the controller attaches all of them, and AWS chooses one
	// for each client.
	SeveralCertificates: {Note, NoteReason},
	// ACM has not issued a requested certificate yet; the controller creates or changes its listener once the
	// certificate is issued.
	CertificatePending: {Note, NoteReason},
	// ACM did not issue a requested certificate.
	CertificateFailed: {NotFound, FailedDeployModel},
	// a Secret of spec.tls changes so often that its next import into ACM waits; the last imported certificate keeps
	// serving.
	ImportsHeld: {Quota, FailedDeployModel},
	// the account is close to the yearly quota of imports into ACM.
	ImportsNearQuota: {Note, NoteReason},
	// no public hosted zone of Route 53 can hold the record that proves to ACM who owns a host.
	HostedZoneNotFound: {NotFound, FailedBuildModel},
	// a named target group does not exist.
	TargetGroupNotFound: {NotFound, FailedBuildModel},
	// an existing load balancer has a listener of its owner on a port of the object; the controller serves the other
	// ports of the object.
	ListenerTaken: {Conflict, FailedBuildModel},
	// a load balancer that an object wants to share or adopt does not exist.
	LoadBalancerNotFound: {NotFound, FailedBuildModel},
	// a load balancer that an object wants to share or adopt has another type, scheme, VPC or owner.
	LoadBalancerUnfit: {Conflict, FailedBuildModel},
	// another Service of the group has the port on the shared load balancer; the controller serves the other ports of
	// the Service.
	PortTaken: {Conflict, FailedBuildModel},
	// the namespace has no consent to share or adopt an existing load balancer: neither --existing-load-balancers nor
	// a tag of the load balancer allows it.
	LoadBalancerNotAllowed: {Conflict, FailedBuildModel},
	// an adopted load balancer stays, because its own tag does not let the namespace delete it.
	DeletionWithoutConsent: {Conflict, FailedDeployModel},
	// a load balancer was adopted without consent, or the consent was withdrawn; it keeps serving.
	TakenWithoutConsent: {Note, NoteReason},
	// AWS refuses to change the protocol of a listener; the listener keeps its protocol.
	ProtocolRefused: {Invalid, FailedDeployModel},
	// two Ingresses of a group, or two routes of a Gateway, would use the same target group, because their names and
	// those of their Services give the same text when they are joined; the one that uses the target group keeps it, and
	// the controller does not accept the other one.
	TargetGroupTaken: {Conflict, FailedBuildModel},
	// an object names a target group of another namespace without a ReferenceGrant there, or a target group outside
	// this cluster that --external-target-groups does not allow; the rule answers 503.
	RefNotPermitted: {Invalid, FailedBuildModel},
	// --bindable-target-groups does not let the TargetGroupBindings of the namespace name this target group.
	TargetGroupNotAllowed: {Invalid, FailedReconcile},
	// the object is deleted, and one of its target groups stays in AWS without targets, because a load balancer of
	// others forwards to it.
	TargetGroupInUse: {Note, NoteReason},
	// the object is deleted, and one of its security groups or certificates stays in AWS, because something else uses
	// it.
	ResourceInUse: {Note, NoteReason},
	// targets stay registered in the target group of a TargetGroupBinding, because they were, or may have been,
	// registered before the binding was created.
	TargetsKept: {Note, NoteReason},
	// a named web ACL does not exist in the account and region; an object that already serves keeps its present web ACL,
	// and a new object does not serve.
	WebACLNotFound: {NotFound, FailedBuildModel},
	// the account has no subscription to Shield Advanced, so Shield cannot protect anything.
	NotSubscribed: {NotFound, FailedDeployModel},
	// a named trust store does not exist.
	TrustStoreNotFound: {NotFound, FailedBuildModel},
	// a name is longer than AWS allows.
	NameTooLong: {Invalid, FailedBuildModel},
	// deletion protection keeps the load balancer.
	DeletionProtected: {Conflict, FailedDeployModel},
	// several resources in AWS carry the same tags; the controller keeps the one that serves, and deletes a duplicate
	// only if an annotation allows it.
	DuplicateResource: {Conflict, FailedDeployModel},
	// a resource to be deleted no longer has the tags of its load balancer; the controller keeps it and no longer
	// manages it.
	ResourceDisowned: {Note, NoteReason},
	// an edit would replace the load balancer and its DNS name, and a replacement policy refuses that; the rest of the
	// edit takes effect.
	ReplacementRefused: {Conflict, FailedDeployModel},
	// the load balancer is only observed: the controller does not apply its plan.
	OnlyObserved: {Note, NoteReason},
	// an administrator holds the load balancer for a time: the controller registers and deregisters targets, and
	// writes nothing else to AWS.
	OnHold: {Note, NoteReason},
	// an administrator holds the load balancer; a write to AWS or a deletion waits for the end of the hold.
	PlanOnHold: {Conflict, FailedDeployModel},
	// an entry of the ConfigMap with the holds is unreadable; the entry has no effect; if the controller could read an
	// earlier version of the entry, that hold lasts until the end that this version names.
	HoldUnreadable: {Invalid, FailedReconcile},
	// a member of a group has an annotation that affects all members, but its namespace may not set what the group
	// shares; the controller does not deploy this version of the member.
	SettingNotPermitted: {Invalid, FailedBuildModel},
	// an annotation approves another plan or none; nothing of the load balancer changes until it approves the desired
	// one.
	PlanNotApproved: {Conflict, FailedDeployModel},
	// the load balancer is adopted from somebody else; steps that change or delete existing parts wait until an
	// annotation approves the plan.
	TakeoverNotApproved: {Conflict, FailedDeployModel},
	// the object is deleted and its load balancer stays in AWS, because of deletion policy Retain or RetainWithoutTags,
	// or because it was adopted and its own tag does not let the namespace delete it.
	LoadBalancerRetained: {Note, NoteReason},
	// AWS resets connections to a node whose last ready pod ends, in a namespace that asks for pods to end without a
	// lost request.
	ConnectionsReset: {Note, NoteReason},
	// a change made in AWS by hand stays, because the drift policy is report, until an edit sets another value.
	DriftReported: {Note, NoteReason},
	// the controller found a change made in AWS by hand, and undoes it.
	DriftCorrected: {Note, NoteReason},
	// unusually many target groups lose most of their targets although the pods or nodes exist; the targets stay
	// registered until an annotation allows the deregistration.
	DeregistrationsHeld: {Conflict, FailedDeployModel},
	// unusually many load balancers would be deleted although their objects exist; they stay until an annotation
	// allows the deletion.
	DeletionsHeld: {Conflict, FailedDeployModel},
	// the controller's role lacks a permission.
	AccessDenied: {Denied, FailedDeployModel},
	// an AWS quota is reached, or the declaration would exceed it.
	QuotaExceeded: {Quota, FailedDeployModel},
	// AWS does not accept the controller's credentials; no permission is missing.
	CredentialsRefused: {Credentials, FailedDeployModel},
	// AWS throttles the account; the controller reduces its rate of calls.
	RateExceeded: {Throttled, FailedDeployModel},
	// a resource of that name exists, and the controller does not own it.
	NameTaken: {Conflict, FailedDeployModel},
	// AWS refuses a request as invalid.
	AWSRejected: {Invalid, FailedDeployModel},
	// AWS did not answer, or answered with a server error.
	AWSUnavailable: {Transient, FailedDeployModel},
	// the API server did not complete the write of a TargetGroupBinding, or of the ConfigMap with the targets that a
	// cluster registers in a target group of several clusters.
	ObjectNotWritten: {Transient, FailedDeployModel},
	// a policy, webhook or quota of the cluster refuses a write of the controller to the API server: a
	// TargetGroupBinding, a finalizer, a status, a checkpoint; the message names the policy and the object.
	PolicyDenied: {Denied, FailedDeployModel},
	// the deletion of an object has waited for AWS for minutes; the object, and its namespace, stay until the deletion
	// is complete.
	DeletionWaits: {Transient, FailedDeployModel},
	// a target group has no targets, because its Service has a type without endpoints, no node has the requested labels,
	// or for a minute no pod that the Service selects has been ready; its requests get no answer, or 503.
	NoTargets: {Note, NoteReason},
	// no target of a target group passes its health check.
	NoHealthyTargets: {Note, UnhealthyTargets},
	// more listeners of a Gateway verify clients than AWS allows for one load balancer by default.
	VerifyingListeners: {Note, NoteReason},
	// AWS has no health check that does the same as the pods' readiness probe; the default health check is used.
	UnusableReadinessProbe: {Note, NoteReason},
	// health checks of targets behind a UDP listener use TCP on a port where the Service has only UDP, so all targets
	// may be unhealthy.
	UnansweredHealthCheck: {Note, NoteReason},
	// pods have waited for minutes for their targets to become healthy.
	ReadinessGateClosed: {Note, UnhealthyTargets},
	// a backend of a route does not exist, has no such port, is of an unknown kind, or needs a ReferenceGrant; its share
	// of the requests goes to the other backends of the rule; if there are none, clients get 500.
	BackendUnresolved: {Note, BackendNotFound},
	// a parentRef of a route attaches to no listener of the Gateway, so the route serves nothing there.
	RouteNotAttached: {Note, FailedBuildModel},
	// in a namespace with label elbv2.k8s.aws/pod-drain-inject, pods declare a grace period or a sleep before their
	// end that is shorter than load balancers need.
	PodsEndEarly: {Note, NoteReason},
	// in a namespace with label elbv2.k8s.aws/pod-readiness-gate-inject, pods have no readiness gate of a
	// TargetGroupBinding that registers them.
	PodsUngated: {Note, NoteReason},
	// pods behind a QUIC or TCP_QUIC target group have no server id, or the id of another pod, so the controller
	// cannot register them.
	PodsUnidentified: {NotFound, FailedNetwork},
	// a backend Service, or the Service of a TargetGroupBinding, does not exist; its requests get 503.
	ServiceMissing: {NotFound, BackendNotFound},
	// the controller could not remove the targets or rules of a deleted TargetGroupBinding; the binding stays until it
	// can.
	CleanupFailed: {Transient, FailedCleanup},
	// EndpointSlices of a Service name addresses that do not belong to pods of its namespace, and
	// --endpoints-without-pods does not allow them.
	EndpointNotAllowed: {Note, FailedNetwork},
	// an edit of a TargetGroupBinding names a Service without ready endpoints, or labels that no node has, or an edit of
	// its Service names labels or a port of no pod; the former targets stay.
	NoTargetsAfterEdit: {NotFound, BackendNotFound},
	// an edit of a Service gave its port another number or name than a TargetGroupBinding names, or moved it to a port at
	// which its pods do not become healthy; the targets stay.
	ServicePortEdited: {NotFound, BackendNotFound},
	// the controller cannot determine the network interface or security group of an endpoint.
	EndpointNotResolved: {NotFound, FailedNetwork},
	// targets are in availability zones in which their load balancer has no subnet, so they get no requests.
	ZoneNotEnabled: {Note, UnhealthyTargets},
	// the tags do not show which security group of a network interface gets the rules for load balancers; the
	// controller chose one.
	SecurityGroupUnclear: {Note, FailedNetwork},
	// spec.networking of a TargetGroupBinding has an invalid peer or port; the controller applies the valid peers and
	// ports, and keeps existing rules that the invalid ones may declare.
	InvalidNetworking: {Invalid, FailedNetwork},
	// a TargetGroupBinding, or its Service or load balancer, asks for ports on which no target listens, for ports of
	// nodes, or for too many public addresses, and --binding-networking does not allow that; the controller applies the
	// rest of it.
	NetworkingNotAllowed: {Invalid, FailedNetwork},
	// AWS did not accept the security group rules that spec.networking of a TargetGroupBinding declares.
	RulesNotWritten: {Transient, FailedNetwork},
	// the Ingress or Gateway is planned, but not deployed.
	DryRun: {Note, DryRunReason},
	// the plan does not fit into an annotation uncompressed.
	PlanTooLarge: {Note, NoteReason},
	// a TargetGroupBinding contradicts itself or its target group.
	InvalidBinding: {Invalid, FailedReconcile},
	// another TargetGroupBinding serves the target group; this one, often a copy in another namespace, registers
	// nothing.
	TargetGroupBound: {Conflict, FailedReconcile},
	// with --watch-namespace a group has, or may have, members in other namespaces: parts of its load balancer that
	// may be theirs stay.
	UnseenMembers: {Note, NoteReason},
	// a Gateway admits routes or ListenerSets of namespaces that --watch-namespace excludes: the controller does not
	// serve them.
	UnwatchedNamespaces: {Note, NoteReason},
	// with --watch-namespace the controller may not list the TargetGroupBindings of other namespaces, so targets that
	// it did not register stay registered.
	UnseenBindings: {Conflict, FailedReconcile},
	// AWS does not let the controller assume the role that a TargetGroupBinding names; its registered targets stay,
	// and no other binding waits for it.
	RoleNotAssumed: {Denied, FailedReconcile},
	// --assumable-roles does not let the TargetGroupBindings of the namespace name this role.
	RoleNotAllowed: {Invalid, FailedReconcile},
	// the controller can no longer assume the role of a TargetGroupBinding that is removed, so its targets in the other
	// account stay registered.
	TargetsStranded: {Note, NoteReason},
	// the API server did not accept the fields that the controller adds to a TargetGroupBinding from its target group;
	// until it does, the controller registers no target.
	BindingNotCompleted: {Transient, FailedReconcile},
	// a Secret does not exist; if it is for a login, existing rules keep their login and new ones answer 503; if it is
	// of spec.tls, the certificate imported before stays in use.
	SecretNotFound: {NotFound, FailedBuildModel},
	// a certificate from a Secret or a private authority names a host that a member of the group, in another namespace,
	// had before; the controller does not use it, and an earlier import stays.
	CertificateRefused: {Invalid, FailedBuildModel},
	// the controller may not read a Secret, because of Kubernetes' permissions or --required-secrets-label; its
	// earlier content stays in use, and new rules with login answer 503.
	SecretRefused: {Denied, FailedBuildModel},
	// a reference of spec.tls.frontend names no usable CA certificates; if a port has no usable reference, the
	// controller does not accept its HTTPS listeners.
	InvalidCACertificate: {Invalid, FailedBuildModel},
	// the API server did not return a ConfigMap with CA certificates, or the controller may not read it; an existing
	// trust store does not change, and a listener that needs a new one waits.
	CACertificateUnread: {Transient, FailedBuildModel},
	// a Secret lacks a key, has unusable content such as an expired certificate, or has an invalid name; its earlier
	// content stays in use, and new rules with login answer 503.
	InvalidSecret: {Invalid, FailedBuildModel},
	// the API server did not return a Secret; its earlier content stays in use, new rules with login answer 503, and
	// everything else continues.
	SecretUnread: {Transient, FailedBuildModel},
	// the API server did not return an object that determines the load balancer; nothing is changed until it does.
	ObjectsUnread: {Transient, FailedLoadGroupID},
	// the API server did not accept the finalizer; nothing is created in AWS before it does.
	FinalizerNotAdded: {Transient, FailedAdd},
	// the API server did not accept the removal of the finalizer; nothing is left in AWS.
	FinalizerNotRemoved: {Transient, FailedRemove},
	// the API server did not accept the status; the load balancer works.
	StatusNotWritten: {Transient, FailedStatus},
	// the API server did not accept that the controller removes the name of a deleted load balancer from the status of
	// a Service; the finalizer stays until it does.
	StatusNotCleared: {Transient, FailedCleanupStatus},
	// the hosts of an Ingress are on several load balancers of its group, so its status shows several names.
	SeveralLoadBalancers: {Note, NoteReason},
	// the status of a Service that is not of type LoadBalancer cannot show the address of its load balancer; the note
	// has it.
	AddressNotShown: {Note, NoteReason},
	// a Service asks for a load balancer, or seems to, and this controller does not serve it, because of its class or
	// because it has none.
	NotServed: {Note, NoteReason},
	// because of a changed flag, this controller no longer manages a Service that has a load balancer; the load
	// balancer does not change.
	HeldByFlags: {Conflict, FailedBuildModel},
	// this cluster no longer needs a target group that clusters share, but targets of other clusters are in it; the
	// controller keeps the target group, and removes this cluster's tags.
	TargetGroupKept: {Note, NoteReason},
	// the security group of a load balancer admits no client, because an annotation for its sources is empty.
	NoClientAdmitted: {Note, NoteReason},
	// the API server did not accept a checkpoint that records which resources in AWS are duplicates; until it does, the
	// controller deletes nothing of the load balancer.
	CheckpointNotWritten: {Transient, FailedDeployModel},
	// the API server does not serve TargetGroupBindings, because their definition was removed or never applied; the
	// controller registers no target before you apply it.
	DefinitionMissing: {Transient, FailedDeployModel},
	// a configuration of a Gateway or GatewayClass does not exist, or has an unusable value; the load balancer does
	// not change. Or the ListenerRuleConfiguration of a rule does not exist; requests of the rule get 500.
	InvalidConfiguration: {Invalid, FailedBuildModel},
	// a Gateway asks for an address of a type that load balancers do not have.
	UnsupportedAddress: {Invalid, FailedBuildModel},
	// a Gateway asks for an address that is not an Elastic IP address of the account, or is in use.
	AddressNotUsable: {NotFound, FailedBuildModel},
	// AWS does not accept the declaration of a GlobalAccelerator; its accelerator does not change.
	InvalidAccelerator: {Invalid, FailedBuildModel},
	// the load balancer of an endpoint of a GlobalAccelerator is unknown: the object does not exist, has no load
	// balancer, or the GlobalAccelerator may not refer to it; an endpoint that served before stays if the cause may be
	// temporary.
	EndpointNotLoaded: {NotFound, WarningEndpoints},
	// the accelerator in a GlobalAccelerator's status does not have the tags of the object, so the controller neither
	// changes nor deletes it.
	AcceleratorNotOwned: {Conflict, FailedDeployModel},
	// AWS must disable an accelerator everywhere before it deletes it; the object stays until then.
	AcceleratorDeleting: {Note, NoteReason},
	// the controller could not delete the accelerator of a deleted GlobalAccelerator; the object stays until it can.
	AcceleratorNotDeleted: {Transient, FailedCleanup},
}

// Lookup returns the table entry of a code; ok is false for a code that is not declared.
func Lookup(c Code) (info Info, ok bool) {
	info, ok = table[c]
	return info, ok
}

// Codes returns every declared code, unordered.
func Codes() []Code {
	return slices.Collect(maps.Keys(table))
}
