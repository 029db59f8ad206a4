// Package policy holds the policies of plans for load balancers: filters that refuse, leave out or order steps, and do
// not change the desired state. An option that changes which steps lead to the desired state is in diff.Options. The
// policies are pure.
package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
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
