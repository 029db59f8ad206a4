// Package absence holds evidence that an object or resource does not exist, which deletions and deregistrations
// require. It makes evidence from the results of reads, and reads nothing itself.
package absence

import (
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Absence is evidence that an object or resource does not exist. The zero value is no evidence; only functions of this
// package make others.
type Absence struct {
	source string
}

// Proven reports whether there is evidence.
func (a Absence) Proven() bool { return a.source != "" }

// String describes the evidence; empty if there is none.
func (a Absence) String() string { return a.source }

// ErrUnknown is wrapped by errors after which neither existence nor absence is known.
var ErrUnknown = errors.New("not known to be absent")

// NotFound reports whether the API server says that it does not have an object. Any other 404, of a kind that is not
// served or of a proxy, is none.
func NotFound(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err)
}

// OfObject returns the evidence in the API server's response to a read of one object by name; errors of a cache must
// not be passed. Only a NotFound of the resource's own handler is evidence. Any other 404, of a kind that is not served
// or of a proxy, has the cause UnexpectedServerResponse. For every other error, the returned error wraps ErrUnknown and
// is not a NotFound. If err is nil, the object exists, and both results are zero.
func OfObject(err error) (Absence, error) {
	switch {
	case err == nil:
		return Absence{}, nil
	case NotFound(err):
		return Absence{"the API server does not have it"}, nil
	}
	return Absence{}, fmt.Errorf("%w: %s", ErrUnknown, err.Error())
}

// OfName returns the evidence in a name that no object of the kinds that are read can have; a zero Absence if one can.
// Users can write such names into most references, and clients of the API server refuse to ask for some of them.
func OfName(namespace, name string) Absence {
	if len(validation.IsDNS1123Subdomain(name)) == 0 &&
		(namespace == "" || len(validation.IsDNS1123Label(namespace)) == 0) {
		return Absence{}
	}
	return Absence{"no object can have such a name"}
}

// OfSyncedCache returns the evidence in an informer's cache that lacks an object whose deletion the informer has
// received. synced reports whether the informer has completed its first list. A cache is no evidence for objects that
// it never held or that may be created right now; use OfObject for these.
func OfSyncedCache(synced bool) Absence {
	if !synced {
		return Absence{}
	}
	return Absence{"a synced cache does not hold it"}
}

// OfList returns the evidence in a complete list, begun at a time, that lacks a resource which was last written at
// wrote; lag bounds how long after a write the API's lists may miss it. A zero wrote means that the resource was never
// written.
func OfList(began, wrote time.Time, lag time.Duration) Absence {
	if began.IsZero() || !wrote.IsZero() && began.Before(wrote.Add(lag)) {
		return Absence{}
	}
	return Absence{"a complete list that is newer than the last write does not hold it"}
}

// OfComparison returns the evidence in a comparison with all observed resources: changes is the number of changes that
// leaving the object out would cause.
func OfComparison(changes int) Absence {
	if changes > 0 {
		return Absence{}
	}
	return Absence{"nothing that was observed belongs to it"}
}

// OfRead returns the evidence in AWS's answer to a read of one resource by its id: notFound is AWS's error that it does
// not exist. A success that lacks the resource is no evidence, nor is any other error: the returned error wraps
// ErrUnknown. If the resource exists, both results are zero.
func OfRead(exists, notFound bool, err error) (Absence, error) {
	switch {
	case notFound:
		return Absence{"AWS says that it does not exist"}, nil
	case err != nil:
		return Absence{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	case !exists:
		return Absence{}, fmt.Errorf("%w: AWS's answer to a read by its id lacks it", ErrUnknown)
	}
	return Absence{}, nil
}
