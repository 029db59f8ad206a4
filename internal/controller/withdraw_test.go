package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/awssim/account"
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
	s := &stacks{client: b.Build()}
	var leaving []metav1.Object
	for _, i := range all {
		stored := &networkingv1.Ingress{}
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(i), stored); err != nil {
			t.Fatal(err)
		}
		leaving = append(leaving, stored)
	}
	observed := elb.Observed{LoadBalancers: []elb.LoadBalancer{{DNSName: "Ours.example"}}}
	if refused := s.withdraw(t.Context(), observed, leaving); len(refused) > 0 {
		t.Fatal(refused.err())
	}
	for name, want := range map[string]string{"leaves": "", "arrived": "theirs.example", "deleted": "ours.example"} {
		got := &networkingv1.Ingress{}
		if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, got); err != nil {
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

// TestAnIngressWhoseStatusCannotBeWrittenHoldsUpNobodyInTheGroupThatItLeaves has a policy refuse writes to the status of one that
// moves away, while another is deleted and a third edited.
func TestAnIngressWhoseStatusCannotBeWrittenHoldsUpNobodyInTheGroupThatItLeaves(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, append(pair(nil), labIngress("old", map[string]string{"group.name": "front"}, "websvc"))...)
	l.settle(frontKey)
	refusing := true
	direct := l.client
	l.ingresses.client = interceptor.NewClient(direct.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if refusing && o.GetName() == "api" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses/status"}, "api", errors.New("a policy"))
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	l.edit("api", func(i *networkingv1.Ingress) { delete(i.Annotations, "alb.ingress.kubernetes.io/group.name") })
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, labIngress("x", nil, "apisvc").Spec.Rules[0].HTTP.Paths...)
	})
	l.remove("old")
	l.events = nil
	for range 10 {
		if wait, err := l.round(frontKey); !apierrors.IsForbidden(err) && wait == 0 {
			t.Fatal("it is not tried again")
		}
		l.clock.Advance(time.Second)
	}
	if l.get(&networkingv1.Ingress{}, "old") {
		t.Error("the deleted one does not go")
	}
	paths := 0
	for _, r := range l.sim.Resources().LoadBalancers[0].Listeners[0].Rules {
		if r.Priority != "default" {
			paths++
		}
	}
	if paths != 2 {
		t.Errorf("%d rules, want those of the one that stays", paths)
	}
	if n := strings.Count(strings.Join(l.events, "\n"), "shop/api FailedUpdateStatus"); n != 1 {
		t.Errorf("told %d times:\n%s", n, strings.Join(l.events, "\n"))
	}
	api := &networkingv1.Ingress{}
	if l.get(api, "api"); len(api.Finalizers) == 0 || len(api.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("it was let go with finalizers %v showing %v", api.Finalizers, api.Status.LoadBalancer.Ingress)
	}
	refusing = false
	l.settle(frontKey)
	if l.get(api, "api"); slices.Contains(api.Finalizers, "group.ingress.k8s.aws/front") || len(api.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("it is not let go: finalizers %v, showing %v", api.Finalizers, api.Status.LoadBalancer.Ingress)
	}
}
