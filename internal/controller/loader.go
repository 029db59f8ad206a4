package controller

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const (
	// VerifyDelay is the time from the first listing of the account to the second: longer than AWS's lists lag behind what
	// the former leader wrote.
	VerifyDelay = 5500 * time.Millisecond
	// RelistDelay is the time from the start of a leader to its visit of stacks that nothing else visits: the passes of a
	// start are over by then.
	RelistDelay = 10 * time.Minute
)

// relistPauses are the pauses between attempts at the second listing.
var relistPauses = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// Loader reads the account in bulk as soon as this replica leads, before the first pass needs it, and lists the
// account again in the background. The second listing finds resources that the former leader created last, because
// AWS's lists may show them late. It also proves absence: objects that are deleted later lose their finalizers
// without further listings. Ten minutes later, Loader queues stacks whose objects were deleted between the two
// leaders, because these have no event.
type Loader struct {
	Inventory   *inventory.Inventory
	Checkpoints *checkpoint.Writer
	Stacks      []*stacks.Reconciler
	Declared    func() bool // objects ask for load balancers
	Log         logr.Logger

	failures int // of the second listing, in a row
}

// Start ends after the visit. It implements manager.Runnable and runs on the leader only.
func (l *Loader) Start(ctx context.Context) error {
	l.load(awsclient.WithCause(ctx, awsclient.Listing))
	background := queue.Background(ctx, awsclient.Listing)
	for _, attempt := range []struct {
		after time.Duration
		make  func(context.Context) (again time.Duration)
	}{{VerifyDelay, l.Verify}, {RelistDelay - VerifyDelay, l.Relist}} {
		for pause := attempt.after; pause > 0; pause = attempt.make(background) {
			if sleep.For(ctx, pause) != nil {
				return nil //nolint:nilerr // the process ends
			}
		}
	}
	return nil
}

func (l *Loader) load(ctx context.Context) {
	end, err := l.Checkpoints.Begin(ctx) // restored state counts only for what the first listing finds
	if err != nil {
		return
	}
	defer end()
	begun := time.Now()
	if err := l.Inventory.Load(ctx); err != nil {
		if ctx.Err() == nil && !denied(err) { // what a pass may not read is reported with its objects
			l.Log.Error(err, "cannot read the account at start; each reconcile tries again")
		}
		return
	}
	l.Log.Info("read the account", "took", time.Since(begun).String())
}

// denied reports whether an error says that the controller's role lacks a permission.
func denied(err error) bool { return err != nil && awsclient.Classify(err).Class == diag.Denied }

// Verify makes the second listing. It returns the pause until the next attempt; 0 = it has succeeded, or is denied and
// nothing asks for load balancers: a role for TargetGroupBindings alone needs no lists.
func (l *Loader) Verify(ctx context.Context) (again time.Duration) {
	err := l.Inventory.ListAgain(ctx)
	if denied(err) && !l.Declared() {
		return 0
	}
	if err != nil {
		l.failures++
		if ctx.Err() == nil {
			l.Log.Info("listing the account again after the start failed; it is tried again", "cause", err.Error())
		}
		return relistPauses.Pause(l.failures)
	}
	return 0
}

// Relist visits the stacks that no event and no pass of the start visits, once the second listing is there. It returns
// the pause until the next attempt; 0 = it is done.
func (l *Loader) Relist(ctx context.Context) (again time.Duration) {
	if again := l.Verify(ctx); again > 0 {
		return again
	}
	for _, s := range l.Stacks {
		s.Waker.Wake(queue.Drift, s.Unvisited()...)
	}
	return 0
}
