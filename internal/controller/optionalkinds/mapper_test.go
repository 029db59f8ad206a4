package optionalkinds

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// TestOptionalKindsAreMappedAsTheirDefinitionsSay compares the mapper with the definitions of the repository.
func TestOptionalKindsAreMappedAsTheirDefinitionsSay(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := Kinds(scheme)
	if err != nil {
		t.Fatal(err)
	}
	type definition struct {
		Spec struct {
			Group, Scope string
			Names        struct{ Plural, Kind string }
		}
	}
	defined := map[schema.GroupKind]definition{}
	for _, dir := range []string{"../../../config/crd/*.yaml", "../../../playground/cluster/gatewayapi/crd/*.yaml"} {
		files, err := filepath.Glob(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var d definition
			if err := yaml.Unmarshal(raw, &d); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			defined[schema.GroupKind{Group: d.Spec.Group, Kind: d.Spec.Names.Kind}] = d
		}
	}
	m := mapper(kinds)
	for _, gvk := range kinds {
		got, err := m.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			t.Error(err)
			continue
		}
		want, ok := defined[gvk.GroupKind()]
		if !ok {
			t.Errorf("no definition of %s", gvk)
			continue
		}
		namespaced := got.Scope.Name() == meta.RESTScopeNameNamespace
		if got.Resource.Resource != want.Spec.Names.Plural || namespaced != (want.Spec.Scope == "Namespaced") {
			t.Errorf("%s: %s of scope %s, want %s of scope %s", gvk, got.Resource.Resource, got.Scope.Name(),
				want.Spec.Names.Plural, want.Spec.Scope)
		}
		list := gvk.GroupVersion().WithKind(gvk.Kind + "List")
		if of, err := apiutil.IsGVKNamespaced(list, m); err != nil || of != namespaced {
			t.Errorf("%s: namespaced %t, error %v", list, of, err)
		}
	}
}
