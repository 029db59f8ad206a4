package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/proof"
)

// liveTimeout bounds a question to the API server about what the cache does not hold.
const liveTimeout = 10 * time.Second

// sureReader asks the API server for what the cache does not hold. Objects that are applied together reach the caches of their kinds in
// any order, and a cache may be behind: only the API server's own NotFound says that an object does not exist. Every other answer of
// the API server is an error that never passes for a NotFound.
type sureReader struct {
	cache client.Reader
	live  client.Reader // the API server; nil = the cache is believed
}

// get reads an object. The error is nil if it exists, a NotFound if the absence is proven, and anything else if neither is known.
func (r sureReader) get(ctx context.Context, key client.ObjectKey, o client.Object) (proof.Absence, error) {
	err := r.cache.Get(ctx, key, o)
	if !apierrors.IsNotFound(err) {
		return proof.Absence{}, err
	}
	if r.live == nil {
		return proof.OfSyncedCache(true), err
	}
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	err = r.live.Get(ctx, key, o)
	absence, unknown := proof.OfObject(err)
	if unknown != nil {
		return absence, fmt.Errorf("%T %s is not in the cache, and the API server was asked: %w", o, key, unknown)
	}
	return absence, err
}

// cacheReader answers a objects.View from the informer caches, or from the API server if reader is a client of that. It is not safe for
// concurrent use.
type cacheReader struct {
	ctx    context.Context //nolint:containedctx // a View is read without contexts; this one lives as long as one pass
	reader client.Reader
	live   client.Reader // the API server, for the kinds that others refer to; nil = reader is believed
	err    error         // the first read that showed neither an object nor its absence
}

// newCacheReader makes a reader that believes reader.
func newCacheReader(ctx context.Context, reader client.Reader) *cacheReader {
	return &cacheReader{ctx: ctx, reader: reader}
}

// referred are the kinds that others name. What is asked for because it may have gone itself is not asked for twice.
var referred = map[objects.Kind]bool{objects.Service: true, objects.IngressClass: true, objects.IngressClassParams: true, objects.Namespace: true}

// Get implements objects.Reader.
func (r *cacheReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	o := kube.Kinds[kind].Object
	if o == nil {
		return nil, r.doubt(fmt.Errorf("kind %q is not read: %w", kind, proof.ErrUnknown))
	}
	o, ok := o.DeepCopyObject().(client.Object)
	sure := sureReader{cache: r.reader}
	if referred[kind] {
		sure.live = r.live
	}
	absence, err := sure.get(r.ctx, client.ObjectKey{Namespace: namespace, Name: name}, o)
	if err != nil {
		if absence.Proven() {
			return nil, false
		}
		return nil, r.doubt(fmt.Errorf("reading %s %s: %w", kind, client.ObjectKey{Namespace: namespace, Name: name}, err))
	}
	return o, ok
}

// List implements objects.Reader.
func (r *cacheReader) List(kind objects.Kind, namespace string) []metav1.Object {
	list := kube.Kinds[kind].List
	if list == nil {
		r.doubt(fmt.Errorf("kind %q is not listed: %w", kind, proof.ErrUnknown))
		return nil
	}
	list, _ = list.DeepCopyObject().(client.ObjectList)
	if err := r.reader.List(r.ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		r.doubt(fmt.Errorf("listing %s: %w", kind, err))
		return nil
	}
	var out []metav1.Object
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if m, ok := o.(metav1.Object); ok {
			out = append(out, m)
		}
		return nil
	})
	return out
}

// Err implements objects.Doubter.
func (r *cacheReader) Err() error { return r.err }

// doubt takes note of a read without an answer.
func (r *cacheReader) doubt(err error) (found bool) {
	if r.err == nil {
		r.err = err
	}
	return false
}
