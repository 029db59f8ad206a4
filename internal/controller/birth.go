package controller

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	birthTick = 250 * time.Millisecond
	// firstBirthLook is when a load balancer is looked at first, longestBirthGap the longest pause between two looks: AWS takes two to
	// three minutes, and says nothing when it has finished. After birthStuck nobody waits for it any more.
	firstBirthLook  = time.Second
	longestBirthGap = 15 * time.Second
	birthStuck      = 10 * time.Minute
	stuckBirthGap   = time.Minute
)

// birthWatch looks at load balancers that AWS is still making, all of them in few calls and ever less often, and wakes the stacks
// whose load balancer is ready, so that their status says so. While there are none it asks nothing.
type birthWatch struct {
	starting func() map[string]stack.Key // by ARN
	refresh  func(ctx context.Context, balancers map[string]stack.Key) (changed []stack.Key, err error)
	wake     func(key stack.Key)
	now      func() time.Time
	log      logr.Logger

	seen map[string]time.Time // since when, by ARN
	next time.Time
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *birthWatch) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx), birthTick, nil, w.tick)
	return nil
}

func (w *birthWatch) tick(ctx context.Context) {
	starting, now := w.starting(), w.now()
	seen := make(map[string]time.Time, len(starting))
	youngest := time.Time{}
	for arn := range starting {
		since, known := w.seen[arn]
		if !known {
			since = now
			if first := now.Add(firstBirthLook); len(w.seen) == 0 || first.Before(w.next) {
				w.next = first
			}
		}
		seen[arn] = since
		if since.After(youngest) {
			youngest = since
		}
	}
	w.seen = seen
	if len(starting) == 0 || now.Before(w.next) {
		return
	}
	changed, err := w.refresh(ctx, starting)
	if err != nil && ctx.Err() == nil {
		w.log.V(1).Info("looking at load balancers that AWS is making failed; it is tried again", "cause", err.Error())
	}
	w.next = w.now().Add(birthPause(now.Sub(youngest)))
	for _, key := range changed {
		w.wake(key)
	}
}

// birthPause does not count failures: its pauses follow from the age of the youngest load balancer, whether looks succeed or fail.
// It is how long to wait for a load balancer that has been awaited so long: as long again, within bounds.
func birthPause(awaited time.Duration) time.Duration {
	if awaited > birthStuck {
		return stuckBirthGap
	}
	return min(max(awaited, firstBirthLook), longestBirthGap)
}
