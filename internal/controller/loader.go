package controller

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/inventory"
)

// secondLook is when, after its start, a leader looks again for what the leader before it left: the reads of a start, and of the edits
// that waited for it, are over by then.
const secondLook = 10 * time.Minute

// secondLooks are the pauses between attempts at the second look.
var secondLooks = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// loader reads the account in bulk as soon as this replica leads, before the first object asks, and takes a second look later: what the
// leader before made in its last moments AWS's lists may have missed at first, and objects that went between the two no event tells of.
type loader struct {
	inventory *inventory.Inventory
	kept      *checkpoint.Keeper
	stacks    []*stacks.Reconciler
	log       logr.Logger

	failures int // of the second look, in a row
}

// Start ends after the second look; it implements manager.Runnable, and runs on the leader only.
func (l *loader) Start(ctx context.Context) error {
	l.load(ctx)
	for pause := secondLook; pause > 0; pause = l.lookAgain(queue.Background(ctx)) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}

func (l *loader) load(ctx context.Context) {
	end, err := l.kept.Begin(ctx) // what earlier processes left is only believed of what the first listing finds
	if err != nil {
		return
	}
	defer end()
	begun := time.Now()
	if err := l.inventory.Load(ctx); err != nil {
		if ctx.Err() == nil {
			l.log.Error(err, "reading the account at start failed; each stack will try again")
		}
		return
	}
	l.log.Info("read the account", "took", time.Since(begun).String())
}

// lookAgain takes the second look. It returns the time until it is to be tried again; 0 = it is done.
func (l *loader) lookAgain(ctx context.Context) (again time.Duration) {
	if err := l.inventory.ListAgain(ctx); err != nil {
		l.failures++
		if ctx.Err() == nil {
			l.log.Info("looking again for what the leader before made in its last moments failed; it is tried again", "cause", err.Error())
		}
		return secondLooks.Pause(l.failures)
	}
	for _, s := range l.stacks {
		s.Waker.Wake(queue.Drift, s.Unvisited()...)
	}
	return 0
}
