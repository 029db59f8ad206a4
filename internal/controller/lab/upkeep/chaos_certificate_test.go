package upkeep

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// secretReader reads the Secrets of a fake API server.
func secretReader(t *testing.T, now func() time.Time, objs ...runtime.Object) (*fake.Clientset, *secret.Reader) {
	t.Helper()
	api := fake.NewClientset(objs...)
	s := secret.New(api, func(namespace string) cache.ListWatch {
		of := api.CoreV1().Secrets(namespace)
		return cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return of.List(ctx, o)
			},
			WatchFuncWithContext: of.Watch,
		}
	}, reads.NewIndex[stack.Key](), now, logr.Discard())
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	t.Cleanup(q.ShutDown)
	if err := s.Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	return api, s
}
