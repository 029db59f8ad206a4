package importgraph

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOnlyTheProgramOfThePlaygroundLinksAControlPlane holds what keeps test binaries small: some twenty would link a
// whole Kubernetes each. Tests count too.
func TestOnlyTheProgramOfThePlaygroundLinksAControlPlane(t *testing.T) {
	t.Parallel()
	const server = module + "playground/controlplane/server"
	importers := map[string][]string{
		// e2e/rights: four packages, of RBAC; node: one without imports, which expands variables as a kubelet does
		"k8s.io/kubernetes/":      {"controlplane/server", "e2e/rights", "node"},
		"go.etcd.io/etcd/server/": {"controlplane/server"},
		server:                    {"cmd/playground"},
	}
	met := map[string]bool{}
	err := filepath.WalkDir("../../playground", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../playground/")
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for prefix, may := range importers {
				if !strings.HasPrefix(imported, prefix) {
					continue
				}
				met[prefix] = true
				if !slices.Contains(may, dir) {
					t.Errorf("playground/%s imports %s. Packages start a control plane as a process: "+
						"playground/controlplane.", dir, imported)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !met[server] || !met["k8s.io/kubernetes/"] {
		t.Errorf("no file imports what this test is about: %v", met)
	}
}
