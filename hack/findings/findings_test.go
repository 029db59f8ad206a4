// Package findings keeps the table of diagnostic codes honest: every code has a class, a reason that events know and
// its row in the documentation, something produces it, and a test or golden file shows it. It has tests only.
package findings

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/hack/comments"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const root = "../.."

// constants are the names of the codes' constants.
func constants(t *testing.T) map[string]diag.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal/model/diag/codes.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]diag.Code{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if kind, isName := typeName(v, ok); !isName || kind != "Code" {
				continue
			}
			out[v.Names[0].Name] = diag.Code(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		}
	}
	return out
}

func typeName(v *ast.ValueSpec, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	i, ok := v.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return i.Name, true
}

func TestEveryCodeHasAClassAReasonAndItsRowInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/findings.md"))
	if err != nil {
		t.Fatal(err)
	}
	classes := []diag.Class{diag.Invalid, diag.NotFound, diag.Denied, diag.Credentials, diag.Quota, diag.Throttled,
		diag.Conflict, diag.Transient, diag.Note}
	meaning, err := comments.OfRows(filepath.Join(root, "internal/model/diag"))
	if err != nil {
		t.Fatal(err)
	}
	named := constants(t)
	if len(named) != len(diag.Codes()) {
		t.Errorf("%d constants, %d codes in the table", len(named), len(diag.Codes()))
	}
	for _, c := range diag.Codes() {
		info, _ := diag.Lookup(c)
		if !slices.Contains(classes, info.Class) || info.Reason == "" {
			t.Errorf("%s: class %q, reason %q", c, info.Class, info.Reason)
		}
		if meaning[string(c)] == "" {
			t.Errorf("%s has no sentence above its row", c)
		}
		if row := "| `" + string(c) + "` | " + string(info.Reason) + " | " + string(info.Class) + " | " +
			meaning[string(c)] + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/findings.md lacks %s", row)
		}
		// The event names the reason, and tells text, field, remedy and code.
		d := diag.New(diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}, "spec.rules", c,
			"this is wrong", "do that")
		e := reporting.EventOf(d)
		for _, want := range []string{"this is wrong", "(spec.rules)", "do that", "[" + string(c) + "]"} {
			if !strings.Contains(e.Message, want) {
				t.Errorf("%s: the event lacks %q: %s", c, want, e.Message)
			}
		}
		// Other reasons than Note and DryRun say that something is not as it should be, whatever the class.
		warns := info.Reason != diag.NoteReason && info.Reason != diag.DryRunReason || info.Class != diag.Note ||
			c == diag.GuardNotApplied
		if e.Reason != string(info.Reason) || (e.Type == "Warning") != warns {
			t.Errorf("%s: the event is %s %s", c, e.Type, e.Reason)
		}
		if d.Severity() == diag.Error && e.Type != "Warning" {
			t.Errorf("%s: lint calls it an error, and the event is %s", c, e.Type)
		}
	}
}

// TestEveryFindingIsReportedOnceOnItsObjectAndSoIsItsEnd reports each code twice, about one member of two, and then no
// more.
func TestEveryFindingIsReportedOnceOnItsObjectAndSoIsItsEnd(t *testing.T) {
	t.Parallel()
	bad, good := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "bad"}, diag.Object{
		Kind: "Ingress", Namespace: "shop", Name: "good"}
	for _, c := range diag.Codes() {
		var events []string
		r := reporting.NewReporter(func(o diag.Object, e reporting.Event) {
			events = append(events, o.Name+" "+e.Type+" "+e.Reason)
		}, time.Now)
		d := diag.New(bad, "spec.rules", c, "this is wrong", "do that")
		for range 2 {
			r.Report("shop", reporting.Report{Objects: []diag.Object{bad, good}, Found: diag.List{d}})
		}
		e := reporting.EventOf(d)
		want := []string{"bad " + e.Type + " " + e.Reason, "good Normal SuccessfullyReconciled"}
		if d.Class == diag.Note { // stops nothing
			want = append(want, "bad Normal SuccessfullyReconciled")
		}
		slices.Sort(want)
		slices.Sort(events)
		if !slices.Equal(events, want) {
			t.Errorf("%s: events %q, want %q", c, events, want)
		}
		events = nil
		for range 2 {
			r.Report("shop", reporting.Report{Objects: []diag.Object{bad, good}})
		}
		want = []string{"bad Normal SuccessfullyReconciled"}
		if d.Class == diag.Note {
			want = nil
		}
		if !slices.Equal(events, want) {
			t.Errorf("%s: events of the recovery %q, want %q", c, events, want)
		}
	}
}

func TestEveryCodeIsProducedAndShownByATest(t *testing.T) {
	t.Parallel()
	named := constants(t)
	produced, shown := map[diag.Code]bool{}, map[diag.Code]bool{}
	for _, dir := range []string{"internal", "cmd", "hack/parity", "playground/e2e"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			switch {
			case strings.HasSuffix(path, "_test.go"), strings.Contains(filepath.ToSlash(path), "internal/controller/lab/") &&
				strings.HasSuffix(path, ".go"):
				text, err := os.ReadFile(path) //nolint:gosec // ours
				if err != nil {
					return err
				}
				mentions(string(text), named, shown)
			case strings.Contains(path, "/testdata/"):
				text, err := os.ReadFile(path) //nolint:gosec // ours
				if err != nil {
					return err
				}
				mentions(string(text), nil, shown)
			case strings.HasSuffix(path, ".go"):
				return producers(path, named, produced)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range diag.Codes() {
		if !produced[c] {
			t.Errorf("nothing produces %s: remove it", c)
		}
		if !shown[c] {
			t.Errorf("no test and no golden file shows %s", c)
		}
	}
}

var word = regexp.MustCompile(`(diag\.)?\b[A-Z]\w+\b`)

// mentions are codes by value, and by constant as diag.X.
func mentions(text string, named map[string]diag.Code, out map[diag.Code]bool) {
	for _, w := range word.FindAllString(text, -1) {
		if name, ok := strings.CutPrefix(w, "diag."); ok {
			out[named[name]] = true
		} else {
			out[diag.Code(w)] = true
		}
	}
}

// producers are the codes that a file puts into diagnostics: as an argument of a call, but not of one that only
// searches; as the value of a field or of a table; or assigned.
func producers(path string, named map[string]diag.Code, out map[diag.Code]bool) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	code := func(e ast.Expr) {
		if s, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "diag" {
				if c, ok := named[s.Sel.Name]; ok {
					out[c] = true
				}
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "slices" {
					return false
				}
			}
			for _, a := range n.Args {
				code(a)
			}
		case *ast.KeyValueExpr:
			code(n.Value)
		case *ast.CompositeLit:
			if name, ok := n.Type.(*ast.Ident); ok && name.Name == "driftNote" {
				code(n.Elts[0])
			}
		case *ast.AssignStmt:
			for _, e := range n.Rhs {
				code(e)
			}
		}
		return true
	})
	return nil
}
