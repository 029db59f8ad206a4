package stacks

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// pass makes one pass over an input. mark puts the finalizer on its members before anything of theirs is made; unedited reports that the
// members are as they were in the last pass.
func (s *Reconciler) pass(ctx context.Context, log logr.Logger, key stack.Key, w front.Input, unedited bool,
	mark func(context.Context, stack.ID, front.Input) refusedWrites) (reconcile.Result, error) {
	ctx, stale := cache.NoteStale(ctx)
	kind := owner.Of(key.Owner)
	t := passReport{key: key, input: w, unedited: unedited, found: slices.Clone(w.Found)}
	if w.Wanted {
		s.Backend.Use(key)
	}
	spent := s.Metrics.StartStage(kind.Controller, kind.Stages.Build)
	compiling, trace := tracing.Start(ctx, "compile")
	c, err := s.compileStack(compiling, key, w, stale)
	trace.End(err)
	spent()
	if err != nil {
		return s.endFailed(ctx, t, readProblem(err, w), err)
	}
	t.compiled = c
	t.found = append(t.found, w.Lasting(key, c.Diagnostics)...)
	if c.Stack == nil {
		t.found = append(t.found, waitForOthers(w, t.found)...)
		s.report(ctx, t)
		// Objects that leave do not wait for the others to become valid: what is left of them goes with the next plan.
		if refused := s.releaseMembers(ctx, key, w, nil); len(refused) > 0 {
			return reconcile.Result{}, refused.err()
		}
		return s.retryLater(key, t.found, stale())
	}
	spent = s.Metrics.StartStage(kind.Controller, kind.Stages.Finalizer)
	observes := w.Observes(key.Owner)
	if observes || c.Departure { // nothing is made that would have to go with an object
		mark = func(context.Context, stack.ID, front.Input) refusedWrites { return nil }
	}
	refused := mark(ctx, key.ID, w)
	spent()
	switch {
	case len(refused) == 0:
	case len(refused) == len(w.Members) || refused.conflicted():
		return s.endRefused(ctx, t, diag.FinalizerNotAdded, refused)
	default: // the others go on, without those of which nothing is in AWS yet
		left, err := s.withoutResources(ctx, key, w, c, refused)
		if err != nil {
			return s.endFailed(ctx, t, append(refused.found(diag.FinalizerNotAdded), readProblem(err, w)...), errors.Join(err, refused.err()))
		}
		w.Found = append(slices.Clone(w.Found), refused.found(diag.FinalizerNotAdded)...)
		marked := func(context.Context, stack.ID, front.Input) refusedWrites { return nil }
		res, err := s.pass(ctx, log, key, left.without(w), unedited, marked)
		return s.soonest(key, res.RequeueAfter, errors.Join(err, refused.err()))
	}
	t.found, t.stale = append(t.found, s.showPlan(ctx, c.Stack, w)...), stale()
	spent = s.Metrics.StartStage(kind.Controller, kind.Stages.Deploy)
	planning, trace := tracing.Start(ctx, "plan")
	observed, err := s.expect(planning, key, c.Stack, w)
	if err != nil {
		trace.End(err)
		return s.endFailed(ctx, t, readProblem(err, w), err)
	}
	p := s.plan(key, w, c, observed, nil)
	if p.Assumed || observed.Assumed() && len(w.Leaving) > 0 { // an object that leaves is released only once nothing of it is there
		trace.End(nil)
		s.Inventory.Verify(key)
		return s.pass(ctx, log, key, w, unedited, mark)
	}
	if again, err := s.Inventory.Overlooked(planning, lostBy(&p, observed)); err != nil || again {
		trace.End(err)
		if err != nil {
			return s.endFailed(ctx, t, readProblem(err, w), err)
		}
		return s.pass(ctx, log, key, w, unedited, mark)
	}
	observed, p, disowned, err := s.confirm(planning, key, c, w, observed, p.Empty())
	trace.SetCount("lbc.steps", len(p.Steps))
	trace.End(err)
	t.found = append(t.found, disowned...)
	if errors.Is(err, errConsentChanged) {
		s.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedLoadBalancer})
		return s.pass(ctx, log, key, w, unedited, mark)
	}
	if err != nil {
		return s.endFailed(ctx, t, readProblem(err, w), err)
	}
	s.Bindings.notePlanned(c.Stack, &p, observed)
	var unwritten refusedWrites
	approved, err := front.Approval(w, c.Stack, observed, s.Compile.LoadBalancersOfOthers)
	if err != nil {
		return s.endFailed(ctx, t, readProblem(err, w), err)
	}
	p, braked := s.holdDeletion(key, w, c.Stack, p.Under(front.Observation(w, key.Owner), approved))
	if !braked {
		unwritten = s.clearStatus(ctx, observed, left(w))
	}
	if unwritten.conflicted() {
		return s.endRefused(ctx, t, diag.StatusNotWritten, unwritten)
	}
	if err := s.noteDuplicates(ctx, key, &p, c.Stack.Removal); err != nil {
		return s.endFailed(ctx, t, checkpointProblem(err, w), err)
	}
	if err := s.noteApplied(ctx, key, c, observed, &p); err != nil {
		return s.endFailed(ctx, t, checkpointProblem(err, w), err)
	}
	s.Metrics.CountSteps(s.Front.Owner(), &p)
	t.found = append(t.found, s.driftFound(key, &p, c, w, unedited)...)
	var result apply.Result
	if p.Empty() {
		s.Inventory.ResetBackoff(key)
	} else {
		s.logPlan(log, key, &p)
		if slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return step.Guard == nil }) {
			s.Status.Writes(key)
		}
		applying, trace := tracing.Start(ctx, "apply")
		result = apply.Run(applying, p, apply.Deps{Clients: s.Clients, Inventory: s.Inventory, Bindings: s.Bindings, Now: s.Now, Expected: s.Expected, Stabilize: s.Stabilize, Hold: s.Holds.Guard})
		trace.SetCount("lbc.failed_steps", result.Count(apply.Failed))
		s.notePlan(key, &p, result)
		trace.End(nil) // the calls below it show what failed
	}
	spent()
	if used, again := s.noteInUse(ctx, key, w, &p, result); again { // without the deletions that others are in the way of
		w.Found = append(slices.Clone(w.Found), used...)
		return s.pass(ctx, log, key, w, unedited, mark)
	}
	s.noteUnfinished(key, &p, result)
	s.settle(key, c, observed, &p, result)
	end := s.summarize(&p, result, c.Origins, w)
	if observes { // objects that leave do not wait for what is not to be done
		end.vital = false
	}
	t.found, t.plan, t.result, t.waiting = append(t.found, end.found...), &p, result, end.waiting
	t.changed = result.Count(apply.Done) > 0 && end.err == nil && end.wait.IsZero()
	unwritten = append(unwritten, s.recordSecrets(ctx, c, &p, result, w.Members)...)
	unwritten = append(unwritten, s.recordRemovedAddOns(ctx, w, c.Stack, observed, &p, result)...)
	spent = s.Metrics.StartStage(kind.Controller, kind.Stages.Status)
	ready := handedOver(&p, result)
	after, switched, unshown, err := s.writeStatus(ctx, key, c, w, ready)
	spent()
	if err != nil {
		return s.endFailed(ctx, t, readProblem(err, w), err)
	}
	s.noteServed(key, w, ready, len(unshown) == 0)
	t.observed, t.ready = &after, ready
	if w.Wanted {
		t.found = append(t.found, addressNotes(kind, &after, c.Stack, ready, w.Members)...)
	}
	s.keepObserved(key)
	if s.ScheduleReview != nil && !t.unedited && !p.Empty() && !creates(&p) { // not for what is put back: two writers that disagree would go on for ever
		s.ScheduleReview(key)
	}
	unwritten = append(unwritten, unshown...)
	if unwritten.conflicted() {
		return s.endRefused(ctx, t, diag.StatusNotWritten, unwritten)
	}
	if len(unwritten) > 0 {
		t.found, t.changed, t.partial = append(t.found, unwritten.found(diag.StatusNotWritten)...), false, true
	}
	retained := retainedBy(w, key, c, observed)
	t.found = append(t.found, retained...)
	var unread bool
	if g := cmp.Or(observed.CertificatesUnread, observed.TrustStoresUnread); g != nil && !w.Wanted { // an owner of certificates or trust stores stays until they are known to be gone
		t.found, unread = append(t.found, certificatesUnread(*g, w)...), true
	}
	t.releasing = !end.vital && !unread && !w.Wanted && len(unwritten) == 0
	s.report(ctx, t)
	if switched != nil && len(unwritten) == 0 { // the one that they showed is shown no more
		w.Members = switched
		return s.pass(ctx, log, key, w, unedited, mark)
	}
	if !end.vital && !unread && !w.Wanted && len(retained) == 0 && !observes {
		gone, wait, err := s.Inventory.EnsureConsistent(ctx, key, oldest(w.Leaving))
		if err != nil || !gone.Proven() {
			return s.soonest(key, wait, errors.Join(err, unwritten.err()))
		}
	}
	if !end.vital && !unread { // what is optional or cosmetic holds up no object that leaves
		spent = s.Metrics.StartStage(kind.Controller, kind.Stages.Release)
		refused := s.releaseMembers(ctx, key, w, unwritten)
		spent()
		if len(refused) > 0 {
			return s.endRefused(ctx, t, diag.FinalizerNotRemoved, refused)
		}
	}
	res, err := s.next(t, end, observed.Pending)
	if len(unwritten) == 0 {
		return res, err
	}
	return s.soonest(key, res.RequeueAfter, errors.Join(err, unwritten.err()))
}

// next is when to make another pass after one that came to its end. pending reports that add-ons were still being read.
func (s *Reconciler) next(t passReport, end outcome, pending bool) (reconcile.Result, error) {
	key := t.key
	var wait time.Duration
	if !end.wait.IsZero() {
		wait = max(end.wait.Sub(s.Now()), 50*time.Millisecond)
	}
	switch {
	case end.err != nil || wait > 0:
		return s.soonest(key, wait, end.err)
	case end.refused:
		return s.Retries.later(key, guarded), nil
	case !end.retry.IsZero():
		return reconcile.Result{RequeueAfter: max(end.retry.Sub(s.Now()), queue.Coalesce)}, nil
	case pending:
		return s.Retries.later(key, readingAddOns), nil
	}
	s.Retries.done(key, guarded)
	s.Retries.done(key, readingAddOns)
	if imported(t.plan, t.result) {
		return reconcile.Result{}, queue.ErrRequeue // now that it has an ARN, listeners can name it
	}
	if madeTrustStore(t.plan, t.result) {
		return reconcile.Result{}, queue.ErrRequeue
	}
	if freedName(t.compiled.Stack, t.plan, t.result) {
		return reconcile.Result{}, queue.ErrRequeue
	}
	if wait := s.Inventory.TrustStores().Wait(key); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if wait := s.Inventory.Certificates().Wait(key); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return s.retryLater(key, t.found, t.stale)
}

// soonest has a pass made again that failed, or in which something waits for AWS. A lasting failure neither delays by minutes what waits for a
// moment, nor is it tried each moment.
func (s *Reconciler) soonest(key stack.Key, wait time.Duration, err error) (reconcile.Result, error) {
	if err == nil || wait == 0 {
		return reconcile.Result{RequeueAfter: wait}, err
	}
	return reconcile.Result{RequeueAfter: max(wait, min(s.Retries.failed(key, failing), longestBesideWaiting))}, nil
}

// imported reports whether a certificate came to be that no listener could name before.
func imported(p *plan.Plan, r apply.Result) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		op, ok := step.Op.(awsop.ImportCertificate)
		return ok && op.At == (stack.Ref{}) && r.Outcomes[step.ID].State == apply.Done
	})
}

// madeTrustStore reports whether a trust store came to be that no listener could name before.
func madeTrustStore(p *plan.Plan, r apply.Result) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.CreateTrustStore)
		return ok && r.Outcomes[step.ID].State == apply.Done
	})
}

// freedName reports whether a target group was deleted whose name another one may be to get, which has a name of its own until then.
func freedName(want *stack.Stack, p *plan.Plan, r apply.Result) bool {
	return want != nil && slices.ContainsFunc(want.TargetGroups, func(tg stack.TargetGroup) bool { return tg.Declared }) &&
		slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
			_, ok := step.Op.(awsop.DeleteTargetGroup)
			return ok && r.Outcomes[step.ID].State == apply.Done
		})
}

// retryLater has another pass made after a pause if the pass rests on answers that are being read again, or if something was found that may become
// right without an edit of the objects.
func (s *Reconciler) retryLater(key stack.Key, found diag.List, stale bool) (reconcile.Result, error) {
	if stale {
		return s.Retries.later(key, staleFacts), nil
	}
	s.Retries.done(key, staleFacts)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Class == diag.Transient && d.Code != diag.FinalizerNotAdded }) {
		return s.Retries.later(key, readingFacts), nil
	}
	s.Retries.done(key, readingFacts)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == diag.SecretRefused }) {
		return s.Retries.later(key, refusedSecret), nil
	}
	s.Retries.done(key, refusedSecret)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Class == diag.Throttled }) {
		return s.Retries.later(key, throttled), nil
	}
	s.Retries.done(key, throttled)
	for _, d := range found {
		switch d.Class {
		case diag.Denied, diag.Credentials, diag.Quota:
			if d.Code == diag.PolicyDenied { // the pass is made again as a failed one
				continue
			}
			return s.Retries.later(key, missing), nil
		case diag.Throttled, diag.NotFound, diag.Invalid, diag.Conflict, diag.Note, diag.Transient: // FinalizerNotAdded: that pass is made again as a failed one
			if missingInAWS(d) {
				return s.Retries.later(key, missing), nil
			}
		}
	}
	s.Retries.done(key, missing)
	return reconcile.Result{}, nil
}

// missingInAWS reports a finding that an edit in AWS may cure, which no event announces: a subnet gets its tag, a certificate is
// issued.
func missingInAWS(d diag.Diagnostic) bool {
	return slices.Contains([]diag.Code{
		diag.NoSubnets, diag.InvalidSubnets, diag.SecurityGroupNotFound, diag.CertificateNotFound, diag.TargetGroupNotFound, diag.TrustStoreNotFound, diag.WebACLNotFound,
		diag.HostedZoneNotFound, diag.LoadBalancerNotFound, diag.LoadBalancerUnfit, diag.LoadBalancerNotAllowed, diag.ListenerTaken,
	}, d.Code)
}

// creates reports whether a plan makes a load balancer, of which nothing can be changed by hand yet.
func creates(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.CreateLoadBalancer)
		return ok && step.Guard == nil
	})
}

// logPlan logs a plan that is about to be carried out. One that failed before and is the same is logged at debug only, and so are all while AWS does not
// accept the credentials.
func (s *Reconciler) logPlan(log logr.Logger, key stack.Key, p *plan.Plan) {
	s.mu.Lock()
	again := s.state(key).failed == planText(p)
	s.mu.Unlock()
	if again || s.Waiting.Holds(impairment.Credentials) {
		log = log.V(1)
	}
	log.Info("carrying out plan", "summary", p.Summary(), "steps", describe(p))
}

// notePlan notes a plan that failed, for logPlan.
func (s *Reconciler) notePlan(key stack.Key, p *plan.Plan, result apply.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if st.failed = ""; result.Count(apply.Failed) > 0 {
		st.failed = planText(p)
	}
}

func planText(p *plan.Plan) string { return strings.Join(describe(p), "\n") }

// describe lists a plan's steps for the log, one short text each.
func describe(p *plan.Plan) []string {
	out := make([]string, 0, len(p.Steps))
	for _, st := range p.Steps {
		text := string(st.ID)
		if len(st.Why) > 0 {
			text += " (" + st.Why[0] + ")"
		}
		out = append(out, text)
	}
	return out
}
