package queue

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

// Keyed runs work by key, outside the queues of controllers: one run of a key at a time, different keys in parallel. A
// key that is added during its run runs once more. A key that fails runs again after growing pauses. A key has an
// entry only while it waits or runs. Keyed is safe for concurrent use.
type Keyed struct {
	run    func(ctx context.Context, key string) Retry
	Now    func() time.Time
	Pauses backoff.Policy // after consecutive failures of a key
	// Gather is how long a key of AddNow waits for further additions, and Delay how long a key of Add waits.
	Gather, Delay time.Duration
	Slots         int // how many runs can start at the same time; 0 = keyedSlots
	// Tenant returns the tenant of a key, as awsclient.WithTenant names it. Tenants take turns. Nil = all keys are the
	// controller's.
	Tenant func(key string) string

	mu      sync.Mutex
	entries map[string]*keyedEntry
	waiting dueFirst           // the entries that neither run nor are in ready
	ready   Turns[*keyedEntry] // the entries that are due, by tenant
	signal  chan struct{}
}

// Retry says when a key runs again. The zero value: when it is added again.
type Retry struct {
	Failed bool // it runs again after a pause
	// Soon limits the pause to LongestAPIPause, because the run waits for the API server or for other work of this
	// process.
	Soon bool
	At   time.Time // the earliest time of the next run; without Failed, the time of the next run
}

type keyedEntry struct {
	key      string
	place    int // in waiting; negative in ready
	due      time.Time
	running  bool
	again    time.Time // when a key that was added during its run is due again; zero = it was not added
	addedNow bool      // it was added by AddNow during its run
	failures int
}

// dueFirst is a heap of entries. The first has been due the longest.
type dueFirst []*keyedEntry

func (h dueFirst) Len() int { return len(h) }

func (h dueFirst) Less(i, j int) bool {
	return cmp.Or(h[i].due.Compare(h[j].due), cmp.Compare(h[i].key, h[j].key)) < 0
}

func (h dueFirst) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *dueFirst) Push(x any) {
	if e, ok := x.(*keyedEntry); ok {
		e.place = len(*h)
		*h = append(*h, e)
	}
}

// Pop implements heap.Interface.
func (h *dueFirst) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last], *h = nil, (*h)[:last]
	return e
}

const (
	// SlotTime is how long a run occupies one of the slots. A longer run, which waits for AWS, releases its slot.
	SlotTime = 100 * time.Millisecond
	// keyedSlots limits the runs that start at the same time: thousands of keys after a start must not occupy all CPUs.
	keyedSlots = 8
	// longestPause limits the pauses after failures.
	longestPause = 5 * time.Minute
)

// NewKeyed returns a Keyed whose first pause after a failure is first.
func NewKeyed(first time.Duration, now func() time.Time, run func(ctx context.Context, key string) Retry) *Keyed {
	return &Keyed{run: run, Now: now, Pauses: backoff.Policy{First: first, Longest: longestPause},
		entries: map[string]*keyedEntry{}, signal: make(chan struct{}, 1)}
}

// Add runs a key. A key that failed runs when its pause is over.
func (k *Keyed) Add(key string) { k.add(key, false) }

// AddNow runs a key now, even if it failed, because there is new input.
func (k *Keyed) AddNow(key string) { k.add(key, true) }

func (k *Keyed) add(key string, now bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	switch {
	case e == nil:
		pause := k.Delay
		if now {
			pause = k.Gather
		}
		k.entries[key] = &keyedEntry{key: key, due: k.Now().Add(max(pause, k.Gather))}
		heap.Push(&k.waiting, k.entries[key])
	case e.running && e.again.IsZero():
		e.again, e.addedNow = k.Now().Add(k.Delay), now
	case e.running:
		e.addedNow = e.addedNow || now
	case now:
		e.failures = 0
		if due := k.Now().Add(k.Gather); due.Before(e.due) { // further additions do not prolong the wait
			k.move(e, due)
		}
	}
	k.notify()
}

// move changes when an entry that does not run is due. k.mu is held.
func (k *Keyed) move(e *keyedEntry, due time.Time) {
	if e.place < 0 {
		return // it is due
	}
	e.due = due
	heap.Fix(&k.waiting, e.place)
}

// RetryFailed is called when a cause of failures has ended. It ends the pauses of all failed keys, one after the other
// with a spacing. A key that fails again pauses for as long as before.
func (k *Keyed) RetryFailed(spacing time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	due := k.Now()
	for _, key := range slices.Sorted(maps.Keys(k.entries)) {
		if e := k.entries[key]; e.failures > 0 && !e.running && due.Before(e.due) {
			k.move(e, due)
			due = due.Add(spacing)
		}
	}
	k.notify()
}

// LookAgain ends the pause of a failed key, because the cause may have ended. If the key fails again, its pauses keep
// growing.
func (k *Keyed) LookAgain(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[key]; e != nil && e.failures > 0 && !e.running && k.Now().Before(e.due) {
		k.move(e, k.Now())
	}
	k.notify()
}

// notify wakes Start.
func (k *Keyed) notify() {
	select {
	case k.signal <- struct{}{}:
	default:
	}
}

// Len returns the number of keys that wait or run.
func (k *Keyed) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.entries)
}

// Has reports whether a key waits or runs.
func (k *Keyed) Has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entries[key] != nil
}

// Start runs until ctx ends. It implements manager.Runnable.
func (k *Keyed) Start(ctx context.Context) error {
	slots := make(chan struct{}, cmp.Or(k.Slots, keyedSlots))
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		key, pause, ok := k.Next()
		if !ok {
			<-slots
			if !k.rest(ctx, pause) {
				return nil
			}
			continue
		}
		leave := sync.OnceFunc(func() { <-slots })
		timer := time.AfterFunc(SlotTime, leave)
		running.Go(func() {
			defer leave()
			defer timer.Stop()
			k.Run(ctx, key)
		})
	}
}

// rest waits for a signal, or for pause if that is not 0. It returns false if ctx has ended.
func (k *Keyed) rest(ctx context.Context, pause time.Duration) bool {
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

// Next takes the next key that is due: tenants take turns, and of one tenant the key that has been due the longest is
// next. If none is due, pause is the time until the next one is, 0 if none waits. Start calls Next and Run; tests with
// a stepped clock call them instead.
func (k *Keyed) Next() (key string, pause time.Duration, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for now := k.Now(); len(k.waiting) > 0 && !now.Before(k.waiting[0].due); {
		if e, is := heap.Pop(&k.waiting).(*keyedEntry); is {
			e.place = -1
			k.ready.Push(k.tenant(e.key), e)
		}
	}
	e, ok := k.ready.Pop()
	if !ok && len(k.waiting) > 0 {
		pause = k.waiting[0].due.Sub(k.Now())
	}
	if !ok {
		return "", pause, false
	}
	e.running, e.again, e.addedNow = true, time.Time{}, false
	return e.key, 0, true
}

func (k *Keyed) tenant(key string) string {
	if k.Tenant == nil {
		return ""
	}
	return k.Tenant(key)
}

// Run runs a key that Next returned, and schedules it again as its Retry demands.
func (k *Keyed) Run(ctx context.Context, key string) {
	if k.Tenant != nil {
		ctx = awsclient.WithTenant(ctx, k.Tenant(key))
	}
	r := k.run(ctx, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	e.running = false
	switch {
	case e.addedNow:
		e.due = time.Time{}
	case !e.again.IsZero() && !r.Failed:
		e.due = e.again
	case r.Failed:
		e.failures++
		pause := k.Pauses.Pause(e.failures)
		if r.Soon {
			pause = min(pause, LongestAPIPause)
		}
		e.due = k.Now().Add(pause)
		if r.At.After(e.due) {
			e.due = r.At
		}
	case !r.At.IsZero():
		e.due = r.At
	default:
		delete(k.entries, key)
		return
	}
	heap.Push(&k.waiting, e)
	k.notify()
}
