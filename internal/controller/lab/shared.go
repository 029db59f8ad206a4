package lab

import (
	"context"
	"reflect"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mostShared bounds how many objects a sharedReads looks after.
const mostShared = 500

// sharedReads is the client of a cache, whose objects readers share: they must not change what they have read without a
// copy.
type sharedReads struct {
	client.WithWatch

	mu   sync.Mutex
	read []client.Object
	was  []client.Object
}

// sharing is a client whose readers must not change what they read. A client of a test's own, without watches, shares
// nothing.
func (l *Lab) sharing(c client.Client) client.Client {
	whole, ok := c.(client.WithWatch)
	if !ok {
		return c
	}
	out := &sharedReads{WithWatch: whole}
	atEnd(l, func() {
		for _, o := range out.changed() {
			l.Errorf("a reader of %T %s/%s has changed the object in the cache", o, o.GetNamespace(), o.GetName())
		}
	})
	return out
}

// Get implements client.Reader.
func (s *sharedReads) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	err := s.WithWatch.Get(ctx, key, o, opts...)
	var options client.GetOptions
	options.ApplyOptions(opts)
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := o.DeepCopyObject().(client.Object); ok && err == nil && options.UnsafeDisableDeepCopy != nil &&
		*options.UnsafeDisableDeepCopy && len(s.read) < mostShared {
		shared := reflect.New(reflect.TypeOf(o).Elem()) // of its own are only its fields, which a reader may set
		shared.Elem().Set(reflect.ValueOf(o).Elem())
		if read, ok := shared.Interface().(client.Object); ok {
			s.read, s.was = append(s.read, read), append(s.was, was)
		}
	}
	return err
}

// changed are the objects that were changed after they were read.
func (s *sharedReads) changed() (out []client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.read {
		if !reflect.DeepEqual(o, s.was[i]) {
			out = append(out, o)
		}
	}
	return out
}
