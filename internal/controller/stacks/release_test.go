package stacks

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAServiceIsReleasedByTwoWrites(t *testing.T) {
	t.Parallel()
	const ours, theirs = "service.k8s.aws/resources", "example.com/keep"
	for name, c := range map[string]struct {
		deleted    bool
		finalizers []string
		writes     []string
		shown      int // names in the status afterwards
	}{
		"it is being deleted":                               {true, []string{ours}, []string{"status", "object"}, 0},
		"it is being deleted, and another controller waits": {true, []string{ours, theirs}, []string{"status", "object"}, 0},
		"it ceases to declare a load balancer":              {false, []string{ours}, []string{"status", "object"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: c.finalizers}}
			if c.deleted {
				web.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
			}
			web.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "gone.example"}}
			scheme, err := readable.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			var writes []string
			s, _ := newTestReconciler(t)
			s.Front, s.Backend = front.Service{}, NewBackendGroup(nil, nil, nil, "demo", logr.Discard())
			s.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(web).WithStatusSubresource(
				web).WithInterceptorFuncs(interceptor.Funcs{
				Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
					opts ...client.PatchOption) error {
					writes = append(writes, "object")
					return c.Patch(ctx, o, p, opts...)
				},
				SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
					opts ...client.SubResourcePatchOption) error {
					writes = append(writes, sub)
					return c.SubResource(sub).Patch(ctx, o, p, opts...)
				},
			}).Build()
			read := &corev1.Service{}
			if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(web), read); err != nil {
				t.Fatal(err)
			}
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
			if refused := s.releaseMembers(t.Context(), key, front.Input{Declared: true, Leaving: []metav1.Object{read}},
				nil); len(refused) > 0 {
				t.Fatal(refused.err())
			}
			if !slices.Equal(writes, c.writes) {
				t.Errorf("writes of %v, want %v", writes, c.writes)
			}
			after := &corev1.Service{}
			if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(web), after); err == nil &&
				(slices.Contains(after.Finalizers, ours) || len(after.Status.LoadBalancer.Ingress) != c.shown) {
				t.Errorf("finalizers %v, %d names", after.Finalizers, len(after.Status.LoadBalancer.Ingress))
			}
		})
	}
}

// counting counts the reads of an API server.
type counting struct {
	client.Reader
	gets int
}

func (c *counting) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	c.gets++
	return c.Reader.Get(ctx, key, o, opts...)
}

func TestPassAfterDeletionEventReadsNothing(t *testing.T) {
	t.Parallel()
	for shown, want := range map[bool]int{true: 0, false: 1} {
		s, _ := newTestReconciler(t)
		live := &counting{Reader: s.Client}
		s.Front, s.Live, s.Backend = front.Service{}, live, NewBackendGroup(nil, nil, nil, "demo", logr.Discard())
		web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		web.Spec.Type = corev1.ServiceTypeLoadBalancer
		if shown {
			m := &OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}
			m.OwnerHandler().Delete(t.Context(), event.DeleteEvent{Object: web}, &testQueue{t: t})
		}
		if _, err := s.Reconcile(t.Context(), stack.Key{Owner: stack.Service, ID: stack.ID{
			Namespace: "shop", Name: "web"}}); err != nil {
			t.Error(err)
		}
		if live.gets != want {
			t.Errorf("the deletion was shown: %t; %d reads, want %d", shown, live.gets, want)
		}
	}
}
