package stacks

import (
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
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
