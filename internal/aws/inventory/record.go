package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// stepKey identifies a step in all passes over its stack.
type stepKey struct {
	stack stack.Key
	step  plan.StepID
}

// Backoff counts how often a step of a stack was put off in a row, this time included.
func (i *Inventory) Backoff(key stack.Key, id plan.StepID) int {
	n, _ := i.backoffs.Failed(stepKey{key, id})
	return n
}

// Converged ends the count of Backoff, and forgets the refusals of the step.
func (i *Inventory) Converged(key stack.Key, id plan.StepID) {
	i.backoffs.Forget(stepKey{key, id})
	i.cfg.Refusals.ForgetStep(key, id)
}

// Record updates the inventory by a successful operation. resolve returns the ARN or group id of a reference.
func (i *Inventory) Record(key stack.Key, op plan.Operation, out awsop.Output, resolve func(stack.Ref) string) {
	i.addOns.Record(op, out, resolve)
	i.groups.Record(op, out, resolve)
	i.certificates.Record(key, op, out, resolve)
	i.trustStores.Record(op, out, resolve)
	effect := op.About().Effect
	id := out.ID
	if effect.Verb != plan.Creates {
		id = resolve(effect.Resource)
	}
	i.mu.Lock()
	i.record(key, effect, id, func(o awsop.Observed) awsop.Observed { return awsop.Advance(o, op, out, resolve) })
	i.mu.Unlock()
	i.notify(i.cfg.Refusals.Wrote(key, plan.NameOf(op), effect, id))
}

// notify calls Config.Freed, if there are any stacks.
func (i *Inventory) notify(keys []stack.Key) {
	if len(keys) > 0 && i.cfg.Freed != nil {
		i.cfg.Freed(keys)
	}
}

// record advances the observation of a stack by a write of the resource with an ARN or group id. The caller holds i.mu.
func (i *Inventory) record(key stack.Key, effect plan.Effect, id string, advance func(awsop.Observed) awsop.Observed) {
	wrote := i.history.Next()
	i.came.written[key] = true
	e := i.stacks[key]
	if e == nil {
		e = newEntry(key) // which only takes the write to what is known outside stacks
	}
	after := advance(e.obs)
	switch effect.Kind {
	case stack.KindSecurityGroup:
		if slices.ContainsFunc(after.SecurityGroups, func(g awsop.SecurityGroup) bool {
			return g.GroupID == id &&
				g.Shared
		}) {
			return // it belongs to no stack; see securitygroup.Groups.Backend
		}
	case stack.KindLoadBalancer, stack.KindTargetGroup:
		i.recordListed(&after, effect, id)
	// no listing shows them
	case stack.KindListener, stack.KindRule, stack.KindBinding, stack.KindCertificate, stack.KindTrustStore:
	}
	e.wrote = wrote
	e.obs = after
	i.noteHaving(e)
	if listed := []stack.Kind{stack.KindSecurityGroup, stack.KindLoadBalancer, stack.KindTargetGroup}; effect.Verb ==
		plan.Creates && slices.Contains(listed, effect.Kind) {
		e.createdAt = i.cfg.Now()
	}
}

// recordListed records what a write of a load balancer or target group means for listings and tags. The caller holds
// i.mu.
func (i *Inventory) recordListed(after *awsop.Observed, effect plan.Effect, arn string) {
	now := i.cfg.Now()
	switch effect.Verb {
	case plan.Creates:
		i.inAccount[limitOf(arn)]++
		if tg := after.TargetGroup(arn); tg != nil {
			i.created[arn] = now
			i.retag(arn, tg.Tags)
		}
		for _, lb := range after.LoadBalancers {
			if lb.ARN == arn {
				i.retag(arn, lb.Tags)
			}
		}
	case plan.Retags:
		i.retag(arn, nil) // a later listing reads them
	case plan.Deletes:
		i.inAccount[limitOf(arn)]--
		i.retag(arn, nil)
		delete(i.created, arn)
		maps.DeleteFunc(i.gone, func(_ string, at time.Time) bool { return now.Sub(at) > goneLifetime })
		i.gone[arn] = now
	case plan.Changes:
	}
}
