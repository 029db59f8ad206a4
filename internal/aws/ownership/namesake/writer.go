package namesake

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Election identifies the leader election of a controller's processes. The leaders of two elections write at the
// same time.
type Election struct {
	Enabled         bool
	Namespace, Name string // of the Lease
}

// String returns the name of an election in the status of LoadBalancer objects. Without election, all processes of one
// name have the same text.
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
	// apart is the shortest time between the first and last sighting that prove a second controller. A controller that
	// is reinstalled with another Lease overlaps with the old one for less.
	apart = time.Minute
	// forgotten is the time after the last sighting after which the second controller counts as gone: three lists of
	// the objects.
	forgotten = 16 * time.Minute
)

// Writers finds a second controller of the cluster by the statuses of LoadBalancer objects, each of which names the
// election of its writer. If an object that this process wrote names another election later, a second controller
// wrote it. The zero value is ready to use. It is safe for concurrent use.
type Writers struct {
	Own string // the election of this process
	// OnChange is called with the text of the condition when it changes; "" = the condition ended. It must not block.
	// nil = nothing is called.
	OnChange func(text string)

	mu      sync.Mutex
	objects map[string]named
	beacon  string
	first   time.Time // of the sightings
	last    time.Time
	text    string
}

// named says whose election an object names.
type named int

const (
	own  named = iota + 1 // the election of this process
	left                  // another one, which wrote itself over this process
)

// Listed records the names of all objects. Two controllers continue to write their elections into the first object,
// so each sees that the other one still works. They leave the other objects to the last writer, so that they do not
// overwrite each other without end.
func (w *Writers) Listed(objects []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beacon = ""
	if len(objects) > 0 {
		w.beacon = slices.Min(objects)
	}
}

// Wanted returns the writer that the status of an object must name. now is the writer that it names.
func (w *Writers) Wanted(object, now string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.objects[object] == left && object != w.beacon {
		return now
	}
	return w.Own
}

// Wrote records the writer that this process has written into the status of an object.
func (w *Writers) Wrote(object, writer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if writer == w.Own {
		w.note(object, own)
	}
}

// Saw records the writer that the status of an object names.
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

// Beacon returns the object into which all controllers write their elections; "" = there is none. A caller that
// reads it often finds a second controller before the next list.
func (w *Writers) Beacon() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.beacon
}

// Gone records that an object no longer exists.
func (w *Writers) Gone(object string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, object)
	if w.beacon = ""; len(w.objects) > 0 {
		w.beacon = slices.Min(slices.Collect(maps.Keys(w.objects)))
	}
}

// Fenced records that another process, which began later, writes the checkpoints of this process.
func (w *Writers) Fenced(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first, w.last = at, at
	w.say("a second process of the controller works in this cluster without leader election: it has begun after this " +
		"one, and writes the same checkpoints")
}

// Review ends the condition after a long time without sightings.
func (w *Writers) Review(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() && at.Sub(w.last) >= forgotten {
		w.first, w.last = time.Time{}, time.Time{}
		clear(w.objects) // they are to name this process again
		w.say("")
	}
}

// say calls OnChange if the condition begins or ends. It does not report a text that names another object. The
// caller holds the lock.
func (w *Writers) say(text string) {
	if (text == "") == (w.text == "") {
		return
	}
	w.text = text
	if w.OnChange != nil {
		w.OnChange(text)
	}
}
