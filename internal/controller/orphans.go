package controller

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	// orphansFrom is the time from the start of a leader to the first count: what a former leader left to do is done by then.
	orphansFrom = relistDelay + 2*time.Minute
	orphanPause = time.Minute
)

// orphanCounter counts stacks of which AWS holds something and that no object declares. A controller that was away while finalizers were removed by
// hand leaves such resources. They are logged and never deleted here, because a missing object is no proof that nothing needs them.
type orphanCounter struct {
	keys     func(context.Context) ([]stack.Key, error) // of which AWS holds something
	declared func() []stack.Key                         // over which passes are made
	serves   func(stack.Owner) bool
	log      logr.Logger

	count  atomic.Int64
	before []stack.Key // at the last count
	logged []stack.Key
}

// Start runs until ctx ends. It implements manager.Runnable and runs on the leader only.
func (o *orphanCounter) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(orphansFrom):
	}
	queue.Every(queue.Background(ctx, cloud.Listing), orphanPause, nil, o.look)
	return nil
}

// look counts. A stack counts once two looks in a row have found it, as one that is being deleted loses its object first.
func (o *orphanCounter) look(ctx context.Context) {
	keys, err := o.keys(ctx)
	if err != nil {
		return
	}
	declared := map[stack.Key]bool{}
	for _, key := range o.declared() {
		declared[key] = true
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(key stack.Key) bool { return declared[key] || !o.serves(key.Owner) })
	var stay []stack.Key
	for _, key := range keys {
		if slices.Contains(o.before, key) {
			stay = append(stay, key)
		}
	}
	o.before = keys
	o.count.Store(int64(len(stay)))
	for _, key := range stay {
		if !slices.Contains(o.logged, key) {
			o.log.Info("AWS holds resources with the tags of the cluster that no object declares; lbc doctor lists them", "stack", key.String())
		}
	}
	o.logged = stay
}

// setUpOrphans sets up the count, unless objects of other namespaces are not seen.
func (w *wiring) setUpOrphans() {
	o := &orphanCounter{
		keys: w.inventory.Keys, log: w.log.WithName("orphans"),
		declared: func() (all []stack.Key) {
			for _, s := range w.owners {
				all = append(all, s.Index.Units()...)
			}
			return all
		},
		serves: func(of stack.Owner) bool {
			return slices.ContainsFunc(w.owners, func(s *stacks.Reconciler) bool { return s.Front.Owner() == of })
		},
	}
	w.metrics.Count("lbc_orphans", func() int { return int(o.count.Load()) })
	if w.config.WatchNamespace == "" {
		w.starts(o)
	}
}
