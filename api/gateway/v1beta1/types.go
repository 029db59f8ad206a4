// Package v1beta1 holds the custom resources of group gateway.k8s.aws in their deprecated version, which is served for
// manifests that name it. Their content is that of version v1. It imports only k8s.io/apimachinery and version v1.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.k8s.aws
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// LoadBalancerConfiguration configures the load balancer of a Gateway, or of all Gateways of a GatewayClass.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:deprecatedversion:warning="gateway.k8s.aws/v1beta1 LoadBalancerConfiguration is deprecated; use gateway.k8s.aws/v1 instead"
// +kubebuilder:resource:path=loadbalancerconfigurations,singular=loadbalancerconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type LoadBalancerConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1.LoadBalancerConfigurationSpec `json:"spec,omitempty"`
	Status v1.ConfigurationStatus           `json:"status,omitempty"`
}

// TargetGroupConfiguration configures the target groups of a Service or a Gateway.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:deprecatedversion:warning="gateway.k8s.aws/v1beta1 TargetGroupConfiguration is deprecated; use gateway.k8s.aws/v1 instead"
// +kubebuilder:resource:path=targetgroupconfigurations,singular=targetgroupconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="SERVICE-NAME",type="string",JSONPath=".spec.targetReference.name",description="The Kubernetes Service's name"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type TargetGroupConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1.TargetGroupConfigurationSpec `json:"spec,omitempty"`
	Status v1.ConfigurationStatus          `json:"status,omitempty"`
}

// ListenerRuleConfiguration completes the rules of HTTPRoutes and GRPCRoutes that refer to it by an ExtensionRef
// filter.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:deprecatedversion:warning="gateway.k8s.aws/v1beta1 ListenerRuleConfiguration is deprecated; use gateway.k8s.aws/v1 instead"
// +kubebuilder:resource:path=listenerruleconfigurations,singular=listenerruleconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type ListenerRuleConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1.ListenerRuleConfigurationSpec   `json:"spec,omitempty"`
	Status v1.ListenerRuleConfigurationStatus `json:"status,omitempty"`
}
