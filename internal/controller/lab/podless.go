package lab

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// HandSlice is an EndpointSlice of Service web that a tenant of namespace shop wrote.
func HandSlice(name string, port int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{
		discoveryv1.LabelServiceName: "web"}}}
	s.AddressType, s.Ports, s.Endpoints = discoveryv1.AddressTypeIPv4, []discoveryv1.EndpointPort{
		{Name: ptr.To("http"), Port: &port}}, endpoints
	return s
}

// At is an endpoint of such a slice; an empty pod: it names none.
func At(address, namespace, pod string) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{
		Ready: ptr.To(true)}}
	if pod != "" {
		e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: pod}
	}
	return e
}
