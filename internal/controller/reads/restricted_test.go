package reads

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// TestOnlyConfigurationsOfUnwatchedNamespacesAreRead counts the reads of the API server.
func TestOnlyConfigurationsOfUnwatchedNamespacesAreRead(t *testing.T) {
	t.Parallel()
	now, asked := time.Unix(0, 0), 0
	var refuse error
	config := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "public"}}
	service := func(namespace string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
	}
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	all := fake.NewClientBuilder().WithScheme(scheme).WithObjects(config, service("shop"), service("pay")).Build()
	live := interceptor.NewClient(all, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if asked++; refuse != nil {
			return refuse
		}
		return c.Get(ctx, key, o, opts...)
	}})
	var changes []objects.Change
	r := &Restricted{Cache: all, Live: live, Namespace: "shop", Now: func() time.Time { return now },
		OnChange: func(c objects.Change) { changes = append(changes, c) }}
	view := func() (*objects.View, *CacheReader) {
		reader := NewCacheReader(t.Context(), r, nil)
		return objects.New(reader), reader
	}
	v, reader := view()
	_, seen := v.Service("shop", "web")
	_, unseen := v.Service("pay", "web")
	objects.List[*gatewayv1beta1.ReferenceGrant](v, objects.ReferenceGrant, "pay")
	var unwatched *UnwatchedError
	if !seen || unseen || reader.Err() != nil || !errors.As(v.Why(objects.Service, "pay", "web"), &unwatched) ||
		!errors.As(v.Why(objects.ReferenceGrant, "pay", ""), &unwatched) || v.Why(objects.Service, "shop", "web") != nil {
		t.Errorf("seen %v, unseen %v, %v, %v, %v", seen, unseen, reader.Err(), v.Why(objects.Service, "pay", "web"),
			v.Why(objects.ReferenceGrant, "pay", ""))
	}
	if _, err := objects.Get[*corev1.Service](v, objects.From{Kind: objects.HTTPRoute, Namespace: "shop"}, objects.Ref{
		Kind: objects.Service, Namespace: "pay", Name: "web"}); !errors.As(err, &unwatched) {
		t.Errorf("a reference: %v", err)
	}
	lookup := func(name string) (bool, error) {
		v, reader := view()
		_, ok := objects.Lookup[*configv1.LoadBalancerConfiguration](v, objects.LoadBalancerConfiguration, "infra", name)
		return ok, errors.Join(v.Why(objects.LoadBalancerConfiguration, "infra", name), reader.Err())
	}
	for range 3 {
		if ok, err := lookup("public"); !ok || err != nil || asked != 1 {
			t.Fatalf("found %v, %v, asked %d times", ok, err, asked)
		}
		if ok, err := lookup("missing"); ok || err != nil {
			t.Fatalf("found %v, %v", ok, err)
		}
		asked = 1
	}
	r.Reread(t.Context())
	if len(changes) > 0 {
		t.Errorf("changes %v of nothing", changes)
	}
	config.Labels = map[string]string{"a": "b"}
	if err := all.Update(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	r.Reread(t.Context())
	r.Reread(t.Context())
	if want := (objects.Read{Kind: objects.LoadBalancerConfiguration, Namespace: "infra", Name: "public"}); len(changes) !=
		1 || !want.Matches(changes[0]) {
		t.Errorf("changes %v, want %v", changes, want)
	}
	now = now.Add(3 * RereadInterval)
	refuse = apierrors.NewForbidden(schema.GroupResource{}, "public", errors.New("no"))
	if ok, err := lookup("public"); ok || !errors.As(err, &unwatched) || unwatched.Cause == nil {
		t.Errorf("refused: found %v, %v", ok, err)
	}
	refuse = errors.New("no answer")
	if ok, err := lookup("public"); ok || errors.As(err, &unwatched) || !errors.Is(err, refuse) {
		t.Errorf("unanswered: found %v, %v", ok, err)
	}
	now = now.Add(2 * unreadLifetime)
	asked = 0
	if r.Reread(t.Context()); asked > 0 {
		t.Errorf("%d reads of what no pass reads any more", asked)
	}
}
