package bindingpass

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestClaimsAreKeptInAConfigMapAsEver(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	k := fake.NewClientBuilder().WithScheme(scheme).Build()
	c := &ConfigMaps{Reader: k, Writer: k}
	ctx, id := t.Context(), stack.ID{Namespace: "shop", Name: "k8s-default-web-0123456789"}
	if _, known, err := c.Load(ctx, id); known || err != nil {
		t.Fatalf("before anything was saved: %t, %v", known, err)
	}
	for _, keys := range [][]string{{"10.0.1.10:8080", "10.0.2.20:8080"}, {}, {"10.0.3.30:8080"}} {
		if err := c.Save(ctx, id, keys); err != nil {
			t.Fatal(err)
		}
		if got, known, err := c.Load(ctx, id); !slices.Equal(got, keys) || !known || err != nil {
			t.Errorf("saved %v, got %v, %t, %v", keys, got, known, err)
		}
	}
	m := &corev1.ConfigMap{}
	if err := k.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "aws-lbc-targets-k8s-default-web-0123456789"},
		m); err != nil || m.Data["targets"] != "10.0.3.30:8080" {
		t.Errorf("%v: %v", err, m.Data)
	}
	for range 2 {
		if err := c.Delete(ctx, id); err != nil || c.Exists(id) {
			t.Errorf("dropping: %v", err)
		}
	}
	if _, known, _ := c.Load(ctx, id); known {
		t.Error("it is still there")
	}
}
