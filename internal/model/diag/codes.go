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
	// the tags of an object have a reserved key: the controller finds its own resources by the key, or other controllers
	// select security groups and subnets by it. The controller does not write the tag. Everything else of the object takes
	// effect.
	ReservedTag: {Invalid, FailedBuildModel},
	// an annotation has the controller's prefix and is unknown, probably because of a spelling mistake.
	UnknownAnnotation: {Note, UnknownKey},
	// an object has an annotation of another controller, and the annotation has no effect; the note says what to write
	// instead.
	ForeignAnnotation: {Note, NoteReason},
	// a setting that restricts or protects requests has no effect, so the requests are not protected; an example is an
	// annotation of another controller.
	GuardNotApplied: {Note, NoteReason},
	// a setting is valid, but this version ignores it.
	UnsupportedFeature: {Note, NoteReason},
	// a setting has no effect, mostly because of another setting, or its effect is not known.
	IgnoredSetting: {Note, NoteReason},
	// a setting has no effect, because AWS has ended the service that the setting configures; a protection that the
	// setting asked for, such as a web ACL, does not exist.
	EndedSupport: {Note, SupportEnded},
	// --existing-features-only is set, and an object has a feature that the AWS Load Balancer Controller v3.5 lacks. The
	// object got the feature before you set the flag, or while the admission webhook did not answer.
	// [going-back.md](tasks/going-back.md) says what happens to the feature.
	AdditionInUse: {Note, NoteReason},
	// two members of a group declare different values for one setting of the shared load balancer.
	ConflictingSettings: {Conflict, FailedBuildModel},
	// the controller does not know the last valid settings of an invalid group member. The shared settings of the group do
	// not change until somebody corrects this member. Rules and targets of the other members can still change.
	SettingsWait: {Note, NoteReason},
	// a group member waits for another member. With --strict-groups, the member waits until all members are valid. Without
	// --strict-groups, the member waits only under two conditions: the controller does not know what is deployed for the
	// other member, and AWS has no load balancer whose settings the controller could keep.
	GroupWaits: {Conflict, FailedBuildModel},
	// a rule of the Ingress cannot be expressed as a listener rule.
	InvalidRule: {Invalid, FailedBuildModel},
	// a rule of another namespace in the group matches the same requests. The rule with the lower group.order answers
	// these requests; if the orders are equal, the rule of the Ingress that joined the group earlier answers. Or a more
	// specific listener of another namespace takes requests of a route.
	OverlappingRule: {Note, NoteReason},
	// no request reaches a rule or one of its matches. An earlier rule or ssl-redirect answers all of these requests, or
	// the rule redirects to itself.
	HiddenRule: {Note, NoteReason},
	// a listener of a Gateway or ListenerSet is not valid; its last valid version keeps serving, if there is one.
	InvalidListener: {Invalid, FailedBuildModel},
	// a ListenerSet or its route has a hostname that a route of another namespace already serves at the Gateway or at an
	// older ListenerSet; the route of the other namespace keeps the requests for the hostname.
	HostnameTaken: {Conflict, FailedBuildModel},
	// a Service that an action names does not exist.
	ServiceNotFound: {NotFound, FailedBuildModel},
	// an action of a listener names several Services, and one of these does not exist; the target groups of the other
	// Services get its share of the traffic.
	BackendLeftOut: {Note, NoteReason},
	// a backend Service has no such port.
	ServicePortNotFound: {NotFound, FailedBuildModel},
	// instance targets need a Service of type NodePort or LoadBalancer.
	WrongServiceType: {Invalid, FailedBuildModel},
	// no subnet of the VPC qualifies for the load balancer.
	NoSubnets: {NotFound, FailedBuildModel},
	// the load balancer cannot use the named subnets.
	InvalidSubnets: {Invalid, FailedBuildModel},
	// a named security group does not exist in the VPC.
	SecurityGroupNotFound: {NotFound, FailedBuildModel},
	// a certificate does not exist, a certificate is not issued, or no certificate covers a host.
	CertificateNotFound: {NotFound, FailedBuildModel},
	// routes of a Gateway have hosts that no certificate of its listener covers, so clients of these hosts get the
	// certificate of another host; the finding on each route names the hosts of the route.
	HostWithoutCertificate: {Note, NoteReason},
	// the certificates that a listener names do not cover a host, so clients of the host get the certificate of another
	// host. The controller reports this only if it knows the host names of all these certificates.
	HostNotCovered: {Note, NoteReason},
	// several discovered certificates of ACM cover one host: the controller attaches all these certificates, and AWS
	// chooses one certificate for each client.
	SeveralCertificates: {Note, NoteReason},
	// ACM has not issued a requested certificate yet; the controller creates or changes the listener for the certificate
	// once ACM has issued it.
	CertificatePending: {Note, NoteReason},
	// ACM did not issue a requested certificate.
	CertificateFailed: {NotFound, FailedDeployModel},
	// a Secret of spec.tls changes so often that its next import into ACM waits; the last imported certificate keeps
	// serving.
	ImportsHeld: {Quota, FailedDeployModel},
	// the account is close to the yearly quota of imports into ACM.
	ImportsNearQuota: {Note, NoteReason},
	// the account has no public hosted zone in Route 53 for the record that proves to ACM who owns a host.
	HostedZoneNotFound: {NotFound, FailedBuildModel},
	// a named target group does not exist.
	TargetGroupNotFound: {NotFound, FailedBuildModel},
	// the owner of an existing load balancer already has a listener on a port of the object; the controller serves the
	// other ports of the object.
	ListenerTaken: {Conflict, FailedBuildModel},
	// a load balancer that an object wants to share or adopt does not exist.
	LoadBalancerNotFound: {NotFound, FailedBuildModel},
	// a load balancer that an object wants to share or adopt has another type, scheme, VPC or owner.
	LoadBalancerUnfit: {Conflict, FailedBuildModel},
	// another Service of the group already uses the port on the shared load balancer; the controller serves the other
	// ports of the Service.
	PortTaken: {Conflict, FailedBuildModel},
	// the namespace may not share or adopt an existing load balancer, because neither --existing-load-balancers nor a tag
	// of the load balancer allows this.
	LoadBalancerNotAllowed: {Conflict, FailedBuildModel},
	// an adopted load balancer stays in AWS, because no tag of the load balancer lets the namespace delete it.
	DeletionWithoutConsent: {Conflict, FailedDeployModel},
	// a load balancer was adopted without consent, or the consent was withdrawn; the load balancer keeps serving.
	TakenWithoutConsent: {Note, NoteReason},
	// AWS refuses to change the protocol of a listener; the listener keeps its protocol.
	ProtocolRefused: {Invalid, FailedDeployModel},
	// two Ingresses of a group, or two routes of a Gateway, would use the same target group. The cause is that their
	// names, joined with the names of their Services, give the same text. The object that already uses the target group
	// keeps it. The controller does not accept the other object.
	TargetGroupTaken: {Conflict, FailedBuildModel},
	// an object names a target group of another namespace that has no ReferenceGrant for it, or a target group outside
	// this cluster that --external-target-groups does not allow. The rule answers 503.
	RefNotPermitted: {Invalid, FailedBuildModel},
	// --bindable-target-groups does not let the TargetGroupBindings of the namespace name this target group.
	TargetGroupNotAllowed: {Invalid, FailedReconcile},
	// the object is deleted, and one of its target groups stays in AWS without targets, because a load balancer of another
	// owner forwards to this target group.
	TargetGroupInUse: {Note, NoteReason},
	// the object is deleted, and one of its security groups or certificates stays in AWS, because something else uses
	// it.
	ResourceInUse: {Note, NoteReason},
	// targets stay registered in the target group of a TargetGroupBinding, because they were registered, or may have been
	// registered, before the TargetGroupBinding was created.
	TargetsKept: {Note, NoteReason},
	// a named web ACL does not exist in the account and region; an object that already serves requests keeps its present
	// web ACL, and a new object serves no requests.
	WebACLNotFound: {NotFound, FailedBuildModel},
	// the account has no subscription to Shield Advanced, so Shield cannot protect anything.
	NotSubscribed: {NotFound, FailedDeployModel},
	// a named trust store does not exist.
	TrustStoreNotFound: {NotFound, FailedBuildModel},
	// a name is longer than AWS allows.
	NameTooLong: {Invalid, FailedBuildModel},
	// deletion protection is on, so the controller does not delete the load balancer.
	DeletionProtected: {Conflict, FailedDeployModel},
	// several resources in AWS have the same tags. The controller keeps the resource that serves traffic. It deletes a
	// duplicate only if an annotation allows the deletion.
	DuplicateResource: {Conflict, FailedDeployModel},
	// the controller wanted to delete a resource, but the resource no longer has the tags of its load balancer; the
	// controller keeps the resource and no longer manages it.
	ResourceDisowned: {Note, NoteReason},
	// an edit would replace the load balancer and its DNS name, and a replacement policy refuses the replacement; the rest
	// of the edit takes effect.
	ReplacementRefused: {Conflict, FailedDeployModel},
	// the load balancer is only observed: the controller does not apply its plan.
	OnlyObserved: {Note, NoteReason},
	// an administrator holds the load balancer for a time: the controller registers and deregisters targets, and
	// writes nothing else to AWS.
	OnHold: {Note, NoteReason},
	// an administrator holds the load balancer; a write to AWS or a deletion waits for the end of the hold.
	PlanOnHold: {Conflict, FailedDeployModel},
	// an entry of the ConfigMap with the holds is unreadable and has no effect. If the controller could read an earlier
	// version of the entry, the earlier hold lasts until the end time that the earlier version names.
	HoldUnreadable: {Invalid, FailedReconcile},
	// a group member has an annotation that affects all members, but the namespace of this member may not change the
	// shared settings of the group. The controller does not deploy this version of the member.
	SettingNotPermitted: {Invalid, FailedBuildModel},
	// an annotation approves another plan, or no plan; the load balancer does not change until the annotation approves the
	// desired plan.
	PlanNotApproved: {Conflict, FailedDeployModel},
	// the load balancer is adopted from somebody else; steps that change or delete existing parts wait until an
	// annotation approves the plan.
	TakeoverNotApproved: {Conflict, FailedDeployModel},
	// the object is deleted, and its load balancer stays in AWS. The deletion policy is Retain or RetainWithoutTags, or
	// the load balancer was adopted and none of its tags lets the namespace delete it.
	LoadBalancerRetained: {Note, NoteReason},
	// AWS resets connections to a node when the last ready pod on the node ends, although the namespace asks that pods end
	// without a lost request.
	ConnectionsReset: {Note, NoteReason},
	// a change made in AWS by hand stays until an edit of the object sets another value, because the drift policy is
	// report.
	DriftReported: {Note, NoteReason},
	// the controller found a change made in AWS by hand, and undoes the change.
	DriftCorrected: {Note, NoteReason},
	// unusually many target groups would lose most of their targets although the pods or nodes exist; the targets stay
	// registered until an annotation allows the deregistration.
	DeregistrationsHeld: {Conflict, FailedDeployModel},
	// the controller would delete unusually many load balancers although their objects exist; these load balancers stay
	// until an annotation allows the deletion.
	DeletionsHeld: {Conflict, FailedDeployModel},
	// the controller's role lacks a permission.
	AccessDenied: {Denied, FailedDeployModel},
	// an AWS quota is reached, or the declaration would exceed it.
	QuotaExceeded: {Quota, FailedDeployModel},
	// AWS does not accept the controller's credentials; the cause is not a missing permission.
	CredentialsRefused: {Credentials, FailedDeployModel},
	// AWS throttles the account; the controller reduces its rate of calls.
	RateExceeded: {Throttled, FailedDeployModel},
	// a resource with the requested name exists, and the controller does not own this resource.
	NameTaken: {Conflict, FailedDeployModel},
	// AWS refuses a request as invalid.
	AWSRejected: {Invalid, FailedDeployModel},
	// AWS did not answer, or answered with a server error.
	AWSUnavailable: {Transient, FailedDeployModel},
	// the API server did not complete the write of a TargetGroupBinding or ConfigMap. The ConfigMap records the targets
	// that a cluster registers in a target group of several clusters.
	ObjectNotWritten: {Transient, FailedDeployModel},
	// a policy, webhook or quota of the cluster refuses a write of the controller to the API server. Examples are writes
	// of TargetGroupBindings, finalizers, statuses and checkpoints. The message names the policy and the object.
	PolicyDenied: {Denied, FailedDeployModel},
	// the deletion of an object has waited for AWS for several minutes; the object, and its namespace, stay until the
	// deletion is complete.
	DeletionWaits: {Transient, FailedDeployModel},
	// a target group has no targets, so its requests get 503 or no answer. Its Service has a type without endpoints, no
	// node has the requested labels, or for the last minute the Service has selected no ready pod.
	NoTargets: {Note, NoteReason},
	// no target of a target group passes its health check.
	NoHealthyTargets: {Note, UnhealthyTargets},
	// too many listeners of a Gateway verify client certificates: more than AWS's default limit for one load balancer.
	VerifyingListeners: {Note, NoteReason},
	// AWS has no health check that does the same as the pods' readiness probe; the default health check is used.
	UnusableReadinessProbe: {Note, NoteReason},
	// health checks of targets behind a UDP listener use TCP on a port where the Service has only UDP, so all targets
	// may be unhealthy.
	UnansweredHealthCheck: {Note, NoteReason},
	// pods have waited for minutes for their targets to become healthy.
	ReadinessGateClosed: {Note, UnhealthyTargets},
	// a backend of a route does not exist, has no such port, is of an unknown kind, or needs a ReferenceGrant. Its share
	// of the requests goes to the other backends of the rule. If the rule has no other backend, clients get 500.
	BackendUnresolved: {Note, BackendNotFound},
	// a parentRef of a route attaches to no listener of the Gateway, so the route serves no requests through this
	// parentRef.
	RouteNotAttached: {Note, FailedBuildModel},
	// in a namespace with label elbv2.k8s.aws/pod-drain-inject, pods declare a termination grace period or a preStop sleep
	// that is shorter than load balancers need.
	PodsEndEarly: {Note, NoteReason},
	// in a namespace with label elbv2.k8s.aws/pod-readiness-gate-inject, pods have no readiness gate for a
	// TargetGroupBinding that registers them.
	PodsUngated: {Note, NoteReason},
	// pods behind a QUIC or TCP_QUIC target group have no server id, or the id of another pod, so the controller
	// cannot register them.
	PodsUnidentified: {NotFound, FailedNetwork},
	// a backend Service, or the Service of a TargetGroupBinding, does not exist; requests for this Service get 503.
	ServiceMissing: {NotFound, BackendNotFound},
	// the controller could not remove the targets or rules of a deleted TargetGroupBinding; the TargetGroupBinding stays
	// until the controller has removed them.
	CleanupFailed: {Transient, FailedCleanup},
	// EndpointSlices of a Service name addresses that do not belong to pods of its namespace, and
	// --endpoints-without-pods does not allow them.
	EndpointNotAllowed: {Note, FailedNetwork},
	// after an edit of a TargetGroupBinding, its Service has no ready endpoints or no node has its labels. Or after an
	// edit of the Service, no pod has the selected labels or port. The former targets stay.
	NoTargetsAfterEdit: {NotFound, BackendNotFound},
	// an edit of a Service changed the number or name of a port that a TargetGroupBinding names. Or the edit changed the
	// target port, and pods do not become healthy on the new target port. The targets stay.
	ServicePortEdited: {NotFound, BackendNotFound},
	// the controller cannot determine the network interface or security group of an endpoint.
	EndpointNotResolved: {NotFound, FailedNetwork},
	// targets are in availability zones in which their load balancer has no subnet, so these targets get no requests.
	ZoneNotEnabled: {Note, UnhealthyTargets},
	// the tags do not show which security group of a network interface gets the rules for load balancers; the controller
	// chose one of these security groups.
	SecurityGroupUnclear: {Note, FailedNetwork},
	// spec.networking of a TargetGroupBinding has an invalid peer or port. The controller applies the valid peers and
	// ports. It keeps existing rules that may belong to the invalid peers and ports.
	InvalidNetworking: {Invalid, FailedNetwork},
	// a TargetGroupBinding, or its Service or load balancer, asks for ports on which no target listens, for ports of
	// nodes, or for too many public addresses. --binding-networking does not allow this. The controller applies the rest
	// of the request.
	NetworkingNotAllowed: {Invalid, FailedNetwork},
	// AWS did not accept the security group rules that spec.networking of a TargetGroupBinding declares.
	RulesNotWritten: {Transient, FailedNetwork},
	// the Ingress or Gateway is planned, but not deployed.
	DryRun: {Note, DryRunReason},
	// the plan is too large for an annotation. The controller writes the compressed plan, or no plan if this is too large
	// as well.
	PlanTooLarge: {Note, NoteReason},
	// a TargetGroupBinding contradicts itself or its target group.
	InvalidBinding: {Invalid, FailedReconcile},
	// another TargetGroupBinding serves the target group. The TargetGroupBinding with this finding, often a copy in
	// another namespace, registers nothing.
	TargetGroupBound: {Conflict, FailedReconcile},
	// with --watch-namespace, a group has or may have members in other namespaces. Parts of the load balancer that may
	// belong to these members stay.
	UnseenMembers: {Note, NoteReason},
	// a Gateway admits routes or ListenerSets of namespaces that --watch-namespace excludes: the controller does not
	// serve them.
	UnwatchedNamespaces: {Note, NoteReason},
	// with --watch-namespace, the controller may not list the TargetGroupBindings of other namespaces, so targets that the
	// controller did not register stay registered.
	UnseenBindings: {Conflict, FailedReconcile},
	// AWS does not let the controller assume the role that a TargetGroupBinding names. The registered targets stay. The
	// controller continues to serve other TargetGroupBindings.
	RoleNotAssumed: {Denied, FailedReconcile},
	// --assumable-roles does not let the TargetGroupBindings of the namespace name this role.
	RoleNotAllowed: {Invalid, FailedReconcile},
	// the controller can no longer assume the role of a deleted TargetGroupBinding, so the targets of the
	// TargetGroupBinding in the other account stay registered.
	TargetsStranded: {Note, NoteReason},
	// the API server did not accept the fields that the controller adds to a TargetGroupBinding from its target group; the
	// controller registers no target until the API server accepts these fields.
	BindingNotCompleted: {Transient, FailedReconcile},
	// a Secret does not exist. If it is a Secret for a login, existing rules keep their login and new rules answer 503. If
	// it is a Secret of spec.tls, the last imported certificate stays in use.
	SecretNotFound: {NotFound, FailedBuildModel},
	// a certificate from a Secret or a private authority names a host that a group member in another namespace already
	// had. The controller does not use this certificate. A certificate that the controller imported earlier stays.
	CertificateRefused: {Invalid, FailedBuildModel},
	// the controller may not read a Secret, because of Kubernetes' permissions or --required-secrets-label. The earlier
	// content of the Secret stays in use, and new rules with login answer 503.
	SecretRefused: {Denied, FailedBuildModel},
	// a reference of spec.tls.frontend names no usable CA certificates; if a port has no usable reference, the controller
	// does not accept the HTTPS listeners of the port.
	InvalidCACertificate: {Invalid, FailedBuildModel},
	// the API server did not return a ConfigMap with CA certificates, or the controller may not read the ConfigMap. An
	// existing trust store does not change. A listener that needs a new trust store waits.
	CACertificateUnread: {Transient, FailedBuildModel},
	// a Secret lacks a key, has unusable content such as an expired certificate, or has an invalid name. The earlier
	// content of the Secret stays in use, and new rules with login answer 503.
	InvalidSecret: {Invalid, FailedBuildModel},
	// the API server did not return a Secret. The earlier content of the Secret stays in use, and new rules with login
	// answer 503. Everything else continues.
	SecretUnread: {Transient, FailedBuildModel},
	// the API server did not return an object that determines the load balancer; the controller changes nothing until the
	// API server returns the object.
	ObjectsUnread: {Transient, FailedLoadGroupID},
	// the API server did not accept the finalizer; the controller creates nothing in AWS until the API server accepts the
	// finalizer.
	FinalizerNotAdded: {Transient, FailedAdd},
	// the API server did not accept the removal of the finalizer; the controller has nothing left to delete in AWS.
	FinalizerNotRemoved: {Transient, FailedRemove},
	// the API server did not accept the status; the load balancer works.
	StatusNotWritten: {Transient, FailedStatus},
	// the API server did not accept the write that removes the name of a deleted load balancer from the status of a
	// Service; the finalizer stays until the API server accepts this write.
	StatusNotCleared: {Transient, FailedCleanupStatus},
	// the hosts of an Ingress are on several load balancers of its group, so its status shows several names.
	SeveralLoadBalancers: {Note, NoteReason},
	// the status of a Service that is not of type LoadBalancer cannot show the address of its load balancer; the note
	// contains the address.
	AddressNotShown: {Note, NoteReason},
	// a Service asks for a load balancer, or seems to ask for one. This controller does not serve the Service, because of
	// its class or because the Service has no class.
	NotServed: {Note, NoteReason},
	// because of a changed flag, this controller no longer manages a Service that has a load balancer; the load
	// balancer does not change.
	HeldByFlags: {Conflict, FailedBuildModel},
	// this cluster no longer needs a target group that clusters share, but targets of other clusters are still registered;
	// the controller keeps the target group, and removes this cluster's tags.
	TargetGroupKept: {Note, NoteReason},
	// the security group of a load balancer admits no client, because the setting for its sources is empty.
	NoClientAdmitted: {Note, NoteReason},
	// the API server did not accept a checkpoint that records which resources in AWS are duplicates; the controller
	// deletes nothing of the load balancer until the API server accepts the checkpoint.
	CheckpointNotWritten: {Transient, FailedDeployModel},
	// the API server does not serve TargetGroupBindings, because their CustomResourceDefinition was removed or never
	// applied; the controller registers no target until you apply the CustomResourceDefinition.
	DefinitionMissing: {Transient, FailedDeployModel},
	// a configuration of a Gateway or GatewayClass does not exist, or has an unusable value; the load balancer does not
	// change. Or the ListenerRuleConfiguration of a rule does not exist; requests that match the rule get 500.
	InvalidConfiguration: {Invalid, FailedBuildModel},
	// a Gateway asks for an address of a type that load balancers do not have.
	UnsupportedAddress: {Invalid, FailedBuildModel},
	// a Gateway asks for an address that is in use, or that is not an Elastic IP address of the account.
	AddressNotUsable: {NotFound, FailedBuildModel},
	// AWS does not accept the declaration of a GlobalAccelerator; its accelerator does not change.
	InvalidAccelerator: {Invalid, FailedBuildModel},
	// the controller cannot find the load balancer for an endpoint of a GlobalAccelerator. The object that the endpoint
	// names does not exist or has no load balancer, or the GlobalAccelerator may not refer to the object. If the cause may
	// be temporary, an existing endpoint stays.
	EndpointNotLoaded: {NotFound, WarningEndpoints},
	// the status of a GlobalAccelerator names an accelerator that does not have the tags of this object; the controller
	// does not change or delete the accelerator.
	AcceleratorNotOwned: {Conflict, FailedDeployModel},
	// AWS disables an accelerator everywhere before the controller can delete it; the GlobalAccelerator stays until the
	// accelerator is deleted.
	AcceleratorDeleting: {Note, NoteReason},
	// the controller could not delete the accelerator of a deleted GlobalAccelerator; the GlobalAccelerator stays until
	// the accelerator is deleted.
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
