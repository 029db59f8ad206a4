// Package v1alpha1 holds the first version of TargetGroupBinding, which the API server still serves. The controller reads
// and writes v1beta1 only; this version exists so that objects and manifests of old keep working.
// It imports only k8s.io/apimachinery.
//
// +kubebuilder:object:generate=true
// +groupName=elbv2.k8s.aws
package v1alpha1
