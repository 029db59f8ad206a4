package reads

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestAnObjectOfANameThatNoneCanHaveIsAbsent has clients that refuse such names, as those of the API server do.
func TestAnObjectOfANameThatNoneCanHaveIsAbsent(t *testing.T) {
	t.Parallel()
	api := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{Get: func(context.Context,
		client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("invalid resource name")
	}})
	for where, cache := range map[string]client.Reader{"a cache": fake.NewClientBuilder().Build(), "the API server": api} {
		r := ConfirmingReader{Cache: cache, Live: api}
		for _, name := range []string{"a/b", "..", ""} {
			gone, err := r.Get(t.Context(), client.ObjectKey{Namespace: "mal", Name: name}, &corev1.Service{})
			if !gone.Proven() || !apierrors.IsNotFound(err) {
				t.Errorf("%s, %q: %v, %v", where, name, gone, err)
			}
		}
		if gone, err := r.Get(t.Context(), client.ObjectKey{Namespace: "mal", Name: "web"}, &corev1.Service{}); gone.Proven() ||
			err == nil || apierrors.IsNotFound(err) {
			t.Errorf("%s: a read that fails proves %v, %v", where, gone, err)
		}
	}
}
