package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MergingMode decides whose values apply if the configurations of a GatewayClass and of a Gateway both set a field.
// +kubebuilder:validation:Enum=prefer-gateway;prefer-gateway-class
type MergingMode string

// Merging modes. Without a merging mode, the GatewayClass is preferred.
const (
	PreferGateway      MergingMode = "prefer-gateway"
	PreferGatewayClass MergingMode = "prefer-gateway-class"
)

// Scheme is the scheme of a load balancer.
// +kubebuilder:validation:Enum=internal;internet-facing
type Scheme string

// IPAddressType is the IP address type of a load balancer.
// +kubebuilder:validation:Enum=ipv4;dualstack;dualstack-without-public-ipv4
type IPAddressType string

// ProtocolPort names a listener of the load balancer by protocol and port, such as HTTPS:443.
// +kubebuilder:validation:Pattern=`^(HTTP|HTTPS|TLS|TCP|UDP|TCP_UDP)?:(6553[0-5]|655[0-2]\d|65[0-4]\d{2}|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})?$`
type ProtocolPort string

// ALPNPolicy is the ALPN policy of a TLS listener.
// +kubebuilder:validation:Enum=HTTP1Only;HTTP2Only;HTTP2Optional;HTTP2Preferred;None
type ALPNPolicy string

// MutualAuthenticationMode is how a listener treats client certificates.
// +kubebuilder:validation:Enum=off;passthrough;verify
type MutualAuthenticationMode string

// Modes of mutual authentication.
const (
	MutualAuthenticationOff         MutualAuthenticationMode = "off"
	MutualAuthenticationPassthrough MutualAuthenticationMode = "passthrough"
	MutualAuthenticationVerify      MutualAuthenticationMode = "verify"
)

// AdvertiseTrustStoreCANames is whether a listener sends the names of its certificate authorities to clients.
// +kubebuilder:validation:Enum=on;off
type AdvertiseTrustStoreCANames string

// Attribute is an attribute of a load balancer, listener or target group, by its name in Elastic Load Balancing.
type Attribute struct {
	// Key of the attribute.
	Key string `json:"key"`
	// Value of the attribute.
	Value string `json:"value"`
}

// SubnetConfiguration is a subnet of the load balancer and its addresses there. Each field is set for all subnets or
// for none.
type SubnetConfiguration struct {
	// Identifier is the id or the Name tag of the subnet.
	// +optional
	Identifier string `json:"identifier,omitempty"`
	// EIPAllocation is the allocation id of an Elastic IP address. Internet-facing Network Load Balancers only.
	// +optional
	EIPAllocation *string `json:"eipAllocation,omitempty"`
	// PrivateIPv4Allocation is a private IPv4 address of the subnet. Internal Network Load Balancers only.
	// +optional
	PrivateIPv4Allocation *string `json:"privateIPv4Allocation,omitempty"`
	// IPv6Allocation is an IPv6 address of the subnet. Dualstack Network Load Balancers only.
	// +optional
	IPv6Allocation *string `json:"ipv6Allocation,omitempty"`
	// SourceNatIPv6Prefix is the prefix for source NAT of UDP traffic: an /80 of the subnet, or auto_assigned. Network
	// Load Balancers only.
	// +optional
	SourceNatIPv6Prefix *string `json:"sourceNatIPv6Prefix,omitempty"`
}

// MutualAuthentication is how a listener authenticates clients by certificates.
// +kubebuilder:validation:XValidation:rule="self.mode != 'verify' || has(self.trustStore)",message="trustStore is required when mode is verify"
// +kubebuilder:validation:XValidation:rule="self.mode == 'verify' || !has(self.trustStore)",message="trustStore is allowed only when mode is verify"
// +kubebuilder:validation:XValidation:rule="self.mode == 'verify' || !has(self.ignoreClientCertificateExpiry)",message="ignoreClientCertificateExpiry is allowed only when mode is verify"
// +kubebuilder:validation:XValidation:rule="self.mode == 'verify' || !has(self.advertiseTrustStoreCaNames)",message="advertiseTrustStoreCaNames is allowed only when mode is verify"
type MutualAuthentication struct {
	// Mode of the authentication.
	Mode MutualAuthenticationMode `json:"mode"`
	// TrustStore is the name or the ARN of the trust store. Mode verify only.
	// +optional
	TrustStore *string `json:"trustStore,omitempty"`
	// IgnoreClientCertificateExpiry admits expired certificates. Mode verify only; false by default.
	// +optional
	IgnoreClientCertificateExpiry *bool `json:"ignoreClientCertificateExpiry,omitempty"`
	// AdvertiseTrustStoreCANames sends the names of the certificate authorities to clients. Mode verify only.
	// +optional
	AdvertiseTrustStoreCANames *AdvertiseTrustStoreCANames `json:"advertiseTrustStoreCaNames,omitempty"`
}

// ListenerConfiguration configures the listener of one protocol and port.
type ListenerConfiguration struct {
	// ProtocolPort names the listener, such as HTTPS:443. Write TCP for a passthrough listener of protocol TLS, and
	// TCP_UDP for listeners for TCP and UDP on one port.
	ProtocolPort ProtocolPort `json:"protocolPort"`
	// DefaultCertificate is the ARN of the certificate for clients that name no host.
	// +optional
	DefaultCertificate *string `json:"defaultCertificate,omitempty"`
	// Certificates are the ARNs of further certificates.
	// +optional
	Certificates []string `json:"certificates,omitempty"`
	// SSLPolicy is the TLS policy of an HTTPS or TLS listener. By default the policy of --default-ssl-policy.
	// +optional
	SSLPolicy *string `json:"sslPolicy,omitempty"`
	// ALPNPolicy of a TLS listener of a Network Load Balancer.
	// +optional
	// +kubebuilder:default=None
	ALPNPolicy *ALPNPolicy `json:"alpnPolicy,omitempty"`
	// TargetGroupStickiness sends connections of a client to the same target group. Network Load Balancers only.
	// +optional
	TargetGroupStickiness *bool `json:"targetGroupStickiness,omitempty"`
	// MutualAuthentication authenticates clients of an HTTPS listener.
	// +optional
	MutualAuthentication *MutualAuthentication `json:"mutualAuthentication,omitempty"`
	// ListenerAttributes are attributes of the listener.
	// +optional
	ListenerAttributes []Attribute `json:"listenerAttributes,omitempty"`
	// QUICEnabled makes a UDP listener a QUIC listener, and a TCP_UDP listener a TCP_QUIC listener.
	// +optional
	QUICEnabled *bool `json:"quicEnabled,omitempty"`
}

// WAFv2Configuration is the AWS WAF in front of an Application Load Balancer.
type WAFv2Configuration struct {
	// WebACL is the ARN of a web ACL.
	WebACL string `json:"webACL"`
}

// ShieldConfiguration is the AWS Shield Advanced protection of an Application Load Balancer.
type ShieldConfiguration struct {
	// Enabled protects the load balancer.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
}

// MinimumLoadBalancerCapacity is reserved capacity.
type MinimumLoadBalancerCapacity struct {
	// CapacityUnits to reserve.
	CapacityUnits int32 `json:"capacityUnits"`
}

// DefaultTargetGroupConfiguration refers to a TargetGroupConfiguration without a targetReference.
type DefaultTargetGroupConfiguration struct {
	// Name of the TargetGroupConfiguration, in the same namespace.
	Name string `json:"name"`
}

// LoadBalancerConfigurationSpec configures the load balancers of the Gateways that refer to it, directly or by their
// GatewayClass.
type LoadBalancerConfigurationSpec struct {
	// MergingMode decides whose values apply if the GatewayClass and the Gateway both have a configuration. The controller
	// reads it from the configuration of the GatewayClass; prefer-gateway-class by default.
	// +optional
	MergingMode *MergingMode `json:"mergingMode,omitempty"`
	// LoadBalancerName is the name of the load balancer. It takes effect only when the load balancer is created.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	LoadBalancerName *string `json:"loadBalancerName,omitempty"`
	// Scheme of the load balancer. By default the scheme of --default-load-balancer-scheme. A change replaces the load
	// balancer.
	// +optional
	Scheme *Scheme `json:"scheme,omitempty"`
	// IPAddressType of the load balancer; by default the type of --default-ip-address-type. dualstack-without-public-ipv4
	// is for Application Load Balancers only.
	// +optional
	IPAddressType *IPAddressType `json:"ipAddressType,omitempty"`
	// EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic is on or off. Network Load Balancers only.
	// +optional
	EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic *string `json:"enforceSecurityGroupInboundRulesOnPrivateLinkTraffic,omitempty"`
	// CustomerOwnedIPv4Pool is the id of an address pool of an Outpost. Application Load Balancers only. It takes effect
	// only when the load balancer is created.
	// +optional
	CustomerOwnedIPv4Pool *string `json:"customerOwnedIpv4Pool,omitempty"`
	// IPv4IPAMPoolID is the id of an IPAM pool of public IPv4 addresses. Application Load Balancers only.
	// +optional
	IPv4IPAMPoolID *string `json:"ipv4IPAMPoolId,omitempty"`
	// LoadBalancerSubnets are the subnets of the load balancer.
	// +optional
	LoadBalancerSubnets []SubnetConfiguration `json:"loadBalancerSubnets,omitempty"`
	// LoadBalancerSubnetsSelector selects subnets by tags: for each key, the tag must have one of the values. It has no
	// effect if loadBalancerSubnets names subnets.
	// +optional
	LoadBalancerSubnetsSelector map[string][]string `json:"loadBalancerSubnetsSelector,omitempty"`
	// ListenerConfigurations configure listeners by protocol and port.
	// +optional
	ListenerConfigurations []ListenerConfiguration `json:"listenerConfigurations,omitempty"`
	// DisableSecurityGroup creates a Network Load Balancer without security groups.
	// +optional
	DisableSecurityGroup *bool `json:"disableSecurityGroup,omitempty"`
	// SecurityGroups are the ids or Name tags of the load balancer's security groups. By default the controller creates a
	// security group.
	// +optional
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// SecurityGroupPrefixes are the ids of prefix lists that the controller's security group admits.
	// +optional
	SecurityGroupPrefixes []string `json:"securityGroupPrefixes,omitempty"`
	// SourceRanges are the CIDRs that the controller's security group admits.
	// +optional
	SourceRanges *[]string `json:"sourceRanges,omitempty"`
	// LoadBalancerAttributes are attributes of the load balancer.
	// +optional
	LoadBalancerAttributes []Attribute `json:"loadBalancerAttributes,omitempty"`
	// Tags of the load balancer, its listeners and the controller's security group.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
	// EnableICMP admits path MTU discovery through the controller's security group.
	// +optional
	EnableICMP *bool `json:"enableICMP,omitempty"`
	// ManageBackendSecurityGroupRules adds the backend security group to securityGroups, and adds its rules to the
	// security groups of the targets.
	// +optional
	ManageBackendSecurityGroupRules *bool `json:"manageBackendSecurityGroupRules,omitempty"`
	// MinimumLoadBalancerCapacity is reserved capacity.
	// +optional
	MinimumLoadBalancerCapacity *MinimumLoadBalancerCapacity `json:"minimumLoadBalancerCapacity,omitempty"`
	// WAFv2 is the AWS WAF in front of an Application Load Balancer.
	// +optional
	WAFv2 *WAFv2Configuration `json:"wafV2,omitempty"`
	// ShieldConfiguration is the AWS Shield Advanced protection of an Application Load Balancer.
	// +optional
	ShieldConfiguration *ShieldConfiguration `json:"shieldConfiguration,omitempty"`
	// DefaultTargetGroupConfiguration names the TargetGroupConfiguration that applies to target groups without their own
	// configuration, and to fields that their own configuration does not set.
	// +optional
	DefaultTargetGroupConfiguration *DefaultTargetGroupConfiguration `json:"defaultTargetGroupConfiguration,omitempty"`
}

// ConfigurationStatus is the status of a LoadBalancerConfiguration or a TargetGroupConfiguration.
type ConfigurationStatus struct {
	// ObservedGatewayConfigurationGeneration is the generation that the controller last used for a Gateway.
	// +optional
	ObservedGatewayConfigurationGeneration *int64 `json:"observedGatewayConfigurationGeneration,omitempty"`
	// ObservedGatewayClassConfigurationGeneration is the generation that the controller last used for a GatewayClass.
	// +optional
	ObservedGatewayClassConfigurationGeneration *int64 `json:"observedGatewayClassConfigurationGeneration,omitempty"`
}

// LoadBalancerConfiguration configures the load balancer of a Gateway, or of all Gateways of a GatewayClass.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=loadbalancerconfigurations,singular=loadbalancerconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type LoadBalancerConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   LoadBalancerConfigurationSpec `json:"spec,omitempty"`
	Status ConfigurationStatus           `json:"status,omitempty"`
}

// LoadBalancerConfigurationList is a list of configurations.
// +kubebuilder:object:root=true
type LoadBalancerConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LoadBalancerConfiguration `json:"items"`
}
