package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestAnEditBetweenReadAndWriteMeansAnotherPassAndNoError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "ingresses"}, "web",
		errors.New("the object has been modified"))
	for _, tc := range []struct {
		in    error
		err   error
		after time.Duration
	}{
		{nil, nil, 0},
		{broken, broken, 0},
		{fmt.Errorf("adding finalizer: %w", conflict), nil, Coalesce},
		{ErrRequeue, nil, Coalesce},
	} {
		y := NewWorkerPool(reconcile.TypedFunc[int](func(context.Context, int) (reconcile.Result, error) {
			return reconcile.Result{}, tc.in
		}), 1, DetachAfter)
		res, err := y.Reconcile(t.Context(), 1)
		if !errors.Is(err, tc.err) || res.RequeueAfter != tc.after {
			t.Errorf("%v: %+v, %v", tc.in, res, err)
		}
	}
}
