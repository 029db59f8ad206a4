package networking

import (
	"cmp"
	"context"
	"fmt"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// LogRules logs what is opened and closed in the security groups of pods and nodes before it is written, as passes over stacks log
// their plans: these groups hold rules of others too, and the log shows since when a rule stands.
func LogRules(log logr.Logger, write apply.Writer) apply.Writer {
	return func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		switch op := op.(type) {
		case elb.AuthorizeSecurityGroupIngress:
			log.Info("opening ports", "group", op.Group.Literal, "rules", ruleTexts(op.Permissions))
		case elb.RevokeSecurityGroupIngress:
			log.Info("closing ports", "group", op.Group.Literal, "rules", ruleTexts(op.Permissions))
		}
		return write(ctx, key, id, op)
	}
}

func ruleTexts(rules []stack.Permission) []string {
	out := make([]string, 0, len(rules))
	for _, r := range rules {
		out = append(out, fmt.Sprintf("%s %d-%d from %s", r.Protocol, r.FromPort, r.ToPort, cmp.Or(r.CIDR, r.IPv6CIDR, r.PrefixList, r.Group.Literal)))
	}
	return out
}
