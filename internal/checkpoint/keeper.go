package checkpoint

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/backoff"
)

const (
	// WriteInterval is the interval of writes: a ConfigMap is written at most once in that time.
	WriteInterval = 5 * time.Second
	// openTimeout is how long the first passes wait for Restore.
	openTimeout = 10 * time.Second
	// targetsOpenTimeout is how long BeginSoon waits for it.
	targetsOpenTimeout = time.Second
	// lastPassesTimeout is how long the end waits for passes under way, and lastWriteTimeout for the last write.
	lastPassesTimeout = 10 * time.Second
	lastWriteTimeout  = 5 * time.Second
)

// writePauses are the pauses between writes: the first one while writes succeed, longer ones after failures in a row.
var writePauses = backoff.Policy{First: WriteInterval, Longest: 5 * time.Minute}

// Keeper restores what earlier processes left, holds passes until that is done, and writes what they leave for the next process. A nil Keeper
// restores and writes nothing.
type Keeper struct {
	Store  *Store
	onOpen func(Kept)
	log    logr.Logger
	ready  chan struct{} // closed by Restore
	// Registered returns the values of kind Targets; nil = there are none. It is called once, by End: registrations change with each pod, and
	// a process that does not end well may change them after its last write.
	Registered func() map[string]any
	passes     sync.RWMutex // held for reading by each pass; End waits for them by taking it for writing
}

// NewKeeper makes a keeper; onOpen takes what earlier processes left.
func NewKeeper(store *Store, onOpen func(Kept), log logr.Logger) *Keeper {
	return &Keeper{Store: store, onOpen: onOpen, log: log, ready: make(chan struct{})}
}

// Begin waits for Restore and begins a pass, which ends with a call of end. The last write waits for the passes.
func (k *Keeper) Begin(ctx context.Context) (end func(), err error) {
	if k == nil {
		return func() {}, nil
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	k.passes.RLock()
	return k.passes.RUnlock, nil
}

// BeginSoon is Begin for passes that wait for targetsOpenTimeout at most, and then read from AWS.
func (k *Keeper) BeginSoon(ctx context.Context) (end func(), err error) {
	if k == nil {
		return func() {}, nil
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(targetsOpenTimeout):
	}
	k.passes.RLock()
	return k.passes.RUnlock, nil
}

// Put replaces an entry.
func (k *Keeper) Put(kind Kind, name string, value any) {
	if k != nil {
		k.Store.Put(ID{Kind: kind, Name: name}, value)
	}
}

// Delete removes an entry.
func (k *Keeper) Delete(kind Kind, name string) {
	if k != nil {
		k.Store.Delete(ID{Kind: kind, Name: name})
	}
}

// Flush writes what changed now, for what must be written before something else happens.
func (k *Keeper) Flush(ctx context.Context) error {
	if k == nil {
		return nil
	}
	return k.Store.Flush(ctx)
}

// Start restores, and then writes until ctx ends; it implements manager.Runnable, and runs on the leader only. The Lease is
// released after it has returned.
func (k *Keeper) Start(ctx context.Context) error {
	isOpen := k.Restore(ctx)
	failures := 0
	logged := ""
	for k.Store.Enabled() {
		select {
		case <-ctx.Done():
			k.End(ctx)
			return nil
		case <-time.After(writePauses.Pause(failures + 1)):
		}
		if !isOpen {
			isOpen = k.open(ctx)
		}
		err := k.Store.Flush(ctx)
		if err == nil && isOpen {
			failures, logged = 0, ""
			continue
		}
		failures++
		if err != nil && ctx.Err() == nil && logged != err.Error() {
			logged = err.Error()
			k.log.Info("writing checkpoints failed; it is tried again", "cause", logged)
		}
	}
	<-ctx.Done()
	return nil
}

// Restore reads what earlier processes left, and lets passes begin. It is called once.
func (k *Keeper) Restore(ctx context.Context) (ok bool) {
	defer close(k.ready)
	return k.open(ctx)
}

// open reads what earlier processes left. It calls onOpen only while passes wait for it.
func (k *Keeper) open(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	begun := time.Now()
	kept, err := k.Store.Open(ctx)
	if err != nil {
		if ctx.Err() == nil && k.Store.Enabled() {
			k.log.Info("checkpoints cannot be read; each load balancer is read from AWS", "cause", err.Error())
		}
		return false
	}
	select {
	case <-k.ready: // passes have begun without it
		return true
	default:
	}
	k.log.Info("read checkpoints", "entries", len(kept.Entries), "damaged", kept.Damaged, "complete", kept.Clean, "written", kept.At, "took", time.Since(begun).String())
	k.onOpen(kept)
	return true
}

// End waits for the last passes and writes what they left.
func (k *Keeper) End(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		k.passes.Lock()
		defer k.passes.Unlock()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPassesTimeout+lastWriteTimeout)
	defer cancel()
	select {
	case <-done:
	case <-time.After(lastPassesTimeout): // the next leader finds that the checkpoints are not complete
		if err := k.Store.Flush(ctx); err != nil {
			k.log.Info("the last write of checkpoints failed", "cause", err.Error())
		}
		return
	}
	if k.Registered != nil {
		k.Store.Replace(Targets, k.Registered())
	}
	if err := k.Store.Close(ctx); err != nil {
		k.log.Info("the last write of checkpoints failed; the next start reads more from AWS", "cause", err.Error())
	}
}
