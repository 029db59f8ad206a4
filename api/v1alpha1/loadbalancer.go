package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Condition types of a LoadBalancer. Their reasons are codes of findings, or those below.
const (
	// ConditionReady is True while everything that the members wish is in effect.
	ConditionReady = "Ready"
	// ConditionServing is True while AWS says that the load balancer is active, whatever else may be wrong.
	ConditionServing = "Serving"
	// ConditionReconciling is True while the controller works, waits for AWS, or will try again by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while only an edit can help; its message names it.
	ConditionStalled = "Stalled"
	// ConditionDrifted is True while fields that were changed in AWS are left so by drift policy report. It is absent
	// where there never were any.
	ConditionDrifted = "Drifted"
	// ConditionHeld is True while an administrator holds the load balancer: targets are registered and deregistered, and
	// nothing else is written to AWS. It is absent where there never was a hold.
	ConditionHeld = "Held"
)

// Reasons of conditions that are no codes of findings.
const (
	ReasonReconciled     = "Reconciled"
	ReasonNotReconciling = "NotReconciling"
	ReasonNotStalled     = "NotStalled"
	ReasonProvisioning   = "Provisioning"
	ReasonWaiting        = "WaitingForAWS"
	ReasonRetrying       = "Retrying"
	ReasonDeleting       = "Deleting"
	ReasonActive         = "Active"
	ReasonFailed         = "Failed"
	ReasonNoLoadBalancer = "NoLoadBalancer"
	ReasonChangedInAWS   = "ChangedInAWS"
	ReasonNotDrifted     = "NotDrifted"
	ReasonHeld           = "HeldByAdministrator"
	ReasonNotHeld        = "NotHeld"
	ReasonReconciling    = "Reconciling"
)

// ObjectReference names a Kubernetes object.
type ObjectReference struct {
	// Kind of the object.
	Kind string `json:"kind"`
	// Namespace of the object; absent for cluster-scoped kinds.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the object.
	Name string `json:"name"`
}

// Member is an object that declares a part of the load balancer.
type Member struct {
	ObjectReference `json:",inline"`
	// ObservedGeneration is the generation of the object that the last reconcile read.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Accepted is false while a finding on the object prevents a part of its declaration from taking effect.
	Accepted bool `json:"accepted"`
	// ObservedVersion identifies the version of the object that the last reconcile read. It is a hash of the spec and of
	// the annotations that the controller reads; an edit of these changes the hash. lbc wait compares the hash with the
	// object.
	// +optional
	ObservedVersion string `json:"observedVersion,omitempty"`
	// EffectiveVersion is the newest observed version that is in effect in AWS. It differs from observedVersion while an
	// edit waits, while the controller applies an edit, and if the controller or AWS refuses an edit. It is absent until a
	// version is in effect.
	// +optional
	EffectiveVersion string `json:"effectiveVersion,omitempty"`
}

// OmittedMembers are members and parts that the status does not list.
type OmittedMembers struct {
	// Count is the number of omitted members and parts.
	Count int32 `json:"count"`
	// InEffect is the number of omitted members and parts that are in effect in AWS in the version that the last reconcile
	// read.
	// +optional
	InEffect int32 `json:"inEffect,omitempty"`
	// Versions has a hash for each omitted object and its version; at most 4000. lbc wait searches here for an object that
	// the status does not list.
	// +optional
	// +listType=atomic
	Versions []string `json:"versions,omitempty"`
}

// ListenerStatus is the state of a listener in AWS.
type ListenerStatus struct {
	// Port of the listener.
	Port int32 `json:"port"`
	// Protocol of the listener.
	Protocol string `json:"protocol"`
	// ARN of the listener.
	ARN string `json:"arn"`
	// Rules is the number of rules of the listener, without its default action.
	// +optional
	Rules int32 `json:"rules,omitempty"`
	// Forward lists the target groups to which the default action forwards; absent if the default action does not forward.
	// +optional
	// +listType=atomic
	Forward []ForwardStatus `json:"forward,omitempty"`
}

// ForwardStatus is one of the target groups between which a rule, or the default action of a listener, divides its
// requests, in AWS.
type ForwardStatus struct {
	// TargetGroup is the name of the target group.
	TargetGroup string `json:"targetGroup"`
	// Service whose endpoints are the targets; absent if the target group does not belong to the stack.
	// +optional
	Service *ObjectReference `json:"service,omitempty"`
	// ServicePort is the port of the Service, by name or number.
	// +optional
	ServicePort string `json:"servicePort,omitempty"`
	// Weight of the target group: its share of the requests is this weight divided by the sum of all weights.
	Weight int32 `json:"weight"`
	// Targets is "healthy/total", without draining targets; absent until the controller has read the targets from AWS.
	// +optional
	Targets string `json:"targets,omitempty"`
}

// RuleStatus is the state of a rule in AWS.
type RuleStatus struct {
	// Port of the rule's listener.
	Port int32 `json:"port"`
	// Priority of the rule. Of the rules that match a request, the rule with the lowest number answers.
	Priority int32 `json:"priority"`
	// ARN of the rule.
	ARN string `json:"arn"`
	// Match is what the rule matches.
	// +optional
	Match string `json:"match,omitempty"`
	// Owner is the object that declares the rule; absent if no present member declares it.
	// +optional
	Owner *ObjectReference `json:"owner,omitempty"`
	// ObservedGeneration is the generation of the owner whose version of this rule is in effect.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Forward lists the target groups to which the rule forwards; absent if the rule does not forward.
	// +optional
	// +listType=atomic
	Forward []ForwardStatus `json:"forward,omitempty"`
}

// TargetCounts counts the targets of a target group by their health. The controller reads them from AWS a while after
// targets changed and, less often, in the background.
type TargetCounts struct {
	// Total number of targets, including draining targets.
	Total int32 `json:"total"`
	// Healthy targets.
	Healthy int32 `json:"healthy"`
	// Unhealthy targets.
	Unhealthy int32 `json:"unhealthy"`
	// Initial targets have not answered enough health checks yet.
	Initial int32 `json:"initial"`
	// Draining targets complete their requests in progress.
	Draining int32 `json:"draining"`
	// Other targets are in target groups that no listener uses, or have no health checks.
	Other int32 `json:"other"`
	// ObservedTime is the time at which the controller last saw a change of the counts.
	ObservedTime metav1.Time `json:"observedTime"`
}

// TargetGroupStatus is the state of a target group in AWS.
type TargetGroupStatus struct {
	// Name of the target group.
	Name string `json:"name"`
	// ARN of the target group.
	ARN string `json:"arn"`
	// Owner is an object that declares the target group.
	// +optional
	Owner *ObjectReference `json:"owner,omitempty"`
	// Targets counts the targets of the target group; absent until the controller has read the targets from AWS.
	// +optional
	Targets *TargetCounts `json:"targets,omitempty"`
}

// PlanStatus is the last plan that was not empty.
type PlanStatus struct {
	// Time at which the controller carried out the plan.
	Time metav1.Time `json:"time"`
	// Summary counts the steps of the plan, e.g. "2 to create, 1 to change, 0 to replace, 0 to delete".
	Summary string `json:"summary"`
	// Result is Done, Waiting or Failed.
	Result string `json:"result"`
	// Steps of the plan with their reasons; only the first steps of a long plan.
	// +optional
	// +listType=atomic
	Steps []string `json:"steps,omitempty"`
}

// Finding is something that is wrong with an object, or worth knowing.
type Finding struct {
	// Object that the finding is about.
	Object ObjectReference `json:"object"`
	// Code of the finding.
	Code string `json:"code"`
	// Class says what the finding waits for. invalid waits for an edit. notFound and conflict wait for a change in the
	// cluster or in AWS. note stops nothing. After a finding of another class, the controller tries again.
	Class string `json:"class"`
	// Field or annotation of the object.
	// +optional
	Field string `json:"field,omitempty"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
	// RequestID of the call that AWS refused.
	// +optional
	RequestID string `json:"requestID,omitempty"`
}

// LastError is the newest failure. It stays after recovery, with its time; the conditions show the present state.
type LastError struct {
	Finding `json:",inline"`
	// Time at which the failure began.
	Time metav1.Time `json:"time"`
}

// LoadBalancerStatus is the state of a load balancer.
type LoadBalancerStatus struct {
	// Owner is the kind of the members: Ingress, Service or Gateway.
	// +optional
	Owner string `json:"owner,omitempty"`
	// Cluster is the name of the cluster in the tags of the resources in AWS: --cluster-name of the controller that wrote
	// this status.
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// Controller is the Lease by which the controller that wrote this status elects its leader.
	// +optional
	Controller string `json:"controller,omitempty"`
	// Stack is the value of the stack tag in AWS: the name of the group, or namespace/name.
	// +optional
	Stack string `json:"stack,omitempty"`
	// Name of the load balancer in AWS.
	// +optional
	Name string `json:"name,omitempty"`
	// ARN of the load balancer.
	// +optional
	ARN string `json:"arn,omitempty"`
	// DNSName of the load balancer.
	// +optional
	DNSName string `json:"dnsName,omitempty"`
	// HostedZoneID is the canonical hosted zone of the DNS name, for alias records.
	// +optional
	HostedZoneID string `json:"hostedZoneID,omitempty"`
	// Type is application or network.
	// +optional
	Type string `json:"type,omitempty"`
	// Scheme is internal or internet-facing.
	// +optional
	Scheme string `json:"scheme,omitempty"`
	// State in AWS: provisioning, active, active_impaired or failed.
	// +optional
	State string `json:"state,omitempty"`
	// Targets is "healthy/total" over all target groups whose targets the controller has read from AWS.
	// +optional
	Targets string `json:"targets,omitempty"`
	// OtherARNs are the ARNs of further load balancers of the stack: a load balancer that is being replaced, or a load
	// balancer in front of this load balancer.
	// +optional
	// +listType=atomic
	OtherARNs []string `json:"otherARNs,omitempty"`
	// Members in the order of the group.
	// +optional
	// +listType=atomic
	Members []Member `json:"members,omitempty"`
	// Parts are the routes and ListenerSets of a Gateway, sorted by kind, namespace and name; at most 200.
	// +optional
	// +listType=atomic
	Parts []Member `json:"parts,omitempty"`
	// Omitted counts the members and parts for which the status has no room; absent if the status lists all members and
	// parts.
	// +optional
	Omitted *OmittedMembers `json:"omitted,omitempty"`
	// Listeners, sorted by port.
	// +optional
	// +listType=atomic
	Listeners []ListenerStatus `json:"listeners,omitempty"`
	// Rules, sorted by port and priority; at most 400.
	// +optional
	// +listType=atomic
	Rules []RuleStatus `json:"rules,omitempty"`
	// TargetGroups, sorted by name; at most 200.
	// +optional
	// +listType=atomic
	TargetGroups []TargetGroupStatus `json:"targetGroups,omitempty"`
	// LastPlan is the last plan that was not empty, as far as the controller knows.
	// +optional
	LastPlan *PlanStatus `json:"lastPlan,omitempty"`
	// LastError is the newest failure.
	// +optional
	LastError *LastError `json:"lastError,omitempty"`
	// Findings of the last reconcile; at most 50.
	// +optional
	// +listType=atomic
	Findings []Finding `json:"findings,omitempty"`
	// Conditions: Ready, Serving, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// LoadBalancer shows the state of the load balancer of an Ingress group, a Service or a Gateway. Only the controller
// writes this object. It has no spec. If you delete it, nothing in AWS is deleted, and the controller creates the
// object again.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=loadbalancers,singular=loadbalancer,scope=Namespaced,shortName=lb
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether everything that was declared is in effect"
// +kubebuilder:printcolumn:name="REASON",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why, or why not"
// +kubebuilder:printcolumn:name="STATE",type="string",JSONPath=".status.state",description="The state in AWS"
// +kubebuilder:printcolumn:name="TYPE",type="string",JSONPath=".status.type",description="application or network"
// +kubebuilder:printcolumn:name="TARGETS",type="string",JSONPath=".status.targets",description="Healthy and all targets"
// +kubebuilder:printcolumn:name="DNS-NAME",type="string",JSONPath=".status.dnsName",description="The DNS name in AWS"
// +kubebuilder:printcolumn:name="SCHEME",type="string",JSONPath=".status.scheme",description="internal or internet-facing",priority=1
// +kubebuilder:printcolumn:name="MESSAGE",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do",priority=1
// +kubebuilder:printcolumn:name="ARN",type="string",JSONPath=".status.arn",description="The Amazon Resource Name",priority=1
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type LoadBalancer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Status LoadBalancerStatus `json:"status,omitempty"`
}

// LoadBalancerList is a list of load balancers.
// +kubebuilder:object:root=true
type LoadBalancerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LoadBalancer `json:"items"`
}
