// Package lists holds that no pass, webhook or event handler lists all objects of a kind, so that the cost of an event
// does not grow with the number of objects: lists have an index (client.MatchingFields), or stand here with their
// reason.
package lists

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../"

// rooms are those of the running process.
var rooms = []string{"internal/controller", "internal/targets", "internal/aws", "internal/front", "internal/kube"}

// ofAll are the methods of objects.View, besides List, that list all objects of a kind, or of a namespace.
var ofAll = map[string]bool{"Ingresses": true, "IngressClasses": true, "AllIngressClassParams": true, "Services": true,
	"TargetGroupBindings": true}

// calls are the calls in a function that list objects without an index.
func calls(f ast.Node) (out []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// lists of strings of a Gateway's configuration
		if of, ok := method.X.(*ast.Ident); ok && of.Name == "configuration" {
			return true
		}
		switch name := method.Sel.Name; {
		case name == "List" && len(call.Args) > 1 && !indexed(call.Args), name == "List" && len(call.Args) == 1 &&
			ofKind(call.Args[0]), ofAll[name] && len(call.Args) < 2:
			out = append(out, name)
		}
		return true
	})
	return out
}

// indexed reports whether a list is restricted by an index of the cache.
func indexed(args []ast.Expr) bool {
	for _, a := range args {
		if x, ok := a.(*ast.CompositeLit); ok {
			if of, ok := x.Type.(*ast.SelectorExpr); ok && of.Sel.Name == "MatchingFields" {
				return true
			}
		}
	}
	return false
}

// ofKind reports whether the only argument of List is a kind of objects, and not a context or an annotation.
func ofKind(arg ast.Expr) bool {
	switch x := arg.(type) {
	case *ast.Ident:
		return x.Name == "kind"
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "Kind"
	case *ast.SelectorExpr:
		of, ok := x.X.(*ast.Ident)
		return ok && of.Name == "objects"
	}
	return false
}

// nameOf is the name of a function, with the type of its receiver.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if g, ok := of.(*ast.IndexExpr); ok {
		of = g.X
	}
	if i, ok := of.(*ast.Ident); ok {
		return i.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

func TestEachListOfAllObjectsHasAReason(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, room := range rooms {
		err := filepath.WalkDir(root+room, func(path string, d fs.DirEntry, err error) error {
			isTest := strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.ToSlash(path),
				root+"internal/controller/lab/")
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || isTest {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || len(calls(d)) == 0 {
					continue
				}
				where := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), root+"internal/") + " " + nameOf(f)
				found[where] = true
				if reasons[where] == "" {
					t.Errorf("%s lists all objects of a kind (%s): use an index and client.MatchingFields, or write the reason in "+
						"hack/lists/reasons_test.go", where, strings.Join(calls(f), ", "))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for where := range reasons {
		if !found[where] {
			t.Errorf("%s lists no objects any more: remove its reason", where)
		}
	}
}

func TestListsWithoutAnIndexAreFound(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		"c.List(ctx, &list)": 1,
		"c.List(ctx, &list, client.UnsafeDisableDeepCopy)":          1,
		"c.List(ctx, &list, client.InNamespace(ns))":                1,
		"if x := c.List(ctx, &list, opts...); x != nil { return }":  1,
		"c.List(ctx, &list, client.MatchingFields{ByStack: \"x\"})": 0,
		"for _, o := range v.List(objects.Service) { _ = o }":       1,
		"for _, o := range v.List(objects.Kind(k.Kind)) { _ = o }":  1,
		"for _, o := range v.Services(ns) { _ = o }":                1,
		"_ = read.List(annotation.Subnets)":                         0,
		"_ = configuration.List(l.configuration, \"x\", f)":         0,
		"_ = found.List()":            0,
		"_, _ = b.bindings.List(ctx)": 0,
		"go func() { _ = c.List(ctx, &list) }(); c.List(ctx, &other)": 2,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {"+source+"}", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(calls(file)); got != want {
			t.Errorf("%s: %d, want %d", source, got, want)
		}
	}
}
