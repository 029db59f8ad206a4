package diff

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestTheTableOfDeletionsIsDocumentedAsItIs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/decisions/0014-what-may-delete.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| What ") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, c := range Deletions() {
		want = append(want, "| "+c.Cause+" | "+c.Decides+" | "+c.Guards+" |")
	}
	for _, d := range Disappearances() {
		want = append(want, "| "+d.What+" | "+d.Follows+" |")
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the page has\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestEachDisappearanceIsShownByATestOfTheController(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../controller/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, d := range Disappearances() {
		if !strings.Contains(all.String(), "func "+d.Test+"(t *testing.T)") {
			t.Errorf("%s: there is no test %s", d.What, d.Test)
		}
	}
}

// TestNothingIsDeletedWithoutAReason wants nothing of a stack that exists, in every way but one that gives a reason.
func TestNothingIsDeletedWithoutAReason(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	for name, want := range map[string]*stack.Stack{
		"nil": nil, "empty": {Key: testKey()}, "made without a reason": stack.Removed(testKey(), "demo", "vpc-1", stack.NotRemoved),
	} {
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
	partial := testStack("/a")
	partial.LoadBalancers, partial.Listeners, partial.Rules = nil, nil, nil
	for _, s := range Stack(partial, stack.Keep{}, f.obs, Options{}).Steps {
		if _, ok := s.Op.(elb.DeleteLoadBalancer); ok {
			t.Error("a stack that lacks its load balancer deletes it")
		}
	}
	for _, c := range Deletions() {
		if c.Removal == stack.NotRemoved {
			continue
		}
		if p := Stack(stack.Removed(testKey(), "demo", "vpc-1", c.Removal), stack.Keep{}, f.obs, Options{}); p.Summary().Delete == 0 {
			t.Errorf("%s: nothing is deleted", c.Cause)
		}
	}
}
