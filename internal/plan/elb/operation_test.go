package elb

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// sources parses the Go files of a package without its tests.
func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func typeNames(ops ...plan.Operation) (out []string) {
	for _, op := range ops {
		out = append(out, reflect.TypeOf(op).Name())
	}
	slices.Sort(out)
	return out
}

// TestEachOperationIsListedInTheTests holds the lists of operations to the types that have a Name, so that the tests of this file and
// the golden files, which show that each operation of Diff is written through, miss none.
func TestEachOperationIsListedInTheTests(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, f := range sources(t, ".") {
		for _, d := range f.Decls {
			if fn, is := d.(*ast.FuncDecl); is && fn.Recv != nil && fn.Name.Name == "Name" {
				if of, is := fn.Recv.List[0].Type.(*ast.Ident); is {
					declared = append(declared, of.Name)
				}
			}
		}
	}
	slices.Sort(declared)
	if listed := typeNames(Operations()...); !slices.Equal(listed, declared) {
		t.Errorf("listed are\n%v, declared\n%v", listed, declared)
	}
}

// TestEachOperationIsSentByPackageCloud looks for each operation among the type switches and assertions of package cloud. One that is
// missing there is an error only when it is carried out.
func TestEachOperationIsSentByPackageCloud(t *testing.T) {
	t.Parallel()
	sent := map[string]bool{}
	for _, f := range sources(t, "../../cloud") {
		ast.Inspect(f, func(n ast.Node) bool {
			var types []ast.Expr
			switch n := n.(type) {
			case *ast.CaseClause:
				types = n.List
			case *ast.TypeAssertExpr:
				types = []ast.Expr{n.Type}
			}
			for _, e := range types {
				if of, is := e.(*ast.SelectorExpr); is {
					sent[of.Sel.Name] = true
				}
			}
			return true
		})
	}
	for _, op := range typeNames(Operations()...) {
		elsewhere := strings.HasSuffix(op, "Binding") || op == "AwaitTargets" // written to Kubernetes, and a read
		if sent[op] == elsewhere {
			t.Errorf("%s: package cloud has a case: %v", op, sent[op])
		}
	}
}

// TestARefOfAnOperationIsAlwaysOneOfItsRefs puts a reference into each place of each operation that can hold one. One that Refs leaves out is not
// waited for: the step may run before the resource exists.
func TestARefOfAnOperationIsAlwaysOneOfItsRefs(t *testing.T) {
	t.Parallel()
	unused := map[string]string{
		"CreateSecurityGroup.Group.Ingress[].Group": "rules are operations of their own",
		"CreateTargetGroup.TargetGroup.Balancer":    "it is registered by an operation of its own",
		"ModifyListener.Listener.LoadBalancer":      "the listener exists, and stays where it is",
		"ModifyRule.Rule.Listener":                  "the rule exists, and stays where it is",
	}
	seen := map[string]bool{}
	for _, op := range Operations() {
		v := reflect.New(reflect.TypeOf(op)).Elem()
		want := map[string]bool{}
		fill(v, v.Type().Name(), want)
		filled, is := v.Interface().(plan.Operation)
		if !is {
			t.Fatalf("%T is no operation", v.Interface())
		}
		for _, r := range Refs(filled) {
			delete(want, r.ID)
		}
		for _, place := range slices.Sorted(maps.Keys(want)) {
			if seen[place] = true; unused[place] == "" {
				t.Errorf("%s is not among the references of the operation", place)
			}
		}
	}
	for place := range unused {
		if !seen[place] {
			t.Errorf("%s is used, or is no place", place)
		}
	}
}

// fill puts a reference, whose id is its place, wherever a value can hold one.
func fill(v reflect.Value, place string, places map[string]bool) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[stack.Ref]() {
			v.Set(reflect.ValueOf(stack.Ref{Kind: stack.KindLoadBalancer, ID: place}))
			places[place] = true
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), place+"."+f.Name, places)
			}
		}
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fill(p.Elem(), place, places)
		v.Set(p)
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		fill(s.Index(0), fmt.Sprint(place, "[]"), places)
		v.Set(s)
	default:
	}
}

// operations are those that Diff plans; targets are the fast lane's.
