package lab

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
)

// Paths is an Ingress with so many hosts and a path of each, so that no two of its rules can be joined.
func Paths(name string, n int, service string) *networkingv1.Ingress {
	i := Ingress(name, map[string]string{"group.name": "front", "listen-ports": `[{"HTTP":80}]`})
	i.Spec.Rules = nil
	for k := range n {
		r := networkingv1.IngressRule{Host: fmt.Sprintf("%s-%d.example.com", name, k)}
		r.HTTP = &networkingv1.HTTPIngressRuleValue{Paths: Ingress(name, nil, service).Spec.Rules[0].HTTP.Paths}
		r.HTTP.Paths[0].Path = fmt.Sprintf("/%d", k)
		i.Spec.Rules = append(i.Spec.Rules, r)
	}
	return i
}
