package restart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

func clientOf(t *testing.T, objs ...client.Object) client.WithWatch {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objs...).WithIndex(&discoveryv1.EndpointSlice{},
		bindingpass.SlicesByService, bindingpass.ServiceOfSlice).Build()
}

func TestWhatTheCacheDoesNotHoldYetIsReadFromTheAPIServer(t *testing.T) {
	t.Parallel()
	at := metav1.ObjectMeta{Namespace: "shop", Name: "web"}
	cache := clientOf(t)
	live := clientOf(t, &corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		&networkingv1.Ingress{ObjectMeta: at}, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}})
	for _, c := range []struct {
		what            string
		live            client.Reader
		kind            objects.Kind
		namespace, name string
		shown           bool
	}{
		{"a Service", live, objects.Service, "shop", "web", true},
		{"a class", live, objects.IngressClass, "", "alb", true},
		{"a Service that is missing", live, objects.Service, "shop", "other", false},
		{"an object that nobody refers to", live, objects.Ingress, "shop", "web", false},
		{"a Service, where caches are believed", nil, objects.Service, "shop", "web", false},
	} {
		r := reads.NewCacheReader(t.Context(), cache, c.live)
		if _, shown := r.Get(c.kind, c.namespace, c.name); shown != c.shown || r.Err() != nil {
			t.Errorf("%s: shown is %t, %v", c.what, shown, r.Err())
		}
	}
	for what, c := range map[string]struct {
		live  client.Reader
		found int
	}{"the API server has it": {live, 0}, "nobody has it": {cache, 1}} {
		b := &bindingpass.Reconciler{Now: time.Now, Client: cache, APIReader: c.live}
		if of, err := b.Endpoints(t.Context(), ipBinding("web")); len(of.Found) != c.found || !of.Known || err != nil {
			t.Errorf("%s: %+v %v", what, of, err)
		}
	}
}

// ipBinding is a binding of shop to a Service of that name, for ip targets.
func ipBinding(service string) *v1beta1.TargetGroupBinding {
	ip := v1beta1.TargetTypeIP
	return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v1beta1.TargetGroupBindingSpec{
			ServiceRef: v1beta1.ServiceReference{Name: service, Port: intstr.FromInt32(80)}, TargetType: &ip,
			IPAddressType: ptr.To(v1beta1.IPAddressTypeIPv4),
		}}
}

// unproven are answers of the API server that do not say that an object is missing.
var unproven = map[string]error{
	"a time-out": context.DeadlineExceeded,
	"forbidden": apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "web",
		errors.New("no such right")),
	"a kind that is not served": apierrors.NewGenericServerResponse(http.StatusNotFound, "get", schema.GroupResource{
		Resource: "services"}, "web", "404 page not found", 0, true),
	"no connection": errors.New("dial tcp: connection refused"),
}

// answering is an API server whose reads of single objects and EndpointSlices end with an error.
func answering(c client.WithWatch, err error) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*discoveryv1.EndpointSliceList); ok {
				return err
			}
			return c.List(ctx, list, opts...)
		},
	})
}

func TestOnlyANotFoundOfTheAPIServerMakesAnObjectMissing(t *testing.T) {
	t.Parallel()
	empty, service := clientOf(t), clientOf(t, lab.Service("web"))
	for what, answer := range unproven {
		for _, kind := range []objects.Kind{objects.Service, objects.IngressClass, objects.IngressClassParams,
			objects.Namespace} {
			v := objects.New(reads.NewCacheReader(t.Context(), empty, answering(empty, answer)))
			switch kind {
			case objects.Service:
				v.Service("shop", "web")
			case objects.IngressClass:
				v.IngressClass("web")
			case objects.IngressClassParams:
				v.IngressClassParams("web")
			default:
				v.Namespace("web")
			}
			if !errors.Is(v.Err(), absence.ErrUnknown) || apierrors.IsNotFound(v.Err()) {
				t.Errorf("%s: %s is taken for missing: %v", what, kind, v.Err())
			}
		}
		for where, cache := range map[string]client.WithWatch{"the Service": empty, "its EndpointSlices": service} {
			b := &bindingpass.Reconciler{Now: time.Now, Client: cache, APIReader: answering(cache, answer)}
			if of, err := b.Endpoints(t.Context(), ipBinding("web")); err == nil || of.Known || of.Endpoints.Len()+
				len(of.Found) > 0 {
				t.Errorf("%s for %s: %+v", what, where, of)
			}
		}
	}
}

func TestAListThatFailsIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	failing := interceptor.NewClient(clientOf(t, lab.Class()), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("the cache has not started")
		}})
	v := objects.New(reads.NewCacheReader(t.Context(), failing, nil))
	if classes := v.IngressClasses(); len(classes) > 0 || v.Err() == nil {
		t.Errorf("%d classes, %v", len(classes), v.Err())
	}
	l := lab.New(t, account.Profile{}, lab.Pair(nil)...)
	l.Settle(lab.FrontKey)
	mark := l.Mark()
	l.Ingresses.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("the cache has not started")
		}})
	if _, err := l.Ingresses.Reconcile(t.Context(), lab.FrontKey); err == nil || len(l.Writes(mark)) > 0 {
		t.Errorf("a pass ends with %v and wrote %v", err, l.Writes(mark))
	}
}

// TestTargetsStayWhileTheirServiceCannotBeLookedFor has a cache that lacks a Service, or its EndpointSlices, and an API
// server that does not answer, and then answers.
func TestTargetsStayWhileTheirServiceCannotBeLookedFor(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"Service", "EndpointSlice"} {
		for what, answer := range unproven {
			t.Run(missing+", "+what, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
				for _, o := range append(lab.Pods("node", "10.0.1.10"), lab.Node("node", "aws:///us-west-2a/i-0a1de000000000001")) {
					l.Must(l.Client.Create(t.Context(), o))
				}
				l.Settle(lab.Key("front"))
				if !slices.Contains(l.Writes(0), "RegisterTargets") {
					t.Fatal("nothing was registered")
				}
				mark := l.Mark()
				whole := l.Client.(client.WithWatch)
				l.Bound.Client = interceptor.NewClient(whole, interceptor.Funcs{
					Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
						opts ...client.GetOption) error {
						if _, ok := o.(*corev1.Service); ok && missing == "Service" {
							return apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, key.Name)
						}
						return c.Get(ctx, key, o, opts...)
					},
					List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
						if _, ok := list.(*discoveryv1.EndpointSliceList); ok && missing == "EndpointSlice" {
							return nil
						}
						return c.List(ctx, list, opts...)
					},
				})
				l.Bound.APIReader = answering(whole, answer)
				if _, err := l.Round(); err == nil || len(l.Writes(mark)) > 0 {
					t.Errorf("a pass ends with %v and wrote %v", err, l.Writes(mark))
				}
				l.Bound.APIReader = whole // which has both
				if _, _ = l.Round(); slices.Contains(l.Writes(mark), "DeregisterTargets") {
					t.Error("targets are deregistered though nothing is missing")
				}
				l.Bound.APIReader = clientOf(t)
				if _, _ = l.Round(); !slices.Contains(l.Writes(mark), "DeregisterTargets") {
					t.Error("the targets of what is gone are not deregistered")
				}
			})
		}
	}
}
