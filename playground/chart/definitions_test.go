package chart

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// TestTheChartOfDefinitionsHasThoseOfConfig compares its templates with config/crd. An uninstallation must keep them:
// their objects would go with them.
func TestTheChartOfDefinitionsHasThoseOfConfig(t *testing.T) {
	t.Parallel()
	c, err := Load(dir + "-crds")
	if err != nil {
		t.Fatal(err)
	}
	for pattern, v := range map[string]map[string]any{"*.k8s.aws_*.yaml": {"globalAccelerator": true},
		"[eg]*.k8s.aws_*.yaml": {}} {
		files := must(filepath.Glob(filepath.Join("../../config/crd", pattern)))
		want := map[string]string{}
		for _, f := range files {
			for _, o := range must(manifest.Parse(f, must(os.ReadFile(f)))) {
				if err := unstructured.SetNestedField(o.Object, "keep", "metadata", "annotations",
					"helm.sh/resource-policy"); err != nil {
					t.Fatal(err)
				}
				want[o.GetName()] = value(o.Object)
			}
		}
		got := render(t, c, v, Release{}).Objects
		if len(got) != len(want) || len(got) < 7 {
			t.Errorf("%v: %d definitions, want %d", v, len(got), len(want))
		}
		for _, o := range got {
			if value(o.Object) != want[o.GetName()] {
				t.Errorf("%v: %s is not what config/crd has: run make generate", v, o.GetName())
			}
		}
	}
}
