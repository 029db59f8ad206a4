package accelerator

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// board names an object to the Board.
func board(name types.NamespacedName) string {
	return string(objects.GlobalAccelerator) + " " + name.String()
}

// noteWaiting records whether an accelerator waits after a pass. The Board has it tried again when the cause has ended;
// while AWS refuses the credentials, nothing else does.
func (r *Reconciler) noteWaiting(ctx context.Context, q reconcile.Request, n *waiting.Note, res reconcile.Result,
	err error) (reconcile.Result, error) {
	if ctx.Err() != nil || r.Waiting == nil || errors.Is(err, queue.ErrRequeue) {
		return res, err
	}
	n.Found = slices.DeleteFunc(slices.Clone(n.Found), func(d diag.Diagnostic) bool { // it is looked at each minute
		return d.Code == diag.EndpointNotLoaded
	})
	failed := diag.Class("")
	if n.Unfinished = err != nil; err != nil && !errors.Is(err, errRetry) {
		failed = awsclient.Classify(err).Class
	}
	classes, waits := n.Classes(failed)
	if !waits {
		r.Waiting.Ends(waiting.Stacks, board(q.NamespacedName))
		return res, err
	}
	r.Waiting.Waits(waiting.Stacks, board(q.NamespacedName), time.Time{}, classes, func(after time.Duration, ended bool) {
		if ended && r.retries != nil {
			r.retries.Forget(q)
		}
		r.Account.Refusals.RetryObstacles(declare.KeyOf(q.Namespace, q.Name))
		r.Waker.WakeAfter(after, queue.Normal, q)
	})
	if slices.Contains(classes, diag.Credentials) {
		return reconcile.Result{RequeueAfter: waiting.Pause}, nil
	}
	return res, err
}
