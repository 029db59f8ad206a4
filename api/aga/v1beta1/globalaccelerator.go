package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IPAddressType is the IP address type of an accelerator.
// +kubebuilder:validation:Enum=IPV4;DUAL_STACK
type IPAddressType string

// IP address types.
const (
	IPV4      IPAddressType = "IPV4"
	DualStack IPAddressType = "DUAL_STACK"
)

// Protocol is the protocol of a listener.
// +kubebuilder:validation:Enum=TCP;UDP
type Protocol string

// Protocols of listeners.
const (
	TCP Protocol = "TCP"
	UDP Protocol = "UDP"
)

// ClientAffinity decides to which endpoint a listener sends a connection.
// +kubebuilder:validation:Enum=SOURCE_IP;NONE
type ClientAffinity string

// Client affinities.
const (
	SourceIP   ClientAffinity = "SOURCE_IP"
	NoAffinity ClientAffinity = "NONE"
)

// EndpointType is the kind of the object or resource that an endpoint names.
// +kubebuilder:validation:Enum=EndpointID;Service;Ingress;Gateway
type EndpointType string

// Endpoint types.
const (
	EndpointID      EndpointType = "EndpointID"
	EndpointService EndpointType = "Service"
	EndpointIngress EndpointType = "Ingress"
	EndpointGateway EndpointType = "Gateway"
)

// PortRange is a range of ports, both ends included.
// +kubebuilder:validation:XValidation:rule="self.fromPort <= self.toPort",message="FromPort must be less than or equal to ToPort"
type PortRange struct {
	// FromPort is the first port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	FromPort int32 `json:"fromPort"`
	// ToPort is the last port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ToPort int32 `json:"toPort"`
}

// PortOverride sends traffic from a port of the listener to another port of the endpoints.
type PortOverride struct {
	// ListenerPort is the port of the listener. It must be in a port range of the listener.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ListenerPort int32 `json:"listenerPort"`
	// EndpointPort is the port of the endpoints. It must not be in a port range of any listener of the accelerator.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	EndpointPort int32 `json:"endpointPort"`
}

// Endpoint is a destination of the traffic of an endpoint group: the load balancer of a Service, an Ingress or a
// Gateway, or the resource in AWS that endpointID names.
// +kubebuilder:validation:XValidation:rule="self.type != 'EndpointID' || (has(self.endpointID) && !has(self.name))",message="endpointID is required and name must not be set when type is EndpointID"
// +kubebuilder:validation:XValidation:rule="self.type == 'EndpointID' || (has(self.name) && !has(self.endpointID))",message="name is required and endpointID must not be set when type is Service/Ingress/Gateway"
type Endpoint struct {
	// Type of the endpoint. Service, Ingress and Gateway mean the load balancer of that object. EndpointID means the
	// resource in AWS that endpointID names.
	Type EndpointType `json:"type"`
	// EndpointID is the ARN of an Application or Network Load Balancer, the allocation id of an Elastic IP address or the
	// id of an EC2 instance. Only for type EndpointID.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	EndpointID *string `json:"endpointID,omitempty"`
	// Name of the Service, Ingress or Gateway. For all types except EndpointID.
	// +optional
	Name *string `json:"name,omitempty"`
	// Namespace of the Service, Ingress or Gateway; by default the namespace of the GlobalAccelerator. Another namespace
	// needs a ReferenceGrant in that namespace.
	// +optional
	Namespace *string `json:"namespace,omitempty"`
	// Weight of the endpoint. Its share of the traffic of the endpoint group is the weight divided by the sum of all
	// weights. With 0, the endpoint gets no traffic.
	// +optional
	// +kubebuilder:default=128
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=255
	Weight *int32 `json:"weight,omitempty"`
	// ClientIPPreservationEnabled says whether requests reach the endpoint with the client's IP address as their source
	// address.
	// +optional
	// +kubebuilder:default=true
	ClientIPPreservationEnabled *bool `json:"clientIPPreservationEnabled,omitempty"`
}

// EndpointGroup has the endpoints of one listener in one region.
type EndpointGroup struct {
	// Region of the endpoints; by default the region of the cluster. Each endpoint group of a listener must have a
	// different region. Services, Ingresses and Gateways must be in the cluster's region. Name endpoints of other regions
	// with endpointID.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Region *string `json:"region,omitempty"`
	// TrafficDialPercentage is the percentage of the traffic for this region that Global Accelerator sends to this region.
	// The rest of the traffic goes to other regions.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	TrafficDialPercentage *int32 `json:"trafficDialPercentage,omitempty"`
	// PortOverrides map ports of the listener to other ports of the endpoints.
	// +optional
	PortOverrides []PortOverride `json:"portOverrides,omitempty"`
	// Endpoints of the endpoint group.
	// +optional
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}

// Listener takes connections at the addresses of the accelerator.
type Listener struct {
	// Protocol of the listener. You can omit it if the accelerator has exactly one listener, one endpoint group and one
	// endpoint. The controller then reads the protocol from the load balancer. If the load balancer has TCP and UDP, the
	// accelerator gets one listener for each protocol.
	// +optional
	Protocol *Protocol `json:"protocol,omitempty"`
	// PortRanges of the listener. You can omit them under the same condition as protocol.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	PortRanges []PortRange `json:"portRanges,omitempty"`
	// ClientAffinity SOURCE_IP sends all connections of a client to one endpoint. NONE distributes the connections over
	// the endpoints.
	// +optional
	// +kubebuilder:default=NONE
	ClientAffinity ClientAffinity `json:"clientAffinity,omitempty"`
	// EndpointGroups of the listener, one per region.
	// +optional
	EndpointGroups []EndpointGroup `json:"endpointGroups,omitempty"`
}

// GlobalAcceleratorSpec describes an accelerator.
type GlobalAcceleratorSpec struct {
	// Name of the accelerator; by default, the controller joins the names of the cluster, the namespace and the object.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,64}$`
	Name *string `json:"name,omitempty"`
	// IPAddresses are static IPv4 addresses from address ranges that the account brought to AWS (BYOIP). They take effect
	// only when the accelerator is created. By default AWS assigns addresses.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	IPAddresses []string `json:"ipAddresses,omitempty"`
	// IPAddressType of the accelerator; DUAL_STACK adds static IPv6 addresses.
	// +optional
	// +kubebuilder:default=IPV4
	IPAddressType IPAddressType `json:"ipAddressType,omitempty"`
	// Tags of the accelerator.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
	// Listeners of the accelerator.
	// +optional
	Listeners []Listener `json:"listeners,omitempty"`
}

// IPSet has the static IP addresses of one family.
type IPSet struct {
	// IPAddresses of the set.
	// +optional
	IPAddresses []string `json:"ipAddresses,omitempty"`
	// IPAddressFamily of the addresses: IPv4 or IPv6.
	// +optional
	IPAddressFamily string `json:"ipAddressFamily,omitempty"`
}

// GlobalAcceleratorStatus is the state of the accelerator that the controller observed.
type GlobalAcceleratorStatus struct {
	// ObservedGeneration is the generation of the object for which the controller wrote this status.
	// +optional
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
	// AcceleratorARN is the ARN of the accelerator.
	// +optional
	AcceleratorARN *string `json:"acceleratorARN,omitempty"`
	// DNSName of the accelerator, for its IPv4 addresses.
	// +optional
	DNSName *string `json:"dnsName,omitempty"`
	// DualStackDNSName is the DNS name for the IPv4 and IPv6 addresses. Only accelerators of type DUAL_STACK have it.
	// +optional
	DualStackDNSName *string `json:"dualStackDnsName,omitempty"`
	// IPSets are the static IP addresses, by family.
	// +optional
	IPSets []IPSet `json:"ipSets,omitempty"`
	// Status of the accelerator: DEPLOYED, IN_PROGRESS while AWS rolls a change out, DELETING.
	// +optional
	Status *string `json:"status,omitempty"`
	// Conditions of the accelerator.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GlobalAccelerator is an accelerator of AWS Global Accelerator with its listeners, endpoint groups and endpoints.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=globalaccelerators,singular=globalaccelerator,scope=Namespaced
// +kubebuilder:printcolumn:name="ACCELERATOR-NAME",type="string",JSONPath=".spec.name",description="The accelerator's name"
// +kubebuilder:printcolumn:name="DNS-NAME",type="string",JSONPath=".status.dnsName",description="The accelerator's DNS name"
// +kubebuilder:printcolumn:name="TYPE",type="string",JSONPath=".spec.ipAddressType",description="The accelerator's IP address type"
// +kubebuilder:printcolumn:name="STATUS",type="string",JSONPath=".status.status",description="The accelerator's status in AWS"
// +kubebuilder:printcolumn:name="ARN",type="string",JSONPath=".status.acceleratorARN",description="The accelerator's Amazon Resource Name",priority=1
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type GlobalAccelerator struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   GlobalAcceleratorSpec   `json:"spec,omitempty"`
	Status GlobalAcceleratorStatus `json:"status,omitempty"`
}

// GlobalAcceleratorList is a list of GlobalAccelerators.
// +kubebuilder:object:root=true
type GlobalAcceleratorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GlobalAccelerator `json:"items"`
}
