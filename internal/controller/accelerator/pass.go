package accelerator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

// errRetry is the error of a pass that is repeated after a growing pause. What it is about was reported.
var errRetry = errors.New("some changes of the accelerator failed")

// pass is one pass over an object.
type pass struct {
	*Reconciler
	ga     *agav1beta1.GlobalAccelerator
	object diag.Object
	key    stack.Key
	memory *memory
	found  diag.List
	absent bool // AWS is known to have no accelerator of the object
	// withdrawn are the load balancers that the object may not name any longer
	withdrawn []string
	onHold    bool // an administrator's hold stops the plan
	// looks is the pause before the listeners that give the accelerator its ports are listed again; 0 = they are not
	looks time.Duration
}

func (p *pass) name() types.NamespacedName { return client.ObjectKeyFromObject(p.ga) }

// finalizer adds the finalizer: the controller creates nothing in AWS before the object has it.
func (p *pass) finalizer(ctx context.Context) error {
	defer p.Metrics.StartStage(Name, metrics.StageAcceleratorFinalizer)()
	after, err := objectwriter.Apply(ctx, p.Client, objectwriter.Write{Object: p.ga, Part: objectwriter.Finalizer,
		Marks: true, Change: func(o client.Object) bool {
			return o.GetDeletionTimestamp() == nil && controllerutil.AddFinalizer(o, naming.AcceleratorFinalizer)
		}})
	if err != nil {
		p.report(reporting.Report{Waiting: []diag.Object{p.object}, Found: diag.List{
			reporting.APIRefusal(p.object, diag.FinalizerNotAdded, err)}, Partial: true})
		return fmt.Errorf("finalizer of GlobalAccelerator %s: %w", p.name(), err)
	}
	if ga, ok := after.(*agav1beta1.GlobalAccelerator); ok {
		p.ga = ga
	}
	if !controllerutil.ContainsFinalizer(p.ga, naming.AcceleratorFinalizer) {
		return queue.ErrRequeue // it is being deleted
	}
	return nil
}

// report counts findings and makes events of them.
func (p *pass) report(r reporting.Report) {
	p.Metrics.CountAcceleratorFindings(r.Found)
	r.Version = reporting.SpecOf(p.ga)
	p.Reporter.Report(unit(p.name()), r)
}

// reach brings the accelerator to what is declared. permit withholds endpoints that may not be named; stale = an object
// that it read has changed.
func (p *pass) reach(ctx context.Context, endpoints []declare.Endpoint, permit func(declare.Answers) (stale bool)) (
	reconcile.Result, error) {
	built := p.Metrics.StartStage(Name, metrics.StageAcceleratorBuild)
	p.found = append(p.found, annotation.OfKind(p.object, p.ga.Annotations)...)
	if found := declare.Unfit(p.Config, p.ga); invalid(found) { // no answer of AWS would change that
		p.found = append(p.found, found...)
		built()
		return p.end(ctx, accelerator.Observed{}, reasonModel, nil)
	}
	answers := p.balancers(ctx, declare.Needs(p.Config, p.ga, endpoints))
	if permit(answers) {
		built()
		return reconcile.Result{}, queue.ErrRequeue
	}
	p.keep()
	p.memory.Stands = declare.Stands(p.ga, endpoints, answers, p.memory.Memory)
	d, found := declare.Accelerator(p.Config, p.ga, endpoints, answers, p.memory.Memory)
	p.found = append(p.found, found...)
	built()
	if invalid(found) { // the accelerator stays as it is, and its status with it
		return p.end(ctx, accelerator.Observed{}, reasonModel, nil)
	}
	deployed := p.Metrics.StartStage(Name, metrics.StageAcceleratorDeploy)
	o, result, err := p.deploy(ctx, d, endpoints, answers)
	deployed()
	if p.absent = err == nil && !o.Exists(); err == nil {
		p.memory.Forget(o)
		p.keep()
	}
	for _, problem := range result.Problems {
		problem.Object, problem.Phase = p.object, diag.Deploying
		p.found = append(p.found, problem)
	}
	if err != nil {
		p.found = append(p.found, p.unread(err))
	}
	if err != nil || len(result.Problems) > 0 {
		return p.end(ctx, o, reasonDeployment, errRetry)
	}
	resolved := declare.Resolved(endpoints, answers)
	if result.Complete() && !waits(p.found) { // what is not declared any more was removed
		p.memory.Balancers = resolved
	} else {
		maps.Copy(p.memory.Balancers, resolved)
	}
	p.byoip(o)
	switch {
	case result.Busy:
		return p.end(ctx, o, "", errRetry)
	case p.onHold:
		return p.end(ctx, o, reasonHold, nil)
	}
	return p.end(ctx, o, "", nil)
}

// balancers asks AWS about load balancers. The listeners that give the accelerator its ports are kept for the next
// looks, also of the next process: of a listener that AWS's list lacks by mistake, only its ARN leads to an answer.
func (p *pass) balancers(ctx context.Context, needs []declare.Need) declare.Answers {
	before := p.memory.listeners
	answers := p.Account.Balancers(ctx, p.ga.Namespace, needs, before)
	p.memory.listeners = nil
	if at := slices.IndexFunc(needs, func(n declare.Need) bool { return n.Listeners }); at >= 0 {
		key := needs[at].Key()
		answer := answers[key]
		if p.memory.listeners = answer.Listeners; answer.Problem != "" {
			p.memory.listeners = before
		}
		switch {
		case answer.Unconfirmed:
			p.looks = confirmAfter
		case answer.Problem == "" && len(answer.Listeners) == 0:
			p.looks = account.BalancerFor + time.Second
		}
	}
	return answers
}

// keep keeps what is known for the next process.
func (p *pass) keep() {
	if p.Keep != nil {
		p.Keep(p.key, Kept{Listeners: p.memory.listeners, Granted: maps.Clone(p.memory.Granted)})
	}
}

// withdraw takes the endpoints out of the accelerator that the object may not have any longer. What else the object
// declares does not matter: it may be invalid, or about to go. ok is false if AWS may still have some.
func (p *pass) withdraw(ctx context.Context) (ok bool) {
	if len(p.withdrawn) == 0 {
		return true
	}
	o, _, err := p.observeOwn(ctx)
	if err != nil {
		p.found = append(p.found, p.unread(err))
		return false
	}
	plan := diff.Withdrawal(p.key, o, p.withdrawn)
	if !plan.Empty() {
		if p.held(&plan) {
			return true
		}
		if result := p.takeAway(ctx, plan); !result.Complete() {
			return false
		}
		if o, err = p.Account.Observe(ctx, p.key, ""); err != nil {
			p.found = append(p.found, p.unread(err))
			return false
		}
	}
	p.memory.Forget(o)
	p.keep()
	return true
}

// deploy plans how the accelerator gets to what is declared, carries the plan out, and returns what AWS holds then.
func (p *pass) deploy(ctx context.Context, d accelerator.Declared, endpoints []declare.Endpoint,
	answers declare.Answers) (accelerator.Observed, account.Result, error) {
	o, err := p.Account.Observe(ctx, p.key, ptr.Deref(p.ga.Status.AcceleratorARN, ""))
	if err != nil {
		return accelerator.Observed{}, account.Result{}, err
	}
	p.findStrangers(ctx, d, o, endpoints, answers)
	plan := diff.Plan(d, o)
	if plan.Empty() {
		o, err = p.poll(ctx, o)
		return o, account.Result{}, err
	}
	if p.held(&plan) {
		return o, account.Result{Blocked: len(plan.Steps)}, nil
	}
	p.begins(ctx)
	result := p.run(ctx, plan, func(made accelerator.Observed) { p.shown(ctx, made) })
	if result.Blocked > 0 {
		p.held(&plan) // since a moment ago
	}
	o, err = p.Account.Observe(ctx, p.key, "")
	return o, result, err
}

// findStrangers adds to what is gone what AWS has besides the endpoints that wait and is certainly none of them: a
// process without checkpoints does not know what was declared before.
func (p *pass) findStrangers(ctx context.Context, d accelerator.Declared, o accelerator.Observed,
	endpoints []declare.Endpoint, answers declare.Answers) {
	if !slices.ContainsFunc(d.Listeners, func(l accelerator.Listener) bool {
		return slices.ContainsFunc(l.Groups, func(g accelerator.Group) bool { return g.Waiting })
	}) {
		return
	}
	var needs []declare.Need
	for _, l := range o.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if check.IsLoadBalancer(e.ID) && check.RegionOf(e.ID) == p.Config.Region {
					needs = append(needs, declare.Need{ARN: e.ID})
				}
			}
		}
	}
	gone := declare.Strangers(p.ga, endpoints, answers, p.Account.Balancers(ctx, p.ga.Namespace, needs, nil))
	for i := range d.Listeners {
		for j := range d.Listeners[i].Groups {
			g := &d.Listeners[i].Groups[j]
			g.Gone = slices.Concat(g.Gone, gone)
		}
	}
}

// run carries a plan out.
func (p *pass) run(ctx context.Context, of plan.Plan, created func(accelerator.Observed)) account.Result {
	began := p.Now()
	if !of.Empty() {
		p.memory.polls, p.memory.polled = 0, began
	}
	p.Metrics.CountSteps(accelerator.Owner, &of)
	result := p.Account.Run(ctx, of, created)
	if p.OnPlan != nil && !of.Empty() {
		p.OnPlan(p.ga, began, &of, result)
	}
	return result
}

// takeAway carries out a plan that creates nothing, and adds its problems to the findings.
func (p *pass) takeAway(ctx context.Context, of plan.Plan) account.Result {
	result := p.run(ctx, of, nil)
	for _, problem := range result.Problems {
		problem.Object, problem.Phase = p.object, diag.Deploying
		p.found = append(p.found, problem)
	}
	return result
}

// invalid reports whether the object declares what AWS does not allow.
func invalid(found diag.List) bool {
	for _, d := range found {
		if d.Code == diag.InvalidAccelerator && d.Class != diag.Note {
			return true
		}
	}
	return false
}

// waits reports whether an endpoint has no load balancer.
func waits(found diag.List) bool {
	for _, d := range found {
		if d.Code == diag.EndpointNotLoaded {
			return true
		}
	}
	return false
}

// unread is the finding of an accelerator that cannot be read.
func (p *pass) unread(err error) diag.Diagnostic {
	var foreign *account.NotOwnedError
	d := awsclient.Problem("", err)
	if errors.As(err, &foreign) {
		d = diag.New(p.object, "status.acceleratorARN", diag.AcceleratorNotOwned, foreign.Error(),
			"if it should belong to this object, give it the object's tags (docs/decisions/0036-accelerators.md); otherwise "+
				"remove status.acceleratorARN")
	}
	d.Object, d.Phase = p.object, diag.Deploying
	return d
}

// poll looks whether AWS has deployed the last change, at growing pauses.
func (p *pass) poll(ctx context.Context, o accelerator.Observed) (accelerator.Observed, error) {
	if o.Status == accelerator.Deployed || p.Now().Before(p.memory.polled.Add(polls.Pause(p.memory.polls))) {
		return o, nil
	}
	o, err := p.Account.Refresh(ctx, p.key)
	if err == nil { // otherwise the retry of the pass looks again
		p.memory.polls++
		p.memory.polled = p.Now()
	}
	return o, err
}

// byoip notes addresses that the object asks for in vain: they count when the controller creates an accelerator.
func (p *pass) byoip(o accelerator.Observed) {
	has := map[string]bool{}
	for _, s := range o.IPSets {
		for _, ip := range s.Addresses {
			has[ip] = true
		}
	}
	for i, ip := range p.ga.Spec.IPAddresses {
		if !has[ip] && o.Exists() {
			p.found = append(p.found, diag.New(p.object, fmt.Sprintf("spec.ipAddresses[%d]", i), diag.IgnoredSetting,
				fmt.Sprintf("the accelerator does not have the address %s: AWS assigns addresses only when an "+
					"accelerator is created", ip), "delete the object and create it again, or remove the address"))
		}
	}
}

// end writes the status, reports the findings, and says when to look again.
func (p *pass) end(ctx context.Context, o accelerator.Observed, failure reason, err error) (reconcile.Result, error) {
	deployed := o.Exists() && o.Status == accelerator.Deployed
	if p.writeStatus(ctx, statusOf(p.ga, o, p.absent, failure, p.found)) {
		err = errors.Join(err, errRetry)
	}
	report := reporting.Report{Found: p.found}
	if deployed && failure == "" && err == nil && !waits(p.found) {
		report.Objects = []diag.Object{p.object}
	} else {
		report.Waiting = []diag.Object{p.object}
	}
	p.report(report)
	waiting.NoteOf(ctx).Found = p.found
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case o.Exists() && !deployed:
		return reconcile.Result{RequeueAfter: max(time.Second, p.memory.polled.Add(polls.Pause(p.memory.polls)).Sub(
			p.Now()))}, nil
	case waits(p.found):
		return reconcile.Result{RequeueAfter: p.waitFor()}, nil
	case p.looks > 0:
		return reconcile.Result{RequeueAfter: p.looks}, nil
	}
	if at := p.Account.Expiry(p.key); !at.IsZero() {
		return reconcile.Result{RequeueAfter: max(time.Second, at.Sub(p.Now()))}, nil
	}
	return reconcile.Result{}, nil
}

// waitFor is the pause before endpoints are looked at again: shorter while AWS makes a load balancer, of which no event
// comes.
func (p *pass) waitFor() time.Duration {
	for _, d := range p.found {
		if d.Code == diag.EndpointNotLoaded && d.Class == diag.Transient {
			return 15 * time.Second
		}
	}
	return recheck
}

// writeStatus writes the status if it differs, and reports whether that failed.
func (p *pass) writeStatus(ctx context.Context, change func(*agav1beta1.GlobalAccelerator) bool) (failed bool) {
	after, err := objectwriter.Apply(ctx, p.Client, objectwriter.Write{Object: p.ga, Part: objectwriter.Status,
		Change: func(o client.Object) bool {
			ga, ok := o.(*agav1beta1.GlobalAccelerator)
			return ok && change(ga)
		}})
	if err != nil {
		p.found = append(p.found, reporting.APIRefusal(p.object, diag.StatusNotWritten, err))
		return true
	}
	if ga, ok := after.(*agav1beta1.GlobalAccelerator); ok {
		p.ga = ga
	}
	return false
}

// begins ends what condition Ready says of the state before, because a plan is to change it: an edit of an object that
// is referred to leaves the generation of this one.
func (p *pass) begins(ctx context.Context) {
	if meta.IsStatusConditionTrue(p.ga.Status.Conditions, ready) {
		p.writeStatus(ctx, statusOf(p.ga, accelerator.Observed{}, false, "", p.found))
	}
}

// shown writes the ARN of an accelerator that was just created, before the controller creates anything below it. Where
// that fails, the accelerator is found again by its tags.
func (p *pass) shown(ctx context.Context, o accelerator.Observed) {
	p.writeStatus(ctx, statusOf(p.ga, o, false, "", nil))
}

// held reports whether an administrator holds the accelerator, so that its plan is not carried out. A finding says so.
func (p *pass) held(plan *plan.Plan) bool {
	h := p.Holds.Of(p.object)
	if h == nil {
		return false
	}
	p.onHold = true
	g := h.Guard(plan.Summary().String())
	d := diag.New(p.object, "", g.Code, g.Text, g.Remedy)
	d.Phase = diag.Deploying
	p.found = append(p.found, d)
	return true
}
