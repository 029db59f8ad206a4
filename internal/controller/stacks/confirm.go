package stacks

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// confirm reads again what a plan rests on before it is carried out: the tags of what it deletes, if it creates a load balancer,
// that AWS holds none of the stack, and, if it makes bindings anew because their target groups are gone, that these are. If any of it is
// not as it was taken to be, the stack is planned anew. found tells of the resources that are not the stack's any more.
func (s *Reconciler) confirm(ctx context.Context, key stack.Key, c compile.Result, w front.Input, o elb.Observed) (elb.Observed, plan.Plan, diag.List, error) {
	var found diag.List
	for {
		p := s.plan(key, w, c, o)
		deleted, creates := deletedBy(&p)
		disowned, err := s.Inventory.Disowned(ctx, key, deleted)
		if err != nil {
			return o, p, found, err
		}
		news := false
		if creates {
			if news, err = s.Inventory.ConfirmAbsence(ctx, key); err != nil {
				return o, p, found, err
			}
		}
		if arns := missedBy(&p, o); c.Stack.Removal == stack.NotRemoved && len(arns) > 0 {
			existing, err := s.Inventory.Missed(ctx, key, arns)
			if err != nil {
				return o, p, found, err
			}
			news = news || existing
		}
		if len(disowned) == 0 && !news {
			return o, p, found, nil
		}
		for _, id := range disowned {
			for _, object := range objectsOf(slices.Concat(w.Members, w.Leaving)) {
				found = append(found, diag.New(object, "", diag.ResourceDisowned,
					fmt.Sprintf("%s no longer carries the tags of %s; it is not deleted, and not looked after any more", id, key),
					"delete it in AWS if nothing else needs it"))
			}
		}
		if o, err = s.observe(ctx, key, c.Stack, w); err != nil {
			return o, p, found, err
		}
	}
}

// deletedBy are the ARNs and group ids of what a plan deletes that was found by tags, and whether it creates a load balancer.
func deletedBy(p *plan.Plan) (ids []string, creates bool) {
	for _, step := range p.Steps {
		if step.Guard != nil {
			continue
		}
		switch op := step.Op.(type) {
		case elb.CreateLoadBalancer:
			creates = true
		case elb.DeleteLoadBalancer:
			ids = append(ids, op.LoadBalancer.Literal)
		case elb.DeleteTargetGroup:
			ids = append(ids, op.TargetGroup.Literal)
		case elb.DeleteSecurityGroup:
			ids = append(ids, op.Group.Literal)
		}
	}
	return ids, creates
}

// missedBy are the ARNs of the target groups of bindings that a plan makes anew because AWS's lists have no such group: deleting a binding
// deregisters its targets.
func missedBy(p *plan.Plan, o elb.Observed) []string {
	var arns []string
	for _, step := range p.Steps {
		op, ok := step.Op.(elb.CreateBinding)
		if !ok || step.Guard != nil {
			continue
		}
		for _, b := range o.Bindings {
			if b.Namespace == op.Binding.Namespace && b.Name == op.Binding.Name && o.TargetGroup(b.TargetGroup.Literal) == nil {
				arns = append(arns, b.TargetGroup.Literal)
			}
		}
	}
	return arns
}
