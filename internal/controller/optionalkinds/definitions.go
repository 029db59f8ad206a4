// Package optionalkinds reads kinds whose definitions may be missing, appear or disappear at any time. It finds out
// which of them the API server serves, and starts informers when it does. It never shows the removal of a definition
// as the deletion of its objects. It knows no stacks.
package optionalkinds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	// Interval is the pause between two looks at what the API server serves.
	Interval = 5 * time.Second
	// lookTimeout bounds a request for the resources of a version.
	lookTimeout = 10 * time.Second
)

// Discover lists the resources of a version of an API group. A NotFound means that the API server does not serve the
// version.
type Discover func(ctx context.Context, version schema.GroupVersion) (*metav1.APIResourceList, error)

// state is what is known of the definition of a kind.
type state string

const (
	unknown state = ""       // no look at its version has succeeded
	absent  state = "absent" // it was never served
	served  state = "served"
	ending  state = "ending"  // its definition is being removed: the API server deletes its objects
	removed state = "removed" // it was served, and is not any more
)

// RemovedError is the error of reads of a kind whose definition was removed.
type RemovedError struct{ Kind schema.GroupVersionKind }

// Error implements error.
func (e *RemovedError) Error() string {
	return fmt.Sprintf("the API server no longer serves %s of %s: its objects count as unknown, not as deleted; install "+
		"the definition again, or restart the controller "+
		"to go on without it", e.Kind.Kind, e.Kind.GroupVersion())
}

var errUnknown = errors.New("the API server has not yet returned which kinds it serves")

// Definitions is the known state of the definitions of optional kinds.
type Definitions struct {
	// Read, if it is set, reads definitions. Without it, or where the right is missing, deletions are confirmed by
	// discovery, which takes a second.
	Read ReadDefinition

	discover Discover
	kinds    map[objects.Kind]schema.GroupVersionKind
	now      func() time.Time
	log      logr.Logger

	looking  map[schema.GroupVersion]*sync.Mutex // held during a look that confirms
	mu       sync.Mutex
	states   map[objects.Kind]state
	breaks   map[objects.Kind]int              // how often each definition was removed
	unread   map[objects.Kind]time.Time        // until when each definition is not read, since that failed
	looked   map[schema.GroupVersion]time.Time // when the newest successful look was sent
	causes   map[schema.GroupVersion]string    // why the newest look failed
	changed  chan struct{}                     // closed at the next change of a state
	onChange []func(objects.Kind)
	onLook   []func() // are called after each look that showed something new
}

// NewDefinitions makes a Definitions that knows nothing.
func NewDefinitions(discover Discover, kinds map[objects.Kind]schema.GroupVersionKind, now func() time.Time,
	log logr.Logger) *Definitions {
	d := &Definitions{discover: discover, kinds: kinds, now: now, log: log, states: map[objects.Kind]state{},
		breaks: map[objects.Kind]int{}, unread: map[objects.Kind]time.Time{}, looked: map[schema.GroupVersion]time.Time{},
		causes: map[schema.GroupVersion]string{}, changed: make(chan struct{}),
		looking: map[schema.GroupVersion]*sync.Mutex{}}
	for _, gvk := range kinds {
		d.looking[gvk.GroupVersion()] = &sync.Mutex{}
	}
	return d
}

// OnLook adds a function that is called after each look that shows something new, the first one included. It is called
// before Run.
func (d *Definitions) OnLook(f func()) { d.onLook = append(d.onLook, f) }

// OnChange adds a function that is called with each kind whose definition has changed since the first look. It is
// called before Run.
func (d *Definitions) OnChange(f func(objects.Kind)) { d.onChange = append(d.onChange, f) }

// Run looks until ctx ends.
func (d *Definitions) Run(ctx context.Context) {
	for {
		d.Look(ctx)
		if sleep.For(ctx, Interval) != nil {
			return
		}
	}
}

// Look asks the API server once for each version. One that fails leaves what is known of its kinds.
func (d *Definitions) Look(ctx context.Context) {
	var all sync.WaitGroup
	for v := range d.looking {
		all.Go(func() { d.look(ctx, v) })
	}
	all.Wait()
}

func (d *Definitions) look(ctx context.Context, version schema.GroupVersion) {
	sent := d.now()
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	list, err := d.discover(bounded, version)
	if apierrors.IsNotFound(err) {
		list, err = &metav1.APIResourceList{}, nil
	}
	if ctx.Err() == nil {
		d.note(version, sent, list, err)
	}
}

// note records the result of a look and calls those whom a change concerns.
func (d *Definitions) note(version schema.GroupVersion, sent time.Time, list *metav1.APIResourceList, err error) {
	transition, changed := d.update(version, sent, list, err)
	for _, f := range d.onLook {
		if transition {
			f()
		}
	}
	for _, kind := range changed {
		for _, f := range d.onChange {
			f(kind)
		}
	}
}

// update records the states of a version's kinds. transition reports that a state is new; changed are the kinds that
// had another state before.
func (d *Definitions) update(version schema.GroupVersion, sent time.Time, list *metav1.APIResourceList, err error) (
	transition bool, changed []objects.Kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if cause := err.Error(); d.causes[version] != cause {
			d.causes[version] = cause
			d.log.Info("cannot read which kinds the API server serves; the controller uses the list that it read last",
				"version", version.String(), "cause", cause)
		}
		return false, nil
	}
	delete(d.causes, version)
	if sent.Before(d.looked[version]) { // of looks side by side the newest counts
		return false, nil
	}
	d.looked[version] = sent
	var missing []objects.Kind
	for _, kind := range slices.Sorted(maps.Keys(d.kinds)) {
		gvk := d.kinds[kind]
		if gvk.GroupVersion() != version {
			continue
		}
		before := d.states[kind]
		now := next(before, shown(list, gvk.Kind))
		if now == before {
			continue
		}
		d.states[kind] = now
		if before == served {
			d.breaks[kind]++
		}
		transition = true
		if before == unknown && now == absent {
			missing = append(missing, kind)
		}
		if before != unknown {
			changed = append(changed, kind)
			d.log.Info("the API server's definition of a kind changed", "kind", kind, "version", version.String(), "before",
				before, "now", now)
		}
	}
	if len(missing) > 0 {
		d.log.Info("the API server does not serve these kinds; their objects are served as soon as it has their definitions",
			"version", version.String(), "kinds", missing)
	}
	if transition {
		close(d.changed)
		d.changed = make(chan struct{})
	}
	return transition, changed
}

// shown is the state that discovery shows of a kind.
func shown(list *metav1.APIResourceList, kind string) state {
	for i := range list.APIResources {
		r := &list.APIResources[i]
		switch {
		case r.Kind != kind || !slices.Contains(r.Verbs, "list"): // subresources cannot be listed
		case slices.Contains(r.Verbs, "create"):
			return served
		default: // apiextensions leaves create out while the definition is being removed
			return ending
		}
	}
	return absent
}

// next is the state after discovery has shown one: a kind that was served once is never absent again.
func next(before, shown state) state {
	if shown == absent && before != unknown && before != absent {
		return removed
	}
	return shown
}

// state returns what is known of a kind, and a channel that is closed at the next change.
func (d *Definitions) state(kind objects.Kind) (state, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.states[kind], d.changed
}

// Removals returns how often the definition of a kind was removed since the start. It counts before a cache shows what
// was deleted with it.
func (d *Definitions) Removals(kind objects.Kind) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.breaks[kind]
}

// Serves is false for a kind that the API server has never served. Reads of one that it has ceased to serve fail.
func (d *Definitions) Serves(kind objects.Kind) bool {
	s, _ := d.state(kind)
	return s != absent
}

// Missing returns the kinds, with their versions, that the API server does not serve, or no longer serves.
func (d *Definitions) Missing(kinds ...objects.Kind) (out []string) {
	for _, kind := range kinds {
		if s, _ := d.state(kind); s == absent || s == removed {
			out = append(out, string(kind)+" ("+d.kinds[kind].GroupVersion().String()+")")
		}
	}
	return out
}

// Ending is true for a kind whose definition is being removed.
func (d *Definitions) Ending(kind objects.Kind) bool {
	s, _ := d.state(kind)
	return s == ending
}

// await waits until a kind is in one of some states.
func (d *Definitions) await(ctx context.Context, kind objects.Kind, states ...state) error {
	for {
		s, changed := d.state(kind)
		if slices.Contains(states, s) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// confirm returns nil if discovery shows that a kind is served and its definition is not being removed, in a response
// to a request that was not sent before a time.
func (d *Definitions) confirm(ctx context.Context, kind objects.Kind, notBefore time.Time) error {
	gvk := d.kinds[kind]
	version := gvk.GroupVersion()
	if d.stale(version, notBefore) {
		d.looking[version].Lock() // several that confirm share a look
		if d.stale(version, notBefore) {
			d.look(ctx, version)
		}
		d.looking[version].Unlock()
	}
	stale := d.stale(version, notBefore)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case stale:
		return fmt.Errorf("whether the API server still serves %s of %s is not known: %s", gvk.Kind, version,
			d.causes[version])
	case d.states[kind] == served:
		return nil
	case d.states[kind] == ending:
		return fmt.Errorf("the definition of %s of %s is being removed: its objects count as unknown, not as deleted",
			gvk.Kind, version)
	}
	return &RemovedError{gvk}
}

// stale reports whether the newest look at a version was sent before a time.
func (d *Definitions) stale(version schema.GroupVersion, notBefore time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.looked[version].Before(notBefore)
}
