package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TargetType is the target type of the target group.
// +kubebuilder:validation:Enum=instance;ip
type TargetType string

// Target types that a binding can serve.
const (
	TargetTypeInstance TargetType = "instance"
	TargetTypeIP       TargetType = "ip"
)

// Protocol is the protocol of the target group.
// +kubebuilder:validation:Enum=HTTP;HTTPS;TCP;TLS;UDP;TCP_UDP;QUIC;TCP_QUIC
type Protocol string

// IPAddressType is the IP address type of the target group.
// +kubebuilder:validation:Enum=ipv4;ipv6
type IPAddressType string

// IP address types of target groups.
const (
	IPAddressTypeIPv4 IPAddressType = "ipv4"
	IPAddressTypeIPv6 IPAddressType = "ipv6"
)

// ServiceReference names a Service in the binding's own namespace and one of its ports.
type ServiceReference struct {
	// Name of the Service.
	Name string `json:"name"`
	// Port of the Service: its number or its name.
	Port intstr.IntOrString `json:"port"`
}

// IPBlock is a range of source addresses.
type IPBlock struct {
	// CIDR is an IPv4 or IPv6 range, such as 192.0.2.0/24 or 2001:db8::/64.
	// +kubebuilder:validation:Pattern=`^\s*[0-9A-Fa-f.:]+/[0-9]{1,3}\s*$`
	CIDR string `json:"cidr"`
}

// SecurityGroup is a source security group.
type SecurityGroup struct {
	// GroupID is the id of an EC2 security group.
	// +kubebuilder:validation:Pattern=`^sg-[0-9A-Za-z]+$`
	GroupID string `json:"groupID"`
}

// NetworkingPeer is one source of traffic. Set exactly one of its fields.
// +kubebuilder:validation:XValidation:rule="has(self.ipBlock) != has(self.securityGroup)",message="a peer is either an ipBlock or a securityGroup; write two peers for both"
type NetworkingPeer struct {
	// IPBlock admits a range of addresses.
	// +optional
	IPBlock *IPBlock `json:"ipBlock,omitempty"`
	// SecurityGroup admits the members of a security group.
	// +optional
	SecurityGroup *SecurityGroup `json:"securityGroup,omitempty"`
}

// NetworkingProtocol is a transport protocol.
// +kubebuilder:validation:Enum=TCP;UDP
type NetworkingProtocol string

// Protocols of networking ports.
const (
	NetworkingProtocolTCP NetworkingProtocol = "TCP"
	NetworkingProtocolUDP NetworkingProtocol = "UDP"
)

// NetworkingPort is a port to admit.
type NetworkingPort struct {
	// Protocol to admit. If absent, TCP.
	// +optional
	Protocol *NetworkingProtocol `json:"protocol,omitempty"`
	// Port to admit: a number or, for ip targets, the name of a container port. If absent, all ports.
	// +optional
	Port *intstr.IntOrString `json:"port,omitempty"`
}

// NetworkingIngressRule admits ports from peers; each item of From may reach each item of Ports.
type NetworkingIngressRule struct {
	// From lists the peers that may reach the targets.
	From []NetworkingPeer `json:"from"`
	// Ports lists the ports that the peers may reach. If empty, the peers may reach all TCP ports.
	Ports []NetworkingPort `json:"ports"`
}

// TargetGroupBindingNetworking lists the rules that the security groups of the targets need.
type TargetGroupBindingNetworking struct {
	// Ingress lists the inbound rules.
	// +optional
	Ingress []NetworkingIngressRule `json:"ingress,omitempty"`
}

// TargetGroupBindingSpec binds the endpoints of a Service to a target group. The order of the fields is part of the
// checkpoint format of the existing controller. The fields that describe the target group may not change once the
// controller has found the target group and has set all of these fields.
// +kubebuilder:validation:XValidation:rule="!(has(self.targetType) && self.targetType == 'ip' && has(self.nodeSelector))",message="TargetGroupBinding cannot set NodeSelector when TargetType is ip; remove nodeSelector, or bind a target group of type instance"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.targetGroupARN) && size(oldSelf.targetGroupARN) > 0 && has(oldSelf.targetType) && has(oldSelf.targetGroupProtocol)) || (has(self.targetGroupARN) && self.targetGroupARN == oldSelf.targetGroupARN)",message="TargetGroupBinding update may not change these immutable fields: spec.targetGroupARN"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.targetGroupARN) && size(oldSelf.targetGroupARN) > 0 && has(oldSelf.targetType) && has(oldSelf.targetGroupProtocol)) || (has(self.targetType) && self.targetType == oldSelf.targetType)",message="TargetGroupBinding update may not change these immutable fields: spec.targetType"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.targetGroupARN) && size(oldSelf.targetGroupARN) > 0 && has(oldSelf.targetType) && has(oldSelf.targetGroupProtocol) && has(oldSelf.ipAddressType)) || (has(self.ipAddressType) && self.ipAddressType == oldSelf.ipAddressType)",message="TargetGroupBinding update may not change these immutable fields: spec.ipAddressType"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.targetGroupARN) && size(oldSelf.targetGroupARN) > 0 && has(oldSelf.targetType) && has(oldSelf.targetGroupProtocol) && has(oldSelf.vpcID) && size(oldSelf.vpcID) > 0) || (has(self.vpcID) && self.vpcID == oldSelf.vpcID)",message="TargetGroupBinding update may not change these immutable fields: spec.vpcID"
type TargetGroupBindingSpec struct {
	// TargetGroupARN is the Amazon Resource Name of the target group. Set targetGroupARN or targetGroupName.
	// +optional
	TargetGroupARN string `json:"targetGroupARN,omitempty"`
	// TargetGroupName is the name of the target group. Set targetGroupARN or targetGroupName.
	// +optional
	TargetGroupName string `json:"targetGroupName,omitempty"`
	// MultiClusterTargetGroup says that other clusters register targets in the same target group.
	// +optional
	MultiClusterTargetGroup bool `json:"multiClusterTargetGroup,omitempty"`
	// TargetType of the target group. If absent, the controller reads it from the target group.
	// +optional
	TargetType *TargetType `json:"targetType,omitempty"`
	// TargetGroupProtocol is the protocol of the target group. If absent, the controller reads it from the target group.
	// +optional
	TargetGroupProtocol *Protocol `json:"targetGroupProtocol,omitempty"`
	// ServiceRef names the Service and its port.
	ServiceRef ServiceReference `json:"serviceRef"`
	// Networking lists the rules that the security groups of the targets need. If absent, the controller does not change
	// rules of these security groups.
	// +optional
	Networking *TargetGroupBindingNetworking `json:"networking,omitempty"`
	// NodeSelector selects the nodes to register. Only for targets of type instance.
	// +optional
	NodeSelector *metav1.LabelSelector `json:"nodeSelector,omitempty"`
	// IPAddressType of the target group. If absent, the controller reads it from the target group.
	// +optional
	IPAddressType *IPAddressType `json:"ipAddressType,omitempty"`
	// VpcID is the VPC of the target group. If absent, the controller reads it from the target group.
	// +optional
	VpcID string `json:"vpcID,omitempty"`
	// IamRoleArnToAssume is a role in another account. The controller assumes the role to register targets.
	// +optional
	IamRoleArnToAssume string `json:"iamRoleArnToAssume,omitempty"`
	// AssumeRoleExternalId is the external id with which the controller assumes iamRoleArnToAssume.
	// +optional
	AssumeRoleExternalId string `json:"assumeRoleExternalId,omitempty"` //nolint:revive // the JSON name is fixed
}

// BoundTargets counts the targets of a target group that several clusters may share. The controller reads them from AWS
// a while after targets changed, for readiness gates, and less often in the background.
type BoundTargets struct {
	// Registered targets, without draining targets.
	Registered int32 `json:"registered"`
	// Healthy targets among the registered targets.
	Healthy int32 `json:"healthy"`
}

// TargetGroupBindingStatus is the state that the controller last observed.
type TargetGroupBindingStatus struct {
	// ObservedGeneration is the generation of the spec that the controller last applied.
	// +optional
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
	// Targets counts the targets of the target group; absent until the controller has read the targets from AWS.
	// +optional
	Targets *BoundTargets `json:"targets,omitempty"`
	// Conditions of the binding. The controller maintains the type Ready.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// TargetGroupBinding registers the endpoints of a Service in a target group.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=targetgroupbindings,singular=targetgroupbinding,scope=Namespaced
// +kubebuilder:printcolumn:name="SERVICE-NAME",type="string",JSONPath=".spec.serviceRef.name",description="The Kubernetes Service's name"
// +kubebuilder:printcolumn:name="SERVICE-PORT",type="string",JSONPath=".spec.serviceRef.port",description="The Kubernetes Service's port"
// +kubebuilder:printcolumn:name="TARGET-TYPE",type="string",JSONPath=".spec.targetType",description="The AWS TargetGroup's TargetType"
// +kubebuilder:printcolumn:name="ARN",type="string",JSONPath=".spec.targetGroupARN",description="The AWS TargetGroup's Amazon Resource Name",priority=1
// +kubebuilder:printcolumn:name="NAME",type="string",JSONPath=".spec.targetGroupName",description="The AWS TargetGroup's Name",priority=2
// +kubebuilder:printcolumn:name="REGISTERED",type="integer",JSONPath=".status.targets.registered",description="Registered targets of the target group",priority=1
// +kubebuilder:printcolumn:name="HEALTHY",type="integer",JSONPath=".status.targets.healthy",description="Healthy targets of the target group",priority=1
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type TargetGroupBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   TargetGroupBindingSpec   `json:"spec,omitempty"`
	Status TargetGroupBindingStatus `json:"status,omitempty"`
}

// TargetGroupBindingList is a list of bindings.
// +kubebuilder:object:root=true
type TargetGroupBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TargetGroupBinding `json:"items"`
}

// PodConditionPrefix starts the readiness gate of a binding; the binding's name follows.
const PodConditionPrefix corev1.PodConditionType = "target-health.elbv2.k8s.aws/"
