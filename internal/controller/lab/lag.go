package lab

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// Lagging is AWS where lists miss what was just made, for as long as they really do.
func Lagging() account.Profile {
	return account.Profile{Name: "lagging", BalancingListed: account.Real().BalancingListed,
		ComputeDescribed: account.Real().ComputeDescribed}
}

// Remove asks for the end of an Ingress, which its finalizer holds.
func (l *Lab) Remove(name string) {
	l.Helper()
	i := &networkingv1.Ingress{}
	if !l.Get(i, name) {
		l.Fatalf("no Ingress %s", name)
	}
	l.Must(l.Client.Delete(l.Context(), i))
}
