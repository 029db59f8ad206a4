package reads

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

// ErrListing is the cause of the error of a read while the first list of the objects is in progress.
var ErrListing = errors.New("their first list is under way")

// UnwatchedError is the error of a read of an object in a namespace that --watch-namespace excludes.
type UnwatchedError struct {
	Namespace, Watched string
	Cause              error // why the API server refused the object; nil = it was not asked
}

// Error implements error.
func (e *UnwatchedError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("namespace %s is not watched (--watch-namespace=%s), and the API server refuses the object: %v",
			e.Namespace, e.Watched, e.Cause)
	}
	return fmt.Sprintf("namespace %s is not watched (--watch-namespace=%s)", e.Namespace, e.Watched)
}

const (
	// RereadInterval is the pause between reads of an object of another namespace, which has no events.
	RereadInterval = time.Minute
	// unreadLifetime is how long such an object is read again after a pass last used it.
	unreadLifetime = time.Hour
)

// Restricted is a Reader for caches that show one namespace. Objects of other namespaces are unknown, except for the
// configurations that GatewayClasses name: Restricted reads these from the API server, and again every minute.
type Restricted struct {
	Cache     client.Reader
	Live      client.Reader // the API server
	Namespace string        // the one that the caches show
	Now       func() time.Time
	// OnChange is called after an object of another namespace was created, changed or deleted.
	OnChange func(c objects.Change)

	mu   sync.Mutex
	read map[restrictedKey]*restrictedRead
}

type restrictedKey struct {
	kind objects.Kind
	name client.ObjectKey
}

type restrictedRead struct {
	object client.Object // nil = it does not exist
	absent error         // the NotFound, if object is nil
	at     time.Time     // when it was read
	used   time.Time     // when a pass last used it
}

// Hides returns the error of reads in a namespace; nil = the caches show the namespace.
func (r *Restricted) Hides(namespace string) error {
	if namespace == "" || namespace == r.Namespace {
		return nil
	}
	return &UnwatchedError{Namespace: namespace, Watched: r.Namespace}
}

// Get implements client.Reader.
func (r *Restricted) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	hidden := r.Hides(key.Namespace)
	if hidden == nil {
		return r.Cache.Get(ctx, key, o, opts...)
	}
	kind, _ := objects.KindOf(o)
	if kind != objects.LoadBalancerConfiguration && kind != objects.TargetGroupConfiguration {
		return hidden
	}
	of := restrictedKey{kind, key}
	r.mu.Lock()
	known := r.read[of]
	if known != nil {
		known.used = r.Now()
	}
	r.mu.Unlock()
	if known == nil || r.Now().Sub(known.at) >= 2*RereadInterval {
		var err error
		if known, err = r.fetch(ctx, of); err != nil {
			return err
		}
	}
	if known.object == nil {
		return known.absent
	}
	reflect.ValueOf(o).Elem().Set(reflect.ValueOf(known.object.DeepCopyObject()).Elem())
	return nil
}

// fetch reads an object from the API server.
func (r *Restricted) fetch(ctx context.Context, of restrictedKey) (*restrictedRead, error) {
	ctx, cancel := context.WithTimeout(ctx, LiveTimeout)
	defer cancel()
	now := r.Now()
	o, _ := readable.Kinds[of.kind].Object.DeepCopyObject().(client.Object)
	err := r.Live.Get(ctx, of.name, o)
	out := &restrictedRead{object: o, at: now, used: now}
	switch {
	case absence.NotFound(err):
		out.object, out.absent = nil, err
	case apierrors.IsForbidden(err):
		return nil, &UnwatchedError{Namespace: of.name.Namespace, Watched: r.Namespace, Cause: err}
	case err != nil:
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read == nil {
		r.read = map[restrictedKey]*restrictedRead{}
	}
	if before := r.read[of]; before != nil {
		out.used = before.used
	}
	r.read[of] = out
	return out, nil
}

// List implements client.Reader. A list of all namespaces has only the objects of the namespace that the caches show.
func (r *Restricted) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	if err := r.Hides(o.Namespace); err != nil {
		return err
	}
	return r.Cache.List(ctx, list, opts...)
}

// Reread reads all objects of other namespaces that passes use again.
func (r *Restricted) Reread(ctx context.Context) {
	r.mu.Lock()
	before := map[restrictedKey]*restrictedRead{}
	for of, read := range r.read {
		if r.Now().Sub(read.used) > unreadLifetime {
			delete(r.read, of)
			continue
		}
		before[of] = read
	}
	r.mu.Unlock()
	version := func(o client.Object) string {
		if o == nil {
			return ""
		}
		return string(o.GetUID()) + " " + o.GetResourceVersion()
	}
	for of, was := range before {
		now, err := r.fetch(ctx, of)
		if err == nil && version(now.object) != version(was.object) {
			r.OnChange(objects.Change{Kind: of.kind, Namespace: of.name.Namespace, Name: of.name.Name})
		}
	}
}
