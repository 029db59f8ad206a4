package reads

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

// CacheLag is how long the process trusts its own writes while the cache does not show them.
const CacheLag = 10 * time.Second

// LiveTimeout limits the time of a read from the API server.
const LiveTimeout = 10 * time.Second

// ConfirmingReader reads objects from the cache, and from the API server if the cache does not have them. Objects
// that are applied together reach the caches of their kinds in any order, and a cache may lag: only a NotFound of the
// API server proves that an object does not exist. No other error counts as a NotFound.
type ConfirmingReader struct {
	Cache client.Reader
	Live  client.Reader // the API server; nil = the cache is trusted
}

// Get reads an object. The error is nil if it exists, a NotFound if the absence is proven, and anything else if neither
// is known.
func (r ConfirmingReader) Get(ctx context.Context, key client.ObjectKey, o client.Object,
	options ...client.GetOption) (absence.Absence, error) {
	_, gone, err := r.Find(ctx, key, o, options...)
	return gone, err
}

// Find is Get with one more result: overlooked is true if the API server has the object and the cache does not. If the
// API server does not say whether it has the object, the error wraps absence.ErrUnknown; errors of the cache do not.
func (r ConfirmingReader) Find(ctx context.Context, key client.ObjectKey, o client.Object,
	options ...client.GetOption) (overlooked bool, gone absence.Absence, err error) {
	err = r.Cache.Get(ctx, key, o, options...)
	if gone = absence.OfName(key.Namespace, key.Name); err != nil && gone.Proven() { // no object can have this name
		return false, gone, apierrors.NewNotFound(schema.GroupResource{Resource: kindOf(o)}, key.Name)
	}
	if !apierrors.IsNotFound(err) {
		return false, absence.Absence{}, err
	}
	if r.Live == nil {
		return false, absence.OfSyncedCache(true), err
	}
	ctx, cancel := context.WithTimeout(ctx, LiveTimeout)
	defer cancel()
	err = r.Live.Get(ctx, key, o)
	gone, unknown := absence.OfObject(err)
	if unknown != nil {
		return false, gone, fmt.Errorf("%s %s is not in the cache, and reading it from the API server failed: %w",
			kindOf(o), key, unknown)
	}
	return err == nil, gone, err
}

// kindOf returns the kind of an object, or of the objects of a list, from the name of its Go type.
func kindOf(o runtime.Object) string {
	return strings.TrimSuffix(reflect.Indirect(reflect.ValueOf(o)).Type().Name(), "List")
}

// List reads a list from the cache. If it is empty, List returns the list, or the error, of the API server instead.
func (r ConfirmingReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := r.Cache.List(ctx, list, options...); err != nil || r.Live == nil || meta.LenList(list) > 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, LiveTimeout)
	defer cancel()
	if err := r.Live.List(ctx, list, options...); err != nil {
		return fmt.Errorf("the cache has no %s, and reading it from the API server failed: %w", kindOf(list), err)
	}
	return nil
}

// Definitions are the optional kinds that the cluster serves.
type Definitions interface{ Serves(kind objects.Kind) bool }

// CacheReader is the objects.Reader of one pass. It reads the informer caches (NewCacheReader) or the API server
// (NewLiveReader). It is not safe for concurrent use.
type CacheReader struct {
	Definitions Definitions // nil = all optional kinds are served
	// Departed are objects whose absence the cache proves; nil = none. It must not contain objects that others need to
	// serve traffic, such as Services: if one is deleted and created again at once, the API server shows the new one
	// first.
	Departed *Departed
	// Confirm are further kinds whose absence the API server must confirm, because objects outside of stacks refer to
	// them.
	Confirm []objects.Kind
	// PodOfService reads the pod that represents those behind a Service; a nil pod without an error means that there is
	// none. If PodOfService is nil, no pod is read.
	PodOfService func(namespace, service string) (*corev1.Pod, error)
	// Selectors is the index of Services by their selectors. Nil = all Services of a namespace are listed.
	Selectors *Selectors

	// unindexed is set if reader is a client of the API server, which has no index of references.
	unindexed bool
	get       func(kind objects.Kind, key client.ObjectKey, o client.Object) (absence.Absence, error)
	// list lists objects of the cache; if it is to confirm an empty list, it asks the API server.
	list func(kind objects.Kind, list client.ObjectList, confirm bool, which ...client.ListOption) error
	err  error // of the first read that showed neither an object nor its absence
	// read are the objects that were read, nil if they do not exist: thousands of fields may name one object.
	read map[objects.Ref]metav1.Object
	// lists are the lists that were read, and grants, by namespace, what the ReferenceGrants that the index lacks name.
	lists  map[objects.Read][]metav1.Object
	grants map[string]map[objects.Ref][]metav1.Object
	// unwatched are the reads in namespaces that the caches do not show. It is useless to repeat them.
	unwatched map[objects.Read]error
}

// NewCacheReader makes a reader for a pass that ends with ctx. If reader does not have an object of a kind that others
// refer to, the reader asks live, the API server; nil = reader is trusted.
func NewCacheReader(ctx context.Context, reader, live client.Reader) *CacheReader {
	r := &CacheReader{unwatched: map[objects.Read]error{}, read: map[objects.Ref]metav1.Object{},
		lists: map[objects.Read][]metav1.Object{}, grants: map[string]map[objects.Ref][]metav1.Object{}}
	if live != nil {
		live = &missing{live, map[objects.Ref]*missingIn{}, map[string]gatewayv1beta1.ReferenceGrantList{}}
	}
	r.get = func(kind objects.Kind, key client.ObjectKey, o client.Object) (absence.Absence, error) {
		sure := ConfirmingReader{Cache: reader}
		if (confirmed[kind] || slices.Contains(r.Confirm, kind)) && r.Serves(kind) && !r.Departed.Has(kind, key) {
			sure.Live = live
		}
		return sure.Get(ctx, key, o, client.UnsafeDisableDeepCopy)
	}
	r.list = func(kind objects.Kind, list client.ObjectList, confirm bool, which ...client.ListOption) error {
		sure := ConfirmingReader{Cache: reader}
		if confirm && r.Serves(kind) {
			sure.Live = live
		}
		return sure.List(ctx, list, append(which, client.UnsafeDisableDeepCopy)...)
	}
	return r
}

// NewLiveReader makes a reader of the API server.
func NewLiveReader(ctx context.Context, api client.Reader) *CacheReader {
	r := NewCacheReader(ctx, api, nil)
	r.unindexed = true
	return r
}

// confirmed are the kinds that other objects refer to: the API server must confirm their absence. For other kinds, the
// event of the deletion itself causes the read.
var confirmed = map[objects.Kind]bool{
	objects.Service: true, objects.IngressClass: true, objects.IngressClassParams: true, objects.Namespace: true,
	objects.GatewayClass: true, objects.Gateway: true, objects.ListenerSet: true,
	objects.LoadBalancerConfiguration: true, objects.TargetGroupConfiguration: true,
	objects.ListenerRuleConfiguration: true,
}

// Get implements objects.Reader.
func (r *CacheReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if kind == objects.PodOfService {
		return r.podOfService(namespace, name)
	}
	at := objects.Ref{Kind: kind, Namespace: namespace, Name: name}
	if o, known := r.read[at]; known {
		return o, o != nil
	}
	o := readable.Kinds[kind].Object
	if o == nil {
		return nil, r.Fail(fmt.Errorf("kind %q is not read: %w", kind, absence.ErrUnknown))
	}
	o, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(client.Object)
	key := client.ObjectKey{Namespace: namespace, Name: name}
	gone, err := r.get(kind, key, o)
	if err != nil {
		var unwatched *UnwatchedError
		switch {
		case gone.Proven():
			r.read[at] = nil
			return nil, false
		case errors.As(err, &unwatched):
			r.unwatched[objects.Read{Kind: kind, Namespace: namespace, Name: name}] = unwatched
			return nil, false
		}
		return nil, r.Fail(fmt.Errorf("reading %s %s: %w", kind, key, err))
	}
	r.read[at] = o
	return o, ok
}

func (r *CacheReader) podOfService(namespace, service string) (metav1.Object, bool) {
	if r.PodOfService == nil {
		return nil, false
	}
	pod, err := r.PodOfService(namespace, service)
	var unwatched *UnwatchedError
	switch {
	case errors.As(err, &unwatched) || apierrors.IsForbidden(err):
		r.unwatched[objects.Read{Kind: objects.PodOfService, Namespace: namespace, Name: service}] = err
		return nil, false
	case err != nil:
		return nil, r.Fail(fmt.Errorf("reading the pods of Service %s/%s: %w", namespace, service, err))
	}
	return pod, pod != nil
}

// Why implements objects.ReasonReader: it returns why an object is not watched, or, without a name, a namespace.
func (r *CacheReader) Why(kind objects.Kind, namespace, name string) error {
	return r.unwatched[objects.Read{Kind: kind, Namespace: namespace, Name: name}]
}

// List implements objects.Reader.
func (r *CacheReader) List(kind objects.Kind, namespace string) []metav1.Object {
	return r.listed(kind, objects.Read{Kind: kind, Namespace: namespace}, client.InNamespace(namespace))
}

// ListNaming implements objects.Reader, by the index of readable.References. The API server has no such index: from it,
// ListNaming reads all objects of the kind, or all ReferenceGrants of the namespace.
func (r *CacheReader) ListNaming(kind objects.Kind, to objects.Ref) (found []metav1.Object) {
	namespace := ""
	if kind == objects.ReferenceGrant {
		namespace = objects.GrantNamespace(to)
	}
	switch {
	case !r.unindexed:
		found = r.listed(kind, objects.Read{Kind: kind, Names: to}, client.MatchingFields{
			readable.References: readable.ReferenceValue(to)})
	case namespace == "":
		found = slices.DeleteFunc(slices.Clone(r.List(kind, "")), func(o metav1.Object) bool {
			return !slices.Contains(objects.References(o), to)
		})
	}
	if len(found) == 0 && namespace != "" {
		return r.unindexedGrants(namespace)[to]
	}
	return found
}

// unindexedGrants returns, by what they name, the ReferenceGrants of a namespace that only the API server shows: a
// reference is refused only if the cache has another grant of the namespace, or the API server has none either.
func (r *CacheReader) unindexedGrants(namespace string) map[objects.Ref][]metav1.Object {
	if of, known := r.grants[namespace]; known {
		return of
	}
	of := map[objects.Ref][]metav1.Object{}
	r.grants[namespace] = of
	if one := readable.List(objects.ReferenceGrant); !r.unindexed && r.list(objects.ReferenceGrant, one, false,
		client.InNamespace(namespace), client.Limit(1)) == nil && meta.LenList(one) > 0 {
		return of
	}
	for _, g := range r.List(objects.ReferenceGrant, namespace) {
		for _, to := range objects.References(g) {
			of[to] = append(of[to], g)
		}
	}
	return of
}

// Selecting implements objects.SelectingReader.
func (r *CacheReader) Selecting(namespace string, pod map[string]string) (names []string, ok bool) {
	return r.Selectors.Of(namespace, pod)
}

// listed reads a list once.
func (r *CacheReader) listed(kind objects.Kind, read objects.Read, which client.ListOption) (out []metav1.Object) {
	if out, known := r.lists[read]; known {
		return out
	}
	defer func() { r.lists[read] = out }()
	list := readable.Kinds[kind].List
	if list == nil {
		r.Fail(fmt.Errorf("kind %q is not listed: %w", kind, absence.ErrUnknown))
		return nil
	}
	list, _ = list.DeepCopyObject().(client.ObjectList)
	// without a grant, a reference would be refused
	confirm := kind == objects.ReferenceGrant && read.Namespace != ""
	if err := r.list(kind, list, confirm, which); err != nil {
		var unwatched *UnwatchedError
		if errors.As(err, &unwatched) {
			r.unwatched[read] = unwatched
			return nil
		}
		r.Fail(fmt.Errorf("listing %s: %w", kind, err))
		return nil
	}
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if m, ok := o.(metav1.Object); ok {
			out = append(out, m)
		}
		return nil
	})
	return out
}

// Serves implements objects.ServedReader.
func (r *CacheReader) Serves(kind objects.Kind) bool {
	return r.Definitions == nil || !readable.Kinds[kind].Optional || r.Definitions.Serves(kind)
}

// Err implements objects.FallibleReader.
func (r *CacheReader) Err() error { return r.err }

// Fail records the first read that showed neither an object nor its absence.
func (r *CacheReader) Fail(err error) (found bool) {
	if r.err == nil {
		r.err = err
	}
	return false
}
