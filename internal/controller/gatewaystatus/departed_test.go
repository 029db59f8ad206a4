package gatewaystatus

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// counting counts the reads of an API server.
type counting struct {
	client.Reader
	gets int
}

func (c *counting) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	c.gets++
	return c.Reader.Get(ctx, key, o, opts...)
}

// dropping is a queue that drops what is added.
type dropping struct{ queue.Of[reconcile.Request] }

func (dropping) AddAfter(reconcile.Request, time.Duration) {}

func TestRouteOfDepartedGatewayReadsNothing(t *testing.T) {
	t.Parallel()
	for shown, want := range map[bool]int{true: 0, false: 1} {
		scheme, err := readable.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "front"}}
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(route).Build()
		live := &counting{Reader: c}
		r := New(objects.HTTPRoute, gateway.Config{}, c, live, NewStatuses(c, time.Now, logr.Discard()))
		if shown {
			gone := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}}
			r.events(objects.Gateway).Delete(t.Context(), event.TypedDeleteEvent[client.Object]{Object: gone}, dropping{})
		}
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(route)}); err !=
			nil {
			t.Error(err)
		}
		if live.gets != want {
			t.Errorf("the deletion was shown: %t; %d reads, want %d", shown, live.gets, want)
		}
	}
}
