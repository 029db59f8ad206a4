package reads

import (
	"context"
	"errors"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// fewMissing is how many objects of one kind and namespace a pass reads from the API server one by one.
const fewMissing = 16

// missing reads objects that the caches lack from the API server, for one pass. One object may name thousands of others
// that do not exist, and the members of a group wait for the reads. After a few reads in a namespace, a list of the
// namespace proves the absence of all others.
type missing struct {
	client.Reader // the API server
	in            map[objects.Ref]*missingIn
	grants        map[string]gatewayv1beta1.ReferenceGrantList // by namespace; "" = all
}

// missingIn is what a pass asked about a kind in a namespace.
type missingIn struct {
	asked int
	has   map[string]bool // by name; nil = the namespace was not listed
}

// Get implements client.Reader.
func (m *missing) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	kind, _ := objects.KindOf(o)
	at := objects.Ref{Kind: kind, Namespace: key.Namespace}
	in := m.in[at]
	if in == nil {
		in = &missingIn{}
		m.in[at] = in
	}
	if in.asked++; in.asked > fewMissing && in.has == nil {
		list := readable.List(kind)
		if err := m.Reader.List(ctx, list, client.InNamespace(key.Namespace)); err != nil {
			return errors.New(err.Error()) // a NotFound of a list proves nothing
		}
		in.has = map[string]bool{}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			if x, ok := o.(metav1.Object); ok {
				in.has[x.GetName()] = true
			}
			return nil
		})
	}
	if in.has != nil && !in.has[key.Name] {
		return apierrors.NewNotFound(schema.GroupResource{Resource: kindOf(o)}, key.Name)
	}
	return m.Reader.Get(ctx, key, o, opts...)
}

// List implements client.Reader. Each reference to another namespace needs the ReferenceGrants there.
func (m *missing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	grants, ok := list.(*gatewayv1beta1.ReferenceGrantList)
	if !ok || o.Namespace == "" {
		return m.Reader.List(ctx, list, opts...)
	}
	if known, listed := m.grants[o.Namespace]; listed {
		*grants = known
		return nil
	}
	if len(m.grants) < fewMissing {
		err := m.Reader.List(ctx, grants, opts...)
		if err == nil {
			m.grants[o.Namespace] = *grants
		}
		return err
	}
	all, listed := m.grants[""]
	if !listed {
		if err := m.Reader.List(ctx, &all); err != nil {
			return err
		}
		m.grants[""] = all
	}
	grants.Items = slices.DeleteFunc(slices.Clone(all.Items), func(g gatewayv1beta1.ReferenceGrant) bool {
		return g.Namespace != o.Namespace
	})
	m.grants[o.Namespace] = *grants
	return nil
}

// mostDeparted is how many objects a Departed keeps at least.
const mostDeparted = 1024

// Departed has the objects whose deletion an informer has shown. If a cache lacks such an object, its absence is
// proven: a new object of its name queues a reconcile by its own event. It is safe for concurrent use. A nil
// Departed has no objects.
type Departed struct {
	mu            sync.Mutex
	newest, older map[objects.Ref]bool
}

// Note records that an object was deleted.
func (d *Departed) Note(kind objects.Kind, o client.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.newest) >= mostDeparted {
		d.older, d.newest = d.newest, nil
	}
	if d.newest == nil {
		d.newest = map[objects.Ref]bool{}
	}
	d.newest[objects.Ref{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}] = true
}

// Only returns a Departed that has one object only; nil = no informer has shown its deletion.
func (d *Departed) Only(kind objects.Kind, key client.ObjectKey) *Departed {
	if !d.Has(kind, key) {
		return nil
	}
	return &Departed{newest: map[objects.Ref]bool{{Kind: kind, Namespace: key.Namespace, Name: key.Name}: true}}
}

// Has reports whether an informer has shown the deletion of an object, as far as Departed remembers.
func (d *Departed) Has(kind objects.Kind, key client.ObjectKey) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := objects.Ref{Kind: kind, Namespace: key.Namespace, Name: key.Name}
	return d.newest[id] || d.older[id]
}
