package stacks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// checkpoint writes checkpoints that must exist before the plan is executed, and removes the load balancer from the
// status of objects that leave.
func (p *pass) checkpoint(ctx context.Context) queue.Exit {
	s := p.reconciler
	if !p.stopped {
		p.unwritten = s.clearStatus(ctx, p.observed, departed(p.input))
	}
	if s.conflicted(p.key, p.unwritten) {
		return p.refused(ctx, diag.StatusNotWritten, p.unwritten)
	}
	if err := s.noteDuplicates(ctx, p.key, &p.plan, p.compiled.Stack.Removal); err != nil {
		return p.failed(ctx, checkpointProblem(err, p.input), err)
	}
	if err := s.noteApplied(ctx, p.key, p.compiled, p.observed, &p.plan); err != nil {
		return p.failed(ctx, checkpointProblem(err, p.input), err)
	}
	s.Metrics.CountSteps(s.Front.Owner(), &p.plan)
	p.report.found = append(p.report.found, p.driftFound()...)
	return queue.Exit{}
}

// apply executes the plan.
func (p *pass) apply(ctx context.Context) queue.Exit {
	s := p.reconciler
	if p.plan.Empty() {
		s.Inventory.ResetBackoff(p.key)
	} else {
		if slices.ContainsFunc(p.plan.Steps, func(step plan.Step) bool { return step.Guard == nil }) {
			s.Status.Writes(p.key)
		}
		p.report.began = s.Now()
		applying, trace := tracing.Start(ctx, "apply")
		p.result = p.execute(applying)
		trace.SetCount("lbc.failed_steps", p.result.Count(apply.Failed))
		trace.End(nil) // the calls below it show what failed
	}
	p.deployed()
	// again: without deletions of resources that others use
	if used, again := s.noteInUse(ctx, p.key, p.input, &p.plan, p.result); again {
		p.input.Findings = append(slices.Clone(p.input.Findings), used...)
		return queue.Exit{Again: true}
	}
	return queue.Exit{}
}

// execute executes the steps of the plan.
func (p *pass) execute(ctx context.Context) apply.Result {
	s := p.reconciler
	s.logPlan(p.log, p.key, &p.plan)
	result := apply.Run(ctx, p.plan, apply.Deps{
		Clients: s.Clients, Inventory: s.Inventory, Bindings: s.Bindings, Now: s.Now,
		Expected: s.Expected, Stabilize: s.Stabilize, Hold: s.Holds.Guard, Objects: p.versions(),
		Namespace: func(step plan.Step) string { return NamespaceOf(p.key, step, p.compiled.Origins) },
	})
	s.notePlan(p.key, &p.plan, result)
	return result
}

// settle records the results of the plan.
func (p *pass) settle(ctx context.Context) queue.Exit {
	s := p.reconciler
	s.noteUnfinished(p.key, &p.plan, p.result)
	s.settle(p.key, p.compiled, p.observed, &p.plan, p.result)
	p.outcome = s.summarize(&p.plan, p.result, p.compiled.Origins, p.input, &p.observed)
	if p.observes { // objects that leave do not wait for steps that are never executed
		p.outcome.vital = false
	}
	p.report.found = append(p.report.found, p.outcome.found...)
	p.report.plan, p.report.result, p.report.waiting = &p.plan, p.result, p.outcome.waiting
	p.report.changed = p.result.Count(apply.Done) > 0 && p.outcome.err == nil && p.outcome.wait.IsZero()
	p.unwritten = append(p.unwritten, s.recordSecrets(ctx, p.compiled, &p.plan, p.result, p.input.Members)...)
	p.unwritten = append(p.unwritten, p.recordRemovedAddOns(ctx)...)
	return queue.Exit{}
}

// show writes the load balancer into the status of the members.
func (p *pass) show(ctx context.Context) queue.Exit {
	s := p.reconciler
	spent := s.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Status)
	ready := handedOver(&p.plan, p.result)
	after, switched, unshown, err := p.writeStatus(ctx, ready)
	spent()
	if err != nil {
		return p.unread(ctx, err)
	}
	p.switched = switched
	s.noteServed(p.key, p.input, ready, len(unshown) == 0)
	p.report.observed, p.report.ready = &after, ready
	if p.input.Declared {
		p.report.found = append(p.report.found, addressNotes(p.kind, &after, p.compiled.Stack, ready, p.input.Members)...)
	}
	s.keepObserved(p.key)
	// not after drift is corrected: two writers that disagree would never end
	if s.ScheduleReview != nil && !p.unedited && !p.plan.Empty() && !creates(&p.plan) {
		s.ScheduleReview(p.key)
	}
	p.unwritten = append(p.unwritten, unshown...)
	if s.conflicted(p.key, p.unwritten) {
		return p.refused(ctx, diag.StatusNotWritten, p.unwritten)
	}
	if len(p.unwritten) > 0 {
		p.report.found = append(p.report.found, p.unwritten.found(diag.StatusNotWritten)...)
		p.report.changed, p.report.partial = false, true
	}
	return queue.Exit{}
}

// conclude reports the pass, and decides whether objects that leave can lose their finalizer.
func (p *pass) conclude(ctx context.Context) queue.Exit {
	retained := retainedBy(p.input, p.key, p.compiled, p.observed)
	p.report.found = append(p.report.found, retained...)
	p.gone = !p.outcome.vital
	// an owner of certificates or trust stores stays until these are known to be deleted
	if unread := cmp.Or(p.observed.CertificatesUnread, p.observed.TrustStoresUnread); unread != nil && !p.input.Declared {
		p.report.found = append(p.report.found, certificatesUnread(*unread, p.input)...)
		p.gone = false
	}
	p.report.releasing = p.gone && !p.input.Declared && len(p.unwritten) == 0
	p.reconciler.report(ctx, p.report)
	if p.switched != nil && len(p.unwritten) == 0 { // no status shows the former load balancer any more
		p.input.Members = p.switched
		return queue.Exit{Again: true}
	}
	p.unproven = p.gone && !p.input.Declared && len(retained) == 0 && !p.observes
	return queue.Exit{}
}

// release removes the finalizer from objects that leave, and ends the pass.
func (p *pass) release(ctx context.Context) queue.Exit {
	s := p.reconciler
	if p.unproven {
		gone, wait, err := s.Inventory.ProveAbsence(ctx, p.key, oldest(p.input.Leaving))
		if err != nil || !gone.Proven() {
			return queue.Ended(s.soonest(p.key, wait, errors.Join(err, p.unwritten.err())))
		}
	}
	if p.gone { // optional and cosmetic steps delay no object that leaves
		spent := s.Metrics.StartStage(p.kind.Controller, p.kind.Stages.Release)
		refused := s.releaseMembers(ctx, p.key, p.input, p.unwritten)
		spent()
		if len(refused) > 0 {
			return p.refused(ctx, diag.FinalizerNotRemoved, refused)
		}
	}
	result, err := s.next(p.report, p.outcome, p.observed.Pending)
	if len(p.unwritten) == 0 {
		return queue.Ended(result, err)
	}
	return queue.Ended(s.soonest(p.key, result.RequeueAfter, errors.Join(err, p.unwritten.err())))
}

// versions returns a function that identifies the versions of the objects on which a problem of a step is reported,
// by the parts that users write. After an edit of one of them, a refused write is sent again; an edit of another
// member does not cause that. The function may be called concurrently.
func (p *pass) versions() func(plan.Step, diag.Diagnostic) string {
	members := map[diag.Object]metav1.Object{}
	for _, o := range slices.Concat(p.input.Members, p.input.Leaving) {
		members[unversioned(owner.Object(o))] = o
	}
	var mu sync.Mutex
	view := p.view.Fork() // these reads are no dependencies of the pass
	return func(step plan.Step, d diag.Diagnostic) string {
		var concerned []diag.Object
		for _, found := range p.reconciler.attribute(d, p.compiled.Origins, step, p.input) {
			concerned = append(concerned, unversioned(found.Object))
		}
		slices.SortFunc(concerned, func(a, b diag.Object) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
		mu.Lock()
		defer mu.Unlock()
		h := sha256.New()
		for _, o := range slices.Compact(concerned) {
			object, known := members[o]
			if !known && objects.Kind(o.Kind) != objects.Secret { // the write contains its content
				object, known = objects.Lookup[metav1.Object](view, objects.Kind(o.Kind), o.Namespace, o.Name)
			}
			if known {
				writeEdits(h, object)
			}
		}
		return hex.EncodeToString(h.Sum(nil)[:12])
	}
}

// unversioned identifies an object by its name alone.
func unversioned(o diag.Object) diag.Object {
	o.UID = ""
	return o
}
