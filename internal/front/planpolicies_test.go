package front

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestPlanPoliciesApplyInOrder(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(name string) plan.Policy {
		return func(p plan.Plan) plan.Plan {
			got = append(got, name)
			return p
		}
	}
	of := PlanPolicies{Owner: stack.Ingress, Withhold: note("drift"), Approved: note("approval")}
	for name, c := range map[string]struct {
		policies PlanPolicies
		want     []string
	}{
		"command line": {of, []string{"drift", "approval"}},
		"controller": {PlanPolicies{Owner: of.Owner, Withhold: of.Withhold, Approved: of.Approved,
			DelayCertificates: note("certificates"), Withdraw: note("withdrawals"), RefusePlan: note("hold")},
			[]string{"certificates", "drift", "approval", "withdrawals", "hold"}},
	} {
		got = nil
		each, final := c.policies.InOrder()
		plan.Plan{}.Under(each...).Under(final...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
