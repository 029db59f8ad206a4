// Package v1beta1 holds the custom resource of group aga.k8s.aws, version v1beta1: GlobalAccelerator, a whole
// accelerator of AWS Global Accelerator with its listeners, endpoint groups and endpoints. Schema, defaults and printer
// columns are what users of the existing controller have. It imports only k8s.io/apimachinery.
//
// +kubebuilder:object:generate=true
// +groupName=aga.k8s.aws
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of this package.
var GroupVersion = schema.GroupVersion{Group: "aga.k8s.aws", Version: "v1beta1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &GlobalAccelerator{}, &GlobalAcceleratorList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
