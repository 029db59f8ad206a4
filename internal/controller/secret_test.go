package controller

import (
	"context"
	"errors"
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
	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

var (
	idp    = types.NamespacedName{Namespace: "shop", Name: "idp"}
	doors  = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "doors"}}
	asRead = world.Read{Kind: world.Secret, Namespace: "shop", Name: "idp"}
)

// secretScene is a reader of Secrets for one stack that reads shop/idp.
type secretScene struct {
	*secrets
	api   *fake.Clientset
	queue queueOf[stack.Key]
	clock time.Time
}

func newSecretScene(t *testing.T, objects ...runtime.Object) *secretScene {
	t.Helper()
	f := &secretScene{api: fake.NewClientset(objects...), clock: time.Unix(1e9, 0),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())}
	x := newIndex[stack.Key]()
	x.update(doors, x.begin(), []world.Read{asRead})
	f.secrets = newSecrets(f.api, x, func() time.Time { return f.clock }, logr.Discard())
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); f.queue.ShutDown() })
	if err := f.Start(ctx, f.queue); err != nil {
		t.Fatal(err)
	}
	return f
}

// woken waits until the stack is queued.
func (f *secretScene) woken(t *testing.T) {
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
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "idp", ResourceVersion: text}, Data: map[string][]byte{"clientSecret": []byte(text)}}
}

// sees waits until the Secret reads as wanted; empty means absent.
func (f *secretScene) sees(t *testing.T, want string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		s, err := f.get(t.Context(), idp)
		got := ""
		if s != nil {
			got = string(s.Data["clientSecret"])
		}
		if err == nil && got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("sees %q, %v, want %q", got, err, want)
		}
		time.Sleep(time.Millisecond)
	}
}

func (f *secretScene) synced(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f.watch(idp).informer.HasSynced(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the watch never began")
		}
	}
}

func TestASecretIsReadAtOnceAndItsEditsWakeItsReaders(t *testing.T) {
	t.Parallel()
	f := newSecretScene(t, secretOf("one"))
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
	if _, err := f.api.CoreV1().Secrets("shop").Create(t.Context(), secretOf("three"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	f.woken(t)
	f.sees(t, "three")
}

func TestOnlySecretsThatAreAskedForAreWatchedAndByName(t *testing.T) {
	t.Parallel()
	f := newSecretScene(t, secretOf("one"))
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
	f.index.forget(doors)
	f.retain()
	if len(f.watched) != 1 {
		t.Error("the watch ended at once")
	}
	f.clock = f.clock.Add(unreadSecretLife + time.Second)
	f.retain()
	if len(f.watched) != 0 {
		t.Error("the watch goes on")
	}
}

func TestARefusedSecretIsNotTakenForAMissingOne(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "idp", errors.New("no role"))
	for name, c := range map[string]struct {
		err     error
		refused bool // a reason that the front end can tell
		broken  bool // the pass cannot go on
	}{
		"forbidden":   {err: forbidden, refused: true},
		"unavailable": {err: apierrors.NewServiceUnavailable("starting"), broken: true},
		"missing":     {err: apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "idp")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newSecretScene(t)
			f.api.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, c.err })
			r := &passReader{cacheReader: cacheReader{ctx: t.Context()}, secrets: f.secrets}
			v := world.New(r)
			if _, ok := v.Secret("shop", "idp"); ok {
				t.Error("it is shown")
			}
			if why := v.Why(world.Secret, "shop", "idp"); (why != nil) != c.refused || (r.err != nil) != c.broken {
				t.Errorf("why: %v, error: %v", why, r.err)
			}
		})
	}
}
