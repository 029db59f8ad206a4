package accelerator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// unreadKinds are the kinds of objects that passes over accelerators read.
var unreadKinds = []client.Object{&agav1beta1.GlobalAccelerator{}, &corev1.Service{}, &networkingv1.Ingress{},
	&gatewayv1.Gateway{}, &gatewayv1beta1.ReferenceGrant{}}

// TestFailedReadOfObjectsTakesNoEndpointAway has each read of Kubernetes objects fail in each way during edits.
func TestFailedReadOfObjectsTakesNoEndpointAway(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(7)
	for _, kind := range unreadKinds {
		for _, way := range slices.Sorted(maps.Keys(unreadObjects)) {
			for _, edit := range slices.Sorted(maps.Keys(unreadEdits)) {
				for _, restarts := range []bool{false, true} {
					if !chosen.Next() {
						continue
					}
					t.Run(fmt.Sprintf("%T %s, %s, restart %t", kind, way, edit, restarts), func(t *testing.T) {
						t.Parallel()
						u := unreadLife{of: "objects of each kind", edit: edit, restarts: restarts}
						whole := unreadObjects[way]
						u.fail = func(w *world) {
							w.r.Client, w.r.Live = failing(w.client, kind, whole[0]), failing(w.client, kind, whole[1])
						}
						u.end = func(w *world) { w.r.Client, w.r.Live = w.client, w.client }
						u.try(t)
					})
				}
			}
		}
	}
}

// errAbsent is the answer of a cache that lacks the objects.
var errAbsent = errors.New("the cache lacks it")

// unreadObjects are what caches and the API server answer; nil = what there is.
var unreadObjects = map[string][2]error{
	"denied":          {errAbsent, apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no such right"))},
	"expired":         {errAbsent, apierrors.NewUnauthorized("the token has expired")},
	"failing":         {errAbsent, apierrors.NewInternalError(errors.New("etcd has no leader"))},
	"hanging":         {errAbsent, context.DeadlineExceeded},
	"throttled":       {errAbsent, apierrors.NewTooManyRequestsError("wait")},
	"empty page":      {errAbsent, nil},
	"the cache fails": {errors.New("the cache has not started"), nil},
}

// failing is a client whose reads of a kind have an error.
func failing(whole client.Client, kind client.Object, err error) client.Client {
	watching, ok := whole.(client.WithWatch)
	if !ok || err == nil {
		return whole
	}
	of := strings.TrimSuffix(fmt.Sprintf("%T", kind), "List")
	return interceptor.NewClient(watching, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			options ...client.GetOption) error {
			switch {
			case fmt.Sprintf("%T", o) != of:
				return c.Get(ctx, key, o, options...)
			case errors.Is(err, errAbsent):
				return apierrors.NewNotFound(schema.GroupResource{Resource: of}, key.Name)
			}
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			switch {
			case fmt.Sprintf("%T", list) != of+"List":
				return c.List(ctx, list, options...)
			case errors.Is(err, errAbsent):
				return nil
			}
			return err
		},
	})
}
