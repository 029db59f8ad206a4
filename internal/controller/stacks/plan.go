package stacks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// basis is the input of a plan of a stack.
type basis struct {
	key      stack.Key
	input    front.Input
	compiled compile.Result
	observed awsop.Observed
	foreign  map[string]int // targets of other clusters by target group; see foreignTargets
	approved plan.Policy    // a final policy, which refuses a plan that users must approve
	withdraw plan.Policy    // a final policy, which ends forwards that are no longer permitted
}

// plan returns the plan from the observed to the compiled stack, under the policies that apply to each plan.
func (s *Reconciler) plan(from basis) plan.Plan {
	options := from.input.Options(from.key.Owner, s.Options)
	options.Taken = s.Inventory.TakenBeside(from.key)
	options.Foreign, options.Replacement = from.foreign, front.Replacement(from.compiled, s.ReplacementPolicy, s.Now())
	s.mu.Lock()
	if st := s.states[from.key]; st != nil {
		options.Duplicates, options.InUse = maps.Clone(st.duplicates), st.inUse.at(s.Now())
	}
	s.mu.Unlock()
	p := diff.Stack(from.compiled.Stack, from.compiled.Keep, from.observed, options)
	if p.Empty() { // as nearly always: each policy changes steps
		return p
	}
	each, _ := s.policies(from, nil)
	return p.Under(each...)
}

// policies returns all policies of a stack's plans; see front.PlanPolicies. braked is called if the last one, the
// brake, refuses deletions or the whole plan.
func (s *Reconciler) policies(from basis, braked func()) (each, final []plan.Policy) {
	key, desired := from.key, from.compiled.Stack
	return front.PlanPolicies{
		Owner: key.Owner, Input: from.input, Compiled: from.compiled, Observed: from.observed,
		Withhold: s.withhold(key, from.compiled, from.observed), Approved: from.approved, Withdraw: from.withdraw,
		DelayCertificates: s.delayCertificates(key, desired),
		RefusePlan: func(p plan.Plan) plan.Plan {
			p, refused := s.refusePlan(key, from.input, desired, p)
			if refused {
				braked()
			}
			return p
		},
	}.InOrder()
}

// delayCertificates refuses imports of Secrets that change too often, and requests beyond the share of a namespace.
func (s *Reconciler) delayCertificates(key stack.Key, desired *stack.Stack) plan.Policy {
	return policy.DelayCertificates(s.Inventory.Certificates().Delayed(key, desired))
}

// refusePlan refuses the whole plan under an administrator's hold, then the deletion of a load balancer in which
// another cluster registers targets. At last it is the brake: it refuses a plan that deletes a load balancer whose
// objects exist, if there are more such plans than usual within a short time, and no object consents.
func (s *Reconciler) refusePlan(key stack.Key, w front.Input, desired *stack.Stack, p plan.Plan) (_ plan.Plan,
	refused bool) {
	if h := s.Holds.OfKey(key); h != nil && !p.Empty() {
		return p.Under(policy.RefuseAll(h.Guard(p.Summary().String()))), true
	}
	deletes := slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.DeleteLoadBalancer)
		return ok && step.Guard == nil
	})
	switch allowed, annotation := w.DeletionAllowed(key.Owner); {
	case !allowed && s.deletesContested(&p):
		return p.Under(policy.RefuseDeletions(plan.Guard{
			Code: diag.DeletionsHeld,
			Text: fmt.Sprintf("another cluster of the account has the same --cluster-name and registers targets in load "+
				"balancer %s; the controller does not delete it", key),
			Remedy: fmt.Sprintf("to delete it for both clusters, set annotation %s: \"true\" on the object; otherwise give "+
				"one of the clusters another name", annotation),
		})), true
	case desired.Removal != stack.NotDeclared || allowed:
		s.Brake.Forget(key.String())
	case deletes && !s.Brake.Allow(key.String(), s.Tenant(key), s.Inventory.LoadBalancers()):
		return p.Under(policy.RefuseDeletions(plan.Guard{
			Code: diag.DeletionsHeld,
			Text: fmt.Sprintf("the controller does not delete load balancer %s yet: %s, and more load balancers than usual "+
				"would be deleted within %s",
				key,
				strings.ToLower(string(desired.Removal)), brake.Window),
			Remedy: fmt.Sprintf("to confirm, set annotation %s: \"true\" on the object or delete the object; otherwise undo "+
				"the change, such as a change of its class", annotation),
		})), true
	}
	return p, false
}

// deletesContested reports whether a plan deletes a load balancer, and a target group in which another cluster of the
// same name registers targets.
func (s *Reconciler) deletesContested(p *plan.Plan) bool {
	if s.Contested == nil {
		return false
	}
	balancer, group := false, false
	for _, step := range p.Steps {
		switch op := step.Op.(type) {
		case awsop.DeleteLoadBalancer:
			balancer = balancer || step.Guard == nil
		case awsop.DeleteTargetGroup:
			group = group || s.Contested(op.TargetGroup.Literal)
		}
	}
	return balancer && group
}

// disownedBy returns the findings, on all objects, about resources that no longer belong to the stack.
func disownedBy(key stack.Key, disowned []string, w front.Input) (found diag.List) {
	for _, id := range disowned {
		for _, object := range objectsOf(slices.Concat(w.Members, w.Leaving)) {
			found = append(found, diag.New(object, "", diag.ResourceDisowned,
				fmt.Sprintf("%s no longer carries the tags of %s; the controller keeps it and no longer manages it", id, key),
				"delete it in AWS if nothing else needs it"))
		}
	}
	return found
}

// lostBy returns the parts that observed load balancers lose by a plan.
func lostBy(p *plan.Plan, o awsop.Observed) (parts inventory.LostParts) {
	known := p.Values()
	loseGroups := func(of string, stay []stack.Ref) {
		for _, lb := range o.LoadBalancers {
			for _, g := range lb.SecurityGroups {
				stays := func(r stack.Ref) bool { return r.Literal == g.Literal || known[r] == g.Literal }
				if lb.ARN == of && !slices.ContainsFunc(stay, stays) {
					parts.SecurityGroups = append(parts.SecurityGroups, g.Literal)
				}
			}
		}
	}
	for _, step := range p.Steps {
		if step.Guard != nil {
			continue
		}
		switch op := step.Op.(type) {
		case awsop.RemoveListenerCertificates:
			parts.Certificates = append(parts.Certificates, op.Certificate)
		case awsop.SetSecurityGroups:
			loseGroups(known[op.LoadBalancer], op.Groups)
		case awsop.DeleteLoadBalancer: // its own group is deleted as well, if the list has it
			loseGroups(op.LoadBalancer.Literal, nil)
		case awsop.SetSubnets:
			for _, lb := range o.LoadBalancers {
				if lb.ARN == known[op.LoadBalancer] {
					parts.Subnets = append(parts.Subnets, subnetsWithout(lb.Subnets, op.Subnets)...)
					parts.NewSubnets = append(parts.NewSubnets, subnetsWithout(op.Subnets, lb.Subnets)...)
				}
			}
		}
	}
	return parts
}

// subnetsWithout returns the ids of subnets that others lack.
func subnetsWithout(mappings, others []stack.SubnetMapping) (ids []string) {
	for _, m := range mappings {
		if !slices.ContainsFunc(others, func(o stack.SubnetMapping) bool { return o.Subnet == m.Subnet }) {
			ids = append(ids, m.Subnet)
		}
	}
	return ids
}

// deletedBy returns the ARNs and group ids of the resources that a plan deletes and that were found by tags, and
// whether the plan creates a load balancer.
func deletedBy(p *plan.Plan) (ids []string, creates bool) {
	for _, step := range p.Steps {
		if step.Guard != nil {
			continue
		}
		switch op := step.Op.(type) {
		case awsop.CreateLoadBalancer:
			creates = true
		case awsop.DeleteLoadBalancer:
			ids = append(ids, op.LoadBalancer.Literal)
		case awsop.DeleteTargetGroup:
			ids = append(ids, op.TargetGroup.Literal)
		case awsop.DeleteSecurityGroup:
			ids = append(ids, op.Group.Literal)
		}
	}
	return ids, creates
}

// missedBy returns the ARNs of the target groups of bindings that a plan creates again because AWS's lists do not have
// these groups. The plan deletes the old bindings, which deregisters their targets.
func missedBy(p *plan.Plan, o awsop.Observed) []string {
	var arns []string
	for _, step := range p.Steps {
		op, ok := step.Op.(awsop.CreateBinding)
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

// duplicates are the guards on the deletion of a stack's duplicates, by ARN or group id.
type duplicates = map[string]*plan.Guard

// noteDuplicates keeps the guards that a plan puts on the deletion of duplicates, for the next plans of the stack. A
// removed stack keeps them until it no longer exists. Once the original is deleted, nothing in AWS distinguishes its
// duplicates from resources that are still to be deleted. Therefore the guards are written to a checkpoint before a
// plan with deletions is executed.
func (s *Reconciler) noteDuplicates(ctx context.Context, key stack.Key, p *plan.Plan, removal stack.Removal) error {
	s.mu.Lock()
	found := duplicates{}
	if removal != stack.NotRemoved {
		maps.Copy(found, s.state(key).duplicates)
	}
	deletes := false
	for _, step := range p.Steps {
		switch {
		case step.Guard != nil && step.Guard.Code == diag.DuplicateResource:
			found[step.Resource.Literal] = step.Guard
		case step.Guard == nil && step.Action == plan.Delete:
			deletes = true
		}
	}
	s.state(key).duplicates = found
	s.mu.Unlock()
	if len(found) == 0 {
		s.Checkpoints.Delete(checkpoint.Duplicates, key.String())
		return nil
	}
	s.Checkpoints.Put(checkpoint.Duplicates, key.String(), maps.Clone(found))
	if !deletes {
		return nil
	}
	if err := s.Checkpoints.Flush(ctx); err != nil {
		return fmt.Errorf("recording duplicates before the deletion of their originals: %w", err)
	}
	return nil
}

// checkpointProblem is the finding, on all objects, that a checkpoint could not be written before deletions.
func checkpointProblem(err error, w front.Input) diag.List {
	return toAll(reporting.APIRefusal(diag.Object{}, diag.CheckpointNotWritten, err), w)
}

// noteHold records in the holds which objects a stack has, and reports on the first of them if a hold concerns the
// stack.
func (s *Reconciler) noteHold(key stack.Key, w front.Input) front.Input {
	objects := objectsOf(slices.Concat(w.Members, w.Leaving, w.SetAside))
	if h := s.Holds.Note(key, objects); h != nil && len(objects) > 0 {
		w.Findings = append(slices.Clone(w.Findings), h.Note(objects[0]))
	}
	return w
}

// keptGroups are the notes, on all objects, that target groups with targets of other clusters are kept.
func keptGroups(p *plan.Plan, foreign map[string]int, w front.Input) (found diag.List) {
	for _, step := range p.Steps {
		if n := foreign[step.Resource.Literal]; n > 0 {
			found = append(found, toAll(diag.New(diag.Object{}, "", diag.TargetGroupKept,
				fmt.Sprintf("this cluster no longer needs target group %s, which has targets of other clusters (%d): the "+
					"controller keeps the target group, and removes this cluster's tags", step.Resource.Literal, n),
				"delete the target group in AWS once no cluster needs it"), w)...)
		}
	}
	return found
}
