package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
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
	external  []string // tag keys that others manage
	stabilize time.Duration
	annotate  bool // write the stack to an annotation of the first member
	now       func() time.Time

	mu     sync.Mutex
	good   map[stack.Key]map[diag.Object]intent.Member
	missed map[stack.Key][]facts.Need // what was asked in vain in the last pass
}

// errAgain asks for another pass at once.
var errAgain = errors.New("something that was read changed meanwhile")

// Reconcile makes one pass over a stack. It returns an error only for what a retry may cure; findings that only an edit can
// cure are told as events and wait for the edit.
func (s *stacks) Reconcile(ctx context.Context, key stack.Key) (reconcile.Result, error) {
	log := logf.FromContext(ctx)
	begun := s.index.begin()
	reader := &passReader{cacheReader: cacheReader{ctx, s.client}, secrets: s.secrets}
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
	if w.Rehearsal != nil {
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
	res, err := s.pass(ctx, log, key, w)
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

func (s *stacks) pass(ctx context.Context, log logr.Logger, key stack.Key, w wish.Wish) (reconcile.Result, error) {
	t := tale{key: key, wish: w, found: slices.Clone(w.Found)}
	spent := s.metrics.spent(s.front.Owner(), stageBuild)
	c, err := s.compileWish(ctx, key, w)
	spent()
	if err != nil {
		t.found = append(t.found, s.refusal(err, "", nil, stack.Ref{}, w))
		s.tell(t)
		return reconcile.Result{}, err
	}
	t.compiled = c
	t.found = append(t.found, c.Diagnostics...)
	if c.Stack == nil {
		t.found = append(t.found, waitForRehearsal(w, t.found)...)
		s.tell(t)
		// Whoever leaves must not wait for those who stay to become valid: what is left of it goes with the next plan.
		if err := s.release(ctx, key, w); err != nil {
			return reconcile.Result{}, err
		}
		return s.retryLater(t.found)
	}
	spent = s.metrics.spent(s.front.Owner(), stageFinalizer)
	err = s.addFinalizers(ctx, key.ID, w.Members)
	spent()
	if err != nil {
		return s.unwritten(t, diag.FinalizerNotAdded, err)
	}
	t.found = append(t.found, s.showPlan(ctx, c.Stack, w)...)
	spent = s.metrics.spent(s.front.Owner(), stageDeploy)
	observed, err := s.observe(ctx, key, c.Stack)
	if err != nil {
		t.found = append(t.found, s.refusal(err, "", c.Origins, stack.Ref{}, w))
		s.tell(t)
		return reconcile.Result{}, err
	}
	if err := s.withdraw(ctx, observed, w.Leaving); err != nil {
		return s.unwritten(t, diag.StatusNotWritten, err)
	}
	p := plan.Diff(c.Stack, c.Keep, observed, w.Policy(s.external, !s.compile.Gates.WeightedTargetGroups))
	s.metrics.planned(s.front.Owner(), &p)
	var result apply.Result
	if !p.Empty() {
		log.Info("carrying out plan", "summary", p.Summary(), "steps", describe(&p))
		result = apply.Run(ctx, p, apply.Deps{Clients: s.clients, Inventory: s.inventory, Bindings: s.bindings, Now: s.now, Stabilize: s.stabilize})
	}
	spent()
	end := s.judge(&p, result, c.Origins, w)
	t.found, t.plan, t.result = append(t.found, end.found...), &p, result
	t.changed = result.Count(apply.Done) > 0 && end.err == nil && end.wait.IsZero()
	if err := s.recordSecrets(ctx, c, &p, result, w.Members); err != nil {
		return reconcile.Result{}, err
	}
	spent = s.metrics.spent(s.front.Owner(), stageStatus)
	t.observed, err = s.showLoadBalancer(ctx, key, c.Stack, c.Keep, w)
	spent()
	if err != nil {
		return s.unwritten(t, diag.StatusNotWritten, err)
	}
	s.tell(t)
	if !end.vital { // what is optional or cosmetic keeps nobody from leaving
		spent = s.metrics.spent(s.front.Owner(), stageRelease)
		err := s.release(ctx, key, w)
		spent()
		if err != nil {
			return s.unwritten(t, diag.FinalizerNotRemoved, err)
		}
	}
	switch {
	case end.err != nil:
		return reconcile.Result{}, end.err
	case !end.wait.IsZero():
		return reconcile.Result{RequeueAfter: max(end.wait.Sub(s.now()), 50*time.Millisecond)}, nil
	case end.refused && !end.vital: // what could not be read may be readable soon
		return reconcile.Result{RequeueAfter: 20 * time.Second}, nil
	case end.refused:
		return reconcile.Result{RequeueAfter: time.Minute}, nil
	case observed.Pending:
		n := s.inventory.PutOff(key, readingAddOns)
		return reconcile.Result{RequeueAfter: time.Second << min(n-1, 4)}, nil
	}
	s.inventory.Settled(key, readingAddOns)
	if imported(&p, result) {
		return reconcile.Result{}, errAgain // now that it has an ARN, listeners can name it
	}
	if wait := s.inventory.CertificateWait(key); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return s.retryLater(t.found)
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

// retryLater looks again in a while if something was found that may become right without an edit of the objects.
func (s *stacks) retryLater(found diag.List) (reconcile.Result, error) {
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == diag.SecretRefused }) {
		return reconcile.Result{RequeueAfter: refusedSecretRetry}, nil
	}
	for _, d := range found {
		switch d.Class {
		case diag.Denied, diag.Quota, diag.Transient, diag.Throttled:
			return reconcile.Result{RequeueAfter: time.Minute}, nil
		case diag.NotFound, diag.Invalid, diag.Conflict, diag.Note:
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
	if slices.ContainsFunc(c.Diagnostics, missingInAWS) {
		s.missed[key] = slices.DeleteFunc(needs, func(n facts.Need) bool { return n.Kind == facts.NeedStack })
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

// verdict sums up the outcomes of a plan.
type verdict struct {
	found   diag.List
	wait    time.Time // the earliest time at which a waiting step may succeed
	err     error     // failures that a retry may cure
	refused bool
	vital   bool // a step that is not cosmetic did not get done
}

func (s *stacks) judge(p *plan.Plan, r apply.Result, origins map[stack.Ref]compile.Origin, w wish.Wish) verdict {
	var v verdict
	for _, step := range p.Steps {
		o := r.Outcomes[step.ID]
		v.vital = v.vital || o.State != apply.Done && step.Lane != plan.Cosmetic
		switch o.State {
		case apply.Waiting:
			if v.wait.IsZero() || o.Until.Before(v.wait) {
				v.wait = o.Until
			}
		case apply.Failed:
			v.found = append(v.found, s.place(o.Problem, origins, step, w)...)
			v.err = errors.Join(v.err, fmt.Errorf("%s: %w", step.ID, o.Err))
		case apply.Refused:
			v.found = append(v.found, s.place(o.Problem, origins, step, w)...)
			v.refused = true
		case apply.Done, apply.Blocked:
		}
	}
	return v
}

// settings names, per operation, the setting that AWS's refusal most likely concerns.
var settings = map[string]string{
	"CreateListener": "Certificates", "ModifyListener": "Certificates", "AddListenerCertificates": "Certificates",
	"CreateLoadBalancer": "Subnets", "SetSubnets": "Subnets", "SetSecurityGroups": "SecurityGroups",
	"ModifyLoadBalancerAttributes": "Attributes", "ModifyTargetGroupAttributes": "Attributes", "AddTags": "Tags",
	"RequestCertificate": "Certificates", "ImportCertificate": "Certificates", "ChangeResourceRecordSets": "Certificates",
	"CreateRule": "Conditions", "ModifyRule": "Conditions",
	"AssociateWebACL": "WebACL", "DisassociateWebACL": "WebACL", "AssociateRegionalWebACL": "ClassicWebACL", "DisassociateRegionalWebACL": "ClassicWebACL",
	"CreateProtection": "Shield", "DeleteProtection": "Shield", "ModifyCapacityReservation": "Capacity", "ModifyIpPools": "IPAMPool",
}

// place puts a problem of a step on the objects that the step's resource comes from.
func (s *stacks) place(d diag.Diagnostic, origins map[stack.Ref]compile.Origin, step plan.Step, w wish.Wish) diag.List {
	origin := origins[step.Resource]
	if src, ok := origin.Fields[settings[step.Op.Name()]]; ok {
		d.Object, d.Path = src.Object, src.Path
		return diag.List{d}
	}
	objects := origin.Objects
	if len(objects) == 0 {
		for _, o := range slices.Concat(w.Members, w.Leaving) {
			objects = append(objects, objectOf(o))
		}
	}
	var out diag.List
	for _, o := range objects {
		d.Object = o
		out = append(out, d)
	}
	return out
}

// refusal is the diagnostic of a read that failed.
func (s *stacks) refusal(err error, operation string, origins map[stack.Ref]compile.Origin, ref stack.Ref, w wish.Wish) diag.Diagnostic {
	d := cloud.Problem(operation, err)
	if objects := origins[ref].Objects; len(objects) > 0 {
		d.Object = objects[0]
	} else if all := slices.Concat(w.Members, w.Leaving); len(all) > 0 {
		d.Object = objectOf(all[0])
	}
	return d
}

// showLoadBalancer writes the name of the load balancer into the status of the members as soon as it is known, whatever else
// may have failed.
func (s *stacks) showLoadBalancer(ctx context.Context, key stack.Key, desired *stack.Stack, keep []stack.Ref, w wish.Wish) (*plan.Observed, error) {
	o, err := s.inventory.Observed(ctx, key, withoutAddOns(desired))
	if err != nil {
		return nil, err
	}
	if !w.Wanted || len(desired.LoadBalancers) == 0 {
		return &o, nil
	}
	lb := o.LoadBalancer(desired.LoadBalancers[0])
	if lb == nil || lb.DNSName == "" {
		return &o, nil
	}
	lb, ports := serving(&o, lb)
	frontend := frontendName(o, desired, keep)
	for _, m := range w.Members {
		if err := s.patchStatus(ctx, m, lb.DNSName, ports, frontend); err != nil {
			return &o, err
		}
	}
	return &o, nil
}

// serving is the load balancer whose name to show, with its ports: a new one from the beginning, but one that replaces another
// only once it has listeners, because until then the other one serves.
func serving(o *plan.Observed, lb *plan.LoadBalancer) (*plan.LoadBalancer, []int32) {
	ports := map[string][]int32{}
	for _, l := range o.Listeners {
		ports[l.LoadBalancer.Literal] = append(ports[l.LoadBalancer.Literal], l.Port)
	}
	if len(ports[lb.ARN]) == 0 {
		for i := range o.LoadBalancers {
			if old := &o.LoadBalancers[i]; old.ID == lb.ID && old.DNSName != "" && len(ports[old.ARN]) > 0 {
				return old, ports[old.ARN]
			}
		}
	}
	return lb, ports[lb.ARN]
}

// withoutAddOns is a wish in whose observation add-ons do not matter.
func withoutAddOns(desired *stack.Stack) *stack.Stack {
	out := *desired
	out.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for i := range out.LoadBalancers {
		out.LoadBalancers[i].AddOns = stack.AddOns{}
	}
	return &out
}

// frontendName is the name of the network load balancer in front of the ALB, if there is one that is wanted or kept.
func frontendName(o plan.Observed, desired *stack.Stack, keep []stack.Ref) string {
	for _, lb := range o.LoadBalancers {
		wanted := func(w stack.LoadBalancer) bool { return w.ID == lb.ID && w.Scheme == lb.Scheme }
		held := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		if lb.ID == stack.FrontendIdentity && (slices.ContainsFunc(desired.LoadBalancers, wanted) || slices.Contains(keep, held)) {
			return lb.DNSName
		}
	}
	return ""
}

func (s *stacks) patchStatus(ctx context.Context, m metav1.Object, hostname string, ports []int32, frontend string) error {
	before, after, changed := withStatus(m, hostname, ports, frontend)
	if !changed {
		return nil
	}
	if err := s.client.Status().Patch(ctx, after, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("status of %s: %w", objectOf(m), err)
	}
	return nil
}

func (s *stacks) addFinalizers(ctx context.Context, id stack.ID, members []metav1.Object) error {
	name := s.front.Finalizer(id)
	for _, m := range members {
		o, ok := m.(client.Object)
		if !ok || o.GetDeletionTimestamp() != nil {
			continue
		}
		if err := patchFinalizer(ctx, s.client, o, func(o client.Object) bool { return controllerutil.AddFinalizer(o, name) }); err != nil {
			return fmt.Errorf("adding finalizer to %s: %w", objectOf(m), err)
		}
	}
	return nil
}

// patchFinalizer changes the finalizers of the newest version of an object; an object that is gone needs no change.
func patchFinalizer(ctx context.Context, c client.Client, o client.Object, change func(client.Object) bool) error {
	updated, ok := o.DeepCopyObject().(client.Object)
	if !ok || !change(updated) {
		return nil
	}
	return client.IgnoreNotFound(c.Patch(ctx, updated, client.MergeFromWithOptions(o, client.MergeFromWithOptimisticLock{})))
}

// release lets go of the objects that left, now that nothing of theirs exists any more.
func (s *stacks) release(ctx context.Context, key stack.Key, w wish.Wish) error {
	name := s.front.Finalizer(key.ID)
	for _, m := range w.Leaving {
		o, ok := m.(client.Object)
		if !ok {
			continue
		}
		if err := s.patchStatus(ctx, m, "", nil, ""); err != nil {
			return err
		}
		if err := patchFinalizer(ctx, s.client, o, func(o client.Object) bool { return controllerutil.RemoveFinalizer(o, name) }); err != nil {
			return fmt.Errorf("removing finalizer from %s: %w", objectOf(o), err)
		}
		s.reporter.Forget(key.String(), objectOf(o))
	}
	if !w.Wanted {
		s.forget(key)
		s.backend.check()
	}
	return nil
}

func (s *stacks) forget(key stack.Key) {
	s.index.forget(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.good, key)
	delete(s.missed, key)
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
