package stacks

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestLostMemberIsGoneOnlyWithProof has a stack lose a route, which the cache or the API server may have or lack.
func TestLostMemberIsGoneOnlyWithProof(t *testing.T) {
	t.Parallel()
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	kind := gatewayv1.Kind(objects.ListenerSet)
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Kind: &kind, Name: "more"}}
	set := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "more"}}
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "httproutes"}, "", errors.New("no such right"))
	for name, c := range map[string]struct {
		cached, live []client.Object
		err          error // of the API server
		lacking      string
		fails        bool
	}{
		"both lack it":                       {},
		"the API server has it":              {live: []client.Object{route}, lacking: "HTTPRoute shop/web"},
		"the API server refuses the read":    {err: denied, lacking: "HTTPRoute shop/web", fails: true},
		"it has left, and so did its parent": {cached: []client.Object{route}},
		"its parent is lacking": {cached: []client.Object{route}, live: []client.Object{set},
			lacking: "ListenerSet shop/more"},
		"it has left, and its parent is kept": {cached: []client.Object{route, set}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newTestReconciler(t)
			scheme, err := readable.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			s.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.cached...).Build()
			s.Live = fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.live...).WithInterceptorFuncs(
				interceptor.Funcs{Get: func(ctx context.Context, api client.WithWatch, key client.ObjectKey, o client.Object,
					opts ...client.GetOption) error {
					if c.err != nil {
						return c.err
					}
					return api.Get(ctx, key, o, opts...)
				}}).Build()
			key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "web"}}
			lost := diag.Object{Kind: string(objects.HTTPRoute), Namespace: "shop", Name: "web", UID: "1"}
			for of, memory := range map[string]*compile.Memory{
				"a checkpoint":         {Members: []diag.Object{lost}, Good: quarantine.Versions{lost: {}}},
				"a reduced checkpoint": {Members: []diag.Object{lost}},
				"a member left out":    {Good: quarantine.Versions{lost: {}}},
			} {
				s.state(key).memory = memory
				lacking, err := s.missingFromCache(t.Context(), key, front.Input{})
				if lacking != c.lacking || (err != nil) != c.fails {
					t.Errorf("%s: %q, %v, want %q", of, lacking, err, c.lacking)
				}
			}
		})
	}
}
