package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// TargetGroupBindingSpec binds the endpoints of a Service to a target group.
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
	TargetType *v1beta1.TargetType `json:"targetType,omitempty"`
	// ServiceRef names the Service and its port.
	ServiceRef v1beta1.ServiceReference `json:"serviceRef"`
	// Networking lists the rules that the security groups of the targets need. If absent, the controller does not change
	// rules of these security groups.
	// +optional
	Networking *v1beta1.TargetGroupBindingNetworking `json:"networking,omitempty"`
	// IamRoleArnToAssume is a role in another account. The controller assumes the role to register targets.
	// +optional
	IamRoleArnToAssume string `json:"iamRoleArnToAssume,omitempty"`
	// AssumeRoleExternalId is the external id with which the controller assumes iamRoleArnToAssume.
	// +optional
	AssumeRoleExternalId string `json:"assumeRoleExternalId,omitempty"` //nolint:revive // the JSON name is fixed
}

// TargetGroupBindingStatus is the state that the controller last observed.
type TargetGroupBindingStatus struct {
	// ObservedGeneration is the generation of the spec that the controller last applied.
	// +optional
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
}

// TargetGroupBinding registers the endpoints of a Service in a target group.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=targetgroupbindings,singular=targetgroupbinding,scope=Namespaced
// +kubebuilder:printcolumn:name="SERVICE-NAME",type="string",JSONPath=".spec.serviceRef.name",description="The Kubernetes Service's name"
// +kubebuilder:printcolumn:name="SERVICE-PORT",type="string",JSONPath=".spec.serviceRef.port",description="The Kubernetes Service's port"
// +kubebuilder:printcolumn:name="TARGET-TYPE",type="string",JSONPath=".spec.targetType",description="The AWS TargetGroup's TargetType"
// +kubebuilder:printcolumn:name="ARN",type="string",JSONPath=".spec.targetGroupARN",description="The AWS TargetGroup's Amazon Resource Name",priority=1
// +kubebuilder:printcolumn:name="NAME",type="string",JSONPath=".spec.targetGroupName",description="The AWS TargetGroup's Name",priority=2
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
