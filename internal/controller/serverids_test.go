package controller

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// replica makes server ids at one time with numbers that are not random.
func replica(c client.Client) *serverIDs {
	return &serverIDs{reader: c, writer: c, at: types.NamespacedName{Namespace: "lbc", Name: workersConfigMap},
		log: logr.Discard(),
		now: func() time.Time { return time.UnixMilli(1767225600000) }, random: func(n int) int { return n - 3 }}
}

func counted(t *testing.T, c client.Reader) string {
	t.Helper()
	m := &corev1.ConfigMap{}
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: "lbc", Name: workersConfigMap}, m); err != nil {
		t.Fatal(err)
	}
	return m.Data[nextWorkerKey]
}

func TestEachProcessTakesTheWorkerNumberThatTheLastOneLeft(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().Build()
	first := replica(c)
	first.Next(t.Context())
	if got := counted(t, c); got != "131070" { // 131072-3 was drawn, and the next follows
		t.Errorf("after the first: %s", got)
	}
	m := &corev1.ConfigMap{Data: map[string]string{nextWorkerKey: "5", "other": "stays"}}
	m.Namespace, m.Name = "lbc", workersConfigMap
	if err := c.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	later := replica(c)
	later.random = func(int) int { return 9 }
	if id := later.Next(t.Context()); id.Value() != "LBhzwAAAAok=" {
		t.Errorf("worker 5 makes %s", id.Value())
	}
	later.Next(t.Context())
	if got := counted(t, c); got != "6" {
		t.Errorf("one process takes one number; the next is %s", got)
	}
}

func TestReplicasThatStartAtOnceMakeDifferentIDs(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().Build()
	const replicas, each = 2, 100
	ids := make(chan serverid.ID, replicas*each)
	var running sync.WaitGroup
	for range replicas {
		s := replica(c)
		for range each {
			running.Go(func() { ids <- s.Next(t.Context()) })
		}
	}
	running.Wait()
	close(ids)
	seen := map[serverid.ID]bool{}
	for id := range ids {
		seen[id] = true
	}
	if len(seen) != replicas*each {
		t.Errorf("%d different ids of %d", len(seen), replicas*each)
	}
}

func TestAnIDIsMadeWhereItsConfigMapCannotBeUsed(t *testing.T) {
	t.Parallel()
	refused := errors.New("forbidden")
	for name, f := range map[string]interceptor.Funcs{
		"read": {Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return refused
		}},
		"made": {Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return refused
		}},
	} {
		s := replica(fake.NewClientBuilder().WithInterceptorFuncs(f).Build())
		if a, b := s.Next(t.Context()), s.Next(t.Context()); a == b || a == (serverid.ID{}) {
			t.Errorf("not %s: %s and %s", name, a, b)
		}
	}
	bad := &corev1.ConfigMap{Data: map[string]string{nextWorkerKey: "many"}}
	bad.Namespace, bad.Name = "lbc", workersConfigMap
	c := fake.NewClientBuilder().WithObjects(bad).Build()
	replica(c).Next(t.Context())
	if got := counted(t, c); got != "131070" {
		t.Errorf("a value that is no number is replaced by %s", got)
	}
}
