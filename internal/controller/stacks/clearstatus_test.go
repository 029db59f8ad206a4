package stacks

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
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
	scheme, err := readable.Scheme()
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
	observed := awsop.Observed{LoadBalancers: []awsop.LoadBalancer{{DNSName: "Ours.example"}}}
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

func TestTheMembersOfALargeGroupAreWrittenSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const members, patch = 100, 50 * time.Millisecond
		scheme, err := readable.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		b := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&networkingv1.Ingress{})
		for i := range members {
			o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)}}
			o.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "ours.example"}}
			b.WithObjects(o)
		}
		var writes atomic.Int32
		slow := func() { writes.Add(1); time.Sleep(patch) }
		s := &Reconciler{Front: front.Ingress{}, Client: b.WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
				opts ...client.PatchOption) error {
				slow()
				return c.Patch(ctx, o, p, opts...)
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
				opts ...client.SubResourcePatchOption) error {
				slow()
				return c.SubResource(sub).Patch(ctx, o, p, opts...)
			},
		}).Build()}
		var list networkingv1.IngressList
		if err := s.Client.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		var all []metav1.Object
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
		for i, write := range []func() refusedWrites{
			func() refusedWrites {
				return s.addFinalizers(t.Context(), stack.ID{Name: "front"}, front.Input{Members: all})
			},
			func() refusedWrites {
				current := all // as the cache shows them after the finalizers
				for i, o := range current {
					fresh := &networkingv1.Ingress{}
					if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: o.GetName()}, fresh); err != nil {
						t.Fatal(err)
					}
					current[i] = fresh
				}
				return s.clearStatus(t.Context(), awsop.Observed{LoadBalancers: []awsop.LoadBalancer{{DNSName: "ours.example"}}},
					current)
			},
		} {
			begun := time.Now()
			writes.Store(0)
			if refused := write(); len(refused) > 0 || writes.Load() != members {
				t.Errorf("%d: %d writes, %v", i, writes.Load(), refused.err())
			}
			if took := time.Since(begun); took > members*patch/10 {
				t.Errorf("%d took %s", i, took)
			}
		}
	})
}
