package reads

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// listed counts the objects that lists return.
type listed struct {
	client.Reader
	objects int
}

func (c *listed) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := c.Reader.List(ctx, list, opts...)
	c.objects += meta.LenList(list)
	return err
}

// grantTo lets HTTPRoutes of namespace edge name a Service, or each of namespace shop if the name is empty.
func grantTo(i int, service string) *gatewayv1beta1.ReferenceGrant {
	to := gatewayv1.ReferenceGrantTo{Kind: "Service"}
	if service != "" {
		to.Name = ptr.To(gatewayv1.ObjectName(service))
	}
	return &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("grant-", i)},
		Spec: gatewayv1beta1.ReferenceGrantSpec{From: []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName,
			Kind: "HTTPRoute", Namespace: "edge"}}, To: []gatewayv1.ReferenceGrantTo{to}}}
}

// TestReferencesCostNoMoreBesideManyGrants has a pass follow n references to a namespace with n ReferenceGrants.
func TestReferencesCostNoMoreBesideManyGrants(t *testing.T) { // not parallel: it counts bytes
	for name, c := range map[string]struct {
		grant func(i int) *gatewayv1beta1.ReferenceGrant
		want  bool
	}{
		"each for one Service": {func(i int) *gatewayv1beta1.ReferenceGrant { return grantTo(i, fmt.Sprint("web-", i)) }, true},
		"each for all":         {func(i int) *gatewayv1beta1.ReferenceGrant { return grantTo(i, "") }, true},
		"none for these":       {func(i int) *gatewayv1beta1.ReferenceGrant { return grantTo(i, fmt.Sprint("db-", i)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			growth.AtMost(t, 1.1, "bytes", func(n int) float64 {
				var all []client.Object
				for i := range n {
					all = append(all, c.grant(i))
				}
				cache := &listed{Reader: growth.NewCluster(t, all...)}
				bytes := growth.Bytes(func() {
					cache.objects = 0
					v := objects.New(NewCacheReader(t.Context(), cache, failing{}))
					for i := range n {
						if objects.Permits(v, objects.From{Kind: objects.HTTPRoute, Namespace: "edge"}, objects.Ref{
							Kind: objects.Service, Namespace: "shop", Name: fmt.Sprint("web-", i)}) != c.want {
							t.Errorf("web-%d is permitted: %t", i, !c.want)
						}
					}
					if len(v.Reads()) != 1 || v.Err() != nil {
						t.Errorf("%d reads, %v", len(v.Reads()), v.Err())
					}
				})
				if cache.objects > n+1 { // one shows that the cache has grants of the namespace
					t.Errorf("%d objects are listed for %d references", cache.objects, n)
				}
				return bytes
			})
		})
	}
}

// TestRouteThatNamesAServiceReadsNoGrantsOfOthers has an admission look at the routes that name a Service of a
// namespace with n ReferenceGrants for other Services.
func TestRouteThatNamesAServiceReadsNoGrantsOfOthers(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "edge", Name: "web"}}
		web := gatewayv1.HTTPBackendRef{}
		web.Name, web.Namespace = "web", ptr.To(gatewayv1.Namespace("shop"))
		route.Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{web}}}
		all := []client.Object{route, grantTo(n, "web")}
		for i := range n {
			all = append(all, grantTo(i, fmt.Sprint("db-", i)))
		}
		cache := growth.NewCluster(t, all...)
		return growth.Bytes(func() {
			v := objects.New(NewCacheReader(t.Context(), cache, nil))
			if found := objects.PermittedNaming[metav1.Object](v, objects.HTTPRoute, objects.Ref{Kind: objects.Service,
				Namespace: "shop", Name: "web"}); len(found) != 1 {
				t.Errorf("%d routes", len(found))
			}
		})
	})
}
