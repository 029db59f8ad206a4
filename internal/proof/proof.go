// Package proof holds evidence that something does not exist, which is what deletions, deregistrations and "nothing stands" rest on.
// It makes evidence from answers that others got, and reads nothing itself.
// It may import the Kubernetes API machinery's errors, and nothing of this module.
package proof

import (
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Absence is evidence that something does not exist. The zero value is no evidence; only the functions of this package make another.
type Absence struct {
	source string
}

// Proven reports whether there is evidence.
func (a Absence) Proven() bool { return a.source != "" }

// String names the evidence; empty if there is none.
func (a Absence) String() string { return a.source }

// ErrUnknown is wrapped by errors that say that neither existence nor absence is known.
var ErrUnknown = errors.New("not known to be absent")

// OfObject is the evidence in the API server's own answer to a read of one object by name; an answer of a cache must not be passed. Only
// a NotFound that the resource's own handler gave is evidence: a 404 of anything else, as of a kind that is not served (any more) or of a
// proxy, carries the cause UnexpectedServerResponse. Of any other error, the error returned wraps ErrUnknown and never passes for a
// NotFound. Of no error the object exists, and both results are zero.
func OfObject(err error) (Absence, error) {
	switch {
	case err == nil:
		return Absence{}, nil
	case apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err):
		return Absence{"the API server does not have it"}, nil
	}
	return Absence{}, fmt.Errorf("%w: %s", ErrUnknown, err.Error())
}

// OfSyncedCache is the evidence in an informer's cache that does not hold an object whose deletion the informer has seen: synced says that
// the informer has completed its first list. A cache says nothing of objects that it was never told of, nor of those that others are
// about to create, for which OfObject is asked.
func OfSyncedCache(synced bool) Absence {
	if !synced {
		return Absence{}
	}
	return Absence{"a synced cache does not hold it"}
}

// OfList is the evidence in a complete list that began at a time and does not hold the thing, which was written last at another; lag bounds
// how long after a write the API's lists may miss it. A zero wrote means that nothing was ever written.
func OfList(began, wrote time.Time, lag time.Duration) Absence {
	if began.IsZero() || !wrote.IsZero() && began.Before(wrote.Add(lag)) {
		return Absence{}
	}
	return Absence{"a complete list that is newer than the last write does not hold it"}
}

// OfComparison is the evidence in a comparison with everything that was observed: changes is how much of what was observed leaving the
// thing out would change.
func OfComparison(changes int) Absence {
	if changes > 0 {
		return Absence{}
	}
	return Absence{"nothing that was observed belongs to it"}
}
