// Package sleeps keeps tests from sleeping in real time. A sleep is too long on a fast machine and too short on a slow
// one: tests wait for a condition with internal/lib/await, or run in a bubble of testing/synctest, where a sleep takes
// no time.
package sleeps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// allowed are functions outside the text of a bubble that may sleep, and why: "path of the file: function".
var allowed = map[string]string{
	"awssim/bench_test.go: BenchmarkMemoryOfALoadBalancer":                                              "a benchmark: finalizers run between two collections",
	"awssim/dataplane/change_test.go: TestAListenerThatGetsAnotherTargetGroupResetsNoConnection":        "the clients of the test make connections between two updates",
	"awssim/dataplane/plane_internal_test.go: TestALookUpDuringAnUpdateOfItsLoadBalancerHoldsNoOtherUp": "nothing shows that a look-up waits for a lock",
	"internal/controller/lab/chaos/chaos_soak_cluster_test.go: watch":                                   "runs in the bubble of a soak",
	"internal/controller/lab/chaos/chaos_soak_faults_test.go: hung":                                     "runs in the bubble of a soak",
	"internal/controller/lab/chaos/chaos_soak_test.go: step":                                            "runs in the bubble of a soak",
	"internal/controller/lab/chaos/chaos_hang_test.go: span":                                            "runs in the bubbles of the tests of calls that hang",
	"internal/controller/queue/controller_test.go: Reconcile":                                           "a pass takes time, as AWS does; nothing waits for its end by this sleep",
	"internal/aws/inventory/large_test.go: read":                                                        "runs in the bubbles of the tests of large accounts",
	"internal/aws/awsclient/turns_test.go: call":                                                        "runs in the bubbles of the tests of turns",
	"internal/controller/stacks/events_test.go: order":                                                  "runs in the bubble of the test of events of many stacks",
	"internal/controller/lab/tenants/fairlimits_test.go: pass":                                          "runs in the bubble of the test of AWS's limits",
	"internal/controller/eventwriter/writer_test.go: pause":                                             "runs in the bubbles of the tests of the writer",
	"internal/controller/queue/tenant_test.go: wake":                                                    "runs in the bubbles of the tests of tenants",
	"playground/alerts/fleet_test.go: watchClusters":                                                    "runs in the bubbles of the table of alerts",
	"playground/alerts/world_test.go: evaluate":                                                         "runs in the bubbles of the table of alerts",
}

func TestTestsWaitForConditionsInsteadOfSleeping(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "bin" || name == "dist" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, where := range sleepers(file) {
			key := name + ": " + where
			if used[key] = true; allowed[key] == "" {
				t.Errorf("%s sleeps in real time. Wait for a condition with internal/lib/await, or run the test in a bubble of "+
					"testing/synctest.", key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("%s is allowed to sleep, and does not", key)
		}
	}
}

func TestASleepIsFoundHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"time.Sleep(time.Second)":                                  true,
		"func() { time.Sleep(1) }()":                               true,
		"for ; ; time.Sleep(1) {}":                                 true,
		"pause := time.Sleep; pause(1)":                            true,
		"<-time.After(1)":                                          true,
		"_ = <-time.After(1)":                                      true,
		"<-time.NewTimer(1).C":                                     true,
		"<-time.Tick(1)":                                           true,
		"select { case <-time.After(1): }":                         true,
		"select { case <-time.After(1): t.Fatal(); case <-done: }": false,
		"synctest.Test(t, func(t *testing.T) { time.Sleep(1) })":   false,
		"t.Run(``, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) })": false,
		"synctest.Test(t, f); time.Sleep(1)": true,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\nfunc TestX(t *testing.T) {\n"+
			body+"\n}", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(sleepers(file)) > 0; got != want {
			t.Errorf("%s: a sleep: %v", body, got)
		}
	}
}

// sleepers are the top-level functions and variables of a file that sleep outside the text of a bubble.
func sleepers(file *ast.File) (out []string) {
	for _, d := range file.Decls {
		if !sleeps(d) {
			continue
		}
		switch d := d.(type) {
		case *ast.FuncDecl:
			out = append(out, d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && sleeps(v) {
					out = append(out, v.Names[0].Name)
				}
			}
		}
	}
	return out
}

// sleeps reports whether a node sleeps, or waits for nothing but a timer, outside the arguments of synctest.Test.
func sleeps(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if named(n.Fun, "synctest", "Test") {
				return false
			}
		case *ast.SelectorExpr:
			found = found || named(n, "time", "Sleep")
		case *ast.SelectStmt:
			if len(n.Body.List) > 1 { // something else may come first
				for _, c := range n.Body.List {
					for _, s := range c.(*ast.CommClause).Body { //nolint:forcetypeassert // a select has nothing else
						found = found || sleeps(s)
					}
				}
				return false
			}
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW && timer(n.X)
		}
		return true
	})
	return found
}

// timer reports whether an expression is the channel of a timer.
func timer(x ast.Expr) bool {
	if s, ok := x.(*ast.SelectorExpr); ok && s.Sel.Name == "C" {
		x = s.X
	}
	call, ok := x.(*ast.CallExpr)
	return ok && (named(call.Fun, "time", "After") || named(call.Fun, "time", "NewTimer") ||
		named(call.Fun, "time", "Tick"))
}

func named(x ast.Expr, pkg, name string) bool {
	s, ok := x.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	p, ok := s.X.(*ast.Ident)
	return ok && p.Name == pkg
}
