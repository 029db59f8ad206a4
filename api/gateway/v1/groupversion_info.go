// Package v1 holds the custom resources of group gateway.k8s.aws, version v1: LoadBalancerConfiguration,
// TargetGroupConfiguration and ListenerRuleConfiguration. They have the settings of Gateways, Services and routes for
// which the Gateway API has no field. Schemas, defaults and printer columns are those of the existing controller. The
// package imports only k8s.io/apimachinery.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.k8s.aws
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of this package.
var GroupVersion = schema.GroupVersion{Group: "gateway.k8s.aws", Version: "v1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&LoadBalancerConfiguration{}, &LoadBalancerConfigurationList{},
		&TargetGroupConfiguration{}, &TargetGroupConfigurationList{},
		&ListenerRuleConfiguration{}, &ListenerRuleConfigurationList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
