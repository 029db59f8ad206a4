package manifest

import (
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// formerIngresses are the versions in which clusters before Kubernetes v1.22 served Ingresses, all with the same
// fields.
var formerIngresses = map[string]bool{"extensions/v1beta1": true, "networking.k8s.io/v1beta1": true}

// presentIngress converts an Ingress as the API server did: paths without a type are ImplementationSpecific.
func presentIngress(o *networkingv1beta1.Ingress) *networkingv1.Ingress {
	out := &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: o.Kind},
		ObjectMeta: o.ObjectMeta,
		Spec:       networkingv1.IngressSpec{IngressClassName: o.Spec.IngressClassName},
	}
	if o.Spec.Backend != nil {
		out.Spec.DefaultBackend = ptr.To(presentBackend(*o.Spec.Backend))
	}
	for _, t := range o.Spec.TLS {
		out.Spec.TLS = append(out.Spec.TLS, networkingv1.IngressTLS{Hosts: t.Hosts, SecretName: t.SecretName})
	}
	for _, r := range o.Spec.Rules {
		rule := networkingv1.IngressRule{Host: r.Host}
		if r.HTTP != nil {
			rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
			for _, p := range r.HTTP.Paths {
				pathType := networkingv1.PathTypeImplementationSpecific
				if p.PathType != nil {
					pathType = networkingv1.PathType(*p.PathType)
				}
				rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: p.Path, PathType: &pathType,
					Backend: presentBackend(p.Backend)})
			}
		}
		out.Spec.Rules = append(out.Spec.Rules, rule)
	}
	return out
}

func presentBackend(b networkingv1beta1.IngressBackend) networkingv1.IngressBackend {
	if b.Resource != nil {
		return networkingv1.IngressBackend{Resource: b.Resource}
	}
	port := networkingv1.ServiceBackendPort{Number: b.ServicePort.IntVal}
	if b.ServicePort.Type == intstr.String {
		port.Name = b.ServicePort.StrVal
		if n, err := strconv.ParseInt(port.Name, 10, 32); err == nil {
			port = networkingv1.ServiceBackendPort{Number: int32(n)}
		}
	}
	return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: b.ServiceName, Port: port}}
}
