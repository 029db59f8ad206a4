// Package v1beta1 holds the custom resources of group elbv2.k8s.aws, version v1beta1: TargetGroupBinding and
// IngressClassParams. Schemas, defaults and printer columns are what users of the existing controller have; the field order
// of TargetGroupBindingSpec is part of the checkpoint format. It imports only k8s.io/apimachinery and k8s.io/api types.
//
// +kubebuilder:object:generate=true
// +groupName=elbv2.k8s.aws
package v1beta1
