// Package overlay tests overlay.sh, with which make builds programs whose templates find listed methods only.
package overlay

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOverlayFitsSourceOfGo fails if a new version of Go has another text/template: programs would be larger then, not
// wrong.
func TestOverlayFitsSourceOfGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.Command("./overlay.sh", dir).Output()
	if path := filepath.Join(dir, "overlay.json"); err != nil || strings.TrimSpace(string(out)) != path {
		t.Fatalf("overlay.sh prints %q, want %s (%v). Compare text/template/exec.go of this Go with what overlay.sh replaces",
			out, path, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "overlay.json")) //nolint:gosec // just written
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil {
		t.Fatal(err)
	}
	if len(overlay.Replace) != 1 {
		t.Fatalf("the overlay replaces %v, want exec.go alone", overlay.Replace)
	}
	for original, copied := range overlay.Replace {
		if !strings.HasSuffix(original, "/src/text/template/exec.go") {
			t.Errorf("the overlay replaces %s", original)
		}
		constant, other := methodsCalledByName(t, copied)
		if want := listed(t); other != 0 || !slices.Equal(constant, want) {
			t.Errorf("%s looks up methods by %d names that are not constant, and by the constants %q, want %q", copied, other,
				constant, want)
		}
	}
}

func TestOverlayOfOtherSourceIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A go whose text/template looks up methods in another way.
	for name, content := range map[string]string{
		"go": "#!/bin/sh\necho " + dir + "\n", "src/text/template/exec.go": "package template\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./overlay.sh", filepath.Join(dir, "out"))
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.Output(); err != nil || len(out) > 0 {
		t.Errorf("overlay.sh prints %q (%v), want nothing", out, err)
	}
}

// methodsCalledByName are the constant arguments of MethodByName in a file, and how many arguments are not constant.
func methodsCalledByName(t *testing.T, path string) (constant []string, other int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "MethodByName" || f.Sel.Name == "Method") {
			if literal, ok := call.Args[0].(*ast.BasicLit); ok {
				constant = append(constant, strings.Trim(literal.Value, `"`))
			} else {
				other++
			}
		}
		return true
	})
	return constant, other
}

func listed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("methods.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
