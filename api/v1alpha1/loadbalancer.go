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

// Member is an object whose wishes the load balancer carries out.
type Member struct {
	ObjectReference `json:",inline"`
	// ObservedGeneration is the generation of the object that the newest pass looked at.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Accepted is false while the object has a finding that keeps a part of its wishes from taking effect.
	Accepted bool `json:"accepted"`
	// ObservedVersion identifies what the newest pass read of the object: a hash of its spec and of the annotations that
	// the controller reads. An edit of either changes it. lbc wait compares it with the object.
	// +optional
	ObservedVersion string `json:"observedVersion,omitempty"`
	// EffectiveVersion is the newest observed version that is in effect in AWS. It differs from observedVersion while an
	// edit is being applied, waits or is refused, and is absent until a version is in effect.
	// +optional
	EffectiveVersion string `json:"effectiveVersion,omitempty"`
}

// OmittedMembers are members and parts that the status does not list.
type OmittedMembers struct {
	// Count is how many there are.
	Count int32 `json:"count"`
	// InEffect is how many of them are in effect in AWS, in the version that the newest pass looked at.
	// +optional
	InEffect int32 `json:"inEffect,omitempty"`
	// Versions are hashes of these, each of the object and of its version; at most 4000. lbc wait looks for that of an
	// object that is not listed.
	// +optional
	// +listType=atomic
	Versions []string `json:"versions,omitempty"`
}

// ListenerStatus is a listener as AWS holds it.
type ListenerStatus struct {
	// Port of the listener.
	Port int32 `json:"port"`
	// Protocol of the listener.
	Protocol string `json:"protocol"`
	// ARN of the listener.
	ARN string `json:"arn"`
	// Rules is how many rules it has, without its default action.
	// +optional
	Rules int32 `json:"rules,omitempty"`
	// Forward is where its default action forwards to; absent if that answers itself.
	// +optional
	// +listType=atomic
	Forward []ForwardStatus `json:"forward,omitempty"`
}

// ForwardStatus is one of the target groups between which a rule, or the default action of a listener, divides its
// requests, as AWS holds it.
type ForwardStatus struct {
	// TargetGroup is the name of the target group.
	TargetGroup string `json:"targetGroup"`
	// Service whose endpoints are its targets; absent for target groups that the stack does not make.
	// +optional
	Service *ObjectReference `json:"service,omitempty"`
	// ServicePort is the port of the Service, by name or number.
	// +optional
	ServicePort string `json:"servicePort,omitempty"`
	// Weight is its share, of the sum of the weights.
	Weight int32 `json:"weight"`
	// Targets is "healthy/total", without targets that are draining; absent until AWS was asked.
	// +optional
	Targets string `json:"targets,omitempty"`
}

// RuleStatus is a rule as AWS holds it.
type RuleStatus struct {
	// Port of the rule's listener.
	Port int32 `json:"port"`
	// Priority of the rule; the lowest matching one answers.
	Priority int32 `json:"priority"`
	// ARN of the rule.
	ARN string `json:"arn"`
	// Match is what the rule matches.
	// +optional
	Match string `json:"match,omitempty"`
	// Owner is the object that asks for the rule; absent if no present member does.
	// +optional
	Owner *ObjectReference `json:"owner,omitempty"`
	// ObservedGeneration is the generation of the owner that is in effect, as far as this rule goes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Forward is where it forwards to; absent if it answers itself.
	// +optional
	// +listType=atomic
	Forward []ForwardStatus `json:"forward,omitempty"`
}

// TargetCounts counts the targets of a group by their health. AWS is asked a while after targets changed and, more
// seldom, in the background; observedTime is when.
type TargetCounts struct {
	// Total number of targets, draining ones included.
	Total int32 `json:"total"`
	// Healthy targets.
	Healthy int32 `json:"healthy"`
	// Unhealthy targets.
	Unhealthy int32 `json:"unhealthy"`
	// Initial targets have not answered enough checks yet.
	Initial int32 `json:"initial"`
	// Draining targets finish what they have begun.
	Draining int32 `json:"draining"`
	// Other targets: of groups that no listener uses, or without health checks.
	Other int32 `json:"other"`
	// ObservedTime is when the counts were last seen to be different from before.
	ObservedTime metav1.Time `json:"observedTime"`
}

// TargetGroupStatus is a target group as AWS holds it.
type TargetGroupStatus struct {
	// Name of the target group.
	Name string `json:"name"`
	// ARN of the target group.
	ARN string `json:"arn"`
	// Owner is an object that asks for the target group.
	// +optional
	Owner *ObjectReference `json:"owner,omitempty"`
	// Targets counts its targets; absent until AWS was asked.
	// +optional
	Targets *TargetCounts `json:"targets,omitempty"`
}

// PlanStatus is the last plan that was not empty.
type PlanStatus struct {
	// Time at which it was carried out.
	Time metav1.Time `json:"time"`
	// Summary counts its steps, e.g. "2 to create, 1 to change, 0 to replace, 0 to delete".
	Summary string `json:"summary"`
	// Result is Done, Waiting or Failed.
	Result string `json:"result"`
	// Steps with their reasons; the first ones of a long plan.
	// +optional
	// +listType=atomic
	Steps []string `json:"steps,omitempty"`
}

// Finding is something that is wrong with an object, or worth knowing.
type Finding struct {
	// Object that it is about.
	Object ObjectReference `json:"object"`
	// Code of the finding.
	Code string `json:"code"`
	// Class is how it behaves: invalid, notFound and conflict wait for an edit, note stops nothing, others are tried
	// again.
	Class string `json:"class"`
	// Field or annotation of the object.
	// +optional
	Field string `json:"field,omitempty"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
	// RequestID of the AWS call that was refused.
	// +optional
	RequestID string `json:"requestID,omitempty"`
}

// LastError is the newest failure. It stays, with its time, after recovery; conditions tell how things are now.
type LastError struct {
	Finding `json:",inline"`
	// Time at which it began.
	Time metav1.Time `json:"time"`
}

// LoadBalancerStatus is the state of a load balancer.
type LoadBalancerStatus struct {
	// Owner is the kind of the members: Ingress or Service.
	// +optional
	Owner string `json:"owner,omitempty"`
	// Cluster is the name of the cluster in the tags of its resources in AWS: --cluster-name of the controller that wrote
	// this.
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// Controller is by what the leader of the controller that wrote this was elected: its Lease.
	// +optional
	Controller string `json:"controller,omitempty"`
	// Stack is the value of the stack tag in AWS: the group, or namespace/name.
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
	// HostedZoneID is the canonical hosted zone of its DNS name, for alias records.
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
	// Targets is "healthy/total" over all target groups, as far as AWS was asked.
	// +optional
	Targets string `json:"targets,omitempty"`
	// OtherARNs are further load balancers of the stack: one being replaced, or one in front of this one.
	// +optional
	// +listType=atomic
	OtherARNs []string `json:"otherARNs,omitempty"`
	// Members in the order of the group.
	// +optional
	// +listType=atomic
	Members []Member `json:"members,omitempty"`
	// Parts are the routes and ListenerSets of a Gateway by kind, namespace and name; at most 200.
	// +optional
	// +listType=atomic
	Parts []Member `json:"parts,omitempty"`
	// Omitted are the members and parts for which the status has no room; absent if it lists all.
	// +optional
	Omitted *OmittedMembers `json:"omitted,omitempty"`
	// Listeners by port.
	// +optional
	// +listType=atomic
	Listeners []ListenerStatus `json:"listeners,omitempty"`
	// Rules by port and priority; at most 400.
	// +optional
	// +listType=atomic
	Rules []RuleStatus `json:"rules,omitempty"`
	// TargetGroups by name; at most 200.
	// +optional
	// +listType=atomic
	TargetGroups []TargetGroupStatus `json:"targetGroups,omitempty"`
	// LastPlan is the last plan that was not empty, as far as this process knows.
	// +optional
	LastPlan *PlanStatus `json:"lastPlan,omitempty"`
	// LastError is the newest failure.
	// +optional
	LastError *LastError `json:"lastError,omitempty"`
	// Findings of the newest pass; at most 50.
	// +optional
	// +listType=atomic
	Findings []Finding `json:"findings,omitempty"`
	// Conditions: Ready, Serving, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// LoadBalancer shows what became of an Ingress group or a Service: the controller writes it, and users need not. It has
// no spec; deleting it deletes nothing in AWS, and it comes back.
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
