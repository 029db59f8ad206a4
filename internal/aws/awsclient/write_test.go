package awsclient

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestEachOperationHasItsMethod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dir  string
		sent []string
		none []string // that are no writes to AWS
	}{
		{"../../plan/awsop", namesOf(requests), []string{"AwaitTargets", "CreateBinding", "UpdateBinding", "ReleaseBinding",
			"DeleteBinding"}},
		{"../../plan/accelerator/operation", namesOf(acceleratorRequests), nil},
	} {
		want := describedIn(t, c.dir)
		if got := slices.Sorted(slices.Values(append(c.sent, c.none...))); !slices.Equal(got, want) {
			t.Errorf("%s: methods are there for\n%s, operations are\n%s", c.dir, got, want)
		}
	}
}

func namesOf(r requestTable) (out []string) {
	for op := range r {
		out = append(out, op.Name())
	}
	return out
}

// describedIn are the types of a directory with a method About, sorted.
func describedIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, is := d.(*ast.FuncDecl); is && fn.Recv != nil && fn.Name.Name == "About" {
				if of, is := fn.Recv.List[0].Type.(*ast.Ident); is {
					out = append(out, of.Name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestOperationsForTestsAreAll(t *testing.T) {
	t.Parallel()
	var got []string
	for _, op := range awsop.Operations() {
		got = append(got, reflect.TypeOf(op).Name())
	}
	if want := describedIn(t, "../../plan/awsop"); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("awsop.Operations are\n%s, want\n%s", got, want)
	}
}
