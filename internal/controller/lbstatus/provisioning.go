package lbstatus

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// ProvisioningTick is how often ProvisioningWatcher decides whether to read.
	ProvisioningTick = 250 * time.Millisecond
	// LongestLookInterval is the longest pause between two reads until stuckAfter: AWS takes two to three minutes, and
	// sends no event at the end. firstLook is the pause before the first read.
	LongestLookInterval = 15 * time.Second
	firstLook           = time.Second
	stuckAfter          = 10 * time.Minute
	stuckLookInterval   = time.Minute
)

// ProvisioningWatcher reads the state of load balancers that AWS is still provisioning, all of them in few calls and
// ever less often, and wakes the stacks whose load balancer is active, so that their status is updated. While there are
// none it makes no calls.
type ProvisioningWatcher struct {
	Starting func() map[string]stack.Key // by ARN
	Refresh  func(ctx context.Context, balancers map[string]stack.Key) (changed []stack.Key, err error)
	Wake     func(key stack.Key)
	Now      func() time.Time
	Log      logr.Logger

	seen map[string]time.Time // since when, by ARN
	next time.Time
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *ProvisioningWatcher) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.Provisioning), ProvisioningTick, nil, w.Tick)
	return nil
}

// Tick reads the state of load balancers that are being provisioned, if it is time.
func (w *ProvisioningWatcher) Tick(ctx context.Context) {
	starting, now := w.Starting(), w.Now()
	seen := make(map[string]time.Time, len(starting))
	youngest := time.Time{}
	for arn := range starting {
		since, known := w.seen[arn]
		if !known {
			since = now
			if first := now.Add(firstLook); len(w.seen) == 0 || first.Before(w.next) {
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
	changed, err := w.Refresh(ctx, starting)
	if err != nil && ctx.Err() == nil {
		w.Log.V(1).Info("reading load balancers that AWS is provisioning failed; it is tried again", "cause", err.Error())
	}
	w.next = w.Now().Add(LookInterval(now.Sub(youngest)))
	for _, key := range changed {
		w.Wake(key)
	}
}

// LookInterval returns the pause until the next read of a load balancer that has been provisioning for so long: as long
// again, within bounds. It does not depend on whether reads succeed.
func LookInterval(awaited time.Duration) time.Duration {
	if awaited > stuckAfter {
		return stuckLookInterval
	}
	return min(max(awaited, firstLook), LongestLookInterval)
}
