package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/world"
)

func clientOf(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func TestWhatTheCacheDoesNotHoldYetIsReadFromTheAPIServer(t *testing.T) {
	t.Parallel()
	at := metav1.ObjectMeta{Namespace: "shop", Name: "web"}
	cache := clientOf(t)
	live := clientOf(t, &corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		&networkingv1.Ingress{ObjectMeta: at}, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}})
	broken := interceptor.NewClient(live, interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("the API server does not answer")
	}})
	for _, c := range []struct {
		what            string
		live            client.Reader
		kind            world.Kind
		namespace, name string
		shown           bool
	}{
		{"a Service", live, world.Service, "shop", "web", true},
		{"a class", live, world.IngressClass, "", "alb", true},
		{"a Service that is missing", live, world.Service, "shop", "other", false},
		{"an object that nobody refers to", live, world.Ingress, "shop", "web", false},
		{"a Service, of an API server that fails", broken, world.Service, "shop", "web", false},
		{"a Service, where caches are believed", nil, world.Service, "shop", "web", false},
	} {
		r := &passReader{cacheReader: cacheReader{t.Context(), cache}, live: c.live}
		if _, shown := r.Get(c.kind, c.namespace, c.name); shown != c.shown {
			t.Errorf("%s: shown is %t", c.what, shown)
		}
	}

	ip, v4 := v1beta1.TargetTypeIP, v1beta1.IPAddressTypeIPv4
	binding := &v1beta1.TargetGroupBinding{ObjectMeta: at, Spec: v1beta1.TargetGroupBindingSpec{
		ServiceRef: v1beta1.ServiceReference{Name: "web", Port: intstr.FromInt32(80)}, TargetType: &ip, IPAddressType: ptr.To(v4),
	}}
	for what, c := range map[string]struct {
		live  client.Reader
		found int
	}{"the API server has it": {live, 0}, "nobody has it": {cache, 1}} {
		b := &targetBindings{client: cache, live: c.live}
		if _, found, known, _ := b.endpoints(t.Context(), binding); len(found) != c.found || !known {
			t.Errorf("%s: %v %t", what, found, known)
		}
	}
}

func TestTheBackendGroupIsLookedAtForAsLongAsACacheMayBeLate(t *testing.T) {
	t.Parallel()
	holder := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: []string{"ingress.k8s.aws/resources"}}}
	cache := clientOf(t, holder)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var looks []time.Duration
		counted := interceptor.NewClient(cache, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*networkingv1.IngressList); ok {
				looks = append(looks, time.Since(begun))
			}
			return c.List(ctx, list, opts...)
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := newBackendGroup(counted, nil, nil, "demo", logr.Discard()).Start(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(looks); n != backendLooks || looks[1] > time.Second || looks[n-1] < time.Minute {
			t.Errorf("looks after %v", looks)
		}
	})
}
