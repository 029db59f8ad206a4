package stacks

import (
	"context"
	"errors"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// begin begins an attempt.
func (p *pass) begin(ctx context.Context) context.Context {
	ctx, stale := cache.NoteStale(ctx)
	p.attempt = attempt{
		report:   passReport{key: p.key, input: p.input, unedited: p.unedited, found: slices.Clone(p.input.Findings)},
		stale:    stale,
		observes: p.input.Observes(p.key.Owner),
	}
	return ctx
}

// failed ends a pass that cannot continue because of err. The pass is repeated.
func (p *pass) failed(ctx context.Context, found diag.List, err error) queue.Exit {
	left := queue.Ended(p.reconciler.endFailed(ctx, p.report, found, err))
	left.Cause = err
	return left
}

// unread is failed for a read that AWS or the API server did not answer.
func (p *pass) unread(ctx context.Context, err error) queue.Exit {
	return p.failed(ctx, readProblem(err, p.input), err)
}

// refused ends a pass that cannot continue because the API server refused writes.
func (p *pass) refused(ctx context.Context, code diag.Code, writes refusedWrites) queue.Exit {
	return queue.Ended(p.reconciler.endRefused(ctx, p.report, code, writes))
}

// compile compiles the input to the desired stack.
func (p *pass) compile(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	if p.input.Declared {
		s.Backend.Use(key)
	}
	spent := s.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Build)
	compiling, trace := tracing.Start(ctx, "compile")
	p.lists = s.Inventory.Lists()
	compiled, err := s.compileStack(compiling, key, p.input, p.stale)
	trace.End(err)
	spent()
	if err != nil {
		return p.unread(ctx, err)
	}
	p.compiled, p.report.compiled = compiled, compiled
	p.report.found = append(p.report.found, p.input.Lasting(key, compiled.Diagnostics)...)
	if compiled.Stack != nil {
		return queue.Exit{}
	}
	p.report.found = append(p.report.found, waitForOthers(p.input, p.report.found)...)
	s.report(ctx, p.report)
	// Objects that leave do not wait until the others are valid: the next plan removes what is left of them.
	if refused := s.releaseMembers(ctx, key, p.input, nil); len(refused) > 0 {
		return queue.Ended(reconcile.Result{}, refused.err())
	}
	return queue.Ended(s.retryLater(key, p.report.found, p.stale()))
}

// addFinalizers adds the finalizer to the members before the pass creates any of their resources. If the API server
// refuses it for a member without resources in AWS, the pass continues without this member.
func (p *pass) addFinalizers(ctx context.Context) queue.Exit {
	s := p.reconciler
	spent := s.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Finalizer)
	p.marked = p.marked || p.observes || p.compiled.Departure // no resource is created
	var refused refusedWrites
	if !p.marked {
		refused = s.addFinalizers(ctx, p.key.ID, p.input)
	}
	spent()
	if len(refused) == 0 {
		return queue.Exit{}
	}
	if len(refused) == len(p.input.Members) || s.conflicted(p.key, refused) {
		return p.refused(ctx, diag.FinalizerNotAdded, refused)
	}
	omitted, err := s.withoutResources(ctx, p.key, p.input, p.compiled, refused)
	if err != nil {
		return p.failed(ctx, append(refused.found(diag.FinalizerNotAdded), readProblem(err, p.input)...),
			errors.Join(err, refused.err()))
	}
	p.input.Findings = append(slices.Clone(p.input.Findings), refused.found(diag.FinalizerNotAdded)...)
	p.input, p.marked, p.unmarked = omitted.without(p.input), true, refused
	return queue.Exit{Again: true}
}

// showPlan writes the compiled stack into an annotation of the first member, if the feature gate is on.
func (p *pass) showPlan(ctx context.Context) queue.Exit {
	p.report.found = append(p.report.found, p.reconciler.showPlan(ctx, p.compiled, p.input)...)
	p.report.stale = p.stale()
	return queue.Exit{}
}

// makePlan makes the plan: it observes AWS, plans, and confirms the facts that the plan rests on.
func (p *pass) makePlan(ctx context.Context) queue.Exit {
	p.deployed = p.reconciler.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Deploy)
	planning, trace := tracing.Start(ctx, "plan")
	left := queue.InOrder(planning, p.observe, p.planFirst)
	if !left.Done && !left.Again {
		left = p.confirm(planning)
		trace.SetCount("lbc.steps", len(p.plan.Steps))
	}
	trace.End(left.Cause)
	return left
}

// basis returns the input of the pass's plan.
func (p *pass) basis(foreign map[string]int) basis {
	return basis{key: p.key, input: p.input, compiled: p.compiled, observed: p.observed, foreign: foreign}
}

// observe gets the stack's resources in AWS from the inventory. Parts of them may be assumed. A process that only
// removes the stack has not read its protection yet.
func (p *pass) observe(ctx context.Context) queue.Exit {
	s, desired := p.reconciler, *p.compiled.Stack
	desired.EndsShield = desired.Removal != stack.NotRemoved && s.Compile.EnableShield && s.MemoryOf(p.key).MayBeShielded()
	var err error
	if p.observed, err = s.expect(ctx, p.key, &desired, p.input); err != nil {
		return p.unread(ctx, err)
	}
	return queue.Exit{}
}

// planFirst makes a first plan. If the plan rests on assumed parts, the pass begins again and reads them.
func (p *pass) planFirst(ctx context.Context) queue.Exit {
	s := p.reconciler
	p.plan = s.plan(p.basis(nil))
	// an object that leaves loses its finalizer only once AWS has none of its resources
	if p.plan.Assumed || p.observed.Assumed() && len(p.input.Leaving) > 0 {
		s.Inventory.RereadAssumed(p.key)
		return queue.Exit{Again: true}
	}
	again, err := s.Inventory.ConfirmMissing(ctx, lostBy(&p.plan, p.observed), p.lists)
	if err != nil {
		return p.unread(ctx, err)
	}
	return queue.Exit{Again: again}
}

// confirm reads again what the plan rests on, and plans again with it:
//   - the tags of the resources that the plan deletes;
//   - the targets of other clusters in shared target groups that the plan deletes;
//   - whether AWS has a load balancer of the stack, if the plan creates one;
//   - whether target groups are missing, if the plan creates their bindings again;
//   - the consents of load balancers of others, unless there is nothing to do.
func (p *pass) confirm(ctx context.Context) queue.Exit {
	err := p.confirmed(ctx)
	switch {
	case err == nil:
		return queue.Exit{}
	case errors.Is(err, errConsentChanged):
		p.reconciler.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedLoadBalancer})
		return queue.Exit{Again: true, Cause: err}
	}
	return p.unread(ctx, err)
}

func (p *pass) confirmed(ctx context.Context) error {
	s := p.reconciler
	foreign := map[string]int{}
	replan := func() { p.plan = s.plan(p.basis(foreign)) }
	if p.held = s.Holds.OfKey(p.key) != nil; p.held { // no step of the plan is executed
		replan()
		return nil
	}
	for idle := p.plan.Empty(); ; {
		var err error
		if !idle {
			if p.observed, err = s.freshConsents(ctx, p.compiled, p.observed); err != nil {
				return err
			}
			replan()
		}
		if news, err := p.foreignTargets(ctx, foreign); err != nil {
			return err
		} else if news {
			replan()
		}
		disowned, news, err := p.contradicted(ctx)
		if err != nil {
			return err
		}
		if len(disowned) == 0 && !news {
			p.report.found = append(p.report.found, keptGroups(&p.plan, foreign, p.input)...)
			return nil
		}
		p.report.found = append(p.report.found, disownedBy(p.key, disowned, p.input)...)
		if p.observed, err = s.observe(ctx, p.key, p.compiled.Stack, p.input); err != nil {
			return err
		}
		idle = false // the plan is made again
	}
}

// foreignTargets adds to foreign the targets of other clusters in the target groups that the plan deletes. news is
// true if it found some.
func (p *pass) foreignTargets(ctx context.Context, foreign map[string]int) (news bool, err error) {
	s := p.reconciler
	registered := front.RegisteredTargets{InAWS: s.Inventory.Registered, Recorded: s.Recorded}
	found, err := registered.Foreign(ctx, p.input, &p.plan, p.observed)
	maps.Copy(foreign, found)
	return len(found) > 0, err
}

// contradicted compares AWS with what the plan assumes. disowned are resources that the plan deletes, and that no
// longer belong to the stack. news is true if AWS has a resource that the plan creates.
func (p *pass) contradicted(ctx context.Context) (disowned []string, news bool, err error) {
	inventory := p.reconciler.Inventory
	deleted, creates := deletedBy(&p.plan)
	if disowned, err = inventory.ConfirmOwnership(ctx, p.key, deleted); err != nil {
		return nil, false, err
	}
	if creates {
		if news, err = inventory.ConfirmAbsence(ctx, p.key); err != nil {
			return nil, false, err
		}
	}
	if arns := missedBy(&p.plan, p.observed); p.compiled.Stack.Removal == stack.NotRemoved && len(arns) > 0 {
		existing, err := inventory.FindUnlisted(ctx, p.key, arns)
		if err != nil {
			return nil, false, err
		}
		news = news || existing
	}
	return disowned, news, nil
}

// finishPlan applies the final policies.
func (p *pass) finishPlan(ctx context.Context) queue.Exit {
	s := p.reconciler
	s.Bindings.notePlanned(p.compiled.Stack, &p.plan, p.observed)
	approved, err := front.Approval(p.input, p.compiled.Stack, p.observed, s.Compile.LoadBalancersOfOthers)
	if err != nil {
		return p.unread(ctx, err)
	}
	if p.plan.Empty() { // as nearly always: no policy has a step to change, but the brake forgets earlier deletions
		p.plan, p.stopped = s.refusePlan(p.key, p.input, p.compiled.Stack, p.plan)
		return queue.Exit{}
	}
	from := p.basis(nil)
	from.approved = approved
	frozen := p.plan.Under(front.Observation(p.input, p.key.Owner), approved)
	if from.withdraw, err = p.withdrawals(ctx, from, frozen); err != nil {
		return p.unread(ctx, err)
	}
	_, final := s.policies(from, func() { p.stopped = true })
	p.plan = p.plan.Under(final...) // the decision is final: the plan does not change any longer

	ended := p.held && s.Holds.OfKey(p.key) == nil // the hold, since nothing was confirmed because of it
	return queue.Exit{Again: ended}
}

// withdrawals returns the policy that ends forwards which their owners no longer permit, if the plan is frozen.
func (p *pass) withdrawals(ctx context.Context, from basis, frozen plan.Plan) (plan.Policy, error) {
	s := p.reconciler
	withdraw, err := front.Withdrawals{View: p.view, Loader: s.Front, Facts: s.Inventory, Compile: s.Compile}.Policy(ctx,
		from.input, from.compiled, frozen, from.observed)
	if !policy.Frozen(frozen) || err != nil {
		return withdraw, err
	}
	p.outdated = s.Index.Update(p.key, p.indexedAt, p.view.Reads()) || p.outdated
	return withdraw, p.view.Err()
}

// errConsentChanged is the error of a pass that rests on a consent which AWS no longer has.
var errConsentChanged = errors.New("the tags by which the owner of a load balancer consents have changed")

// freshConsents reads again, before a plan is executed, the tags by which load balancers of others consent to it. It
// returns the observation with these tags. Listings and facts may be minutes old.
func (s *Reconciler) freshConsents(ctx context.Context, c compile.Result, o awsop.Observed) (awsop.Observed, error) {
	asked := map[string]bool{}
	for arn := range c.Consents {
		asked[arn] = true
	}
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		asked[lb.ARN] = asked[lb.ARN] || !lb.Foreign && (lb.Adopted() || lb.ARN == c.Stack.Adopts ||
			c.Stack.Retention == stack.RetainUnlessDeletable)
	}
	maps.DeleteFunc(asked, func(_ string, yes bool) bool { return !yes })
	if len(asked) == 0 {
		return o, nil
	}
	tags, err := s.Inventory.ConsentTags(ctx, asked)
	if err != nil {
		return o, err
	}
	for arn, was := range c.Consents {
		if tags[arn][naming.SharedWithTag] != was {
			return o, errConsentChanged
		}
	}
	o = o.Clone()
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		if !asked[lb.ARN] {
			continue
		}
		lb.Tags = maps.Clone(lb.Tags)
		for _, k := range naming.ConsentTags() {
			delete(lb.Tags, k)
			if v, ok := tags[lb.ARN][k]; ok {
				lb.Tags[k] = v
			}
		}
	}
	return o, nil
}
