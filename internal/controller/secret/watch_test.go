package secret

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metadataclient "k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// manySecrets are n Secrets over some namespaces, with their keys.
func manySecrets(n, namespaces int) (objs []runtime.Object, keys []types.NamespacedName) {
	for i := range n {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("ns%d", i%namespaces),
			Name: fmt.Sprintf("tls%d", i), ResourceVersion: "1"},
			Data: map[string][]byte{"tls.key": []byte("key")}}
		objs, keys = append(objs, s), append(keys, types.NamespacedName{Namespace: s.Namespace, Name: s.Name})
	}
	return objs, keys
}

// reads makes the stack of the scene the reader of Secrets.
func (f *scene) reads(keys []types.NamespacedName) {
	var reads []objects.Read
	for _, k := range keys {
		reads = append(reads, objects.Read{Kind: objects.Secret, Namespace: k.Namespace, Name: k.Name})
	}
	f.index.Update(doors, f.index.Begin(), reads)
}

// getAll is one pass that asks for all Secrets.
func (f *scene) getAll(t *testing.T, keys []types.NamespacedName) {
	t.Helper()
	for _, k := range keys {
		if s, err := f.Get(t.Context(), k); err != nil || dataOf(s, "tls.key") == "" {
			t.Fatalf("%s: %v, %v", k, s, err)
		}
	}
}

// running counts the watches that are not given up.
func (f *scene) running() int {
	n := 0
	for _, w := range f.watchers {
		if w.state != scopeForbidden {
			n++
		}
	}
	return n
}

// allow lets watches and lists through that a rule admits; reads by name are always allowed.
func (f *scene) allow(rule func(namespace, name string) bool) {
	f.api.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		l, ok := a.(clienttesting.ListAction)
		if !ok {
			return false, nil, nil
		}
		name, _ := l.GetListRestrictions().Fields.RequiresExactMatch("metadata.name")
		if rule(a.GetNamespace(), name) {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, name, errors.New("no role"))
	})
}

// follows reports whether the watch of a namespace or of the cluster has begun: the fake API server does not tell of
// what was before.
func (f *scene) follows(scope scope) bool {
	return slices.ContainsFunc(f.api.Actions(), func(a clienttesting.Action) bool {
		w, ok := a.(clienttesting.WatchAction)
		return ok && a.GetNamespace() == scope.Namespace && w.GetWatchRestrictions().Fields.Empty()
	})
}

// edit writes a new version of a Secret.
func (f *scene) edit(t *testing.T, key types.NamespacedName, version string) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, ResourceVersion: version},
		Data: map[string][]byte{"tls.key": []byte(version)}}
	if _, err := f.api.CoreV1().Secrets(key.Namespace).Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestTwoThousandSecretsAreWatchedAtOnceWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		namespaces int
		want       scope
	}{
		"in one namespace":    {1, scope{Namespace: "ns0"}},
		"in fifty namespaces": {50, scope{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objs, keys := manySecrets(2000, c.namespaces)
			f := newScene(t, objs...)
			f.reads(keys)
			f.getAll(t, keys)
			f.until(t, "all are watched by the widest scope", func() bool {
				return len(f.watchers) == 1 && f.watchers[c.want] != nil && f.watched(keys[1999]) && f.follows(c.want)
			})
			watches := 0
			for _, a := range f.api.Actions() {
				if a.GetVerb() == "watch" {
					watches++
				}
			}
			if watches >= 20 {
				t.Errorf("%d watches were begun", watches)
			}
			// Each is read once more under the watch, then not any more.
			f.getAll(t, keys)
			f.api.ClearActions()
			f.getAll(t, keys)
			for _, a := range f.api.Actions() {
				if a.GetVerb() == "get" {
					t.Fatalf("a Secret is read again that has not changed: %v", a)
				}
			}
			// The fake API server begins a watch a little after it has noted it, so that a first edit may go unnoticed.
			f.settled = f.index.Begin()
			f.editUntilNoticed(t, keys[1234])
			f.woken(t)
			if s, err := f.Get(t.Context(), keys[1234]); err != nil || dataOf(s, "tls.key") == "key" {
				t.Errorf("reads %v, %v", s, err)
			}
		})
	}
}

func TestSecretsBeyondWatchesByNameArePolled(t *testing.T) {
	t.Parallel()
	n := sample.Count(500, 2000)
	for name, c := range map[string]struct {
		namespaces int
		byName     bool // a Role for each Secret admits its watch
	}{
		"one namespace, rights by name":     {1, true},
		"fifty namespaces, rights by name":  {50, true},
		"one namespace, rights to get":      {1, false},
		"fifty namespaces, rights to get":   {50, false},
		"no more than a few, rights to get": {n, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objs, keys := manySecrets(n, c.namespaces)
			f := newScene(t, objs...)
			f.allow(func(_, name string) bool { return c.byName && name != "" })
			f.reads(keys)
			f.getAll(t, keys)
			f.until(t, "the bound of watches is used, by names", func() bool {
				names := 0
				for scope, w := range f.watchers {
					if scope.Name != "" && (w.state == scopeListed) == c.byName {
						names++
					}
				}
				return names == maxWatches && f.running() == maxWatches
			})
			f.settled = f.index.Begin()
			f.edit(t, keys[n-1], "2")
			// Each of the others is read once, the oldest first, before any is read twice.
			f.step(pollAge)
			f.api.ClearActions()
			polls := 0
			for ; f.changes() == 0 && polls < n; polls++ {
				f.Poll(t.Context())
			}
			read := map[string]int{}
			for _, a := range f.api.Actions() {
				if g, ok := a.(clienttesting.GetAction); ok {
					if read[g.GetName()]++; read[g.GetName()] > 1 {
						t.Fatalf("%s is read twice within %d polls", g.GetName(), polls)
					}
				}
			}
			f.woken(t)
			// Nothing is read more often than once per pollAge.
			for range n {
				f.Poll(t.Context())
			}
			f.api.ClearActions()
			f.Poll(t.Context())
			for _, a := range f.api.Actions() {
				if a.GetVerb() == "get" {
					t.Errorf("it is read again at once: %v", a)
				}
			}
		})
	}
}

// editUntilNoticed edits a Secret until a change is noticed.
func (f *scene) editUntilNoticed(t *testing.T, key types.NamespacedName) {
	t.Helper()
	version := 1
	await.Until(t, "an edit is noticed", func() bool {
		version++
		f.edit(t, key, strconv.Itoa(version))
		return f.changes() > 0
	})
}

// changes is how many changes of Secrets were noticed.
func (f *scene) changes() uint64 { return f.index.Begin() - f.settled }

func TestOfSecretsThatNoStackReadsNothingIsKept(t *testing.T) {
	t.Parallel()
	objs, keys := manySecrets(100, 1)
	f := newScene(t, objs...)
	f.reads(keys[:10])
	f.getAll(t, keys[:10])
	f.until(t, "the namespace is watched", func() bool {
		return len(f.watchers) == 1 && f.watched(keys[0]) && f.follows(scope{Namespace: "ns0"})
	})
	f.edit(t, keys[50], "2")
	f.settled = f.index.Begin()
	f.editUntilNoticed(t, keys[5])
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.entries {
		if !slices.Contains(keys[:10], key) {
			t.Errorf("%s is known", key)
		}
	}
	for _, a := range f.api.Actions() {
		if g, ok := a.(clienttesting.GetAction); ok && !slices.Contains(keys[:10], types.NamespacedName{
			Namespace: "ns0", Name: g.GetName()}) {
			t.Errorf("%s was read", g.GetName())
		}
	}
}

func TestWatchesOfSecretsAskForMetadataOnly(t *testing.T) {
	t.Parallel()
	accepted := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted <- r.Header.Get("Accept")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":[]}`))
	}))
	defer server.Close()
	client, err := metadataclient.NewForConfig(metadataclient.ConfigFor(&rest.Config{Host: server.URL}))
	if err != nil {
		t.Fatal(err)
	}
	from := Metadata(client, "secrets")("shop")
	if _, err := from.ListWithContextFunc(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	v, err := from.WatchFuncWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v.Stop()
	for range 2 {
		// The API server sends the first kind that it knows, and knows this one; of anything else the client would keep
		// metadata only.
		if kind, _, _ := strings.Cut(<-accepted, ","); !strings.Contains(kind, "as=PartialObjectMetadata") {
			t.Errorf("asks for %q, by which the API server sends contents", kind)
		}
	}
}

func TestARefusedWatchIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	objs, keys := manySecrets(10, 1)
	f := newScene(t, objs...)
	f.allow(func(_, name string) bool { return name != "" })
	f.reads(keys)
	f.getAll(t, keys)
	f.until(t, "the namespace is refused and each Secret is watched", func() bool {
		w := f.watchers[scope{Namespace: "ns0"}]
		return w != nil && w.state == scopeForbidden && f.watched(keys[9])
	})
	f.api.Lock()
	f.api.ReactionChain = f.api.ReactionChain[1:]
	f.api.Unlock()
	f.step(forbiddenPause + time.Second)
	f.retain()
	f.until(t, "only the namespace is watched", func() bool { return len(f.watchers) == 1 && f.watched(keys[9]) })
}

// TestPollLooksAtNoSecretThatIsWatched has a Secret at which a look would panic: there is a poll each second.
func TestPollLooksAtNoSecretThatIsWatched(t *testing.T) {
	t.Parallel()
	f := newScene(t)
	f.watchers[scope{}] = &watcher{Reader: f.Reader, state: scopeListed}
	f.order, f.retained = []types.NamespacedName{idp}, f.clock
	f.Poll(t.Context())
}
