package diff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Resources are found by tags, which other tools can copy. If several have one identity, the one that serves is kept.
// The others are duplicates, which are deleted only with the consent of Options.DeleteDuplicates. A resource that
// cannot become the wanted one, because it has another type or scheme, is not a duplicate: it is replaced.

// How much a target group or security group is in use, from the most.
const (
	usedByKept = iota // by the load balancer that serves
	usedByOther
	bound // it has a binding
	notUsed
)

// targetGroupUse returns how much each observed target group is in use, by ARN.
func (d *differ) targetGroupUse() map[string]int {
	out := map[string]int{}
	for _, tg := range d.obs.TargetGroups {
		out[tg.ARN] = notUsed
	}
	for _, b := range d.obs.Bindings {
		if !b.Deleting && d.ownsBinding(&b) {
			out[b.TargetGroup.Literal] = bound
		}
	}
	for l, as := range d.obs.Actions() {
		for _, r := range awsop.TargetGroupsOf(as) {
			out[r.Literal] = min(out[r.Literal], d.useBy(l.LoadBalancer.Literal))
		}
	}
	return out
}

// hasBinding reports whether an observed target group has a binding, even if it is not in use.
func (d *differ) hasBinding(tg *awsop.TargetGroup) bool {
	return slices.ContainsFunc(d.obs.Bindings, func(b awsop.Binding) bool {
		return b.TargetGroup.Literal == tg.ARN && !b.Deleting && d.ownsBinding(&b)
	})
}

// groupUse returns how much each observed security group is in use, by id.
func (d *differ) groupUse() map[string]int {
	out := map[string]int{}
	for _, g := range d.obs.SecurityGroups {
		out[g.GroupID] = notUsed
	}
	for _, lb := range d.obs.LoadBalancers {
		for _, g := range lb.SecurityGroups {
			out[g.Literal] = min(out[g.Literal], d.useBy(lb.ARN))
		}
	}
	return out
}

func (d *differ) useBy(balancer string) int {
	for _, lb := range d.balancers {
		if lb.ARN == balancer {
			return usedByKept
		}
	}
	return usedByOther
}

// serving returns the observed target group of an identity that can become the wanted one and is most in use; nil =
// there is none.
func (d *differ) serving(want stack.TargetGroup) *awsop.TargetGroup {
	var out *awsop.TargetGroup
	for _, tg := range d.alike[want.ID] {
		if !d.outgoing[tg.ARN] && d.replacementReason(tg, want) == "" && (out == nil || d.tgUse[tg.ARN] < d.tgUse[out.ARN]) {
			out = tg
		}
	}
	return out
}

// servingGroup returns the security group of an identity that is most in use. Of shared ones it is the first by id,
// as for every other stack.
func (d *differ) servingGroup(id string) *awsop.SecurityGroup {
	var out *awsop.SecurityGroup
	for i := range d.obs.SecurityGroups {
		g := &d.obs.SecurityGroups[i]
		if g.ID == id && (out == nil || !g.Shared && d.sgUse[g.GroupID] < d.sgUse[out.GroupID]) {
			out = g
		}
	}
	return out
}

// mayDeleteDuplicate reports whether an annotation allows the deletion of a duplicate, named by ARN or group id.
func (d *differ) mayDeleteDuplicate(id string) bool {
	return slices.Contains(d.opt.DeleteDuplicates, id)
}

// spare puts the guard on the deletion of a duplicate. The step is cosmetic: a duplicate that stays delays nothing,
// not even the release of a deleted object.
func (d *differ) spare(s *plan.Step, id, name, servingID, servingName string) {
	s.Lane, s.Why = plan.Cosmetic, []string{"is a duplicate of " + servingName}
	s.Guard = &plan.Guard{
		Code: diag.DuplicateResource,
		Text: fmt.Sprintf("%q (%s) is a duplicate: %q (%s) has the same tags and seems to serve the traffic; the controller "+
			"does not change %[1]q", name, id, servingName, servingID),
		Remedy: fmt.Sprintf("if the controller did not create %q, remove its tag %s in AWS; otherwise, to delete it, "+
			"write %s into annotation %s",
			name, naming.ResourceTag(d.plan.Key.Owner), id, cmp.Or(d.opt.DuplicatesAnnotation, "delete-duplicates")),
	}
	d.spared[id] = true
}

// remembered returns the guard that an earlier plan put on the deletion of a duplicate whose original is no longer
// observed; nil = there is none.
func (d *differ) remembered(id string) *plan.Guard {
	if d.mayDeleteDuplicate(id) {
		return nil
	}
	return d.opt.Duplicates[id]
}

// spareAgain puts a remembered guard on the deletion of a duplicate.
func (d *differ) spareAgain(s *plan.Step, id string, g *plan.Guard) {
	s.Lane, s.Why, s.Guard = plan.Cosmetic, []string{"is a duplicate"}, g
	d.spared[id] = true
}

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
