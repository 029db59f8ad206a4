package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// stepKey names a step through all passes over its stack.
type stepKey struct {
	stack stack.Key
	step  plan.StepID
}

// Backoff counts how often a step of a stack was put off in a row, this time included.
func (i *Inventory) Backoff(key stack.Key, id plan.StepID) int {
	n, _ := i.backoffs.Failed(stepKey{key, id})
	return n
}

// Converged ends the count of Backoff, and what Refused keeps of the step.
func (i *Inventory) Converged(key stack.Key, id plan.StepID) {
	i.backoffs.Forget(stepKey{key, id})
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.refusals, stepKey{key, id})
}

// Record writes a successful operation through; resolve gives the ARN or group id behind a reference.
func (i *Inventory) Record(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	i.addOns.Record(op, out, resolve)
	i.groups.Record(op, out, resolve)
	i.certificates.Record(key, op, out, resolve)
	i.record(key, op, out, resolve)
	if keys := i.freed(key, op, resolve); len(keys) > 0 && i.cfg.Freed != nil {
		i.cfg.Freed(keys)
	}
}

func (i *Inventory) record(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.history.writes++
	e := i.stacks[key]
	switch op := op.(type) {
	case elb.CreateSecurityGroup:
		if op.Group.Shared {
			g := elb.SecurityGroup{GroupID: out.ID, SecurityGroup: op.Group}
			i.shared = append(i.shared, g)
			return
		}
	case elb.DeleteSecurityGroup:
		id := resolve(op.Group)
		i.shared = slices.DeleteFunc(i.shared, func(g elb.SecurityGroup) bool { return g.GroupID == id })
	case elb.CreateTargetGroup:
		i.created[out.ID] = i.cfg.Now()
		i.retag(out.ID, op.TargetGroup.Tags)
	case elb.CreateLoadBalancer:
		i.retag(out.ID, op.LoadBalancer.Tags)
		if e != nil {
			e.knows.verify(listenersOf, out.ID)
		}
	case elb.CreateListener:
		if e != nil {
			e.knows.verify(rulesOf, out.ID)
			e.knows.verify(certificatesOf, out.ID)
		}
	case elb.DeleteTargetGroup:
		arn := resolve(op.TargetGroup)
		delete(i.created, arn)
		i.retag(arn, nil)
		i.goneNow(arn)
	case elb.DeleteLoadBalancer:
		arn := resolve(op.LoadBalancer)
		i.retag(arn, nil)
		i.goneNow(arn)
	case elb.AddTags, elb.RemoveTags:
		for _, r := range op.Refs() {
			i.retag(resolve(r), nil) // a later listing reads them
		}
	}
	if e == nil {
		return
	}
	e.wrote = i.history.writes
	switch op.(type) {
	case elb.CreateSecurityGroup, elb.CreateTargetGroup, elb.CreateLoadBalancer:
		e.createdAt = i.cfg.Now()
	}
	e.obs = elb.Advance(e.obs, op, out, resolve)
	switch op.(type) {
	case elb.DeleteLoadBalancer, elb.DeleteListener, elb.DeleteTargetGroup:
		e.prune()
	}
}

// goneNow records that this process deleted a load balancer or target group. i.mu is held.
func (i *Inventory) goneNow(arn string) {
	now := i.cfg.Now()
	maps.DeleteFunc(i.gone, func(_ string, at time.Time) bool { return now.Sub(at) > goneLifetime })
	i.gone[arn] = now
}
