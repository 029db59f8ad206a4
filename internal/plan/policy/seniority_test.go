package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// creation creates a rule.
func creation(id string, after ...plan.StepID) plan.Step {
	return plan.Step{ID: plan.StepID(id), Resource: stack.Ref{Kind: stack.KindRule, ID: id}, Op: awsop.CreateRule{},
		After: after}
}

// TestRulesBeyondTheQuotaAreThoseOfTheMembersThatJoinedLast has rules of an old member, of a young one in front of
// them, and of one that joins.
func TestRulesBeyondTheQuotaAreThoseOfTheMembersThatJoinedLast(t *testing.T) {
	t.Parallel()
	old, young := diag.Object{Name: "old"}, diag.Object{Name: "young"}
	joined := []diag.Object{old, young}
	of := func(r stack.Ref) diag.Object { return diag.Object{Name: r.ID[:len(r.ID)-1]} }
	for name, c := range map[string]struct {
		observed int
		steps    []plan.Step
		want     []string // steps with what they follow
	}{
		"room for all": {97, []plan.Step{creation("young1"), creation("old1"), creation("old2")},
			[]string{"young1", "old1", "old2"}},
		"room for two": {98, []plan.Step{creation("new1"), creation("young1"), creation("young2"), creation("old1"),
			step("x", "old1")},
			[]string{"old1", "young1", "young2 old1 young1", "new1 young2", "x"}},
		"no room": {120, []plan.Step{creation("young1"), creation("old1")},
			[]string{"old1", "young1 old1"}},
		"rules that share requests": {100, []plan.Step{creation("young1"), creation("young2"),
			creation("old1", "young2")}, []string{"young2", "old1 young2", "young1 old1"}},
		"they do by a step between": {100, []plan.Step{creation("young1"), step("await", "young1"),
			creation("old1", "await")}, []string{"young1", "await", "old1 await young1"}},
		"what is not in the plan stays": {100, []plan.Step{creation("young1"), creation("old1", "elsewhere")},
			[]string{"old1 elsewhere", "young1 old1"}},
	} {
		before := plan.Plan{Steps: c.steps}
		was := fmt.Sprint(before)
		var got []string
		for _, s := range before.Under(SeniorFirst(awsop.Observed{Rules: make([]awsop.Rule, c.observed)}, joined, of)).Steps {
			text := string(s.ID)
			for _, id := range s.After {
				text += " " + string(id)
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if fmt.Sprint(before) != was {
			t.Errorf("%s: the plan that was given in is another", name)
		}
	}
}

func TestOnlyOneOfTheRulesBeyondTheQuotaIsCreatedAtATime(t *testing.T) {
	t.Parallel()
	var steps []plan.Step
	for i := range 300 {
		steps = append(steps, creation(fmt.Sprint("r", i)))
	}
	p := plan.Plan{Steps: steps}.Under(SeniorFirst(awsop.Observed{}, nil, func(stack.Ref) diag.Object {
		return diag.Object{}
	}))
	for i, s := range p.Steps {
		want := 0
		if i == 100 {
			want = 100
		} else if i > 100 {
			want = 1
		}
		if len(s.After) != want || i > 100 && !slices.Contains(s.After, p.Steps[i-1].ID) {
			t.Fatalf("step %d, %s, follows %v", i, s.ID, s.After)
		}
	}
}
