package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/cluster/gatewayapi"
)

// added is what another controller may bring: an object of a kind, in a namespace, both of which come later in the
// file.
const added = `
apiVersion: try.example.com/v1
kind: Widget
metadata: {name: first, namespace: widgets}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: widgets}
rules:
- {apiGroups: [try.example.com], resources: [widgets], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: widgets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: widgets}
subjects:
- {kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: widgets}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.try.example.com}
spec:
  group: try.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
`

// write writes a file and returns its path.
func write(t *testing.T, path ...string) string {
	t.Helper()
	last := len(path) - 1
	name := filepath.Join(path[:last]...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(path[last]), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestManifestsAreReadWithWhatOthersNeedFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "all", "b.yml", added)
	write(t, dir, "all", "a.json", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}`)
	write(t, dir, "all", "README.md", "no manifest")
	write(t, dir, "all", "further", "c.yaml", "no manifest either: directories are not searched")
	single := write(t, dir, "single.txt", "{apiVersion: v1, kind: Namespace, metadata: {name: late}}")
	objects, err := ReadManifests(filepath.Join(dir, "all"), single)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+o.GetName())
	}
	want := "CustomResourceDefinition widgets.try.example.com, Namespace widgets, Namespace late, ConfigMap settings, " +
		"Widget first, ClusterRole widgets, ClusterRoleBinding widgets"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestManifestsThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := write(t, dir, "broken.yaml", "kind: {")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		broken: broken + ": document 1", filepath.Join(dir, "missing"): "missing: no such file",
		filepath.Join(dir, "empty"): "file in " + filepath.Join(dir, "empty"),
	} {
		if _, err := ReadManifests(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestGlobalAcceleratorsAreDefinedWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	for _, with := range []bool{true, false} {
		crds, _, err := definitions(Options{CRDs: "../../config/crd", GlobalAccelerator: with})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, crd := range crds {
			if crd.GetName() == "globalaccelerators.aga.k8s.aws" {
				n++
			}
		}
		if (n == 1) != with || len(crds) < 4 {
			t.Errorf("with %t: %d, of %d definitions", with, n, len(crds))
		}
	}
}

func TestWithoutGatewayAPINoDefinitionIsInstalled(t *testing.T) {
	t.Parallel()
	for _, with := range []bool{true, false} {
		crds, classes, err := definitions(Options{CRDs: "../../config/crd", GatewayAPI: with})
		if err != nil {
			t.Fatal(err)
		}
		groups := map[string]int{}
		for _, crd := range crds {
			_, group, _ := strings.Cut(crd.GetName(), ".")
			groups[group]++
		}
		if (groups["gateway.networking.k8s.io"] == 10) != with || (groups[gatewayapi.Group] == 3) != with ||
			(len(classes) == 3) != with || groups["elbv2.k8s.aws"] == 0 {
			t.Errorf("with %t: %v, %d classes", with, groups, len(classes))
		}
	}
}
