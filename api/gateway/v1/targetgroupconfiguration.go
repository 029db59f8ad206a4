package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TargetReference names the object whose target groups are configured, in the namespace of the configuration.
type TargetReference struct {
	// Group of the object.
	// +optional
	// +kubebuilder:default=""
	Group *string `json:"group,omitempty"`
	// Kind of the object: Service or Gateway.
	// +optional
	// +kubebuilder:default=Service
	Kind *string `json:"kind,omitempty"`
	// Name of the object.
	Name string `json:"name"`
}

// TargetType is the target type of a target group.
// +kubebuilder:validation:Enum=instance;ip
type TargetType string

// TargetGroupIPAddressType is the IP address type of a target group.
// +kubebuilder:validation:Enum=ipv4;ipv6
type TargetGroupIPAddressType string

// Protocol is the protocol of a target group.
// +kubebuilder:validation:Enum=HTTP;HTTPS;TCP;TLS;UDP;TCP_UDP
type Protocol string

// ProtocolVersion is the protocol version of an Application Load Balancer's target group.
// +kubebuilder:validation:Enum=HTTP1;HTTP2;GRPC
type ProtocolVersion string

// HealthCheckProtocol is the protocol of health checks.
// +kubebuilder:validation:Enum=HTTP;HTTPS;TCP
type HealthCheckProtocol string

// HealthCheckMatcher has the codes of a successful answer.
type HealthCheckMatcher struct {
	// HTTPCode are HTTP status codes, such as 200,202 or 200-399.
	// +optional
	HTTPCode *string `json:"httpCode,omitempty"`
	// GRPCCode are gRPC status codes, such as 0,1 or 0-5. Target groups of protocol version GRPC only.
	// +optional
	GRPCCode *string `json:"grpcCode,omitempty"`
}

// HealthCheckSource is the source of the settings of health checks.
// +kubebuilder:validation:Enum=ReadinessProbe
type HealthCheckSource string

// FromReadinessProbe gives health checks the settings of the pods' readiness probe.
const FromReadinessProbe HealthCheckSource = "ReadinessProbe"

// HealthCheckConfiguration configures how a target group checks its targets. Elastic Load Balancing limits the numbers.
type HealthCheckConfiguration struct {
	// HealthCheckFrom is the source of settings that the other fields do not set. ReadinessProbe is the readiness probe of
	// the pods.
	// +optional
	HealthCheckFrom *HealthCheckSource `json:"healthCheckFrom,omitempty"`
	// HealthyThresholdCount is the number of passed checks in a row after which a target is healthy.
	// +optional
	HealthyThresholdCount *int32 `json:"healthyThresholdCount,omitempty"`
	// HealthCheckInterval is the time between two checks of a target, in seconds.
	// +optional
	HealthCheckInterval *int32 `json:"healthCheckInterval,omitempty"`
	// HealthCheckPath is the path of the request. Protocols HTTP and HTTPS only.
	// +optional
	HealthCheckPath *string `json:"healthCheckPath,omitempty"`
	// HealthCheckPort is traffic-port, a number, or the name of a port of the Service.
	// +optional
	HealthCheckPort *string `json:"healthCheckPort,omitempty"`
	// HealthCheckProtocol of the checks.
	// +optional
	HealthCheckProtocol *HealthCheckProtocol `json:"healthCheckProtocol,omitempty"`
	// HealthCheckTimeout is the time without an answer after which a check has failed, in seconds.
	// +optional
	HealthCheckTimeout *int32 `json:"healthCheckTimeout,omitempty"`
	// UnhealthyThresholdCount is the number of failed checks in a row after which a target is unhealthy.
	// +optional
	UnhealthyThresholdCount *int32 `json:"unhealthyThresholdCount,omitempty"`
	// Matcher has the codes of a successful answer.
	// +optional
	Matcher *HealthCheckMatcher `json:"matcher,omitempty"`
}

// TargetGroupProps are the properties of target groups.
type TargetGroupProps struct {
	// TargetGroupName is the name of the target group. It takes effect when the target group is created.
	// +optional
	TargetGroupName *string `json:"targetGroupName,omitempty"`
	// IPAddressType of the target group. By default the address type of the Service.
	// +optional
	IPAddressType *TargetGroupIPAddressType `json:"ipAddressType,omitempty"`
	// HealthCheckConfig configures how the target group checks its targets.
	// +optional
	HealthCheckConfig *HealthCheckConfiguration `json:"healthCheckConfig,omitempty"`
	// NodeSelector selects the nodes to register. Target type instance only.
	// +optional
	NodeSelector *metav1.LabelSelector `json:"nodeSelector,omitempty"`
	// TargetGroupAttributes are attributes of the target group.
	// +optional
	TargetGroupAttributes []Attribute `json:"targetGroupAttributes,omitempty"`
	// TargetType of the target group. By default the type of --default-target-type. A change replaces the target group.
	// +optional
	TargetType *TargetType `json:"targetType,omitempty"`
	// Protocol of the target group. A change replaces the target group.
	// +optional
	Protocol *Protocol `json:"protocol,omitempty"`
	// ProtocolVersion of a target group behind an HTTPS listener. A change replaces the target group.
	// +optional
	ProtocolVersion *ProtocolVersion `json:"protocolVersion,omitempty"`
	// TargetControlPort is the port of the target optimizer's agent. Application Load Balancers with ip targets only.
	// +optional
	TargetControlPort *int32 `json:"targetControlPort,omitempty"`
	// EnableMultiCluster says that other clusters register targets in the same target group.
	// +optional
	EnableMultiCluster *bool `json:"enableMultiCluster,omitempty"`
	// Tags of the target group.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
}

// RouteIdentifier selects routes. A name without namespace and kind selects nothing, and a namespace without a kind
// selects nothing.
type RouteIdentifier struct {
	// Kind of the routes, such as HTTPRoute.
	// +optional
	Kind string `json:"kind,omitempty"`
	// Namespace of the routes.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the route.
	// +optional
	Name string `json:"name,omitempty"`
}

// RouteConfiguration are the properties of the target groups that some routes refer to.
type RouteConfiguration struct {
	// RouteIdentifier selects the routes.
	// +optional
	RouteIdentifier RouteIdentifier `json:"routeIdentifier,omitempty"`
	// TargetGroupProps are the properties of the target groups of these routes. Absent fields have the values of
	// defaultConfiguration.
	TargetGroupProps TargetGroupProps `json:"targetGroupProps"`
}

// TargetGroupConfigurationSpec configures the target groups of a Service or a Gateway.
type TargetGroupConfigurationSpec struct {
	// TargetReference names the object whose target groups are configured. A configuration without targetReference serves
	// as the default of a LoadBalancerConfiguration.
	// +optional
	TargetReference *TargetReference `json:"targetReference,omitempty"`
	// DefaultConfiguration applies to all routes.
	// +optional
	DefaultConfiguration TargetGroupProps `json:"defaultConfiguration,omitempty"`
	// RouteConfigurations apply to some routes.
	// +optional
	RouteConfigurations []RouteConfiguration `json:"routeConfigurations,omitempty"`
}

// TargetGroupConfiguration configures the target groups of a Service or a Gateway.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=targetgroupconfigurations,singular=targetgroupconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="SERVICE-NAME",type="string",JSONPath=".spec.targetReference.name",description="The Kubernetes Service's name"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type TargetGroupConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   TargetGroupConfigurationSpec `json:"spec,omitempty"`
	Status ConfigurationStatus          `json:"status,omitempty"`
}

// TargetGroupConfigurationList is a list of configurations.
// +kubebuilder:object:root=true
type TargetGroupConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TargetGroupConfiguration `json:"items"`
}
