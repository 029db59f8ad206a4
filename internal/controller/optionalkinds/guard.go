package optionalkinds

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Doubt is how old a deletion is when discovery confirms it, where the definition itself cannot be read. The removal of
// a definition deletes the objects one by one; it is marked before, and discovery shows the mark within this time, also
// at another API server than the one that delivered the deletion.
const Doubt = time.Second

// reappear is for how long objects are waited for that were deleted with a definition which is installed again: who
// installs it creates them again.
const reappear = 5 * time.Second

// guard is the ListerWatcher of an optional kind. An informer behind it sees a deletion only after a read of the
// definition, or else discovery, has shown that the definition stands. Until then, and while the kind is not served, it
// holds the objects as they were last. The mark of a deletion, which an object with finalizers gets first, is held in
// the same way where it alone ends what the object declares. The end of a Gateway whose mark was shown is shown at
// once. Of a required kind it only waits until the kind is served.
type guard struct {
	of          cache.ListerWatcherWithContext
	kind        objects.Kind
	required    bool
	definitions *Definitions

	mu     sync.Mutex
	listed bool                              // a list was passed on: the informer holds objects
	broken int                               // how often the definition had been removed before that list
	uid    types.UID                         // of the definition before that list; "" = it could not be read
	held   map[types.NamespacedName]deletion // that are not passed on
	marked map[types.NamespacedName]bool     // the objects whose mark of deletion was passed on
}

// deletion is an event that is held back: the end of an object, or an update with the mark of its deletion.
type deletion struct {
	event watch.Event
	at    time.Time
}

func newGuard(of cache.ListerWatcher, kind objects.Kind, d *Definitions) *guard {
	return &guard{of: cache.ToListerWatcherWithContext(of), kind: kind, required: readable.Kinds[kind].Required,
		definitions: d, held: map[types.NamespacedName]deletion{}, marked: map[types.NamespacedName]bool{}}
}

// IsWatchListSemanticsUnSupported makes the reflector list, since deletions during a disconnection show in lists only.
func (g *guard) IsWatchListSemanticsUnSupported() bool { return !g.required }

// List implements cache.ListerWatcher.
func (g *guard) List(o metav1.ListOptions) (runtime.Object, error) {
	return g.ListWithContext(context.Background(), o)
}

// Watch implements cache.ListerWatcher.
func (g *guard) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return g.WatchWithContext(context.Background(), o)
}

// ListWithContext implements cache.ListerWatcherWithContext. It waits while the kind is not served.
func (g *guard) ListWithContext(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	if err := g.definitions.await(ctx, g.kind, served, ending); err != nil {
		return nil, err
	}
	if g.required {
		return g.of.ListWithContext(ctx, o)
	}
	broken := g.definitions.Removals(g.kind)
	uid, _, _ := g.definitions.read(ctx, g.kind) // "" = it cannot be read
	list, err := g.of.ListWithContext(ctx, o)
	if apierrors.IsForbidden(err) && readable.Kinds[g.kind].Ineffective {
		err = g.awaitRight(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if m, err := meta.ListAccessor(list); err != nil || m.GetContinue() != "" {
		return list, err // the last page is confirmed
	}
	marked := map[types.NamespacedName]bool{}
	if err := meta.EachListItem(list, func(o runtime.Object) error {
		if key, ok := g.marks(o); ok {
			marked[key] = true
		}
		return nil
	}); err != nil {
		return nil, err
	}
	read := g.definitions.now()
	g.mu.Lock()
	// what was deleted with the former definition may be about to be created again
	again, replaced := g.listed, g.listed && g.uid != uid
	g.mu.Unlock()
	// objects that it lacks, or that are marked, may be those of a definition that is being removed
	if again || len(marked) > 0 {
		stands, known := g.definitions.stands(ctx, g.kind, uid)
		if known && !stands {
			return nil, g.expired()
		}
		if pause := Doubt; !known || replaced {
			if replaced {
				pause = reappear
			}
			if err := sleep.For(ctx, pause); err != nil {
				return nil, err
			}
			read = read.Add(pause)
		}
	}
	if err := g.definitions.confirm(ctx, g.kind, read); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listed, g.broken, g.uid, g.marked = true, broken, uid, marked
	clear(g.held)
	return list, nil
}

// rightPause is the pause before a kind that is only reported on is listed again without the right to it. The role of
// an earlier installation lacks it.
const rightPause = 5 * time.Minute

// awaitRight delays the error of a list for which a right is missing, so that it is neither repeated nor logged every
// half minute.
func (g *guard) awaitRight(ctx context.Context, err error) error {
	g.definitions.log.Info("objects of a kind that has no effect on load balancers may not be listed, and are "+
		"not reported on", "kind", g.kind, "cause", err.Error())
	return cmp.Or(sleep.For(ctx, rightPause), err)
}

// marks reports whether an object has the mark of its deletion, and this alone ends what it declares.
func (g *guard) marks(object runtime.Object) (key types.NamespacedName, ok bool) {
	o, err := meta.Accessor(object)
	if err != nil {
		return key, false
	}
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}, o.GetDeletionTimestamp() != nil &&
		(g.kind == objects.Gateway || slices.Contains(objects.RouteKinds, g.kind))
}

// outlived is not nil if the definition was removed since the list. What was deleted with it may have been created
// again, which only a new list shows at once; the error makes the reflector list.
func (g *guard) outlived() *apierrors.StatusError {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == g.definitions.Removals(g.kind) {
		return nil
	}
	return g.expired()
}

func (g *guard) expired() *apierrors.StatusError {
	return apierrors.NewResourceExpired("the definition of " + string(g.kind) + " was removed since the list")
}

// doubt is how long a deletion is held before it is confirmed.
func (g *guard) doubt() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.uid != "" && g.definitions.readable(g.kind) {
		return gather
	}
	return Doubt
}

// confirmed is the time until which deletions are those of their objects alone; zero = the definition is being removed,
// or that is not known.
func (g *guard) confirmed(ctx context.Context) time.Time {
	g.mu.Lock()
	uid := g.uid
	g.mu.Unlock()
	now := g.definitions.now()
	if stands, known := g.definitions.stands(ctx, g.kind, uid); known {
		if !stands {
			return time.Time{}
		}
		return now
	}
	if g.definitions.confirm(ctx, g.kind, now) != nil {
		return time.Time{}
	}
	return now.Add(-Doubt)
}

// WatchWithContext implements cache.ListerWatcherWithContext. It waits while the kind is not served.
func (g *guard) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	if err := g.definitions.await(ctx, g.kind, served, ending); err != nil {
		return nil, err
	}
	if g.required {
		return g.of.WatchWithContext(ctx, o)
	}
	if s, _ := g.definitions.state(g.kind); s == served {
		if err := g.outlived(); err != nil {
			return nil, err
		}
	}
	w, err := g.of.WatchWithContext(ctx, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &session{guard: g, of: w, out: make(chan watch.Event), ended: ctx.Done(), end: cancel, version: o.ResourceVersion}
	go s.run(ctx)
	return s, nil
}

// session is a watch whose deletions are held back. What one session holds the next one passes on.
type session struct {
	*guard
	of    watch.Interface
	out   chan watch.Event
	ended <-chan struct{}
	end   func()
	// version is the newest that was seen. Deletions are passed on with it, since versions that a reflector is shown must
	// not go back.
	version string
}

// Stop implements watch.Interface.
func (s *session) Stop() {
	s.end()
	s.of.Stop()
}

// ResultChan implements watch.Interface.
func (s *session) ResultChan() <-chan watch.Event { return s.out }

func (s *session) run(ctx context.Context) {
	defer close(s.out)
	defer s.end()
	confirmed := make(chan time.Time, 1) // the time until which deletions are confirmed; zero = none are
	var due <-chan time.Time
	confirming := false
	pause := time.Duration(0)
	var next time.Time // not to be confirmed before
	for {
		if oldest, ok := s.oldest(); ok && due == nil && !confirming {
			now := s.definitions.now()
			due = time.After(max(oldest.Add(s.doubt()).Sub(now), next.Sub(now), pause))
		}
		select {
		case <-s.ended:
			return
		case e, ok := <-s.of.ResultChan():
			if !ok || !s.take(e) {
				return
			}
		case <-due:
			due, confirming, next = nil, true, s.definitions.now().Add(gatherMore)
			go func() { confirmed <- s.confirmed(ctx) }()
		case until := <-confirmed:
			confirming, pause = false, 0
			err := s.outlived()
			if now, _ := s.definitions.state(s.kind); until.IsZero() && (err == nil || now != served) {
				pause = Doubt
				continue
			}
			if err != nil {
				status := err.Status()
				s.send(watch.Event{Type: watch.Error, Object: &status})
				return
			}
			for _, e := range s.release(until) {
				if !s.send(e) {
					return
				}
			}
		}
	}
}

// take passes an event on, or holds it back.
func (s *session) take(e watch.Event) (proceed bool) {
	o, err := meta.Accessor(e.Object)
	if err != nil || e.Type == watch.Error {
		return s.send(e)
	}
	s.version = o.GetResourceVersion()
	key, marked := s.marks(e.Object)
	s.mu.Lock()
	shown := s.marked[key]
	if e.Type == watch.Deleted {
		delete(s.marked, key)
	}
	doubted := !shown || e.Type == watch.Deleted && s.kind != objects.Gateway
	if doubted && (e.Type == watch.Deleted || marked) {
		at := s.definitions.now()
		if before, ok := s.held[key]; ok && before.event.Type != watch.Deleted {
			at = before.at // of the mark
		}
		s.held[key] = deletion{e, at}
		s.mu.Unlock()
		return true
	}
	delete(s.held, key) // an object of that name was created again: to the informer it changed
	s.mu.Unlock()
	return s.send(e)
}

func (s *session) send(e watch.Event) (proceed bool) {
	select {
	case s.out <- e:
		return true
	case <-s.ended:
		return false
	}
}

// oldest is when the oldest deletion that is held back came.
func (g *guard) oldest() (at time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.held {
		if !ok || d.at.Before(at) {
			at, ok = d.at, true
		}
	}
	return at, ok
}

// release removes the deletions that are confirmed and returns their events. After updates, which have the version of
// their object, a bookmark has the newest version that was seen.
func (s *session) release(until time.Time) []watch.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []watch.Event
	var bookmark runtime.Object
	for key, d := range s.held {
		if d.at.After(until) {
			continue
		}
		if d.event.Type != watch.Deleted {
			s.marked[key] = true
			bookmark = d.event.Object.DeepCopyObject()
		} else if o, err := meta.Accessor(d.event.Object); err == nil && s.version != "" {
			o.SetResourceVersion(s.version)
		}
		out = append(out, d.event)
		delete(s.held, key)
	}
	if o, err := meta.Accessor(bookmark); err == nil {
		o.SetResourceVersion(s.version)
		o.SetAnnotations(nil) // a bookmark's have a meaning
		out = append(out, watch.Event{Type: watch.Bookmark, Object: bookmark})
	}
	return out
}
