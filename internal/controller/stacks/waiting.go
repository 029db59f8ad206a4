package stacks

import (
	"context"
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// noteFound records the findings of a pass, for noteWaiting.
func noteFound(ctx context.Context, t passReport) {
	n := waiting.NoteOf(ctx)
	for _, m := range t.input.Leaving {
		if d, ok := reporting.Cause(t.found, owner.Object(m)); ok && m.GetDeletionTimestamp() != nil {
			n.Cause = d.Code
		}
	}
	n.Found, n.Leaving, n.Unfinished = t.found, deletedSince(t.input.Leaving), unfinished(t.plan, t.result)
}

// deletedSince returns when the first deletion of objects began; zero = there is none.
func deletedSince(leaving []metav1.Object) (first time.Time) {
	for _, o := range leaving {
		if at := o.GetDeletionTimestamp(); at != nil && (first.IsZero() || at.Time.Before(first)) {
			first = at.Time
		}
	}
	return first
}

// unfinished reports whether a step that is not cosmetic failed or waits. A refused step, such as one without
// approval, does not count.
func unfinished(p *plan.Plan, r apply.Result) bool {
	return p != nil && slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		state := r.Outcomes[step.ID].State
		return step.Lane != plan.Cosmetic && (state == apply.Failed || state == apply.Waiting)
	})
}

// noteWaiting records whether a stack, and deletions of its objects, wait after a pass. If AWS refuses the
// credentials, stacks do not retry one by one and log nothing: the Board wakes them once the credentials are
// accepted.
func (s *Reconciler) noteWaiting(ctx context.Context, key stack.Key, n *waiting.Note, res reconcile.Result, err error) (
	reconcile.Result, error) {
	if ctx.Err() != nil || s.Waiting == nil || errors.Is(err, queue.ErrRequeue) {
		return res, err
	}
	failed := diag.Class("")
	if err != nil {
		failed = awsclient.Classify(err).Class
	}
	wake := func(after time.Duration, ended bool) {
		if ended {
			s.Retries.forget(key)
		}
		s.Inventory.Refusals().RetryObstacles(key)
		s.Waker.WakeAfter(after, queue.Normal, key)
	}
	classes, waits := n.Classes(failed)
	if waits {
		s.Waiting.Waits(waiting.Stacks, key.String(), time.Time{}, classes, wake)
	} else {
		s.Waiting.Ends(waiting.Stacks, key.String())
	}
	if !n.Leaving.IsZero() && !n.Released {
		s.Waiting.WaitsToGo(key.String(), n.Leaving, n.Cause)
	} else {
		s.Waiting.Ends(waiting.Deletions, key.String())
	}
	if failed == diag.Credentials {
		return reconcile.Result{RequeueAfter: waiting.Pause}, nil
	}
	return res, err
}
