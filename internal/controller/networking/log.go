package networking

import (
	"cmp"
	"context"
	"fmt"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// LogRules logs what is opened and closed in the security groups of pods and nodes before it is done, as passes over stacks log
// their plans: these groups hold rules of others too, and the log says since when a rule stands.
func LogRules(log logr.Logger, run secgroup.Runner) secgroup.Runner {
	return func(ctx context.Context, p plan.Plan) apply.Result {
		log.Info("carrying out plan", "summary", p.Summary(), "steps", ruleSteps(&p))
		return run(ctx, p)
	}
}

func ruleSteps(p *plan.Plan) []string {
	var out []string
	add := func(s plan.Step, verb string, permissions []stack.Permission) {
		for _, r := range permissions {
			out = append(out, fmt.Sprintf("%s %s (%s %s %d-%d from %s)", s.Op.Name(), s.Resource.Literal, verb, r.Protocol, r.FromPort, r.ToPort,
				cmp.Or(r.CIDR, r.IPv6CIDR, r.PrefixList, r.Group.Literal)))
		}
	}
	for _, s := range p.Steps {
		switch op := s.Op.(type) {
		case elb.AuthorizeSecurityGroupIngress:
			add(s, "open", op.Permissions)
		case elb.RevokeSecurityGroupIngress:
			add(s, "close", op.Permissions)
		}
	}
	return out
}
