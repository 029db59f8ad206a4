package stacks

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// patience is how long a deletion fails for passing reasons before its object shows the cause.
	patience = 30 * time.Second
	// overdue is how long a deletion waits for AWS before that is a finding.
	overdue = 5 * time.Minute
)

// overdueDeletions returns findings on deleted objects that stay without a failure, because AWS or another member is
// not ready.
func (s *Reconciler) overdueDeletions(t passReport) (found diag.List) {
	if t.releasing {
		return nil
	}
	for _, m := range t.input.Leaving {
		o, at := owner.Object(m), m.GetDeletionTimestamp()
		if _, failed := reporting.Cause(t.found, o); failed || at == nil || s.Now().Sub(at.Time) < overdue {
			continue
		}
		if text := waitsFor(t); text != "" {
			found = append(found, diag.New(o, "metadata.deletionTimestamp", diag.DeletionWaits, text,
				"nothing to do while AWS works; lbc explain shows the remaining steps"))
		}
	}
	return found
}

// waitsFor says what the leaving objects of a stack wait for; empty = nothing that is known.
func waitsFor(t passReport) string {
	if t.plan != nil {
		for _, step := range t.plan.Steps {
			if o := t.result.Outcomes[step.ID]; o.State == apply.Waiting && o.On != "" {
				return fmt.Sprintf("the deletion waits: %s waits for %s", step.ID, o.On)
			}
		}
	}
	for _, d := range t.found {
		if d.Class != diag.Note {
			return fmt.Sprintf("the deletion waits for another object of the load balancer, %s [%s]", d.Object, d.Code)
		}
	}
	return ""
}

// showDeletions makes each deleted object say in an annotation why it stays: in a namespace that is being deleted,
// the API server refuses events and deletes the LoadBalancer object.
func (s *Reconciler) showDeletions(ctx context.Context, t passReport) {
	if t.releasing { // the annotation is removed with the finalizer
		return
	}
	var leaving []metav1.Object
	for _, m := range t.input.Leaving {
		if m.GetDeletionTimestamp() != nil {
			leaving = append(leaving, m)
		}
	}
	_, refused := s.writeMembers(ctx, "annotation of", leaving, func(m client.Object) objectwriter.Write {
		cause := s.deletionCause(t, m)
		return objectwriter.Write{Part: objectwriter.Metadata, Change: func(o client.Object) bool {
			return showCause(o, cause)
		}}
	})
	if err := refused.err(); err != nil {
		logf.FromContext(ctx).V(1).Info("the cause for which a deletion waits is not shown", "cause", err.Error())
	}
}

// deletionCause returns the cause to show for which a deleted object stays; empty = none yet.
func (s *Reconciler) deletionCause(t passReport, m client.Object) string {
	d, ok := reporting.Cause(t.found, owner.Object(m))
	if !ok || (d.Class == diag.Transient || d.Class == diag.Throttled) &&
		s.Now().Sub(m.GetDeletionTimestamp().Time) < patience {
		return ""
	}
	if d.RequestID != "" {
		d.Text = strings.ReplaceAll(d.Text, d.RequestID, "(id)")
		d.RequestID = ""
	}
	return d.Message()
}

// showCause sets the annotation of a deleted object to a cause, and reports whether that changed the object.
func showCause(o client.Object, cause string) bool {
	var want map[string]string
	if cause != "" {
		want = map[string]string{naming.DeletionCause: cause}
	}
	return annotate(o, []string{naming.DeletionCause}, want)
}

// markAwaited is the pause before another pass over a Gateway whose deletion mark did not arrive. The mark itself
// causes a pass.
const markAwaited = 10 * time.Second

// gatewayDeletionUnseen reports whether a Gateway that lost routes is being deleted, and its cache does not show that
// yet. If objects are deleted together, each kind reaches its own cache separately: without this check, rules would
// be deleted one by one before their load balancer.
func (s *Reconciler) gatewayDeletionUnseen(ctx context.Context, key stack.Key, w front.Input) (bool, error) {
	if w.Decisions == nil || !w.Declared || s.Live == nil || len(w.Members) == 0 ||
		len(lostMembers(s.MemoryOf(key), w.LoadBalancer.Members)) == 0 {
		return false, nil
	}
	shown, live := w.Members[0], &gatewayv1.Gateway{}
	switch err := s.Live.Get(ctx, client.ObjectKey{Namespace: shown.GetNamespace(), Name: shown.GetName()}, live); {
	case absence.NotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading %s, which lost routes: %w", owner.Object(shown), err)
	}
	return live.DeletionTimestamp != nil || live.UID != shown.GetUID(), nil
}
