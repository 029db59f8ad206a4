package plan_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// addEndpoint is an operation of a service that the controller does not use.
type addEndpoint struct {
	Accelerator  stack.Ref
	LoadBalancer string
}

func (o addEndpoint) About() *plan.About {
	return &plan.About{Refs: []stack.Ref{o.Accelerator}, Action: "AddEndpoints", Ordered: true}
}

func TestAPlanOfAnotherServiceReadsLikeOneOfLoadBalancers(t *testing.T) {
	t.Parallel()
	at := stack.Ref{Kind: "Accelerator", ID: "web"}
	p := plan.Plan{Key: stack.Key{Owner: "aga.k8s.aws", ID: stack.ID{Namespace: "shop", Name: "web"}}, Steps: []plan.Step{
		{ID: "a", Action: plan.Update, Resource: at, Op: addEndpoint{at, "arn:lb"}, Lane: plan.Vital, Why: []string{
			"arn:lb is active"}},
	}}
	p = p.Under(func(p plan.Plan) plan.Plan {
		return p.Refuse("a", &plan.Guard{Code: diag.AWSRejected, Text: "not now"})
	})
	want := "aga.k8s.aws:shop/web:\n" +
		"  ~ Accelerator web  AddEndpoints  REFUSED: not now\n" +
		"                                   arn:lb is active\n" +
		"0 to create, 1 to change, 0 to replace, 0 to delete; 1 of them refused\n"
	if diff := cmp.Diff(want, p.Text(plan.TextOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text, err := json.Marshal(p); err != nil || !strings.Contains(string(text),
		`"operation":"AddEndpoints","arguments":{"accelerator":{"kind":"Accelerator","id":"web"},"loadBalancer":"arn:lb"}`) {
		t.Errorf("%v: %s", err, text)
	}
}

// TestPlansNeedOnlyReferencesAndKeysOfStacks keeps the form of plans free of what stacks are made of.
func TestPlansNeedOnlyReferencesAndKeysOfStacks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "stack" && !slices.Contains([]string{"Ref", "Kind", "Key"}, sel.Sel.Name) {
					t.Errorf("%s: stack.%s", set.Position(sel.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestThatAPlanIsNotApprovedIsShownOnce(t *testing.T) {
	t.Parallel()
	at := stack.Ref{Kind: "Accelerator", ID: "web"}
	guard := &plan.Guard{Code: diag.PlanNotApproved, Text: "it waits", Remedy: "approve of it"}
	p := plan.Plan{Key: stack.Key{Owner: "aga.k8s.aws", ID: stack.ID{Namespace: "shop", Name: "web"}}, Steps: []plan.Step{
		{ID: "a", Action: plan.Update, Resource: at, Op: addEndpoint{at, "arn:lb"}, Why: []string{"arn:lb is active"},
			Guard: guard},
		{ID: "b", Action: plan.Update, Resource: at, Op: addEndpoint{at, "arn:lb2"}, Guard: guard},
	}}
	want := "aga.k8s.aws:shop/web:\n" +
		"  NOT APPROVED: it waits\n" +
		"  approve of it\n" +
		"  ~ Accelerator web  AddEndpoints  arn:lb is active\n" +
		"  ~ Accelerator web  AddEndpoints\n" +
		"0 to create, 2 to change, 0 to replace, 0 to delete; 2 of them refused\n"
	if diff := cmp.Diff(want, p.Text(plan.TextOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Steps[1].Guard = nil
	if p.WholeGuard() != nil {
		t.Error("a step without a guard is taken for one that is not approved")
	}
}

// TestStepsThatNeedRefusedOnesAreBlocked has a step that needs a refused one, by way of another step, and one that only
// follows it.
func TestStepsThatNeedRefusedOnesAreBlocked(t *testing.T) {
	t.Parallel()
	at := stack.Ref{Kind: "Accelerator", ID: "web"}
	op := addEndpoint{at, "arn:lb"}
	p := plan.Plan{Key: stack.Key{Owner: "aga.k8s.aws", ID: stack.ID{Namespace: "shop", Name: "web"}}, Steps: []plan.Step{
		{ID: "a", Action: plan.Create, Resource: at, Op: op, Guard: &plan.Guard{Code: diag.NotSubscribed, Text: "no"}},
		{ID: "b", Action: plan.Create, Resource: at, Op: op, Needs: []plan.StepID{"a"}, Why: []string{"new"}},
		{ID: "c", Action: plan.Create, Resource: at, Op: op, Needs: []plan.StepID{"b"}},
		{ID: "d", Action: plan.Create, Resource: at, Op: op, After: []plan.StepID{"a"}},
	}}
	want := "aga.k8s.aws:shop/web:\n" +
		"  + Accelerator web  AddEndpoints  REFUSED: no\n" +
		"  + Accelerator web  AddEndpoints  BLOCKED: needs a, which is refused\n" +
		"                                   new\n" +
		"  + Accelerator web  AddEndpoints  BLOCKED: needs a, which is refused\n" +
		"  + Accelerator web  AddEndpoints\n" +
		"4 to create, 0 to change, 0 to replace, 0 to delete; 1 of them refused\n"
	if diff := cmp.Diff(want, p.Text(plan.TextOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
