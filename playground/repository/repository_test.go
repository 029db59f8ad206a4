package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindLooksUpwardsAndPassesOtherModules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	nested := filepath.Join(root, "playground", "deep")
	if err := os.MkdirAll(nested, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, content := range map[string]string{root: module + "\ngo 1.26\n",
		filepath.Join(root, "playground"): "module github.com/k8s-lbc/lbc/playground\n"} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Find("/", nested); err != nil || string(got) != root {
		t.Errorf("got %q, %v; want %q", got, err, root)
	}
	if _, err := Find("/"); err == nil || !strings.Contains(err.Error(), "--repo") {
		t.Errorf("error %v", err)
	}
	if _, err := Root(root).Controller(); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("error %v", err)
	}
}
