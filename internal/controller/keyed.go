package controller

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/backoff"
)

// keyed runs work by key beside everything else: one run of a key at a time, different keys in parallel. A key that is added while
// it runs, runs once more. What fails is tried again ever less often. It holds an entry for a key only while there is something to
// do for it. It is safe for concurrent use.
type keyed struct {
	run    func(ctx context.Context, key string) retry
	now    func() time.Time
	pauses backoff.Policy // after failures in a row of a key
	// gather is how long a key waits for more of the same, and linger how long one for which nothing is new; 0 = it does not.
	gather, linger time.Duration

	mu      sync.Mutex
	entries map[string]*keyedEntry
	signal  chan struct{}
}

// retry is what a run of a key asks for; the zero retry asks for nothing.
type retry struct {
	failed bool      // the key is to be tried again after a pause
	soon   bool      // pauses stay short: it waits for the API server, or for other work of this process
	at     time.Time // and not before; alone, it is tried again then
}

type keyedEntry struct {
	due      time.Time
	running  bool
	again    bool // added while it ran
	kicked   bool // and for something new
	failures int
}

const (
	// keyedPatience is how long a run counts among those that may run at once: what AWS keeps waiting makes room.
	keyedPatience = 100 * time.Millisecond
	// keyedAtOnce bounds the work that starts at once, so that a start with thousands of keys leaves the processors to others.
	keyedAtOnce = 8
	// longestKeyedPause is the ceiling of pauses after failures.
	longestKeyedPause = 5 * time.Minute
)

func newKeyed(first time.Duration, now func() time.Time, run func(ctx context.Context, key string) retry) *keyed {
	return &keyed{run: run, now: now, pauses: backoff.Policy{First: first, Longest: longestKeyedPause}, entries: map[string]*keyedEntry{}, signal: make(chan struct{}, 1)}
}

// add has a key run, but one that failed not before its pause is over.
func (k *keyed) add(key string) { k.enqueue(key, false) }

// kick has a key run now, for something new that its last run did not know.
func (k *keyed) kick(key string) { k.enqueue(key, true) }

func (k *keyed) enqueue(key string, now bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	switch {
	case e == nil:
		pause := k.linger
		if now {
			pause = k.gather
		}
		k.entries[key] = &keyedEntry{due: k.now().Add(max(pause, k.gather))}
	case e.running:
		e.again, e.kicked = true, e.kicked || now
	case now:
		e.failures = 0
		if due := k.now().Add(k.gather); due.Before(e.due) { // one that gathers already waits no longer for each that comes
			e.due = due
		}
	}
	select {
	case k.signal <- struct{}{}:
	default:
	}
}

// Start runs until ctx ends; it implements manager.Runnable.
func (k *keyed) Start(ctx context.Context) error {
	slots := make(chan struct{}, keyedAtOnce)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		key, pause, ok := k.next()
		if !ok {
			<-slots
			if !k.rest(ctx, pause) {
				return nil
			}
			continue
		}
		leave := sync.OnceFunc(func() { <-slots })
		timer := time.AfterFunc(keyedPatience, leave)
		running.Go(func() {
			defer leave()
			defer timer.Stop()
			k.pass(ctx, key)
		})
	}
}

// rest waits for a signal, or for so long if anything is due then; false if ctx ended.
func (k *keyed) rest(ctx context.Context, pause time.Duration) bool {
	var due <-chan time.Time
	if pause > 0 {
		due = time.After(pause)
	}
	select {
	case <-ctx.Done():
		return false
	case <-k.signal:
	case <-due:
	}
	return true
}

// next takes the key that has been due the longest; if none is, pause is the time until one will be, 0 if none waits.
func (k *keyed) next() (key string, pause time.Duration, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var first *keyedEntry
	for x, e := range k.entries {
		if !e.running && (first == nil || e.due.Before(first.due) || e.due.Equal(first.due) && x < key) {
			key, first = x, e
		}
	}
	if first == nil {
		return "", 0, false
	}
	if pause = first.due.Sub(k.now()); pause > 0 {
		return "", pause, false
	}
	first.running, first.again, first.kicked = true, false, false
	return key, 0, true
}

// pass runs a key and sees to what it asks for.
func (k *keyed) pass(ctx context.Context, key string) {
	r := k.run(ctx, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	e.running = false
	switch {
	case e.kicked, e.again && !r.failed:
		e.due = time.Time{}
	case r.failed:
		e.failures++
		pause := k.pauses.Pause(e.failures)
		if r.soon {
			pause = min(pause, longestUnheard)
		}
		e.due = k.now().Add(pause)
		if r.at.After(e.due) {
			e.due = r.at
		}
	case !r.at.IsZero():
		e.due = r.at
	default:
		delete(k.entries, key)
		return
	}
	select {
	case k.signal <- struct{}{}:
	default:
	}
}
