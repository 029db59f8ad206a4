// Package v1alpha1 holds LoadBalancer, in which the controller shows the state of each load balancer, and the first
// version of TargetGroupBinding. The API server still serves that version, so old objects and manifests keep working;
// the controller reads and writes only v1beta1. The package imports only k8s.io/apimachinery and v1beta1.
//
// +kubebuilder:object:generate=true
// +groupName=elbv2.k8s.aws
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of this package.
var GroupVersion = schema.GroupVersion{Group: "elbv2.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package that the controller writes.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &LoadBalancer{}, &LoadBalancerList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
