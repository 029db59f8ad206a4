package namesake

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Election is by what the leader of a controller's processes is elected. The leaders of two elections write at the same
// time.
type Election struct {
	Enabled         bool
	Namespace, Name string // of the Lease
}

// String is how an election is written into the status of LoadBalancer objects; without one all processes of a name
// write the same.
func (e Election) String() string {
	lease := e.Name
	if e.Namespace != "" {
		lease = e.Namespace + "/" + e.Name
	}
	if !e.Enabled {
		return "without election (" + lease + ")"
	}
	return "Lease " + lease
}

const (
	// apart is the time between two sightings that count: a controller that is installed anew with another Lease writes
	// beside the one that ends for less.
	apart = time.Minute
	// forgotten is the time after the last sighting after which a second controller is believed to be gone: three lists of
	// the objects.
	forgotten = 16 * time.Minute
)

// Writers finds a second controller of the cluster by the statuses of LoadBalancer objects, each of which names the
// election of its writer: one that this process has written and that names another one later was written by a second
// controller. The zero value is usable, and safe for concurrent use.
type Writers struct {
	Own string // the election of this process
	// OnChange is called with the text of the condition when it changes; empty = it has healed. It must not wait. nil =
	// nothing is called.
	OnChange func(text string)

	mu      sync.Mutex
	objects map[string]named
	beacon  string
	first   time.Time // of the sightings
	last    time.Time
	text    string
}

// named is what is known of the writer that an object names.
type named int

const (
	own  named = iota + 1 // the election of this process
	left                  // another one, which wrote itself over this process
)

// Listed takes the names of all objects. Two controllers go on to write themselves into the first of them, by which
// each sees that the other one is still there; the others are left to the one that wrote last, so that two controllers
// do not write for ever.
func (w *Writers) Listed(objects []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beacon = ""
	if len(objects) > 0 {
		w.beacon = slices.Min(objects)
	}
}

// Wanted is what the status of an object is to name as its writer, where it names one now.
func (w *Writers) Wanted(object, now string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.objects[object] == left && object != w.beacon {
		return now
	}
	return w.Own
}

// Wrote takes note of the writer that this process has written into the status of an object.
func (w *Writers) Wrote(object, writer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if writer == w.Own {
		w.note(object, own)
	}
}

// Saw takes the writer that the status of an object names.
func (w *Writers) Saw(object, writer string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case writer == w.Own:
		w.note(object, own) // also by an earlier process of the election: what comes after it is another's
		return
	case writer == "" || w.objects[object] != own: // of a controller that was installed with another Lease before this one
		return
	}
	w.note(object, left)
	if w.first.IsZero() {
		w.first = at
	}
	w.last = at
	if at.Sub(w.first) >= apart {
		w.say(fmt.Sprintf("a second controller works in this cluster, elected by %s, while this one leads by %s: "+
			"it wrote LoadBalancer %s", writer, w.Own, object))
	}
}

func (w *Writers) note(object string, n named) {
	if w.objects == nil {
		w.objects = map[string]named{}
	}
	w.objects[object] = n
	if w.beacon == "" || object < w.beacon {
		w.beacon = object
	}
}

// Beacon is the object that all controllers write themselves into; empty = there is none. Who reads it often finds a
// second controller before the next list.
func (w *Writers) Beacon() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.beacon
}

// Gone takes note that an object does not exist any more.
func (w *Writers) Gone(object string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, object)
	if w.beacon = ""; len(w.objects) > 0 {
		w.beacon = slices.Min(slices.Collect(maps.Keys(w.objects)))
	}
}

// Fenced takes note that another process writes the checkpoints of this one, and has begun later.
func (w *Writers) Fenced(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first, w.last = at, at
	w.say("a second process of the controller works in this cluster without leader election: it has begun after this " +
		"one, and writes the same checkpoints")
}

// Review heals the condition once there was no sighting for long.
func (w *Writers) Review(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() && at.Sub(w.last) >= forgotten {
		w.first, w.last = time.Time{}, time.Time{}
		clear(w.objects) // they are to name this process again
		w.say("")
	}
}

// say calls OnChange. A text that differs only in its object is no news. The lock is held.
func (w *Writers) say(text string) {
	if (text == "") == (w.text == "") {
		return
	}
	w.text = text
	if w.OnChange != nil {
		w.OnChange(text)
	}
}
