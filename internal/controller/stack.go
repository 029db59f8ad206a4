package controller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/wish"
	"github.com/k8s-lbc/lbc/internal/world"
)

// stacks brings the load balancers of one kind of owner to what their objects wish: load, compile, diff, apply, tell.
type stacks struct {
	front     wish.FrontEnd
	client    client.Client
	live      client.Reader // the API server; nil = caches are believed
	inventory *inventory.Inventory
	clients   cloud.Clients
	bindings  *bindings
	reporter  *status.Reporter
	metrics   *metrics
	index     *index[stack.Key]
	waker     waker[stack.Key]
	secrets   *secrets // nil = none are read
	backend   *backendGroup
	board     *board
	compile   compile.Config
	policy    plan.Policy // of all plans
	stabilize time.Duration
	annotate  bool // write the stack to an annotation of the first member
	now       func() time.Time

	mu     sync.Mutex
	good   map[stack.Key]map[diag.Object]intent.Member
	missed map[stack.Key][]facts.Need // what was asked in vain in the last pass
	// discoveries are what stacks asked of the list of certificates; those that name their certificates are not in it.
	discoveries map[stack.Key]discovery
}

// errAgain asks for another pass at once.
var errAgain = errors.New("something that was read changed meanwhile")

// Reconcile makes one pass over a stack. It returns an error only for what a retry may cure; findings that only an edit can
// cure are told as events and wait for the edit.
func (s *stacks) Reconcile(ctx context.Context, key stack.Key) (reconcile.Result, error) {
	log := logf.FromContext(ctx)
	begun := s.index.begin()
	reader := &passReader{cacheReader: cacheReader{ctx, s.client}, live: s.live, secrets: s.secrets}
	view := world.New(reader)
	owner := s.front.Owner()
	s.metrics.passed(controllerOf(owner), key.ID.Namespace, key.ID.Name)
	end := s.metrics.spent(owner, stageLoad)
	w := s.front.Load(view, key.ID)
	end()
	stale := s.index.update(key, begun, view.Reads())
	if s.secrets != nil {
		s.secrets.retain()
	}
	if reader.err != nil {
		s.tellUnread(ctx, key, w, reader.err)
		return reconcile.Result{}, reader.err // what is not known must not look as if it were absent
	}
	if w.Rehearsal == nil {
		s.reporter.End(dryRunOf(key))
	} else {
		if err := s.rehearse(ctx, key, w); err != nil {
			return reconcile.Result{}, err
		}
		if w.Nothing() {
			return again(stale)
		}
	}
	if w.Nothing() {
		s.forget(key)
		return reconcile.Result{}, nil
	}
	res, err := s.pass(ctx, log, key, w, s.addFinalizers)
	if err == nil && stale {
		err = errAgain
	}
	return res, err
}

// again asks for another pass if what the last one rests on has changed meanwhile.
func again(stale bool) (reconcile.Result, error) {
	if stale {
		return reconcile.Result{}, errAgain
	}
	return reconcile.Result{}, nil
}

// pass makes one over a wish. mark puts our finalizer on its members before anything of theirs is made.
func (s *stacks) pass(ctx context.Context, log logr.Logger, key stack.Key, w wish.Wish,
	mark func(context.Context, stack.ID, []metav1.Object) refusedWrites) (reconcile.Result, error) {
	t := tale{key: key, wish: w, found: slices.Clone(w.Found)}
	spent := s.metrics.spent(s.front.Owner(), stageBuild)
	c, err := s.compileWish(ctx, key, w)
	spent()
	if err != nil {
		t.found, t.partial = append(t.found, refusal(err, w)...), true
		s.tell(t)
		return reconcile.Result{}, err
	}
	t.compiled = c
	t.found = append(t.found, c.Diagnostics...)
	if c.Stack == nil {
		t.found = append(t.found, waitForOthers(w, t.found)...)
		s.tell(t)
		// Whoever leaves must not wait for those who stay to become valid: what is left of it goes with the next plan.
		if refused := s.release(ctx, key, w, nil); len(refused) > 0 {
			return reconcile.Result{}, refused.err()
		}
		return s.retryLater(key, t.found)
	}
	spent = s.metrics.spent(s.front.Owner(), stageFinalizer)
	refused := mark(ctx, key.ID, w.Members)
	spent()
	switch {
	case len(refused) == 0:
	case len(refused) == len(w.Members) || refused.raced():
		return s.unwritten(t, diag.FinalizerNotAdded, refused)
	default: // of those that have none, nothing is in AWS yet; the others go on without them
		w.Found = append(slices.Clone(w.Found), refused.found(diag.FinalizerNotAdded)...)
		marked := func(context.Context, stack.ID, []metav1.Object) refusedWrites { return nil }
		res, err := s.pass(ctx, log, key, refused.without(w), marked)
		return s.soonest(key, res.RequeueAfter, errors.Join(err, refused.err()))
	}
	t.found = append(t.found, s.showPlan(ctx, c.Stack, w)...)
	spent = s.metrics.spent(s.front.Owner(), stageDeploy)
	observed, err := s.observe(ctx, key, c.Stack)
	if err != nil {
		t.found, t.partial = append(t.found, refusal(err, w)...), true
		s.tell(t)
		return reconcile.Result{}, err
	}
	unwritten := s.withdraw(ctx, observed, w.Leaving)
	if unwritten.raced() {
		return s.unwritten(t, diag.StatusNotWritten, unwritten)
	}
	p := plan.Diff(c.Stack, c.Keep, observed, w.Policy(s.policy))
	s.metrics.planned(s.front.Owner(), &p)
	var result apply.Result
	if p.Empty() {
		s.inventory.Calm(key, readingAddOns, readingFacts)
	} else {
		log.Info("carrying out plan", "summary", p.Summary(), "steps", describe(&p))
		result = apply.Run(ctx, p, apply.Deps{Clients: s.clients, Inventory: s.inventory, Bindings: s.bindings, Now: s.now, Stabilize: s.stabilize})
	}
	spent()
	end := s.judge(&p, result, c.Origins, w)
	t.found, t.plan, t.result, t.waiting = append(t.found, end.found...), &p, result, end.waiting
	t.changed = result.Count(apply.Done) > 0 && end.err == nil && end.wait.IsZero()
	unwritten = append(unwritten, s.recordSecrets(ctx, c, &p, result, w.Members)...)
	spent = s.metrics.spent(s.front.Owner(), stageStatus)
	after, unshown, err := s.showLoadBalancer(ctx, key, c.Stack, c.Keep, w)
	spent()
	if err != nil {
		t.found, t.partial, t.changed = append(t.found, refusal(err, w)...), true, false
		s.tell(t)
		return reconcile.Result{}, err
	}
	t.observed = &after
	unwritten = append(unwritten, unshown...)
	if unwritten.raced() {
		return s.unwritten(t, diag.StatusNotWritten, unwritten)
	}
	if len(unwritten) > 0 {
		t.found, t.changed, t.partial = append(t.found, unwritten.found(diag.StatusNotWritten)...), false, true
	}
	s.tell(t)
	if !end.vital && !w.Wanted {
		if wait, err := s.inventory.Certain(ctx, key, oldest(w.Leaving)); err != nil || wait > 0 {
			return s.soonest(key, wait, errors.Join(err, unwritten.err()))
		}
	}
	if !end.vital { // what is optional or cosmetic keeps nobody from leaving
		spent = s.metrics.spent(s.front.Owner(), stageRelease)
		refused := s.release(ctx, key, w, unwritten)
		spent()
		if len(refused) > 0 {
			return s.unwritten(t, diag.FinalizerNotRemoved, refused)
		}
	}
	res, err := s.next(t, end, observed.Pending)
	if len(unwritten) == 0 {
		return res, err
	}
	return s.soonest(key, res.RequeueAfter, errors.Join(err, unwritten.err()))
}

// next tells when to make another pass after one that came to its end. pending tells that add-ons were still being read.
func (s *stacks) next(t tale, end verdict, pending bool) (reconcile.Result, error) {
	key := t.key
	var wait time.Duration
	if !end.wait.IsZero() {
		wait = max(end.wait.Sub(s.now()), 50*time.Millisecond)
	}
	switch {
	case end.err != nil || wait > 0:
		return s.soonest(key, wait, end.err)
	case end.refused && !end.vital: // what could not be read may be readable soon
		return reconcile.Result{RequeueAfter: 20 * time.Second}, nil
	case end.refused:
		return reconcile.Result{RequeueAfter: time.Minute}, nil
	case pending:
		n := s.inventory.PutOff(key, readingAddOns)
		return reconcile.Result{RequeueAfter: time.Second << min(n-1, 4)}, nil
	}
	s.inventory.Settled(key, readingAddOns)
	if imported(t.plan, t.result) {
		return reconcile.Result{}, errAgain // now that it has an ARN, listeners can name it
	}
	if wait := s.inventory.CertificateWait(key); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return s.retryLater(key, t.found)
}

// failingBesideWaiting is the name under which the inventory counts the passes of which a part failed while another waited.
const failingBesideWaiting plan.StepID = "failing beside waiting"

// soonest has a pass made again that failed, or in which something waits for AWS. What fails on and on must not keep off for minutes
// what only waits a moment, but neither may it be tried each moment.
func (s *stacks) soonest(key stack.Key, wait time.Duration, err error) (reconcile.Result, error) {
	if err == nil || wait == 0 {
		s.inventory.Settled(key, failingBesideWaiting)
		return reconcile.Result{RequeueAfter: wait}, err
	}
	n := s.inventory.PutOff(key, failingBesideWaiting)
	return reconcile.Result{RequeueAfter: max(wait, firstRetry<<min(n-1, 6))}, nil
}

// imported reports whether a certificate came to be that no listener could name before.
func imported(p *plan.Plan, r apply.Result) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		op, ok := step.Op.(plan.ImportCertificate)
		return ok && op.At == (stack.Ref{}) && r.Outcomes[step.ID].State == apply.Done
	})
}

// readingAddOns is the name under which the inventory counts the passes that ended before AWS told of add-ons.
const readingAddOns plan.StepID = "reading add-ons"

// readingFacts is the name under which it counts those in which AWS did not answer a question.
const readingFacts plan.StepID = "reading facts"

// retryLater looks again in a while if something was found that may become right without an edit of the objects.
func (s *stacks) retryLater(key stack.Key, found diag.List) (reconcile.Result, error) {
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Class == diag.Transient && d.Code != diag.FinalizerNotAdded }) {
		n := s.inventory.PutOff(key, readingFacts)
		return reconcile.Result{RequeueAfter: min(time.Second<<min(n-1, 6), time.Minute)}, nil
	}
	s.inventory.Settled(key, readingFacts)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == diag.SecretRefused }) {
		return reconcile.Result{RequeueAfter: refusedSecretRetry}, nil
	}
	for _, d := range found {
		switch d.Class {
		case diag.Denied, diag.Quota, diag.Throttled:
			return reconcile.Result{RequeueAfter: time.Minute}, nil
		case diag.NotFound, diag.Invalid, diag.Conflict, diag.Note, diag.Transient: // FinalizerNotAdded: that pass is made again as a failed one
			if missingInAWS(d) {
				return reconcile.Result{RequeueAfter: time.Minute}, nil
			}
		}
	}
	return reconcile.Result{}, nil
}

// missingInAWS tells a finding that an edit in AWS may cure, which no event announces: a subnet gets its tag, a certificate is
// issued.
func missingInAWS(d diag.Diagnostic) bool {
	return slices.Contains([]diag.Code{
		diag.NoSubnets, diag.InvalidSubnets, diag.SecurityGroupNotFound, diag.CertificateNotFound, diag.TargetGroupNotFound, diag.TrustStoreNotFound, diag.WebACLNotFound,
		diag.HostedZoneNotFound,
	}, d.Code)
}

// compileWish compiles a wish and keeps the members that came out well for the next time.
func (s *stacks) compileWish(ctx context.Context, key stack.Key, w wish.Wish) (compile.Result, error) {
	s.mu.Lock()
	good, missed := s.good[key], s.missed[key]
	delete(s.missed, key)
	s.mu.Unlock()
	// It may be there now. (Forgotten any earlier, it would be read again for another stack before it is there, and believed.)
	s.inventory.InvalidateFacts(missed...)
	c, needs, err := wish.Compile(ctx, s.inventory, key, w, s.compile, good)
	if err != nil || !w.Wanted {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good[key] = c.Good
	if d := discoveryOf(w.Entrance, c.Good, c.Diagnostics); len(d.hosts) > 0 {
		s.discoveries[key] = d
	} else {
		delete(s.discoveries, key)
	}
	if slices.ContainsFunc(c.Diagnostics, missingInAWS) {
		s.missed[key] = slices.DeleteFunc(needs, func(n facts.Need) bool {
			return n.Kind == facts.NeedStack || n.Kind == facts.NeedCertificates // for these, see certificateWatch
		})
	}
	return c, nil
}

func (s *stacks) observe(ctx context.Context, key stack.Key, desired *stack.Stack) (plan.Observed, error) {
	o, err := s.inventory.Observed(ctx, key, desired)
	if err != nil {
		return plan.Observed{}, err
	}
	o.Bindings, err = s.bindings.of(ctx, key)
	return o, err
}

func (s *stacks) forget(key stack.Key) {
	s.index.forget(key)
	s.reporter.End(key.String())
	s.inventory.Forget(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.good, key)
	delete(s.missed, key)
	delete(s.discoveries, key)
	s.board.remove(key)
}

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
