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
var rooms = []string{"internal/controller", "internal/targets", "internal/aws", "internal/front", "internal/kube",
	"internal/plan", "internal/compile"}

// ofAll are the methods of objects.View, besides List, that list all objects of a kind, or of a namespace, and what
// lists all units of an index or all objects of an informer.
var ofAll = map[string]bool{"Ingresses": true, "IngressClasses": true, "AllIngressClassParams": true, "Services": true,
	"TargetGroupBindings": true, "Units": true, "ListKeys": true, "ListIndexFuncValues": true, "ListAll": true,
	"ListAllByNamespace": true}

// calls are the calls in a function that list objects without an index.
func calls(f ast.Node) (out []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fun := call.Fun
		if generic, ok := fun.(*ast.IndexExpr); ok { // objects.List[T]
			fun = generic.X
		}
		method, ok := fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// lists of strings of a Gateway's configuration, and empty lists of objects
		if of, ok := method.X.(*ast.Ident); ok && (of.Name == "configuration" || of.Name == "readable") {
			return true
		}
		switch name := method.Sel.Name; {
		case name == "List" && len(call.Args) > 1 && !indexed(call.Args), name == "List" && len(call.Args) == 1 &&
			ofKind(call.Args[0]), name == "List" && len(call.Args) == 0 && ofStore(method.X), ofAll[name]:
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

// ofKind reports whether the only argument of List is a kind of objects, or a selector as listers take it, and not a
// context or an annotation.
func ofKind(arg ast.Expr) bool {
	switch x := arg.(type) {
	case *ast.Ident:
		return x.Name == "kind" || isSelector(x.Name)
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		of, _ := f.X.(*ast.Ident)
		return f.Sel.Name == "Kind" || of != nil && of.Name == "labels" || isSelector(f.Sel.Name)
	case *ast.SelectorExpr:
		of, ok := x.X.(*ast.Ident)
		return ok && of.Name == "objects" || isSelector(x.Sel.Name)
	}
	return false
}

func isSelector(name string) bool {
	return name == "s" || name == "sel" || strings.Contains(strings.ToLower(name), "selector")
}

// ofStore reports whether what is listed is the store of an informer, by its name.
func ofStore(of ast.Expr) bool {
	name := ""
	switch x := of.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.CallExpr:
		if f, ok := x.Fun.(*ast.SelectorExpr); ok {
			name = f.Sel.Name
		}
	}
	name = strings.ToLower(name)
	return strings.Contains(name, "store") || strings.Contains(name, "indexer") || strings.Contains(name, "informer")
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
	found := map[string]int{}
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
				found[where] += len(calls(d))
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
		if n := max(1, several[where]); found[where] == 0 {
			t.Errorf("%s lists no objects any more: remove its reason", where)
		} else if found[where] != n {
			t.Errorf("%s has %d lists, its reason is about %d: use an index, or see whether the reason holds for all and write "+
				"their number in hack/lists/reasons_test.go", where, found[where], n)
		}
	}
}

func TestListsWithoutAnIndexAreFound(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		"c.List(ctx, &list)": 1,
		"c.List(ctx, &list, client.UnsafeDisableDeepCopy)":            1,
		"c.List(ctx, &list, client.InNamespace(ns))":                  1,
		"if x := c.List(ctx, &list, opts...); x != nil { return }":    1,
		"c.List(ctx, &list, client.MatchingFields{ByStack: \"x\"})":   0,
		"for _, o := range v.List(objects.Service) { _ = o }":         1,
		"for _, o := range v.List(objects.Kind(k.Kind)) { _ = o }":    1,
		"for _, o := range v.Services(ns) { _ = o }":                  1,
		"_ = objects.List[*corev1.Service](v, objects.Service, ns)":   1,
		"_, _ = lister.List(labels.Everything())":                     1,
		"_, _ = lister.Services(ns).List(selector)":                   2,
		"_ = informer.GetStore().List()":                              1,
		"_ = i.GetIndexer().List()":                                   1,
		"_ = store.ListKeys()":                                        1,
		"_ = cache.ListAll(store, s, f)":                              1,
		"for _, u := range index.Units() { _ = u }":                   1,
		"_ = read.List(annotation.Subnets)":                           0,
		"_ = configuration.List(l.configuration, \"x\", f)":           0,
		"_ = readable.List(objects.Kind(k.Kind))":                     0,
		"_ = found.List()":                                            0,
		"_, _ = b.bindings.List(ctx)":                                 0,
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
