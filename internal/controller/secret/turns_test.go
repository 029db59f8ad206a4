package secret

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// besideMany is a scene in which a namespace has named 1,000 Secrets before another one names two.
func besideMany(t *testing.T, mayWatch func(namespace, name string) bool) (f *scene, of []types.NamespacedName) {
	t.Helper()
	var keys []types.NamespacedName
	var all []runtime.Object
	for i := range 1002 {
		key := types.NamespacedName{Namespace: "mal", Name: fmt.Sprint("s", i)}
		if i >= 1000 {
			key.Namespace, of = "shop", append(of, types.NamespacedName{Namespace: "shop", Name: key.Name})
		}
		keys = append(keys, key)
		all = append(all, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name,
			ResourceVersion: "1"}, Data: map[string][]byte{"tls.key": []byte("1")}})
	}
	f = newScene(t, all...)
	f.allow(mayWatch)
	f.reads(keys)
	f.getAll(t, keys)
	return f, of
}

func TestManySecretsOfANamespaceDelayNoPollOfOthers(t *testing.T) {
	t.Parallel()
	f, of := besideMany(t, func(_, _ string) bool { return false })
	f.until(t, "no scope is watched", func() bool {
		w := f.watchers[scope{Namespace: "mal"}]
		return w != nil && w.state == scopeForbidden
	})
	f.settled = f.index.Begin()
	f.edit(t, of[1], "2")
	f.step(pollAge)
	for polls := 1; f.changes() == 0; polls++ {
		if f.Poll(t.Context()); polls > 4 {
			t.Fatal("the Secret waits for those of another namespace")
		}
	}
}

func TestManySecretsOfANamespaceTakeNoWatchOfOthers(t *testing.T) {
	t.Parallel()
	f, of := besideMany(t, func(namespace, name string) bool { return namespace == "shop" && name != "" })
	f.until(t, "the Secrets of the other namespace are watched by name", func() bool {
		return f.watched(of[0]) && f.watched(of[1])
	})
}
