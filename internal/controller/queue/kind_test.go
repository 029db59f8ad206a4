package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// filledCache is a cache whose handlers have had all objects when it is closed.
type filledCache struct {
	cache.Cache
	cache.Informer
	had chan struct{}
}

func (c filledCache) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return c, nil
}

func (c filledCache) WaitForCacheSync(context.Context) bool { return true }

func (c filledCache) AddEventHandlerWithOptions(toolscache.ResourceEventHandler, toolscache.HandlerOptions) (
	toolscache.ResourceEventHandlerRegistration, error) {
	return c, nil
}

func (c filledCache) HasSynced() bool                          { return toolscache.IsDone(c) }
func (c filledCache) HasSyncedChecker() toolscache.DoneChecker { return c }
func (c filledCache) Name() string                             { return "" }
func (c filledCache) Done() <-chan struct{}                    { return c.had }

func TestASourceIsSyncedAsSoonAsItsHandlerHasHadWhatThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, begun := filledCache{had: make(chan struct{})}, time.Now()
		time.AfterFunc(time.Millisecond, func() { close(c.had) })
		s := Kind[reconcile.Request](c, &corev1.Pod{}, handler.Funcs{})
		if err := s.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitForSync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != time.Millisecond {
			t.Errorf("it takes %v, and its handler 1 ms", took)
		}
	})
}

func TestUnsyncedSourceEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := Kind[reconcile.Request](filledCache{had: make(chan struct{})}, &corev1.Pod{}, handler.Funcs{})
		if err := s.Start(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitForSync(ctx); err == nil {
			t.Error("it counts as synced")
		}
	})
}
