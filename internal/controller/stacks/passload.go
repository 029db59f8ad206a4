package stacks

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// load reads the objects of the stack.
func (p *pass) load(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	p.indexedAt = s.Index.Begin()
	cached := s.reader(ctx, s.Live)
	// others that it reads may have been created again
	cached.Departed = s.Departed.Only(objects.Kind(p.kind.Kind), client.ObjectKey{Namespace: key.ID.Namespace,
		Name: key.ID.Name})
	p.reader = secret.NewPassReader(ctx, cached, s.Secrets, s.ConfigMaps)
	p.view = objects.New(p.reader)
	s.Metrics.CountPass(p.kind.Controller, key.ID.Namespace, key.ID.Name)
	spent := s.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Load)
	_, trace := tracing.Start(ctx, "load")
	if s.Loading != nil {
		s.Loading(key)
	}
	p.front = front.Recalling(s.Front, s.MemoryOf(key), s.lastElsewhere)
	p.input = p.front.Load(p.view, key.ID)
	trace.End(p.view.Err())
	spent()
	p.outdated = s.Index.Update(key, p.indexedAt, p.view.Reads())
	if err := p.view.Err(); err != nil {
		s.reportUnread(ctx, key, p.input, err)
		return queue.Ended(reconcile.Result{}, err) // an unknown object must not count as absent
	}
	return queue.Exit{}
}

// recall adds to the input what the reconciler remembers of the stack: objects that it released, and settings in
// effect.
func (p *pass) recall(ctx context.Context) (_ queue.Exit) {
	s, key := p.reconciler, p.key
	if _, n := naming.ShardOf(key.ID); n > 0 { // the state of the group's first load balancer has them
		p.input.DryRun, p.input.Findings = nil, nil
	}
	p.input.Findings = append(p.input.Findings, s.additions(key, p.input)...)
	leaving := len(p.input.Leaving)
	if p.input.Leaving = s.unreleased(key, p.input.Leaving); p.input.Nothing() && leaving > 0 {
		return p.ifOutdated()
	}
	p.input = p.input.Governed(key, s.MemoryOf(front.ShardKey(key, 0)))
	s.noteShown(key, p.input)
	if !p.input.Nothing() {
		s.noteTenant(key, true, p.input.Owners()...)
		return queue.Exit{}
	}
	if p.input.DryRun != nil { // its objects exist
		return queue.Exit{}
	}
	var err error
	if p.input.Leaving, err = s.vanished(ctx, key); err != nil {
		return queue.Ended(reconcile.Result{}, err)
	}
	if len(p.input.Leaving) > 0 {
		p.log.Info("objects were deleted while they got the finalizer: the controller deletes what it created for them",
			"objects", objectsOf(p.input.Leaving))
	}
	return queue.Exit{}
}

// endIfNothing ends the pass if nothing of the stack exists, or if all its objects are under dry run.
func (p *pass) endIfNothing(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	if p.input.DryRun == nil {
		s.Reporter.End(dryRunOf(key))
	} else if deployable, err := s.dryRun(ctx, key, p.input); err != nil {
		return queue.Ended(reconcile.Result{}, err)
	} else if deployable != nil { // the rest of the pass keeps what is deployed
		if err := p.endForwards(ctx, *deployable); err != nil {
			return queue.Ended(reconcile.Result{}, err)
		}
	}
	switch {
	case !p.input.Nothing():
		return queue.Exit{}
	case p.input.DryRun != nil:
		return p.ifOutdated()
	case p.input.Decisions != nil:
		s.reportDecisions(passReport{key: key, input: p.input})
		return p.ifOutdated()
	}
	s.forget(key)
	if len(p.input.SetAside) > 0 {
		s.report(ctx, passReport{key: key, input: p.input, found: p.input.Findings, partial: true})
	}
	return queue.Ended(reconcile.Result{}, nil)
}

// selectShard reduces the input to the part that this load balancer serves.
func (p *pass) selectShard(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	var err error
	if p.input, err = s.withUnseen(ctx, key, p.input); err != nil {
		s.report(ctx, passReport{key: key, input: p.input, found: readProblem(err, p.input), partial: true})
		return queue.Ended(reconcile.Result{}, err)
	}
	if p.input, p.moveAt, err = s.placed(ctx, key, p.input); err != nil {
		return p.failedEarly(ctx, err)
	}
	if p.input.Nothing() {
		s.forget(key)
		return p.ifOutdated()
	}
	return queue.Exit{}
}

// awaitObjects waits for objects that will appear soon, and for a cache that lacks an object.
func (p *pass) awaitObjects(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	if wait := s.routesAwaited(key, p.input); wait > 0 && !p.outdated {
		return queue.Ended(reconcile.Result{RequeueAfter: wait}, nil)
	}
	switch lacking, err := s.missingFromCache(ctx, key, p.input); {
	case err != nil:
		return p.failedEarly(ctx, err)
	case lacking != "":
		p.log.Info("the cache lacks an object that the API server has: the pass waits for the cache", "object", lacking)
		return queue.Ended(reconcile.Result{RequeueAfter: markAwaited}, nil)
	}
	switch ends, err := s.gatewayDeletionUnseen(ctx, key, p.input); {
	case err != nil:
		return queue.Ended(reconcile.Result{}, err)
	case ends && p.outdated: // during many deletions, each pass would find further changes
		return p.ifOutdated()
	case ends:
		return queue.Ended(reconcile.Result{RequeueAfter: markAwaited}, nil)
	}
	return queue.Exit{}
}

// prepareInput adds to the input how rules are constructed and which holds apply, and finds out whether users edited
// the members.
func (p *pass) prepareInput(ctx context.Context) queue.Exit {
	s, key := p.reconciler, p.key
	input, loaded, err := p.constructed(ctx)
	if p.input = input; err != nil {
		return p.failedEarly(ctx, err)
	}
	if loaded {
		p.input = p.input.Governed(key, s.MemoryOf(front.ShardKey(key, 0)))
		p.outdated = s.Index.Update(key, p.indexedAt, p.view.Reads()) || p.outdated
	}
	p.input = s.noteHold(key, p.input)
	if p.unedited = !s.edited(key, p.input); !p.unedited {
		s.Retries.forget(key)
		s.Inventory.Refusals().RetryObstacles(key)
	}
	return queue.Exit{}
}

// failedEarly ends a pass before its first attempt. If the process ends, it reports nothing.
func (p *pass) failedEarly(ctx context.Context, err error) queue.Exit {
	if ctx.Err() != nil {
		return queue.Ended(reconcile.Result{}, nil)
	}
	return queue.Ended(p.reconciler.endFailed(ctx, passReport{key: p.key, input: p.input}, readProblem(err, p.input), err))
}

// ifOutdated ends a pass. If objects changed while the pass read them, the pass is repeated.
func (p *pass) ifOutdated() queue.Exit { return queue.Ended(reconcile.Result{}, again(p.outdated)) }
