package bindingpass

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// countedServer is an API server that counts reads of pods.
type countedServer struct {
	client.Client
	gets, lists int
	err         error
}

func newCountedServer(pods ...client.Object) *countedServer {
	s := &countedServer{}
	s.Client = fake.NewClientBuilder().WithObjects(pods...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			s.gets++
			if s.err != nil {
				return s.err
			}
			return inner.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, inner client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			s.lists++
			if s.err != nil {
				return s.err
			}
			return inner.List(ctx, l, opts...)
		},
	}).Build()
	return s
}

func podAt(name, address string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Status: corev1.PodStatus{
		PodIP: address}}
}

var bindingKey = types.NamespacedName{Namespace: "shop", Name: "bound"}

// confirm is a resolution of claims about n pods, ghost-0 and so on, and web.
func confirm(t *testing.T, b *Reconciler, n int) (web bool, err error) {
	t.Helper()
	c := b.newConfirmingReader(bindingKey)
	for i := range n {
		if _, ok := c.ConfirmedPod(t.Context(), "shop", fmt.Sprintf("ghost-%d", i), "10.0.0.9"); ok {
			t.Error("a pod that does not exist is confirmed")
		}
	}
	_, web = c.ConfirmedPod(t.Context(), "shop", "web", "10.0.0.1")
	return web, c.end(b, bindingKey)
}

func TestClaimsAreFewReadsOfTheAPIServer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newCountedServer(podAt("web", "10.0.0.1"))
	b := &Reconciler{Client: fake.NewClientBuilder().Build(), APIReader: s, Now: func() time.Time { return now }}
	if web, err := confirm(t, b, 1000); !web || err != nil || s.gets != mostReads || s.lists != 1 {
		t.Fatalf("%t, %v: %d reads, %d lists", web, err, s.gets, s.lists)
	}
	if got := b.evidence.missingPods.missing("shop", "ghost-7"); len(got) != 1 {
		t.Errorf("who waits for a ghost: %v", got)
	}
	now = now.Add(pauseAfterList - 1) // web is not in the cache yet, and may have gone
	if _, err := confirm(t, b, 1000); !errors.Is(err, errUnconfirmed) || s.gets != mostReads || s.lists != 1 {
		t.Errorf("%v: %d reads, %d lists", err, s.gets, s.lists)
	}
	now = now.Add(1) // the ghosts are remembered
	if web, err := confirm(t, b, 1000); !web || err != nil || s.gets != mostReads+1 || s.lists != 1 {
		t.Errorf("%t, %v: %d reads, %d lists", web, err, s.gets, s.lists)
	}
	now = now.Add(refutedFor)
	if web, err := confirm(t, b, 3); !web || err != nil || s.gets != mostReads+5 || s.lists != 1 {
		t.Errorf("%t, %v: %d reads, %d lists", web, err, s.gets, s.lists)
	}
	now = now.Add(refutedFor)
	b.evidence.claims.note("other", nil, now, now)
	if n := len(b.evidence.claims.refuted); n > 0 {
		t.Errorf("%d claims are kept", n)
	}
	if b.evidence.forget(bindingKey); len(b.evidence.missingPods.of.Of(bindingKey)) > 0 {
		t.Error("a binding that is gone waits for pods")
	}
}

func TestAPodThatCannotBeReadIsUnknown(t *testing.T) {
	t.Parallel()
	s := newCountedServer()
	s.err = errors.New("no answer")
	b := &Reconciler{Client: fake.NewClientBuilder().Build(), APIReader: s, Now: time.Now}
	if web, err := confirm(t, b, 20); web || !errors.Is(err, s.err) || s.gets != 1 {
		t.Errorf("%t, %v, %d reads", web, err, s.gets)
	}
	if n := len(b.evidence.claims.refuted); n > 0 {
		t.Errorf("%d claims are refuted", n)
	}
	b = &Reconciler{Client: s, Now: time.Now} // a cache that is believed fails
	c := b.newConfirmingReader(bindingKey)
	if _, ok := c.Pod(t.Context(), "shop", "web"); ok || !errors.Is(c.end(b, bindingKey), s.err) {
		t.Error("a cache that fails shows that there is no pod")
	}
}
