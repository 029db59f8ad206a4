package bindingpass

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// noteWaiting notes whether a binding, or its deletion, waits after a pass. What fails as AWS does not accept the
// credentials is tried again when it does.
func (b *Reconciler) noteWaiting(ctx context.Context, req reconcile.Request, n *waiting.Note, res reconcile.Result,
	err error) (reconcile.Result, error) {
	if ctx.Err() != nil || b.Waiting == nil || n.InProgress || errors.Is(err, queue.ErrRequeue) {
		return res, err
	}
	failed := diag.Class("")
	if err != nil {
		failed = awsclient.Classify(err).Class
	}
	wake := func(after time.Duration, _ bool) { b.Waker.WakeAfter(after, queue.Normal, req) }
	classes, waits := n.Classes(failed)
	if waits {
		b.Waiting.Waits(waiting.Bindings, req.String(), time.Time{}, classes, wake)
	} else {
		b.Waiting.Ends(waiting.Bindings, req.String())
	}
	name := "TargetGroupBinding " + req.String()
	if !n.Leaving.IsZero() && !n.Released {
		b.Waiting.WaitsToGo(name, n.Leaving, n.Cause)
	} else {
		b.Waiting.Ends(waiting.Deletions, name)
	}
	for _, c := range classes {
		if c == diag.Credentials {
			return reconcile.Result{RequeueAfter: waiting.Pause}, nil
		}
	}
	return res, err
}

// Waiting returns how many bindings have changes that no pass has taken over, and for how long the first of these
// waits.
func (c *ChangeTimes) Waiting() (n int, oldest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for _, at := range c.of {
		oldest = max(oldest, now.Sub(at))
	}
	return len(c.of), oldest
}
