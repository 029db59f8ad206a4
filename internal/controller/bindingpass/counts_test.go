package bindingpass

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestTargetCountsOfManyReadsAreOneStatusWrite(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	bound := func(name, arn string) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "u"},
			Spec: v1beta1.TargetGroupBindingSpec{TargetGroupARN: arn}}
	}
	writes := 0
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1beta1.TargetGroupBinding{}).WithIndex(
		&v1beta1.TargetGroupBinding{}, ByTargetGroup, TargetGroupOf).
		WithObjects(bound("web", "arn:1"), bound("other", "arn:2")).
		WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, inner client.Client, sub string,
			o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			writes++
			return inner.SubResource(sub).Patch(ctx, o, p, opts...)
		}}).Build()
	now := time.Unix(1_700_000_000, 0)
	counts := NewCounts(c, func() time.Time { return now }, logr.Discard())
	see := func(states ...string) {
		var health []registrar.Health
		for _, s := range states {
			health = append(health, registrar.Health{State: s})
		}
		counts.Seen(t.Context(), "arn:1", health)
	}
	write := func() {
		now = now.Add(countsGather)
		for key, _, ok := counts.Writes.Queue.Next(); ok; key, _, ok = counts.Writes.Queue.Next() {
			counts.Writes.Queue.Run(t.Context(), key)
		}
	}
	see("initial", "initial")
	see("healthy", "initial", "draining")
	see("healthy", "healthy", "draining", "unhealthy.draining")
	if _, _, due := counts.Writes.Queue.Next(); due {
		t.Error("a count is written without waiting for others")
	}
	write()
	see("healthy", "healthy") // as it is written
	write()
	if writes != 1 {
		t.Errorf("%d writes, want one", writes)
	}
	for name, want := range map[string]*v1beta1.BoundTargets{"web": {Registered: 2, Healthy: 2}, "other": nil} {
		o := &v1beta1.TargetGroupBinding{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, o); err != nil {
			t.Fatal(err)
		}
		if got := o.Status.Targets; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
