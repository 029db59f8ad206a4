// Package v1beta1 holds the custom resources of group elbv2.k8s.aws, version v1beta1: TargetGroupBinding and
// IngressClassParams. Schemas, defaults and printer columns are what users of the existing controller have; the field
// order of TargetGroupBindingSpec is part of the checkpoint format. It imports only k8s.io/apimachinery and k8s.io/api
// types.
//
// +kubebuilder:object:generate=true
// +groupName=elbv2.k8s.aws
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of this package.
var GroupVersion = schema.GroupVersion{Group: "elbv2.k8s.aws", Version: "v1beta1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&TargetGroupBinding{}, &TargetGroupBindingList{},
		&IngressClassParams{}, &IngressClassParamsList{},
		&ALBTargetControlConfig{}, &ALBTargetControlConfigList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
