package stacks

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func TestOnlyAnIngressThatLeavesAndStillShowsOurNameLosesIt(t *testing.T) {
	t.Parallel()
	ingress := func(name, host string) *networkingv1.Ingress {
		return &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Finalizers: []string{"ingress.k8s.aws/resources"}},
			Status: networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{
				Ingress: []networkingv1.IngressLoadBalancerIngress{{Hostname: host}},
			}},
		}
	}
	deleted := ingress("deleted", "ours.example")
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	all := []*networkingv1.Ingress{ingress("leaves", "ours.example"), ingress("arrived", "theirs.example"), deleted}
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&networkingv1.Ingress{})
	for _, i := range all {
		b.WithObjects(i)
	}
	s := &Reconciler{Front: front.Ingress{}, Client: b.Build()}
	var leaving []metav1.Object
	for _, i := range all {
		stored := &networkingv1.Ingress{}
		if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(i), stored); err != nil {
			t.Fatal(err)
		}
		leaving = append(leaving, stored)
	}
	observed := elb.Observed{LoadBalancers: []elb.LoadBalancer{{DNSName: "Ours.example"}}}
	if refused := s.clearStatus(t.Context(), observed, leaving); len(refused) > 0 {
		t.Fatal(refused.err())
	}
	for name, want := range map[string]string{"leaves": "", "arrived": "theirs.example", "deleted": "ours.example"} {
		got := &networkingv1.Ingress{}
		if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, got); err != nil {
			t.Fatal(err)
		}
		host := ""
		if len(got.Status.LoadBalancer.Ingress) > 0 {
			host = got.Status.LoadBalancer.Ingress[0].Hostname
		}
		if host != want {
			t.Errorf("%s shows %q, want %q", name, host, want)
		}
	}
}
