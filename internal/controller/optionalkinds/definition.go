package optionalkinds

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const (
	// gather is how long a deletion waits for others, so that one read of the definition confirms all.
	gather = 20 * time.Millisecond
	// gatherMore is the pause between reads that confirm deletions which come one after the other. The API server decodes
	// all of a definition for each read.
	gatherMore = 50 * time.Millisecond
	// unreadPause is how long a definition that could not be read is not read again.
	unreadPause = 5 * time.Minute
)

// ReadDefinition reads a CustomResourceDefinition from the API server's storage: its UID, and whether it is being
// removed. The mark of its removal is stored before the first of its objects is deleted, so that a read after the event
// of a deletion shows it.
type ReadDefinition func(ctx context.Context, name string) (uid types.UID, ending bool, err error)

// ReadDefinitionFrom reads by a client of the API server. It needs the right to get customresourcedefinitions.
func ReadDefinitionFrom(c rest.Interface) ReadDefinition {
	return func(ctx context.Context, name string) (types.UID, bool, error) {
		raw, err := c.Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", name).
			SetHeader("Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").Do(ctx).Raw()
		if err != nil {
			return "", false, err
		}
		var o metav1.PartialObjectMetadata
		if err := json.Unmarshal(raw, &o); err != nil {
			return "", false, fmt.Errorf("reading the metadata of definition %s: %w", name, err)
		}
		return o.UID, o.DeletionTimestamp != nil, nil
	}
}

// readable reports whether the definition of a kind can be read, as far as is known.
func (d *Definitions) readable(kind objects.Kind) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Read != nil && !d.now().Before(d.unread[kind])
}

func (d *Definitions) read(ctx context.Context, kind objects.Kind) (uid types.UID, ending, ok bool) {
	if !d.readable(kind) {
		return "", false, false
	}
	plural, _ := resourceOf(d.kinds[kind])
	name := plural.GroupResource().String()
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	uid, ending, err := d.Read(bounded, name)
	if err == nil {
		return uid, ending, true
	}
	if apierrors.IsNotFound(err) {
		return "", true, true
	}
	if ctx.Err() == nil {
		d.log.V(1).Info("a definition cannot be read: deletions of its objects are confirmed by discovery, a second later",
			"name", name, "cause", err.Error())
		d.mu.Lock()
		d.unread[kind] = d.now().Add(unreadPause)
		d.mu.Unlock()
	}
	return "", false, false
}

// Ends reports whether the definition of a kind is being removed, or was: that deletes all its objects. Where the
// definition cannot be read, discovery shows it a moment later, for which Ends waits.
func (d *Definitions) Ends(ctx context.Context, kind objects.Kind) bool {
	if _, marked, ok := d.read(ctx, kind); ok {
		return marked
	}
	for last := false; ; last = true {
		d.look(ctx, d.kinds[kind].GroupVersion())
		if s, _ := d.state(kind); last || s == ending || s == removed {
			return s == ending || s == removed
		}
		select {
		case <-ctx.Done():
			return true // nothing is known
		case <-time.After(Doubt):
		}
	}
}

// stands reports whether the definition of a kind still is the one with a UID and is not being removed; known is false
// if that cannot be read.
func (d *Definitions) stands(ctx context.Context, kind objects.Kind, uid types.UID) (stands, known bool) {
	if uid == "" {
		return false, false
	}
	now, ending, ok := d.read(ctx, kind)
	if !ok {
		return false, false
	}
	if now == uid && !ending {
		return true, true
	}
	if !ending { // it was removed, and installed again
		d.mu.Lock()
		d.breaks[kind]++
		d.mu.Unlock()
	}
	d.look(ctx, d.kinds[kind].GroupVersion())
	return false, true
}
