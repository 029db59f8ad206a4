package stacks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/status"
)

// refusedWrites are writes to members that the API server did not take: for lack of a right, which concerns all of them, or
// because a policy of the cluster refuses edits of one.
type refusedWrites []refusedWrite

type refusedWrite struct {
	object diag.Object
	err    error
}

func (r *refusedWrites) add(o metav1.Object, what string, err error) {
	object := objectOf(o)
	*r = append(*r, refusedWrite{object, fmt.Errorf("%s %s: %w", what, object, err)})
}

// err is nil if nothing was refused.
func (r refusedWrites) err() error {
	var all []error
	for _, w := range r {
		all = append(all, w.err)
	}
	return errors.Join(all...)
}

// conflicted reports that somebody else wrote at the same time, which is no failure: another pass is due.
func (r refusedWrites) conflicted() bool { return apierrors.IsConflict(r.err()) }

// of reports whether a write to an object was refused.
func (r refusedWrites) of(o diag.Object) bool {
	return slices.ContainsFunc(r, func(w refusedWrite) bool { return w.object == o })
}

// found tells each object what was refused of it.
func (r refusedWrites) found(code diag.Code) diag.List {
	var out diag.List
	for _, w := range r {
		out = append(out, status.APIRefusal(w.object, code, w.err))
	}
	return out
}

// without is the input of the members to which nothing was refused.
func (r refusedWrites) without(w front.Input) front.Input {
	w.LoadBalancer.Members = slices.DeleteFunc(slices.Clone(w.LoadBalancer.Members), func(m intent.Member) bool { return r.of(m.Object) })
	w.Members = slices.DeleteFunc(slices.Clone(w.Members), func(o metav1.Object) bool { return r.of(objectOf(o)) })
	return w
}

// endRefused ends a pass that cannot go on after what was refused, and has it tried again.
func (s *Reconciler) endRefused(ctx context.Context, t passReport, code diag.Code, refused refusedWrites) (reconcile.Result, error) {
	if !refused.conflicted() {
		t.found, t.changed, t.partial = append(t.found, refused.found(code)...), false, true
		s.report(ctx, t)
	}
	return reconcile.Result{}, refused.err()
}
