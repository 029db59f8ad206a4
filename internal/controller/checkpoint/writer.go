package checkpoint

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	// WriteInterval is the interval of writes: a ConfigMap is written at most once in that time.
	WriteInterval = 5 * time.Second
	// openTimeout is how long the first passes wait for the next object that Restore reads or writes. However many there
	// are, and however large, they wait as long as it goes on.
	openTimeout = 10 * time.Second
	// soonTimeout is how long BeginTargets waits.
	soonTimeout = time.Second
	// lastPassesTimeout is how long End waits for passes under way, and lastWriteTimeout for the last write.
	lastPassesTimeout = 10 * time.Second
	lastWriteTimeout  = 5 * time.Second
)

// writePauses are the pauses between writes: the first one while writes succeed, longer ones after consecutive
// failures.
var writePauses = backoff.Policy{First: WriteInterval, Longest: 5 * time.Minute}

// Writer reads the checkpoints of earlier processes, delays passes until they are read, and writes checkpoints for the
// next process. A nil Writer reads and writes nothing.
type Writer struct {
	Store  *Store
	onOpen func(Restored)
	log    logr.Logger
	ready  chan struct{} // closed by Restore
	// targetsReady is closed when it is known what of the registered targets is restored: nothing unless the last leader
	// ended in order.
	targetsReady    chan struct{}
	targetsAreReady func() // closes it
	// Registered returns the values of kind Targets; nil = there are none. End calls it once: registrations change with
	// each pod, and a process that ends without End may change them after its last write.
	Registered func() map[string]any
	// Foreign returns the value of kind Foreign; nil, or what it returns is nil = there is none. End calls it once, too:
	// others may tag what is foreign for this cluster at any time.
	Foreign func() any
	// Late gets the checkpoints of earlier processes if they could be read only after passes had begun without them; nil =
	// nobody needs them then.
	Late   func(Restored)
	passes sync.RWMutex // locked for reading by each pass; End waits for the passes by locking it for writing
}

// NewWriter returns a writer; onOpen gets the checkpoints of earlier processes.
func NewWriter(store *Store, onOpen func(Restored), log logr.Logger) *Writer {
	w := &Writer{Store: store, onOpen: onOpen, log: log, ready: make(chan struct{}), targetsReady: make(chan struct{})}
	w.targetsAreReady = sync.OnceFunc(func() { close(w.targetsReady) })
	return w
}

// Begin waits for Restore and begins a pass, which ends with a call of end. The last write waits for the passes.
func (w *Writer) Begin(ctx context.Context) (end func(), err error) {
	if w == nil {
		return func() {}, nil
	}
	return w.begin(ctx, w.ready, nil)
}

// BeginTargets is Begin for passes that need what was registered of checkpoints only. They wait for soonTimeout at
// most, and then read from AWS. After a leader that did not end in order they wait for no more than the header.
func (w *Writer) BeginTargets(ctx context.Context) (end func(), err error) {
	if w == nil {
		return func() {}, nil
	}
	return w.begin(ctx, w.targetsReady, time.After(soonTimeout))
}

func (w *Writer) begin(ctx context.Context, ready <-chan struct{}, timeout <-chan time.Time) (end func(), err error) {
	select {
	case <-ready:
	case <-timeout:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.passes.RLock()
	return w.passes.RUnlock, nil
}

// Put replaces an entry.
func (w *Writer) Put(kind Kind, name string, value any) {
	if w != nil {
		w.Store.Put(ID{Kind: kind, Name: name}, value)
	}
}

// PutLater replaces an entry that is not worth a write of its own.
func (w *Writer) PutLater(kind Kind, name string, value any) {
	if w != nil {
		w.Store.PutLater(ID{Kind: kind, Name: name}, value)
	}
}

// Delete removes an entry.
func (w *Writer) Delete(kind Kind, name string) {
	if w != nil {
		w.Store.Delete(ID{Kind: kind, Name: name})
	}
}

// Await waits until what earlier processes kept is restored, or cannot be read.
func (w *Writer) Await(ctx context.Context) error {
	if w == nil {
		return nil
	}
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Enabled reports whether entries are written, so that a later process has them.
func (w *Writer) Enabled() bool { return w != nil && w.Store.Enabled() }

// Flush writes what changed at once, for entries that must be written before another action.
func (w *Writer) Flush(ctx context.Context) error {
	if w == nil {
		return nil
	}
	return w.Store.Flush(ctx)
}

// Start restores, and then writes until ctx ends. It implements manager.Runnable and runs on the leader only. The Lease
// is released after it has returned.
func (w *Writer) Start(ctx context.Context) error {
	w.Restore(ctx)
	failures := 0
	logged := ""
	for w.Store.Enabled() {
		if sleep.For(ctx, writePauses.Pause(failures+1)) != nil {
			w.End(ctx)
			return nil //nolint:nilerr // the process ends
		}
		isOpen, err := w.Write(ctx)
		if err == nil && isOpen {
			failures, logged = 0, ""
			continue
		}
		failures++
		if err != nil && ctx.Err() == nil && logged != err.Error() {
			logged = err.Error()
			w.log.Info("writing checkpoints failed; the next write is tried after a pause", "cause", logged)
		}
	}
	<-ctx.Done()
	return nil
}

// Write writes what changed. If the checkpoints of earlier processes could not be read yet, it reads them first.
func (w *Writer) Write(ctx context.Context) (isOpen bool, err error) {
	isOpen = w.Store.opened() || w.open(ctx)
	return isOpen, w.Store.Flush(ctx)
}

// Restore reads the checkpoints of earlier processes, and lets passes begin. It is called once.
func (w *Writer) Restore(ctx context.Context) (ok bool) {
	defer w.targetsAreReady()
	defer close(w.ready)
	return w.open(ctx)
}

// open reads the checkpoints of earlier processes. It calls onOpen only while passes wait for it.
func (w *Writer) open(parent context.Context) bool {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	stuck := time.AfterFunc(openTimeout, cancel)
	defer stuck.Stop()
	w.Store.whileOpening(func() { stuck.Reset(openTimeout) })
	begun := time.Now()
	restored, err := w.Store.Open(ctx, func(complete bool) {
		if !complete {
			w.targetsAreReady()
		}
	})
	if err != nil {
		if parent.Err() == nil && w.Store.Enabled() {
			w.log.Info("cannot read checkpoints; the controller reads each load balancer from AWS", "cause", err.Error())
		}
		return false
	}
	select {
	case <-w.ready: // passes have begun without the checkpoints
		if w.Late != nil {
			w.Late(restored)
		}
		return true
	default:
	}
	w.log.Info("read checkpoints", "entries", len(restored.Entries), "damaged", restored.Damaged, "complete",
		restored.Complete, "written", restored.At, "took", time.Since(begun).String())
	w.onOpen(restored)
	return true
}

// End waits for the last passes and writes their entries.
func (w *Writer) End(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		w.passes.Lock()
		defer w.passes.Unlock()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPassesTimeout+lastWriteTimeout)
	defer cancel()
	select {
	case <-done:
	case <-time.After(lastPassesTimeout): // the checkpoints are not marked as complete
		if err := w.Store.Flush(ctx); err != nil {
			w.log.Info("the last write of checkpoints failed", "cause", err.Error())
		}
		return
	}
	if w.Registered != nil {
		w.Store.Replace(Targets, w.Registered())
	}
	if w.Foreign != nil {
		w.Put(Foreign, ForeignName, w.Foreign())
	}
	if err := w.Store.Close(ctx); err != nil {
		w.log.Info("the last write of checkpoints failed; the next start reads more from AWS", "cause", err.Error())
	}
}

// laterInterval is how long a value of PutLater waits at most: what a leader has recorded is in a ConfigMap a minute
// later, even if nothing else is written.
const laterInterval = time.Minute

// mostWithOthers is how many values of PutLater are written with others before laterInterval. An edit of any size
// writes one piece of the journal.
const mostWithOthers = 16

// PutLater is Put of an entry that is not worth a write of its own: it is written with the next change of another
// entry, by Close, and after laterInterval with all others that wait.
func (s *Store) PutLater(id ID, value any) { s.enter(id, value, true) }

func (s *Store) enter(id ID, value any, later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == off {
		return
	}
	e := s.entries[id]
	if e == nil {
		e = &entry{}
		s.add(id, e)
	}
	waits := e.pending && e.later
	if later && !waits {
		e.since = s.cfg.Now()
	}
	e.later = later && (waits || !e.pending) // one that was to be written at once still is
	e.value, e.pending, e.touched = value, true, true
	s.pending[id] = e
}

// encode encodes the pending values: those that may wait only with others, or when their time is over, or all.
func (s *Store) encode(all bool) []record {
	changes := s.encodeAll(s.take(false, math.MaxInt))
	switch {
	case all || s.overdue():
		changes = append(changes, s.encodeAll(s.take(true, math.MaxInt))...)
	case len(changes) > 0 || s.unwritten():
		changes = append(changes, s.encodeAll(s.take(true, mostWithOthers))...)
	}
	return changes
}

// take takes pending values: those that may wait, or those that may not.
func (s *Store) take(later bool, most int) map[ID]any {
	pending := map[ID]any{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.pending {
		if e.later == later && len(pending) < most {
			pending[id] = e.value
			e.value, e.pending, e.later = nil, false, false
			delete(s.pending, id)
		}
	}
	return pending
}

// overdue reports whether a value has waited for long enough.
func (s *Store) overdue() bool {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.pending {
		if e.later && now.Sub(e.since) >= laterInterval {
			return true
		}
	}
	return false
}

// unwritten reports whether a ConfigMap is to be written in any case.
func (s *Store) unwritten() bool {
	for _, sh := range s.shards {
		if sh.dirty {
			return true
		}
	}
	return false
}
