package diag

import (
	"maps"
	"slices"
	"strings"
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
	OrphanFound         EventReason = "Orphaned"
	WarningEndpoints    EventReason = "WarningEndpoints"
	FailedDeploy        EventReason = "FailedDeploy"       // of GlobalAccelerators, instead of FailedDeployModel
	FailedEndpointLoad  EventReason = "FailedEndpointLoad" // of GlobalAccelerators, instead of FailedLoadGroupID
)

// Info is the row of a code.
type Info struct {
	Class  Class
	Reason EventReason
	Doc    string // one sentence for docs/findings.md, which is generated from this table
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
	Orphaned               Code = "Orphaned"
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
	PolicyDenied           Code = "PolicyDenied"
	DeletionWaits          Code = "DeletionWaits"
	NoTargets              Code = "NoTargets"
	NoHealthyTargets       Code = "NoHealthyTargets"
	ReadinessGateClosed    Code = "ReadinessGateClosed"
	PodsEndEarly           Code = "PodsEndEarly"
	PodsUngated            Code = "PodsUngated"
	PodsUnidentified       Code = "PodsUnidentified"
	ServiceMissing         Code = "BackendServiceMissing"
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

// table has a row for every code.
var table = map[Code]Info{
	InvalidIngressClass:    {Invalid, FailedLoadGroupID, "the IngressClass, or the IngressClassParams it names, does not exist or does not admit this Ingress"},
	InvalidGroup:           {Invalid, FailedLoadGroupID, "the group name or order is not acceptable"},
	InvalidAnnotation:      {Invalid, FailedBuildModel, "an annotation's value is malformed or out of range"},
	ReservedTag:            {Invalid, FailedBuildModel, "the tags of an object have a key by which the controller finds its own resources; the tag is not written, and everything else of the object is carried out"},
	UnknownAnnotation:      {Note, UnknownKey, "an annotation has the controller's prefix and is unknown, probably by a spelling mistake"},
	ForeignAnnotation:      {Note, NoteReason, "an Ingress has an annotation of another Ingress controller, which has no effect; the note says what to write instead"},
	GuardNotApplied:        {Note, NoteReason, "an Ingress has an annotation of another Ingress controller that restricts or protects; it has no effect, and nothing restricts these requests instead"},
	UnsupportedFeature:     {Note, NoteReason, "a setting is valid and this version does not act on it"},
	IgnoredSetting:         {Note, NoteReason, "a setting has no effect beside another one"},
	EndedSupport:           {Note, SupportEnded, "a setting has no effect, because AWS has ended the service behind it; what the setting asked for, such as a web ACL that guards a load balancer, does not exist"},
	AdditionInUse:          {Note, NoteReason, "with --existing-features-only, an object has something that the AWS Load Balancer Controller v3.5 lacks, and had it before the flag was set or while admission did not answer; [going-back.md](tasks/going-back.md) says what becomes of it"},
	ConflictingSettings:    {Conflict, FailedBuildModel, "two members of a group declare different values for one setting of the shared load balancer"},
	SettingsWait:           {Note, NoteReason, "the shared settings of a group stay as they are until a member is corrected whose former settings are not known; rules and targets of the others change"},
	GroupWaits:             {Conflict, FailedBuildModel, "a member of a group waits for another one: with --strict-groups until all are valid, else if it is not known what is deployed of that member and AWS holds no load balancer whose settings could be kept"},
	InvalidRule:            {Invalid, FailedBuildModel, "a rule of the Ingress cannot be expressed as a listener rule"},
	OverlappingRule:        {Note, NoteReason, "a rule shares requests with one of another namespace's Ingress of the group, and one of the two answers them: the Ingress that joined earlier, or the one with the lower group.order; or a more specific listener of another namespace has requests of a route"},
	HiddenRule:             {Note, NoteReason, "no request reaches a rule, because a rule in front of it or ssl-redirect answers all of its requests, or because it redirects to itself"},
	InvalidListener:        {Invalid, FailedBuildModel, "a listener of a Gateway or ListenerSet is not valid; its last valid version keeps serving, if there is one"},
	HostnameTaken:          {Conflict, FailedBuildModel, "a ListenerSet or its route has a hostname that a route of another namespace serves at the Gateway or an older ListenerSet; requests for it stay with that route"},
	ServiceNotFound:        {NotFound, FailedBuildModel, "a Service that an action names does not exist"},
	BackendLeftOut:         {Note, NoteReason, "a Service that an action of a listener names beside others does not exist: the other target groups get its share"},
	ServicePortNotFound:    {NotFound, FailedBuildModel, "a backend Service has no such port"},
	WrongServiceType:       {Invalid, FailedBuildModel, "instance targets need a Service of type NodePort or LoadBalancer"},
	NoSubnets:              {NotFound, FailedBuildModel, "no subnet of the VPC qualifies for the load balancer"},
	InvalidSubnets:         {Invalid, FailedBuildModel, "the subnets that were named cannot carry the load balancer"},
	SecurityGroupNotFound:  {NotFound, FailedBuildModel, "a security group that was named does not exist in the VPC"},
	CertificateNotFound:    {NotFound, FailedBuildModel, "a certificate does not exist, is not issued, or none covers a host"},
	HostWithoutCertificate: {Note, NoteReason, "routes of a Gateway have hosts that no certificate of its listener covers, so that clients of these hosts get the certificate of another host; each route says which"},
	SeveralCertificates:    {Note, NoteReason, "several certificates of ACM that were found cover one host: all are attached, and AWS chooses for each client"},
	CertificatePending:     {Note, NoteReason, "a certificate is requested and not issued yet; its listener is created or changed once the certificate is issued"},
	CertificateFailed:      {NotFound, FailedDeployModel, "ACM did not issue a certificate that was requested"},
	ImportsHeld:            {Quota, FailedDeployModel, "a Secret of spec.tls changes so often that its next import into ACM waits; the certificate that was imported last keeps serving"},
	ImportsNearQuota:       {Note, NoteReason, "the account is close to the quota of imports into ACM within a year"},
	HostedZoneNotFound:     {NotFound, FailedBuildModel, "no public hosted zone of Route 53 can hold the record that proves to ACM who owns a host"},
	TargetGroupNotFound:    {NotFound, FailedBuildModel, "a target group that was named does not exist"},
	ListenerTaken:          {Conflict, FailedBuildModel, "a port of the load balancer of others has a listener of theirs; the other ports of the object are served"},
	LoadBalancerNotFound:   {NotFound, FailedBuildModel, "a load balancer that is to be shared or taken over does not exist"},
	LoadBalancerUnfit:      {Conflict, FailedBuildModel, "a load balancer that is to be shared or taken over is of another type, scheme, VPC or owner"},
	PortTaken:              {Conflict, FailedBuildModel, "another Service of the group has the port on the load balancer that they share; the other ports of the Service are served"},
	LoadBalancerNotAllowed: {Conflict, FailedBuildModel, "nobody lets the namespace share or take over a load balancer of others: neither --existing-load-balancers nor a tag of the load balancer"},
	DeletionWithoutConsent: {Conflict, FailedDeployModel, "a load balancer that was taken over stays, as its own tag does not let the namespace delete it"},
	TakenWithoutConsent:    {Note, NoteReason, "a load balancer was taken over to which nobody consents, or not any more; it goes on serving"},
	ProtocolRefused:        {Invalid, FailedDeployModel, "AWS refuses to change the protocol of a listener; it goes on with the one that it has"},
	TargetGroupTaken:       {Conflict, FailedBuildModel, "two Ingresses of a group, each with its Service, have names that join to the identity of one target group; the one that uses it keeps it, and the other one is refused"},
	RefNotPermitted:        {Invalid, FailedBuildModel, "an object names a target group of another namespace, and no ReferenceGrant there permits it, or one that is not of this cluster and that --external-target-groups does not allow; the rule answers 503"},
	TargetGroupNotAllowed:  {Invalid, FailedReconcile, "--bindable-target-groups does not let the TargetGroupBindings of the namespace name this target group"},
	TargetGroupInUse:       {Note, NoteReason, "the object is deleted, and a target group of it stays in AWS without targets, as a load balancer of others forwards to it"},
	ResourceInUse:          {Note, NoteReason, "the object is deleted, and a security group or a certificate of it stays in AWS, as something that is not its own uses it"},
	TargetsKept:            {Note, NoteReason, "targets that were registered before a TargetGroupBinding came stay registered in its target group"},
	WebACLNotFound:         {NotFound, FailedBuildModel, "a web ACL that was named does not exist in the account and region; an object that serves keeps the one that AWS has, and one that is new is not opened"},
	NotSubscribed:          {NotFound, FailedDeployModel, "the account does not subscribe to Shield Advanced, so it cannot protect anything"},
	TrustStoreNotFound:     {NotFound, FailedBuildModel, "a trust store that was named does not exist"},
	NameTooLong:            {Invalid, FailedBuildModel, "a name exceeds what AWS admits"},
	DeletionProtected:      {Conflict, FailedDeployModel, "deletion protection keeps the load balancer"},
	DuplicateResource:      {Conflict, FailedDeployModel, "several resources in AWS carry the tags of one; the one that serves is kept, and a duplicate is deleted only if an annotation allows it"},
	ResourceDisowned:       {Note, NoteReason, "a resource that was to be deleted no longer has the tags of its load balancer; it is kept and no longer managed"},
	ReplacementRefused:     {Conflict, FailedDeployModel, "an edit would replace the load balancer by another one, with another DNS name, and a replacement policy refuses that; the rest of the edit is carried out"},
	OnlyObserved:           {Note, NoteReason, "the load balancer is only observed: the plan for it is not carried out"},
	OnHold:                 {Note, NoteReason, "an administrator holds the load balancer for a time: targets are registered and deregistered, and nothing else is written to AWS"},
	PlanOnHold:             {Conflict, FailedDeployModel, "an administrator holds the load balancer, and something of it is to be written to AWS or deleted: that waits for the end of the hold"},
	HoldUnreadable:         {Invalid, FailedReconcile, "an entry of the ConfigMap with the holds cannot be read; it holds nothing, or what it held before until the end that was readable last"},
	SettingNotPermitted:    {Invalid, FailedBuildModel, "a member of a group has an annotation that decides about what other members have as well, and is not one that decides; its present version is not deployed"},
	PlanNotApproved:        {Conflict, FailedDeployModel, "an annotation approves of another plan or of none; nothing of the load balancer is changed until it approves of the one that is wanted"},
	TakeoverNotApproved:    {Conflict, FailedDeployModel, "the load balancer is taken over from somebody else; the steps that change or delete what is there wait until an annotation approves of the plan"},
	LoadBalancerRetained:   {Note, NoteReason, "the object is deleted and its load balancer stays in AWS, by a deletion policy of Retain"},
	ConnectionsReset:       {Note, NoteReason, "AWS resets connections to a node whose last ready pod ends, in a namespace whose pods are to end without a lost request"},
	DriftReported:          {Note, NoteReason, "what was changed in AWS by hand stays, by a drift policy of report, until an edit asks for another value"},
	DriftCorrected:         {Note, NoteReason, "what was changed in AWS by hand was found, and is put back"},
	DeregistrationsHeld:    {Conflict, FailedDeployModel, "most targets of unusually many target groups are no longer declared although their pods or nodes exist; they stay registered until an annotation allows it"},
	DeletionsHeld:          {Conflict, FailedDeployModel, "unusually many load balancers are to be deleted although their objects exist; they stay until an annotation allows it"},
	Orphaned:               {NotFound, OrphanFound, "AWS holds a load balancer, target group, security group or certificate with the tags of the cluster that no object claims; the event is on a class of the kind of objects, or on the namespace"},
	AccessDenied:           {Denied, FailedDeployModel, "the controller's role lacks a permission"},
	QuotaExceeded:          {Quota, FailedDeployModel, "an AWS quota is reached, or would be exceeded by what is declared"},
	CredentialsRefused:     {Credentials, FailedDeployModel, "AWS does not accept the controller's credentials; no permission is missing"},
	RateExceeded:           {Throttled, FailedDeployModel, "AWS throttles the account; the controller reduces its rate of calls"},
	NameTaken:              {Conflict, FailedDeployModel, "a resource of that name exists and does not belong to the controller"},
	AWSRejected:            {Invalid, FailedDeployModel, "AWS refuses a request as invalid"},
	AWSUnavailable:         {Transient, FailedDeployModel, "AWS did not answer, or answered with a server error"},
	PolicyDenied:           {Denied, FailedDeployModel, "a policy, webhook or quota of the cluster refuses a write of the controller to the API server: a TargetGroupBinding, a finalizer, a status, a checkpoint; the message names both"},
	DeletionWaits:          {Transient, FailedDeployModel, "the deletion of an object has waited for AWS for minutes; the object, and its namespace, stay until it is done"},
	NoTargets:              {Note, NoteReason, "a target group has no targets, because its Service is of a type without endpoints, or no node has the labels that it asks for; its requests get no answer, or 503"},
	NoHealthyTargets:       {Note, UnhealthyTargets, "no target of a target group passes its health check"},
	VerifyingListeners:     {Note, NoteReason, "more listeners of a Gateway verify clients than AWS admits of one load balancer by default"},
	UnusableReadinessProbe: {Note, NoteReason, "the health check is to be that of the readiness probe of the pods, and no check of AWS does the same; the usual one takes its place"},
	UnansweredHealthCheck:  {Note, NoteReason, "health checks of targets behind a UDP listener come over TCP to a port where the Service has UDP only, so that all targets may be unhealthy"},
	ReadinessGateClosed:    {Note, UnhealthyTargets, "pods have waited for minutes for their targets to become healthy"},
	PodsEndEarly:           {Note, NoteReason, "in a namespace with label elbv2.k8s.aws/pod-drain-inject, pods declare a grace period or a sleep before their end that is shorter than the time for which load balancers may send requests to them"},
	PodsUngated:            {Note, NoteReason, "in a namespace with label elbv2.k8s.aws/pod-readiness-gate-inject, pods have no readiness gate of a TargetGroupBinding that registers them"},
	PodsUnidentified:       {NotFound, FailedNetwork, "pods behind a QUIC or TCP_QUIC target group have no server id, or the one of another pod, so that they cannot be registered"},
	ServiceMissing:         {NotFound, BackendNotFound, "a backend Service, or the Service of a TargetGroupBinding, does not exist; requests for it are answered by 503"},
	CleanupFailed:          {Transient, FailedCleanup, "the targets or rules of a TargetGroupBinding that is deleted could not be removed; it stays until they are"},
	EndpointNotAllowed:     {Note, FailedNetwork, "EndpointSlices of a Service name addresses that are no pods of its namespace, and that --endpoints-without-pods does not allow to it"},
	EndpointNotResolved:    {NotFound, FailedNetwork, "the network interface or security group of an endpoint cannot be determined"},
	ZoneNotEnabled:         {Note, UnhealthyTargets, "targets are in availability zones in which their load balancer has no subnet, so that they get no requests"},
	SecurityGroupUnclear:   {Note, FailedNetwork, "several security groups of a network interface may be the one for rules of load balancers, by their tags; one of them gets the rules"},
	InvalidNetworking:      {Invalid, FailedNetwork, "spec.networking of a TargetGroupBinding has an invalid peer or port; the rest of it is granted, and no rule that it may declare is revoked"},
	NetworkingNotAllowed:   {Invalid, FailedNetwork, "spec.networking of a TargetGroupBinding asks for ports at which no target listens, or for too many public addresses, and --binding-networking does not allow that; the rest of it is granted"},
	RulesNotWritten:        {Transient, FailedNetwork, "AWS did not accept the security group rules that spec.networking of a TargetGroupBinding declares"},
	DryRun:                 {Note, DryRunReason, "the Ingress or Gateway is planned and not deployed"},
	PlanTooLarge:           {Note, NoteReason, "the plan does not fit into an annotation as it is"},
	InvalidBinding:         {Invalid, FailedReconcile, "a TargetGroupBinding contradicts itself or its target group"},
	TargetGroupBound:       {Conflict, FailedReconcile, "another TargetGroupBinding serves the target group; this one, often a copy in another namespace, registers nothing"},
	UnseenMembers:          {Note, NoteReason, "with --watch-namespace a group has, or may have, members in other namespaces: the parts of its load balancer that may be theirs stay"},
	UnwatchedNamespaces:    {Note, NoteReason, "a Gateway admits routes or ListenerSets of namespaces that --watch-namespace excludes: they are not served"},
	UnseenBindings:         {Conflict, FailedReconcile, "with --watch-namespace the controller may not list the TargetGroupBindings of other namespaces, so that targets which it did not register stay registered"},
	RoleNotAssumed:         {Denied, FailedReconcile, "AWS does not let the controller assume the role that a TargetGroupBinding names; what it registered stays registered, and no other binding waits for it"},
	RoleNotAllowed:         {Invalid, FailedReconcile, "--assumable-roles does not let the TargetGroupBindings of the namespace name this role"},
	TargetsStranded:        {Note, NoteReason, "a TargetGroupBinding goes whose role cannot be assumed any more: what it registered in the other account stays registered"},
	BindingNotCompleted:    {Transient, FailedReconcile, "the API server did not accept the fields of a TargetGroupBinding that are completed from its target group; nothing is registered before it does"},
	SecretNotFound:         {NotFound, FailedBuildModel, "a Secret does not exist: of an identity provider's client, so that existing rules keep their login and new ones answer 503, or of spec.tls, so that the certificate imported before stays in use"},
	CertificateRefused:     {Invalid, FailedBuildModel, "a certificate from a Secret or a private authority names a host that an older member of the group, of another namespace, serves; it is not used, and what was imported before stays"},
	SecretRefused:          {Denied, FailedBuildModel, "the controller may not read a Secret, by Kubernetes' permissions or by --required-secrets-label; what it was used for before stays, new rules with login answer 503"},
	InvalidCACertificate:   {Invalid, FailedBuildModel, "a reference of spec.tls.frontend of a Gateway leads to no certificates of authorities; if none of a port does, its HTTPS listeners are not accepted"},
	CACertificateUnread:    {Transient, FailedBuildModel, "the API server did not return a ConfigMap with certificates of authorities, or the controller may not read it; an existing trust store stays as it is, and a listener that needs a new one waits"},
	InvalidSecret:          {Invalid, FailedBuildModel, "a Secret lacks a key, has unusable content such as an expired certificate, or has an invalid name; what it was used for before stays, new rules with login answer 503"},
	SecretUnread:           {Transient, FailedBuildModel, "the API server did not return a Secret; what it was used for before stays, new rules with login answer 503, and everything else goes on"},
	ObjectsUnread:          {Transient, FailedLoadGroupID, "the API server did not return an object that determines the load balancer; nothing is changed until it does"},
	FinalizerNotAdded:      {Transient, FailedAdd, "the API server did not accept the finalizer; nothing is created in AWS before it does"},
	FinalizerNotRemoved:    {Transient, FailedRemove, "the API server did not accept the removal of the finalizer; nothing is left in AWS"},
	StatusNotWritten:       {Transient, FailedStatus, "the API server did not accept the status; the load balancer works"},
	StatusNotCleared:       {Transient, FailedCleanupStatus, "the API server did not accept that the name of a load balancer that is gone is taken off the status of a Service; the finalizer stays until it does"},
	SeveralLoadBalancers:   {Note, NoteReason, "the hosts of an Ingress are on several load balancers of its group, so that its status shows several names"},
	AddressNotShown:        {Note, NoteReason, "the status of a Service that is not of type LoadBalancer cannot show the address of its load balancer; the note has it"},
	NotServed:              {Note, NoteReason, "a Service asks for a load balancer, or seems to, and this controller does not serve it, by its class or for want of one"},
	HeldByFlags:            {Conflict, FailedBuildModel, "a Service that has a load balancer is no longer this controller's by its flags, though it was not edited; the load balancer stays as it is"},
	TargetGroupKept:        {Note, NoteReason, "a target group that clusters share is not needed here any more and has targets of other clusters; it is kept and no longer managed"},
	NoClientAdmitted:       {Note, NoteReason, "the security group of a load balancer admits no client, as an annotation for its sources is empty"},
	CheckpointNotWritten:   {Transient, FailedDeployModel, "the API server did not accept a checkpoint that records which resources in AWS are duplicates; nothing of the load balancer is deleted before it does"},
	DefinitionMissing:      {Transient, FailedDeployModel, "the API server does not serve TargetGroupBindings, because their definition was removed or never applied; no target is registered before it is applied"},
	InvalidConfiguration:   {Invalid, FailedBuildModel, "a configuration of a Gateway or GatewayClass does not exist, or has a value that cannot be used; the load balancer stays as it was"},
	UnsupportedAddress:     {Invalid, FailedBuildModel, "a Gateway asks for an address of a type that load balancers do not have"},
	AddressNotUsable:       {NotFound, FailedBuildModel, "a Gateway asks for an address that is not an Elastic IP address of the account, or is in use"},
	InvalidAccelerator:     {Invalid, FailedBuildModel, "a GlobalAccelerator declares what AWS does not admit; its accelerator stays as it is"},
	EndpointNotLoaded:      {NotFound, WarningEndpoints, "the load balancer of an endpoint of a GlobalAccelerator is not known: the object does not exist, has none, or may not be named; one that served before stays if that may pass"},
	AcceleratorNotOwned:    {Conflict, FailedDeployModel, "the accelerator that a GlobalAccelerator's status names does not have the tags of the object, so that it is neither changed nor deleted"},
	AcceleratorDeleting:    {Note, NoteReason, "AWS disables an accelerator everywhere before it can be deleted; the object stays until then"},
	AcceleratorNotDeleted:  {Transient, FailedCleanup, "the accelerator of a GlobalAccelerator that is deleted could not be deleted; the object stays until it is"},
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

// New makes a diagnostic with the class and, if there is one, the scope of its code.
func New(o Object, path string, c Code, text, remedy string) Diagnostic {
	return Diagnostic{
		Object: o, Path: strings.ToValidUTF8(path, "\uFFFD"), Code: c, Class: table[c].Class, Scope: scopes[c], Text: brief(text), Remedy: brief(remedy),
	}
}

// maxText bounds the text of a diagnostic in bytes: texts quote values of users, which may be a megabyte, and are sent in events,
// conditions and HTTP headers.
const maxText = 1024

// brief leaves out the middle of a text that is too long: the beginning has the problem, the end the cause. The result is valid UTF-8, as
// the API server requires.
func brief(s string) string {
	if len(s) > maxText {
		const half = (maxText - len(ellipsis)) / 2
		s = s[:half] + ellipsis + s[len(s)-half:]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

const ellipsis = " […] "

// Phase is when a diagnostic was made. The event reasons FailedBuildModel and FailedDeployModel, on which alerts of users are based,
// distinguish the phases whatever the code: a certificate may be missing while the model is built, and refused when its listener is made.
type Phase string

// Phases.
const (
	Building  Phase = "build"  // while objects and the state of AWS were read and compiled
	Deploying Phase = "deploy" // while AWS was written to
	Marking   Phase = "mark"   // while finalizers were added
	Releasing Phase = "release"
	Showing   Phase = "show"  // while the status was written
	Clearing  Phase = "clear" // while the status was cleared
)

// reasons are those of phases in which the API server is written to.
var reasons = map[Phase]EventReason{Marking: FailedAdd, Releasing: FailedRemove, Showing: FailedStatus, Clearing: FailedCleanupStatus}

// Reason is the event reason of the diagnostic: that of its code, or of its phase if that differs.
func (d Diagnostic) Reason() EventReason {
	reason := table[d.Code].Reason
	if r, ok := reasons[d.Phase]; ok {
		return r
	}
	switch {
	case d.Phase == Building && reason == FailedDeployModel:
		return FailedBuildModel
	case d.Phase == Deploying && (reason == FailedBuildModel || reason == FailedLoadGroupID):
		return FailedDeployModel
	}
	return reason
}
