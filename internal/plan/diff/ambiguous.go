package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// A user of a controller that admits any tag can put tags of another stack on resources of his own. Beside a resource
// whose tags name this stack only, one whose tags name others, too, is not the stack's: it is neither a duplicate nor
// anything else that needs attention.

// withoutAmbiguous returns what is observed without the resources whose tags name several stacks, where another one has
// their identity.
func withoutAmbiguous(cluster string, obs awsop.Observed) awsop.Observed {
	var left []string
	obs.LoadBalancers = sure(obs.LoadBalancers, &left, func(lb *awsop.LoadBalancer) (string, string, bool) {
		return lb.ID, lb.ARN, lb.Foreign || !naming.Ambiguous(cluster, lb.Tags)
	})
	obs.TargetGroups = sure(obs.TargetGroups, &left, func(tg *awsop.TargetGroup) (string, string, bool) {
		return tg.ID, tg.ARN, !naming.Ambiguous(cluster, tg.Tags)
	})
	obs.SecurityGroups = sure(obs.SecurityGroups, &left, func(g *awsop.SecurityGroup) (string, string, bool) {
		return g.ID, g.GroupID, !naming.Ambiguous(cluster, g.Tags)
	})
	if len(left) == 0 {
		return obs
	}
	obs.Listeners = slices.DeleteFunc(slices.Clone(obs.Listeners), func(l awsop.Listener) bool {
		if !slices.Contains(left, l.LoadBalancer.Literal) {
			return false
		}
		left = append(left, l.ARN)
		return true
	})
	obs.Rules = slices.DeleteFunc(slices.Clone(obs.Rules), func(r awsop.Rule) bool {
		return slices.Contains(left, r.Listener.Literal)
	})
	return obs
}

// sure are the resources of a list without those of doubt, unless there is no other one of their identity; left gets
// the ARNs or ids of what is left out.
func sure[R any](list []R, left *[]string, of func(*R) (identity, id string, sure bool)) []R {
	known, doubt := map[string]bool{}, false
	for i := range list {
		identity, _, sure := of(&list[i])
		known[identity] = known[identity] || sure
		doubt = doubt || !sure
	}
	if !doubt {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(r R) bool {
		identity, id, sure := of(&r)
		if sure || !known[identity] {
			return false
		}
		*left = append(*left, id)
		return true
	})
}
