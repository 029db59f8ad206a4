package gatewaystatus

import (
	"context"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// split writes to the API server and reads from another client, the cache.
type split struct {
	client.Client
	cache client.Client
}

func (s split) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return s.cache.Get(ctx, key, o, opts...)
}

func TestGatewaysOfADefinitionThatIsRemovedAreLetGo(t *testing.T) {
	t.Parallel()
	const finalizer, foreign = "gateway.k8s.aws/alb", "example.com/keep"
	class := func(name string, controller gatewayv1.GatewayController) *gatewayv1.GatewayClass {
		return &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: gatewayv1.GatewayClassSpec{
			ControllerName: controller}}
	}
	for name, c := range map[string]struct {
		stands    bool   // the definition is not being removed
		class     string // "" = alb
		unmarked  bool   // the Gateway is not being deleted
		shown     bool   // the cache has the mark of the deletion
		replaced  bool   // the cache has it of an earlier Gateway of that name
		uncached  bool   // the cache has no Gateway
		wantStays bool
	}{
		"with the definition":                     {},
		"the cache lacks it":                      {uncached: true},
		"the cache has the end of an earlier one": {shown: true, replaced: true},
		"its class does not exist":                {class: "none"},
		"deleted before the definition":           {shown: true, wantStays: true},
		"of another controller":                   {class: "other", wantStays: true},
		"not deleted yet":                         {unmarked: true, wantStays: true},
		"deleted while the definition stands":     {stands: true, wantStays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme := runtime.NewScheme()
			if err := gatewayv1.Install(scheme); err != nil {
				t.Fatal(err)
			}
			live := &gatewayv1.Gateway{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "new", Finalizers: []string{foreign, finalizer}},
				Spec:       gatewayv1.GatewaySpec{GatewayClassName: "alb"},
			}
			if c.class != "" {
				live.Spec.GatewayClassName = gatewayv1.ObjectName(c.class)
			}
			cached := live.DeepCopy()
			if !c.unmarked {
				live.DeletionTimestamp = &metav1.Time{}
				live.DeletionTimestamp.Time = live.DeletionTimestamp.AddDate(2026, 0, 0)
			}
			if c.shown {
				cached.DeletionTimestamp = live.DeletionTimestamp
			}
			if c.replaced {
				cached.UID = types.UID("old")
			}
			server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(live).Build()
			known := fake.NewClientBuilder().WithScheme(scheme).WithObjects(class("alb", gateway.ControllerALB),
				class("other", "example.com/other"))
			if !c.uncached {
				known = known.WithObjects(cached)
			}
			r := &Release{Config: gateway.Config{ALB: gateway.ControllerALB}, Client: split{server, known.Build()}, Live: server,
				Ending: func(k objects.Kind) bool { return k == objects.Gateway && !c.stands }, Log: logr.Discard()}
			r.release(t.Context())
			after := &gatewayv1.Gateway{}
			if err := server.Get(t.Context(), client.ObjectKeyFromObject(live), after); err != nil &&
				!apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
			want := []string{foreign}
			if c.wantStays {
				want = append(want, finalizer)
			}
			if !slices.Equal(after.Finalizers, want) {
				t.Errorf("finalizers %v, want %v", after.Finalizers, want)
			}
		})
	}
}
