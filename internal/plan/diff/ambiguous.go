package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// With a controller that allows any tag, a user can put tags of another stack on his own resources. If one resource
// has tags of this stack only, and another one has tags of several stacks, the latter does not belong to this stack:
// it is not even a duplicate.

// withoutAmbiguous returns the observation without the resources whose tags name several stacks, if another resource
// has their identity.
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

// sure returns the resources of a list without doubtful ones, unless a doubtful one is the only one of its identity.
// left gets the ARNs or ids of those that are left out.
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
