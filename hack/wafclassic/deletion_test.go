package wafclassic

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

var build = flag.Bool("build", false, "build and vet what the deletion leaves, too: it takes minutes")

// commands are those of the page.
func commands(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no commands", page)
	}
	return string(m[1])
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// declared are the names of a file's functions, types, variables and constants; if only, of those with a marked comment.
func declared(f *ast.File, only bool) []string {
	var out []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if only && !isMarked(d.Doc) {
				continue
			}
			if d.Recv == nil {
				out = append(out, d.Name.Name)
			}
		case *ast.GenDecl:
			if only && !isMarked(d.Doc) {
				continue
			}
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					out = append(out, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out = append(out, n.Name)
					}
				}
			}
		}
	}
	return out
}

// isMarked reports whether a comment ends in the mark, so that the declaration below it is deleted.
func isMarked(doc *ast.CommentGroup) bool {
	return doc != nil && strings.HasSuffix(doc.List[len(doc.List)-1].Text, mark)
}

// field is a marked line that declares a field.
var field = regexp.MustCompile(`^\t(\w+) +[A-Za-z*\[\].]+( ` + "`" + `.*)? // `)

func TestTheCommandsOfThePageDeleteWAFClassicAndLeaveNothingThatUsesIt(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the commands are those of GNU")
	}
	dir, fset := t.TempDir(), token.NewFileSet()
	gone := map[string]string{} // what the deletion takes away: exported names alone, others by their package
	name := func(at, n string) string {
		if ast.IsExported(n) {
			return n
		}
		return path.Dir(at) + "." + n
	}
	visit(t, root, func(at, text string) {
		to := filepath.Join(dir, filepath.FromSlash(at))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(at, ".go") {
			return
		}
		f, err := parser.ParseFile(fset, at, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range declared(f, !strings.Contains(at, own)) {
			gone[name(at, n)] = at
		}
		for line := range strings.Lines(text) {
			if m := field.FindStringSubmatch(line); m != nil && strings.HasSuffix(line, mark+"\n") {
				gone[name(at, m[1])] = at
			}
		}
	})
	if len(gone) < 20 {
		t.Fatalf("it takes only %v away", gone)
	}
	run(t, dir, "bash", "-e", "-o", "pipefail", "-c", commands(t))
	visit(t, dir, func(at, text string) {
		for n, line := range strings.Split(text, "\n") {
			if strings.Contains(line, mark) || names.MatchString(line) && (others[at] == nil || !others[at].MatchString(line)) && !strings.Contains(line, `"enable-waf"`) {
				t.Errorf("left: %s:%d: %s", at, n+1, line)
			}
		}
		if strings.Contains(at, own) {
			t.Errorf("left: %s", at)
		}
		if !strings.HasSuffix(at, ".go") {
			return
		}
		f, err := parser.ParseFile(fset, at, text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("does not parse any more: %v", err)
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && gone[name(at, id.Name)] != "" {
				t.Errorf("%s uses %s of %s, which is gone", fset.Position(id.Pos()), id.Name, gone[name(at, id.Name)])
			}
			return true
		})
	})
	if *build {
		rest, err := filepath.Abs(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, more := range []string{"awssim", "bench", "docs", "examples", "config", "go.mod", "go.sum"} {
			run(t, dir, "cp", "-r", filepath.Join(rest, more), dir)
		}
		run(t, dir, "go", "build", "./...")
		run(t, dir, "go", "vet", "./...")
	}
}
