package bindingpass

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

// Pauses between attempts at targets that AWS did not take: of what may pass by itself, such as a time-out or an error
// of the service, and of what stays until something is changed, such as a permission.
var (
	TransientFailure = backoff.Policy{First: 200 * time.Millisecond, Longest: 30 * time.Second, Jitter: 0.5}
	lastingFailure   = backoff.Policy{First: 15 * time.Second, Longest: 5 * time.Minute}
)

// longestLimited is the longest pause for AWS's limits. A later attempt is one at what AWS refuses for good, in
// addition to which other targets of the binding may have failed for a moment.
const longestLimited = 20 * time.Second

// listingPause is the pause before the next pass over a binding for whose namespace the first list of pods is under
// way.
const listingPause = 2 * time.Second

// retryAfter counts a failure to register or deregister, and is the pause before the next attempt: limited, which
// internal/aws/apply chose, if AWS throttled the call. An address whose zone is not known yet may be refused for that.
func (b *Reconciler) retryAfter(binding types.NamespacedName, err error, limited time.Duration,
	zonesKnown bool) time.Duration {
	n, pause := b.Failures.Failed(binding)
	switch {
	case limited > 0 && limited <= longestLimited:
		return limited
	case awsclient.Passing(err), !zonesKnown:
		return pause
	case awsclient.OfRole(err): // one question to STS for all bindings of the role
		return lastingFailure.First
	}
	return lastingFailure.Pause(n)
}
