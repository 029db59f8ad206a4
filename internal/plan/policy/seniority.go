package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// SeniorFirst applies if a plan creates more rules than AWS's default quota. It orders their creation so that AWS
// refuses those of the members that joined last. joined are the members in the order in which they joined; of returns
// the member of a rule. Rules that share requests keep their order.
func SeniorFirst(o awsop.Observed, joined []diag.Object, of func(stack.Ref) diag.Object) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		var creates []int
		for i, s := range p.Steps {
			if _, ok := s.Op.(awsop.CreateRule); ok {
				creates = append(creates, i)
			}
		}
		room := quota.RulesOfApplicationLoadBalancer.Default() - len(o.Rules)
		if len(creates) <= room {
			return p
		}
		rank := make(map[diag.Object]int, len(joined))
		for at, object := range joined {
			rank[object] = at - len(joined) // a member that is not in joined comes last
		}
		at := make(map[plan.StepID]int, len(p.Steps))
		for i, s := range p.Steps {
			at[s.ID] = i
		}
		sorting.StableBy(creates, func(i, j int) int {
			return rank[of(p.Steps[i].Resource)] - rank[of(p.Steps[j].Resource)]
		})
		p.Steps = slices.Clone(p.Steps)
		var order []plan.StepID
		for _, i := range inOrder(p.Steps, at, creates) {
			if _, ok := p.Steps[i].Op.(awsop.CreateRule); ok {
				order = append(order, p.Steps[i].ID)
			}
		}
		room = max(room, 0)
		for n, id := range order {
			s := &p.Steps[at[id]]
			s.After = slices.Clone(s.After)
			switch {
			case n == room: // the earlier ones fit
				s.Follow(order[:n]...)
			case n > room:
				s.Follow(order[n-1])
			}
		}
		all := make([]int, len(p.Steps))
		for i := range all {
			all[i] = i
		}
		steps := make([]plan.Step, 0, len(all))
		for _, i := range inOrder(p.Steps, at, all) {
			steps = append(steps, p.Steps[i])
		}
		p.Steps = steps
		return p
	}
}

// inOrder returns steps and all their dependencies, each step after its dependencies.
func inOrder(steps []plan.Step, at map[plan.StepID]int, which []int) (out []int) {
	met := make([]bool, len(steps))
	var visit func(i int)
	visit = func(i int) {
		if met[i] {
			return
		}
		met[i] = true
		for _, ids := range [][]plan.StepID{steps[i].Needs, steps[i].After} {
			for _, id := range ids {
				if j, ok := at[id]; ok {
					visit(j)
				}
			}
		}
		out = append(out, i)
	}
	for _, i := range which {
		visit(i)
	}
	return out
}
