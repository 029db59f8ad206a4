// Package policy holds the policies of plans for load balancers: filters that refuse, leave out or order steps, and do
// not change the desired state. An option that changes which steps lead to the desired state is in diff.Options. The
// policies are pure.
package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Protect refuses to delete load balancers whose objects declare deletion protection, whether or not AWS protects them.
// declared says where the protection is declared, by identity of the load balancer: "IngressClassParams prod,
// spec.loadBalancerAttributes".
func Protect(declared map[string]string, o awsop.Observed) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		for _, s := range p.Steps {
			by, protected := declared[s.Resource.ID]
			if _, deletes := s.Op.(awsop.DeleteLoadBalancer); !deletes || !protected || s.Guard != nil &&
				s.Guard.Code != diag.DeletionProtected {
				continue
			}
			name := s.Resource.Literal
			for _, lb := range o.LoadBalancers {
				if lb.ARN == s.Resource.Literal {
					name = lb.Name
				}
			}
			p = p.Refuse(s.ID, &plan.Guard{
				Code:   diag.DeletionProtected,
				Text:   "deletion protection, declared by " + by + ", keeps load balancer " + name,
				Remedy: "set " + awsop.DeletionProtection + "=false there, then the deletion continues",
			})
		}
		return p
	}
}

// DelayCertificates refuses imports into ACM and requests of certificates that must wait. delayed has their guards, by
// identity of the certificate.
func DelayCertificates(delayed map[string]plan.Guard) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		p.Steps = slices.Clone(p.Steps)
		for i, s := range p.Steps {
			id := ""
			switch op := s.Op.(type) {
			case awsop.ImportCertificate:
				id = op.Certificate.ID
			case awsop.RequestCertificate:
				id = op.Certificate.ID
			}
			if g, ok := delayed[id]; ok {
				p.Steps[i].Guard = &g
			}
		}
		return p
	}
}

// None returns the policy that changes nothing.
func None(p plan.Plan) plan.Plan { return p }

// RefuseAll refuses every step that has no guard yet.
func RefuseAll(g plan.Guard) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		p.Steps = slices.Clone(p.Steps)
		for i := range p.Steps {
			if p.Steps[i].Guard == nil {
				p.Steps[i].Guard = &g
			}
		}
		return p
	}
}

// RefuseDeletions refuses to delete load balancers, and leaves out all other steps.
func RefuseDeletions(g plan.Guard) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		var deletions []plan.Step
		for _, s := range p.Steps {
			if _, deletes := s.Op.(awsop.DeleteLoadBalancer); deletes && s.Guard == nil {
				s.Needs, s.After, s.Guard = nil, nil, &g
				deletions = append(deletions, s)
			}
		}
		p.Steps = deletions
		return p
	}
}

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
		slices.SortStableFunc(creates, func(i, j int) int {
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
