package lab

import (
	networkingv1 "k8s.io/api/networking/v1"
)

// Balancers counts the load balancers of the account.
func (l *Lab) Balancers() int { return len(l.Sim.Resources().LoadBalancers) }

// Reclass gives an Ingress to a class of another controller.
func (l *Lab) Reclass(name string) {
	l.Helper()
	ing := &networkingv1.Ingress{}
	l.Get(ing, name)
	other := "theirs"
	ing.Spec.IngressClassName = &other
	l.Must(l.Client.Update(l.Context(), ing))
}

// TheirClass is an IngressClass of another controller.
func TheirClass(name string) *networkingv1.IngressClass {
	c := &networkingv1.IngressClass{Spec: networkingv1.IngressClassSpec{Controller: "example.com/theirs"}}
	c.Name = name
	return c
}
