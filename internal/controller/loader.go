package controller

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/inventory"
)

// relistDelay is the time from the start of a leader to its second listing of the account: the reads of a start, and of the edits that
// waited for it, are over by then.
const relistDelay = 10 * time.Minute

// relistPauses are the pauses between attempts at the second listing.
var relistPauses = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// loader reads the account in bulk as soon as this replica leads, before the first pass needs it, and lists it again later. The second
// listing finds resources that the former leader created last, which AWS's lists may show late. After it, stacks are visited whose objects
// were deleted between the two leaders, for which there is no event.
type loader struct {
	inventory   *inventory.Inventory
	checkpoints *checkpoint.Writer
	stacks      []*stacks.Reconciler
	log         logr.Logger

	failures int // of the second listing, in a row
}

// Start ends after the second listing. It implements manager.Runnable and runs on the leader only.
func (l *loader) Start(ctx context.Context) error {
	l.load(cloud.WithCause(ctx, cloud.Listing))
	for pause := relistDelay; pause > 0; pause = l.relist(queue.Background(ctx, cloud.Listing)) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}

func (l *loader) load(ctx context.Context) {
	end, err := l.checkpoints.Begin(ctx) // restored state counts only for what the first listing finds
	if err != nil {
		return
	}
	defer end()
	begun := time.Now()
	if err := l.inventory.Load(ctx); err != nil {
		if ctx.Err() == nil {
			l.log.Error(err, "reading the account at start failed; each pass tries again")
		}
		return
	}
	l.log.Info("read the account", "took", time.Since(begun).String())
}

// relist makes the second listing. It returns the pause until the next attempt; 0 = it has succeeded.
func (l *loader) relist(ctx context.Context) (again time.Duration) {
	if err := l.inventory.ListAgain(ctx); err != nil {
		l.failures++
		if ctx.Err() == nil {
			l.log.Info("listing the account again after the start failed; it is tried again", "cause", err.Error())
		}
		return relistPauses.Pause(l.failures)
	}
	for _, s := range l.stacks {
		s.Waker.Wake(queue.Drift, s.Unvisited()...)
	}
	return 0
}
