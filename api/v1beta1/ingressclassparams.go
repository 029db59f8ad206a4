package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IngressGroup names the Ingress group of all Ingresses of the class, and decides which Ingresses may join the group.
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.shards == 1 || size(self.name) <= 60",message="the name of a group with shards has 60 characters at most"
type IngressGroup struct {
	// Name of the group.
	Name string `json:"name"`
	// Shards is the maximum number of load balancers of the group. The controller creates a further load balancer when the
	// hosts of the group do not fit on the existing load balancers. All rules of a host are on one load balancer. If
	// shards is greater than 1, the name of the group has at most 60 characters.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +optional
	Shards *int32 `json:"shards,omitempty"`
	// NamespaceSelector restricts the namespaces whose Ingresses may join the group, whatever the class of these
	// Ingresses. If absent or empty, all namespaces.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// SettingsNamespaces are the namespaces whose Ingresses may set what the members of the group share: settings of the
	// load balancer, and of shared listeners. Ingresses of other namespaces may have only rules, and listeners that no
	// other Ingress uses. If absent, the namespace of the Ingress that joined the group first decides.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=set
	// +optional
	SettingsNamespaces []IngressGroupNamespace `json:"settingsNamespaces,omitempty"`
}

// IngressGroupNamespace is the name of a namespace.
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
// +kubebuilder:validation:MaxLength=63
type IngressGroupNamespace string

// Tag is an AWS tag.
type Tag struct {
	// Key of the tag.
	Key string `json:"key"`
	// Value of the tag.
	Value string `json:"value"`
}

// Attribute is an attribute of a load balancer or listener.
type Attribute struct {
	// Key of the attribute.
	Key string `json:"key"`
	// Value of the attribute.
	Value string `json:"value"`
}

// Listener has the attributes of the listener with this protocol and port; it does not create a listener.
type Listener struct {
	// Protocol of the listener.
	Protocol ListenerProtocol `json:"protocol,omitempty"`
	// Port of the listener.
	Port int32 `json:"port,omitempty"`
	// ListenerAttributes to set.
	// +optional
	ListenerAttributes []Attribute `json:"listenerAttributes,omitempty"`
}

// ListenerProtocol is the protocol of a listener.
type ListenerProtocol string

// SubnetID is the id of an EC2 subnet.
// +kubebuilder:validation:Pattern=subnet-[0-9a-f]+
type SubnetID string

// SubnetSelector selects subnets by id or by tags. Set exactly one of the two fields.
// +kubebuilder:validation:XValidation:rule="has(self.ids) || has(self.tags)",message="must have either `ids` or `tags`"
// +kubebuilder:validation:XValidation:rule="!(has(self.ids) && has(self.tags))",message="may not have both `ids` and `tags` set"
// +kubebuilder:validation:XValidation:rule="!has(self.tags) || size(self.tags) > 0",message="must have at least one tag key"
type SubnetSelector struct {
	// IDs of the subnets.
	// +kubebuilder:validation:MinItems=1
	// +optional
	IDs []SubnetID `json:"ids,omitempty"`
	// Tags that a subnet must have: every key, with one of the values of the key.
	// +optional
	Tags map[string][]string `json:"tags,omitempty"`
}

// LoadBalancerScheme is the scheme of the load balancers of the class.
// +kubebuilder:validation:Enum=internal;internet-facing
type LoadBalancerScheme string

// LoadBalancerIPAddressType is the IP address type of the load balancers of the class.
// +kubebuilder:validation:Enum=ipv4;dualstack;dualstack-without-public-ipv4
type LoadBalancerIPAddressType string

// MinimumLoadBalancerCapacity reserves capacity.
type MinimumLoadBalancerCapacity struct {
	// CapacityUnits to reserve.
	CapacityUnits int32 `json:"capacityUnits"`
}

// IPAMConfiguration names the address pools of a load balancer.
type IPAMConfiguration struct {
	// IPv4IPAMPoolId is the id of the pool of public IPv4 addresses.
	// +optional
	IPv4IPAMPoolId *string `json:"ipv4IPAMPoolId,omitempty"` //nolint:revive // Go users know this spelling
}

// IngressClassParamsSpec overrides annotations of the Ingresses of a class.
// +kubebuilder:validation:XValidation:rule="!(has(self.prefixListsIDs) && has(self.PrefixListsIDs))",message="cannot specify both 'prefixListsIDs' and 'PrefixListsIDs' fields"
type IngressClassParamsSpec struct {
	// LoadBalancerName is the name of the load balancer.
	// +optional
	LoadBalancerName string `json:"loadBalancerName,omitempty"`
	// CertificateArn lists certificates of the HTTPS listeners; the first is the default certificate.
	// +optional
	CertificateArn []string `json:"certificateArn,omitempty"`
	// ImportTLSSecrets decides whether the controller imports the Secrets that spec.tls names into ACM.
	// +optional
	ImportTLSSecrets *bool `json:"importTLSSecrets,omitempty"`
	// NamespaceSelector restricts the namespaces whose Ingresses may use the class. If absent or empty, all namespaces.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// Group puts all Ingresses of the class into one Ingress group.
	// +optional
	Group *IngressGroup `json:"group,omitempty"`
	// Scheme of the load balancers.
	// +optional
	Scheme *LoadBalancerScheme `json:"scheme,omitempty"`
	// InboundCIDRs are the address ranges that may reach the load balancers.
	// +optional
	InboundCIDRs []string `json:"inboundCIDRs,omitempty"`
	// SSLPolicy of the HTTPS listeners.
	// +optional
	SSLPolicy string `json:"sslPolicy,omitempty"`
	// SSLRedirectPort is the HTTPS port to which HTTP listeners redirect.
	// +optional
	SSLRedirectPort string `json:"sslRedirectPort,omitempty"`
	// Subnets of the load balancers.
	// +optional
	Subnets *SubnetSelector `json:"subnets,omitempty"`
	// IPAddressType of the load balancers.
	// +optional
	IPAddressType *LoadBalancerIPAddressType `json:"ipAddressType,omitempty"`
	// Tags of all AWS resources of the class.
	// +optional
	Tags []Tag `json:"tags,omitempty"`
	// TargetType of the target groups.
	// +optional
	TargetType TargetType `json:"targetType,omitempty"`
	// LoadBalancerAttributes to set.
	// +optional
	LoadBalancerAttributes []Attribute `json:"loadBalancerAttributes,omitempty"`
	// Listeners sets attributes of listeners.
	// +optional
	Listeners []Listener `json:"listeners,omitempty"`
	// MinimumLoadBalancerCapacity reserves capacity.
	// +optional
	MinimumLoadBalancerCapacity *MinimumLoadBalancerCapacity `json:"minimumLoadBalancerCapacity,omitempty"`
	// IPAMConfiguration names address pools.
	// +optional
	IPAMConfiguration *IPAMConfiguration `json:"ipamConfiguration,omitempty"`
	// PrefixListsIDsLegacy is the former spelling of prefixListsIDs.
	// +optional
	PrefixListsIDsLegacy []string `json:"PrefixListsIDs,omitempty"`
	// PrefixListsIDs are the ids of prefix lists whose addresses may reach the load balancers.
	// +optional
	PrefixListsIDs []string `json:"prefixListsIDs,omitempty"`
	// WAFv2ACLArn is the ARN of the WAFv2 web ACL of the load balancers.
	// +optional
	WAFv2ACLArn string `json:"wafv2AclArn"`
	// WAFv2ACLName is the name of the WAFv2 web ACL of the load balancers.
	// +optional
	WAFv2ACLName string `json:"wafv2AclName"`
}

// IngressClassParams holds settings that an IngressClass enforces.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=ingressclassparams,singular=ingressclassparam,scope=Cluster
// +kubebuilder:printcolumn:name="GROUP-NAME",type="string",JSONPath=".spec.group.name",description="The Ingress Group name"
// +kubebuilder:printcolumn:name="SCHEME",type="string",JSONPath=".spec.scheme",description="The AWS Load Balancer scheme"
// +kubebuilder:printcolumn:name="IP-ADDRESS-TYPE",type="string",JSONPath=".spec.ipAddressType",description="The AWS Load Balancer ipAddressType"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type IngressClassParams struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec IngressClassParamsSpec `json:"spec,omitempty"`
}

// IngressClassParamsList is a list of IngressClassParams.
// +kubebuilder:object:root=true
type IngressClassParamsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []IngressClassParams `json:"items"`
}
