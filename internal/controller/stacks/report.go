package stacks

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// passReport is the report of a pass, as far as the pass came.
type passReport struct {
	key      stack.Key
	input    front.Input
	compiled compile.Result
	observed *awsop.Observed // nil = not known
	ready    bool            // members can show the successor of a load balancer
	plan     *plan.Plan      // nil = none was made
	began    time.Time       // when the execution of the plan began
	result   apply.Result
	found    diag.List
	changed  bool // the pass changed something, and all changes succeeded
	partial  bool // the pass ended early
	unedited bool // no member changed since the last pass
	stale    bool // answers that it was compiled from are being read again
	// releasing: nothing of the load balancers exists any longer, and the objects that leave will lose the finalizer now.
	releasing bool
	// waiting are the members whose settings are not in effect although nothing is wrong with them.
	waiting []diag.Object
}

// report ends a pass: it writes events on the objects concerned, metrics, and the LoadBalancer object. If the process
// ends, it reports nothing: the next leader finds what the canceled calls left undone, and records success then.
func (s *Reconciler) report(ctx context.Context, t passReport) {
	if ctx.Err() != nil {
		s.Reporter.End(t.key.String())
		return
	}
	t.found = append(t.found, s.overdueDeletions(t)...)
	s.showDeletions(ctx, t)
	noteFound(ctx, t)
	s.Metrics.CountFindings(s.Front.Owner(), t.found)
	account := t.account()
	account.Version = s.versionOf(t.key)
	s.Reporter.Report(t.key.String(), account)
	s.notePassed(t)
	if t.releasing && t.compiled.Stack.Removal == stack.ObjectsDeleted { // no object shows the stack in a moment
		return
	}
	shown := statusPass(t, s.Now)
	if h := s.Holds.OfKey(t.key); h != nil {
		shown.Held = h.Scope.String() + " " + h.Text()
	}
	s.Status.Enqueue(shown)
	s.reportDecisions(t)
}

// account is what the Reporter makes events of. Without a stack nothing was done for any member, and for those under
// dry run nothing ever is.
func (t passReport) account() reporting.Report {
	out := reporting.Report{Found: t.found, Changed: t.changed, Partial: t.partial, Unedited: t.unedited}
	waits := map[diag.Object]bool{}
	for _, o := range t.waiting {
		waits[o] = true
	}
	if t.input.DryRun != nil {
		for _, o := range objectsOf(t.input.DryRun.Objects) {
			waits[o] = true
		}
	}
	for _, o := range objectsOf(t.input.Members) {
		if t.compiled.Stack == nil || waits[o] {
			out.Waiting = append(out.Waiting, o)
		} else {
			out.Objects = append(out.Objects, o)
		}
	}
	return out
}

// reportDecisions hands over the statuses of the objects that a pass decides about, with what is known of the load
// balancer.
func (s *Reconciler) reportDecisions(t passReport) {
	d := t.input.Decisions
	if d == nil || s.Decided == nil {
		return
	}
	known := d.Shown()
	if t.observed != nil && t.compiled.Stack != nil {
		known = gateway.Outcome{}
		if lb, ports := shown(t.observed, t.compiled.Stack, t.ready); lb != nil {
			known.ARN, known.Active = lb.ARN, lb.Active()
			front := cmp.Or(frontendOf(t.observed, t.compiled.Stack, t.compiled.Keep), lb)
			if s.published(front, t.input.Hostnames(t.key.Owner)) {
				known.Hostname = front.DNSName
			}
			known.Ports = slices.Clip(append([]int32{}, ports...))
		}
	}
	known.Found, known.Unmade, known.Rejected, known.Kept = t.found, unmade(t), rejected(t), t.compiled.Kept
	known.Pending = slices.ContainsFunc(pending(t), func(o diag.Object) bool { return o.Kind == string(objects.Gateway) })
	s.Decided(t.key, d.Statuses(known))
}

// unmade returns the objects none of whose rules exists: all were to be created, and none was.
func unmade(t passReport) (out []diag.Object) {
	if t.compiled.Stack == nil {
		return nil
	}
	out = slices.Clone(t.compiled.Unmade)
	if t.plan == nil {
		return out
	}
	missing := map[stack.Ref]bool{}
	for _, step := range t.plan.Steps {
		if _, ok := step.Op.(awsop.CreateRule); ok && t.result.Outcomes[step.ID].State != apply.Done {
			missing[step.Resource] = true
		}
	}
	made := map[diag.Object]bool{}
	for i := range t.compiled.Stack.Rules {
		ref := stack.Ref{Kind: stack.KindRule, ID: t.compiled.Stack.Rules[i].ID}
		for _, o := range t.compiled.Origins[ref].Objects {
			if made[o] = made[o] || !missing[ref]; !made[o] && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return slices.DeleteFunc(out, func(o diag.Object) bool { return made[o] })
}

// rejected returns the members that are invalid and never were valid.
func rejected(t passReport) (out []diag.Object) {
	if t.compiled.Memory == nil {
		return nil
	}
	for i := range t.input.LoadBalancer.Members {
		m := &t.input.LoadBalancer.Members[i]
		good, known := t.compiled.Memory.Good[m.Object]
		if m.Diagnostics.HasErrors() && (!known || good.Diagnostics.HasErrors()) {
			out = append(out, m.Object)
		}
	}
	return out
}

// pending returns the members, and parts of a Gateway, whose present version is not in effect: all, if the pass did
// not reach its end; otherwise those of steps that are not done.
func pending(t passReport) (out []diag.Object) {
	if t.compiled.Stack == nil || t.partial || t.plan == nil {
		return objectsOf(slices.Concat(t.input.Members, t.input.Decisions.Parts()))
	}
	for _, step := range t.plan.Steps {
		switch o := t.result.Outcomes[step.ID]; {
		case o.State == apply.Done, o.State == apply.Prevented && o.Problem.Class == diag.Note:
		default:
			out = append(append(out, membersOf(step, t.compiled.Origins, t.input)...),
				t.compiled.Origins[step.Resource].Objects...)
		}
	}
	if t.input.DryRun != nil {
		out = append(out, objectsOf(t.input.DryRun.Objects)...)
	}
	return out
}

func statusPass(t passReport, now func() time.Time) reporting.Pass {
	p := reporting.Pass{Key: t.key, Observed: t.observed, Desired: t.compiled.Stack, Found: t.found, Now: now()}
	for _, m := range t.input.Members {
		p.Members = append(p.Members, reporting.Member{Object: owner.Object(m), Generation: m.GetGeneration(),
			Version: reporting.Version(m)})
		p.Labels = append(p.Labels, m.GetLabels())
	}
	for _, o := range t.input.Decisions.Parts() {
		p.Parts = append(p.Parts, reporting.Member{Object: owner.Object(o), Generation: o.GetGeneration(),
			Version: reporting.Version(o)})
	}
	p.Pending = pending(t)
	p.Origins = make(map[stack.Ref][]diag.Object, len(t.compiled.Origins))
	for ref, o := range t.compiled.Origins {
		p.Origins[ref] = o.Objects
	}
	if t.plan == nil {
		return p
	}
	p.Drifted = reported(t.plan)
	if t.plan.Empty() {
		return p
	}
	p.Summary = t.plan.Summary().String()
	for _, step := range t.plan.Steps {
		p.Steps = append(p.Steps, timeline.Step{Namespace: NamespaceOf(t.key, step, t.compiled.Origins),
			Text: describeStep(step)})
		switch o := t.result.Outcomes[step.ID]; o.State {
		case apply.Failed, apply.Prevented:
			p.Failed = true
		case apply.Waiting:
			text := string(step.ID)
			if o.On != "" {
				text += " waits for " + o.On
			}
			if !slices.Contains(p.Waiting, text) {
				p.Waiting = append(p.Waiting, text)
			}
		case apply.Done, apply.Blocked:
		}
	}
	return p
}

// endFailed reports the findings of a pass that cannot continue. The pass is repeated.
func (s *Reconciler) endFailed(ctx context.Context, t passReport, found diag.List, err error) (
	reconcile.Result, error) {
	t.found, t.changed, t.partial, t.releasing = append(t.found, found...), false, true, false
	s.report(ctx, t)
	return reconcile.Result{}, err
}

// reportUnread reports on the objects of a stack that other objects could not be read.
func (s *Reconciler) reportUnread(ctx context.Context, key stack.Key, w front.Input, err error) {
	t := passReport{key: key, input: w, partial: true}
	t.input.Decisions = nil // decisions would rest on unknown objects
	for _, m := range slices.Concat(w.Members, w.Leaving) {
		t.found = append(t.found, reporting.APIRefusal(owner.Object(m), diag.ObjectsUnread, err))
	}
	s.report(ctx, t)
}

// Passed is the result of a pass over a stack. The values that it refers to do not change any longer.
type Passed struct {
	Key      stack.Key
	Input    front.Input
	Compiled compile.Result // without Stack if it cannot be built, or was not built
	Plan     *plan.Plan     // nil = none was made
	Began    time.Time      // when the controller began to execute the plan; zero = it has no steps
	Result   apply.Result   // of the plan
	Found    diag.List
}

// notePassed passes on the result of a pass.
func (s *Reconciler) notePassed(t passReport) {
	if s.OnPassed == nil {
		return
	}
	s.OnPassed(Passed{Key: t.key, Input: t.input, Compiled: t.compiled, Plan: t.plan, Began: t.began, Result: t.result,
		Found: slices.Clone(t.found)})
}
