package stacks

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// next returns when to make another pass after one that reached its end. pending is true if add-ons were still being
// read.
func (s *Reconciler) next(t passReport, end outcome, pending bool) (reconcile.Result, error) {
	key := t.key
	var wait time.Duration
	if !end.wait.IsZero() {
		wait = max(end.wait.Sub(s.Now()), 50*time.Millisecond)
	}
	switch {
	case end.err != nil || wait > 0:
		result, err := s.soonest(key, wait, end.err)
		if err != nil {
			return result, err
		}
		return s.orSooner(result, end.retry), nil
	case end.refused:
		return s.orSooner(s.Retries.later(key, guarded), end.retry), nil
	case pending:
		return s.orSooner(s.Retries.later(key, readingAddOns), end.retry), nil
	}
	s.Retries.done(key, guarded)
	s.Retries.done(key, readingAddOns)
	result, err := s.unrefused(t, end)
	if err != nil {
		return result, err
	}
	return s.orSooner(result, end.retry), nil
}

// orSooner returns the time of the next attempt at refused writes, if it is earlier than that of the next pass.
func (s *Reconciler) orSooner(r reconcile.Result, retry time.Time) reconcile.Result {
	if retry.IsZero() {
		return r
	}
	if until := max(retry.Sub(s.Now()), queue.Coalesce); r.RequeueAfter == 0 || until < r.RequeueAfter {
		r.RequeueAfter = until
	}
	return r
}

// unrefused returns when to make another pass for other reasons than refused writes, which have their own time.
func (s *Reconciler) unrefused(t passReport, end outcome) (reconcile.Result, error) {
	key := t.key
	if imported(t.plan, t.result) {
		return reconcile.Result{}, queue.ErrRequeue // listeners can name it now, by its ARN
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
	found := t.found
	if !end.retry.IsZero() {
		found = slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool { return slices.Contains(end.found, d) })
	}
	return s.retryLater(key, found, t.stale)
}

// soonest queues another pass after one that failed, or in which something waits for AWS. A lasting failure does not
// delay what waits only for a moment, and is not repeated each moment.
func (s *Reconciler) soonest(key stack.Key, wait time.Duration, err error) (reconcile.Result, error) {
	if err == nil || wait == 0 {
		return reconcile.Result{RequeueAfter: wait}, err
	}
	return reconcile.Result{RequeueAfter: max(wait, min(s.Retries.failed(key, failing), longestWhileWaiting))}, nil
}

// imported reports whether the pass created a certificate that no listener could name before.
func imported(p *plan.Plan, r apply.Result) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		op, ok := step.Op.(awsop.ImportCertificate)
		return ok && op.At == (stack.Ref{}) && r.Outcomes[step.ID].State == apply.Done
	})
}

// madeTrustStore reports whether the pass created a trust store that no listener could name before.
func madeTrustStore(p *plan.Plan, r apply.Result) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.CreateTrustStore)
		return ok && r.Outcomes[step.ID].State == apply.Done
	})
}

// freedName reports whether the pass deleted a target group whose name another target group shall get. Until then,
// the other one has a generated name.
func freedName(want *stack.Stack, p *plan.Plan, r apply.Result) bool {
	return want != nil && slices.ContainsFunc(want.TargetGroups, func(tg stack.TargetGroup) bool { return tg.Declared }) &&
		slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
			_, ok := step.Op.(awsop.DeleteTargetGroup)
			return ok && r.Outcomes[step.ID].State == apply.Done
		})
}

// retryLater queues another pass after a pause if the pass rests on answers that are being read again, or if a
// finding may be cured without an edit of the objects.
func (s *Reconciler) retryLater(key stack.Key, found diag.List, stale bool) (reconcile.Result, error) {
	if stale {
		return s.Retries.later(key, staleFacts), nil
	}
	s.Retries.done(key, staleFacts)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Class == diag.Transient && d.Code != diag.FinalizerNotAdded
	}) {
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
			if d.Code == diag.PolicyDenied { // the pass is repeated like a failed one
				continue
			}
			return s.Retries.later(key, missing), nil
		// FinalizerNotAdded: that pass is repeated like a failed one
		case diag.Throttled, diag.NotFound, diag.Invalid, diag.Conflict, diag.Note, diag.Transient:
			if missingInAWS(d) {
				return s.Retries.later(key, missing), nil
			}
		}
	}
	s.Retries.done(key, missing)
	return reconcile.Result{}, nil
}

// missingInAWS reports whether an edit in AWS may cure a finding. No event announces such an edit: a subnet gets its
// tag, a certificate is issued.
func missingInAWS(d diag.Diagnostic) bool { return len(answering(d.Code)) > 0 }

// answering returns the kinds of needs in whose answers AWS may have what a finding misses; none if an edit in AWS
// cannot cure the finding.
func answering(code diag.Code) []facts.NeedKind {
	switch code { //nolint:exhaustive // others miss nothing in AWS
	case diag.NoSubnets, diag.InvalidSubnets:
		return []facts.NeedKind{facts.NeedSubnets, facts.NeedRoutes, facts.NeedForeignSubnet}
	case diag.SecurityGroupNotFound:
		return []facts.NeedKind{facts.NeedSecurityGroups, facts.NeedForeignGroup}
	case diag.CertificateNotFound:
		return []facts.NeedKind{facts.NeedCertificates}
	case diag.TargetGroupNotFound:
		return []facts.NeedKind{facts.NeedTargetGroupName}
	case diag.RefNotPermitted: // tags name several owners, or no consent
		return []facts.NeedKind{facts.NeedTargetGroupOwner, facts.NeedLoadBalancer}
	case diag.TrustStoreNotFound:
		return []facts.NeedKind{facts.NeedTrustStore}
	case diag.WebACLNotFound:
		return []facts.NeedKind{facts.NeedWebACLs}
	case diag.HostedZoneNotFound:
		return []facts.NeedKind{facts.NeedHostedZones}
	case diag.AddressNotUsable:
		return []facts.NeedKind{facts.NeedAddresses}
	case diag.LoadBalancerNotFound, diag.LoadBalancerUnfit, diag.LoadBalancerNotAllowed, diag.ListenerTaken:
		return []facts.NeedKind{facts.NeedLoadBalancer}
	}
	return nil
}

// cause is why a stack is reconciled again without an event.
type cause string

const (
	failing       cause = "failing"        // a pass that failed
	guarded       cause = "guarded"        // a step that a guard or deletion protection refuses
	readingAddOns cause = "reading addons" // add-ons that were not read in time
	readingFacts  cause = "reading facts"  // a question that AWS did not answer
	throttled     cause = "throttled"      // a question that AWS throttled
	staleFacts    cause = "stale facts"    // old answers that serve while AWS is read again
	refusedSecret cause = "refused Secret" // a Secret that may not be read; no event announces that a Role was granted
	// what only an edit in AWS cures, which no event announces: a subnet gets its tag
	missing cause = "missing"
)

// pauses are the pauses between passes, by cause. An edit of the stack's objects, or of objects that they refer to,
// causes a pass at once.
var pauses = map[cause]backoff.Policy{
	failing:       {First: queue.FirstRetry, Longest: queue.LongestRetry},
	guarded:       {First: 20 * time.Second, Longest: 5 * time.Minute},
	readingAddOns: {First: time.Second, Longest: time.Minute},
	readingFacts:  {First: time.Second, Longest: time.Minute},
	throttled:     {First: 5 * time.Second, Longest: 5 * time.Minute},
	staleFacts:    {First: 2 * time.Second, Longest: time.Minute},
	refusedSecret: {First: 10 * time.Second, Longest: 2 * time.Minute},
	missing:       {First: time.Minute, Longest: 5 * time.Minute},
}

// longestWhileWaiting is the longest pause after a failed pass in which something also waits for AWS.
const longestWhileWaiting = 13 * time.Second

type retryKey struct {
	stack stack.Key
	cause cause
}

// Retries counts, by stack and cause, the passes that another one must follow. It is also the rate limiter of the
// controller's queue: the queue forgets failures whenever a pass asks for a time, which alternates with failures;
// Retries does not.
type Retries struct {
	failures    *backoff.Failures[retryKey]
	Unavailable queue.UnavailableUnits[stack.Key]
}

// NewRetries makes counts without failures.
func NewRetries(now func() time.Time) *Retries {
	return &Retries{failures: backoff.NewFailures[retryKey](backoff.Policy{}, now, nil)}
}

// Len returns the number of stacks and causes with failures.
func (r *Retries) Len() int { return r.failures.Len() }

// failed counts a pass and returns the pause until the next one.
func (r *Retries) failed(key stack.Key, c cause) time.Duration {
	n, _ := r.failures.Failed(retryKey{key, c})
	return pauses[c].Pause(n)
}

// later queues another pass after a growing pause.
func (r *Retries) later(key stack.Key, c cause) reconcile.Result {
	return reconcile.Result{RequeueAfter: r.failed(key, c)}
}

// done ends the count of a cause.
func (r *Retries) done(key stack.Key, c cause) { r.failures.Forget(retryKey{key, c}) }

// forget ends all counts of a stack, because it no longer exists or its objects were edited.
func (r *Retries) forget(key stack.Key) {
	r.failures.ForgetFunc(func(k retryKey) bool { return k.stack == key })
}

// When implements workqueue.TypedRateLimiter.
func (r *Retries) When(key stack.Key) time.Duration {
	return r.Unavailable.Pause(key, r.failed(key, failing))
}

// Forget implements workqueue.TypedRateLimiter. The stack itself ends its count, when a pass asks for nothing more.
func (r *Retries) Forget(stack.Key) {}

// NumRequeues implements workqueue.TypedRateLimiter.
func (r *Retries) NumRequeues(key stack.Key) int {
	return r.failures.NumRequeues(retryKey{key, failing})
}

// edited reports whether since the last pass a member was edited, added or removed. Writes of controllers do not
// count: status, finalizers, and the annotation that shows the stack.
func (s *Reconciler) edited(key stack.Key, w front.Input) bool {
	now := editsOf(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	before := st.edits
	st.edits = now
	return before != "" && before != now
}

// versionOf identifies what users had written of the members at the last pass; empty = there was none.
func (s *Reconciler) versionOf(key stack.Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		return st.edits
	}
	return ""
}

// editsOf identifies the parts of an input's members that users write.
func editsOf(w front.Input) string {
	h := sha256.New()
	for _, o := range slices.Concat(w.Members, w.Leaving) {
		writeEdits(h, o)
	}
	return string(h.Sum(nil))
}

// writeEdits writes the parts of an object that users write.
func writeEdits(h hash.Hash, o metav1.Object) {
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%t\x00", o.GetUID(), reporting.SpecOf(o), leaving(o))
	for _, k := range slices.Sorted(maps.Keys(o.GetAnnotations())) {
		if k != string(annotation.WrittenSecrets) && !showsPlan(k) {
			_, _ = fmt.Fprintf(h, "%s\x00%s\x00", k, o.GetAnnotations()[k])
		}
	}
}

func leaving(o metav1.Object) bool { return o.GetDeletionTimestamp() != nil }
