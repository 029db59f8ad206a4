package gatewayapi

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/repository"
)

var update = flag.Bool("update", false, "write the definitions anew")

func TestDefinitionsEqualThoseOfBuiltModule(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api")
	command.Dir = string(root)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "config", "crd", "standard", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the module has no definitions: %v", err)
	}
	want := map[string][]byte{}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := manifest.Parse(f, content)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			// the policy against other versions would stand in the way of --install
			if o.GetKind() != "CustomResourceDefinition" {
				continue
			}
			serveAlpha(t, o)
			text, err := yaml.Marshal(withoutDescriptions(o.Object))
			if err != nil {
				t.Fatal(err)
			}
			want[filepath.Base(f)] = text
		}
	}
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join("crd", name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	entries, err := definitions.ReadDir("crd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got, err := definitions.ReadFile("crd/" + e.Name())
		if err != nil || !bytes.Equal(got, want[e.Name()]) {
			t.Errorf("%s is not the module's (%v): run \"make generate\"", e.Name(), err)
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("%s is missing: run \"make generate\"", name)
	}
}

func TestThereIsAClassForEachControllerName(t *testing.T) {
	t.Parallel()
	classes, err := Classes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range classes {
		spec, _ := c.Object["spec"].(map[string]any)
		name, _ := spec["controllerName"].(string)
		got = append(got, c.GetName()+"="+name)
	}
	if want := []string{"alb=gateway.k8s.aws/alb", "nlb=gateway.k8s.aws/nlb", "auto=gateway.k8s.aws/auto"}; !slices.Equal(
		got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// serveAlpha has version v1alpha2 of TCPRoutes, UDPRoutes and TLSRoutes served, and v1alpha3 of TLSRoutes, which the
// standard channel does not serve any more: many examples use them.
func serveAlpha(t *testing.T, definition *unstructured.Unstructured) {
	t.Helper()
	kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	if !slices.Contains([]string{"TCPRoute", "UDPRoute", "TLSRoute"}, kind) {
		return
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		if version, ok := v.(map[string]any); ok && version["name"] != "v1" {
			version["served"] = true
		}
	}
	if err := unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
}

// withoutDescriptions copies a definition without the descriptions of its schemas.
func withoutDescriptions(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			if _, text := item.(string); key == "description" && text {
				continue
			}
			out[key] = withoutDescriptions(item)
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = withoutDescriptions(out[i])
		}
		return out
	}
	return value
}
