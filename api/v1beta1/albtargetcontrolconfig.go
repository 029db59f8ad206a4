package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ALBTargetControlConfigSpec describes the target control agents that pods get. Annotations of a pod override it.
type ALBTargetControlConfigSpec struct {
	// Image of the agent, such as public.ecr.aws/aws-elb/target-optimizer/target-control-agent:latest.
	Image string `json:"image"`
	// DataAddress is the address at which the agent takes requests, such as 0.0.0.0:80. The target port of the Service
	// must be the port of this address.
	// +kubebuilder:validation:Pattern=`^.+:[0-9]+$`
	DataAddress string `json:"dataAddress"`
	// ControlAddress is the address at which the agent communicates with the load balancer, such as 0.0.0.0:3000. The port
	// of this address must be the target control port of the target group.
	// +kubebuilder:validation:Pattern=`^.+:[0-9]+$`
	ControlAddress string `json:"controlAddress"`
	// DestinationAddress is the address to which the agent sends requests, such as 127.0.0.1:8080.
	// +kubebuilder:validation:Pattern=`^.+:[0-9]+$`
	DestinationAddress string `json:"destinationAddress"`
	// MaxConcurrency is the maximum number of requests that the application gets at a time.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxConcurrency *int32 `json:"maxConcurrency,omitempty"`
	// TLSCertPath is the file of the certificate for TLS between the agent and the load balancer.
	// +optional
	TLSCertPath string `json:"tlsCertPath,omitempty"`
	// TLSKeyPath is the file of the key of the certificate in tlsCertPath.
	// +optional
	TLSKeyPath string `json:"tlsKeyPath,omitempty"`
	// TLSSecurityPolicy is the security policy for TLS between the agent and the load balancer.
	// +optional
	TLSSecurityPolicy string `json:"tlsSecurityPolicy,omitempty"`
	// ProtocolVersion of the requests.
	// +kubebuilder:validation:Enum=HTTP1;HTTP2;GRPC
	// +optional
	ProtocolVersion string `json:"protocolVersion,omitempty"`
	// RustLog is the log level of the agent.
	// +kubebuilder:validation:Enum=debug;info;error
	// +optional
	RustLog string `json:"rustLog,omitempty"`
	// Resources of the agent's container.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// ALBTargetControlConfig describes the target control agents of the pods in its namespace. An object in kube-system
// applies to all namespaces that have no such object. The object must have the name
// aws-load-balancer-controller-alb-target-control-agent-config.
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=albtargetcontrolconfigs,singular=albtargetcontrolconfig,scope=Namespaced
// +kubebuilder:printcolumn:name="IMAGE",type="string",JSONPath=".spec.image"
// +kubebuilder:printcolumn:name="DESTINATION",type="string",JSONPath=".spec.destinationAddress"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type ALBTargetControlConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ALBTargetControlConfigSpec `json:"spec,omitempty"`
}

// ALBTargetControlConfigList is a list of configurations.
// +kubebuilder:object:root=true
type ALBTargetControlConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ALBTargetControlConfig `json:"items"`
}
