package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// unseen are the rules and target groups of a load balancer that must not be touched because objects which cannot be seen may
// have made them: what is not known to be of the namespace that is seen. A rule that forwards to no target group of ours shows by itself
// nothing of whose it is; it is taken for that of the wanted rule that does the same. If no member is left, the listeners stay, for the
// rules of others.
func unseen(namespace string, s *stack.Stack, obs *awsop.Observed) (keep []stack.Ref) {
	if namespace == "" {
		return nil
	}
	identities := map[string]string{}
	for _, tg := range obs.TargetGroups {
		identities[tg.ARN] = tg.ID
		if !madeIn(namespace, tg.ID) {
			keep = append(keep, stack.Literal(stack.KindTargetGroup, tg.ARN))
		}
	}
	for i := range obs.Rules {
		r := &obs.Rules[i]
		seen, ours := true, false
		for _, ref := range awsop.TargetGroupsOf(r.Actions) {
			id := identities[ref.Literal]
			ours = ours || id != ""
			seen = seen && (id == "" || madeIn(namespace, id))
		}
		if !seen || !ours && !slices.ContainsFunc(s.Rules, func(w stack.Rule) bool {
			return canonical.Conditions(w.Conditions) == canonical.Conditions(r.Conditions) && canonical.Transforms(w.Transforms) == canonical.Transforms(r.Transforms) && canonical.SameActions(w.Actions, r.Actions, canonical.Literal)
		}) {
			keep = append(keep, stack.Literal(stack.KindRule, r.ARN))
		}
	}
	return keep
}

// memberless is a listener that AWS holds as one of a stack without members.
func memberless(have *awsop.Listener, balancer string) stack.Listener {
	l := have.Listener
	l.ID, l.LoadBalancer = naming.ListenerID(have.Port), loadBalancerRef(balancer)
	l.Attributes, l.Mutual, l.Tags = nil, nil, nil
	return l
}

// madeIn reports whether a target group was made for an Ingress of a namespace.
func madeIn(namespace, id string) bool { return strings.HasPrefix(id, namespace+"/") }
