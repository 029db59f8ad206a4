package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var (
	idp    = types.NamespacedName{Namespace: "shop", Name: "idp"}
	doors  = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "doors"}}
	asRead = objects.Read{Kind: objects.Secret, Namespace: "shop", Name: "idp"}
)

// scene is a reader of Secrets for one stack that reads shop/idp.
type scene struct {
	*Reader
	api   *fake.Clientset
	queue queue.Of[stack.Key]
	clock time.Time // secrets.mu guards it

	settled uint64 // of the index, before what a test is about
}

// step moves the clock.
func (f *scene) step(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

func newScene(t *testing.T, objs ...runtime.Object) *scene {
	t.Helper()
	f := &scene{api: fake.NewClientset(objs...), clock: time.Unix(1e9, 0),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())}
	x := reads.NewIndex[stack.Key]()
	x.Update(doors, x.Begin(), []objects.Read{asRead})
	f.Reader = New(f.api, func(namespace string) cache.ListWatch {
		api := f.api.CoreV1().Secrets(namespace)
		return cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return api.List(ctx, o)
			},
			WatchFuncWithContext: api.Watch,
		}
	}, x, func() time.Time { return f.clock }, logr.Discard())
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); f.queue.ShutDown() })
	if err := f.Start(ctx, f.queue); err != nil {
		t.Fatal(err)
	}
	return f
}

// woken waits until the stack is queued.
func (f *scene) woken(t *testing.T) {
	t.Helper()
	got := make(chan stack.Key, 1)
	go func() {
		k, _ := f.queue.Get()
		f.queue.Done(k)
		got <- k
	}()
	select {
	case k := <-got:
		if k != doors {
			t.Errorf("woke %v", k)
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody was woken")
	}
}

func secretOf(text string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "idp", ResourceVersion: text},
		Data: map[string][]byte{"clientSecret": []byte(text)}}
}

// dataOf is the value of a key of a Secret; empty if there is none.
func dataOf(o metav1.Object, key string) string {
	s, ok := o.(*corev1.Secret)
	if !ok {
		return ""
	}
	return string(s.Data[key])
}

// sees waits until the Secret reads as wanted; empty means absent.
func (f *scene) sees(t *testing.T, want string) {
	t.Helper()
	await.Equal(t, "the Secret", func() string {
		s, err := f.Get(t.Context(), idp)
		return fmt.Sprintf("%q, %v", dataOf(s, "clientSecret"), err)
	}, fmt.Sprintf("%q, %v", want, nil))
}

// until waits for what holds under the lock of the reader.
func (f *scene) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	locked := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return holds()
	}
	await.Until(t, what, locked)
}

func (f *scene) synced(t *testing.T) {
	t.Helper()
	f.until(t, "the Secret is watched", func() bool { return f.watched(idp) })
}

func TestASecretIsReadAtOnceAndItsEditsWakeItsReaders(t *testing.T) {
	t.Parallel()
	f := newScene(t, secretOf("one"))
	f.sees(t, "one")
	f.synced(t)
	if _, err := f.api.CoreV1().Secrets("shop").Update(t.Context(), secretOf("two"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	f.woken(t)
	f.sees(t, "two")
	if err := f.api.CoreV1().Secrets("shop").Delete(t.Context(), "idp", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	f.woken(t)
	f.sees(t, "")
	if _, err := f.api.CoreV1().Secrets("shop").Create(t.Context(), secretOf("three"), metav1.CreateOptions{}); err !=
		nil {
		t.Fatal(err)
	}
	f.woken(t)
	f.sees(t, "three")
}

func TestOnlySecretsThatAreAskedForAreWatchedAndByName(t *testing.T) {
	t.Parallel()
	f := newScene(t, secretOf("one"))
	if len(f.api.Actions()) != 0 {
		t.Errorf("asked before anybody did: %v", f.api.Actions())
	}
	f.sees(t, "one")
	f.synced(t)
	for _, a := range f.api.Actions() {
		var fields string
		switch a := a.(type) {
		case clienttesting.ListAction:
			fields = a.GetListRestrictions().Fields.String()
		case clienttesting.WatchAction:
			fields = a.GetWatchRestrictions().Fields.String()
		case clienttesting.GetAction:
			fields = "metadata.name=" + a.GetName()
		}
		if a.GetNamespace() != "shop" || fields != "metadata.name=idp" {
			t.Errorf("%s of %q in %q", a.GetVerb(), fields, a.GetNamespace())
		}
	}
	// Nobody reads it any more: the watch ends after a while, not at once.
	f.index.Forget(doors)
	f.retain()
	if len(f.watchers) != 1 {
		t.Error("the watch ended at once")
	}
	f.step(unreadLifetime + time.Second)
	f.retain()
	if len(f.watchers) != 0 || len(f.entries) != 0 {
		t.Error("the watch goes on")
	}
}

func TestARefusedSecretIsNotTakenForAMissingOne(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "idp", errors.New("no role"))
	for name, c := range map[string]struct {
		err     error
		refused bool // a reason that the front end can tell
		unread  bool // a reason that may pass: the pass goes on without the Secret, and is made again
	}{
		"forbidden":   {err: forbidden, refused: true},
		"unavailable": {err: apierrors.NewServiceUnavailable("starting"), refused: true, unread: true},
		"unreachable": {err: errors.New("read tcp 10.0.0.1:51234->10.0.0.2:443: connection reset"), refused: true,
			unread: true},
		"missing": {err: apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "idp")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newScene(t)
			var asked atomic.Int32
			f.api.PrependReactor("*", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
				if a.GetVerb() == "get" {
					asked.Add(1)
				}
				return true, nil, c.err
			})
			r := NewPassReader(t.Context(), reads.NewCacheReader(t.Context(), nil, nil), f.Reader)
			v := objects.New(r)
			for range 5_000 { // an Ingress may name one Secret for each of its paths
				objects.Lookup[*corev1.Secret](v, objects.Secret, "shop", "idp")
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("the API server is asked %d times", n)
			}
			if _, err := objects.Get[*corev1.Secret](v, objects.From{Kind: objects.Ingress, Namespace: "shop"}, objects.Ref{
				Kind: objects.Secret, Name: "idp"}); err == nil {
				t.Error("it is shown")
			}
			why := v.Why(objects.Secret, "shop", "idp")
			var unread objects.UnreadError
			if (why != nil) != c.refused || errors.As(why, &unread) != c.unread || (r.Unread != nil) != c.unread ||
				v.Err() != nil {
				t.Errorf("why: %v, unread: %v, error: %v", why, r.Unread, v.Err())
			}
			if why != nil && strings.Contains(why.Error(), "51234") {
				t.Errorf("the reason changes from try to try: %v", why)
			}
		})
	}
}
