package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
)

func TestABalancersRowShowsWhetherItIsReadyOrWhyNot(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]v1alpha1.LoadBalancerStatus{
		"shop/ingress-web: not looked at yet": {},
		"shop/ingress-web: ready, targets healthy: 2/3": {Targets: "2/3", Conditions: []metav1.Condition{
			{Type: "Serving"}, {Type: "Ready", Status: "True", Reason: "Reconciled"}}},
		"shop/ingress-web: NoSubnets": {Conditions: []metav1.Condition{
			{Type: "Ready", Status: "False", Reason: "NoSubnets"}}},
	} {
		lb := v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ingress-web"}, Status: s}
		if got := balancerRow(lb); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
