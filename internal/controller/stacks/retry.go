package stacks

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// cause is why a stack is reconciled again without an event.
type cause string

const (
	failing       cause = "failing"        // a pass that failed
	guarded       cause = "guarded"        // a step that a guard or deletion protection refuses
	readingAddOns cause = "reading addons" // add-ons that were not read in time
	readingFacts  cause = "reading facts"  // a question that AWS did not answer
	throttled     cause = "throttled"      // a question that AWS throttled
	staleFacts    cause = "stale facts"    // old answers that serve while AWS is read again
	refusedSecret cause = "refused Secret" // a Secret that may not be read; no event announces that a Role was granted
	// what only an edit in AWS cures, which no event announces: a subnet gets its tag
	missing cause = "missing"
)

// pauses are the pauses between passes, by cause. An edit of the stack's objects, or of objects that they refer to,
// causes a pass at once.
var pauses = map[cause]backoff.Policy{
	failing:       {First: queue.FirstRetry, Longest: queue.LongestRetry},
	guarded:       {First: 20 * time.Second, Longest: 5 * time.Minute},
	readingAddOns: {First: time.Second, Longest: time.Minute},
	readingFacts:  {First: time.Second, Longest: time.Minute},
	throttled:     {First: 5 * time.Second, Longest: 5 * time.Minute},
	staleFacts:    {First: 2 * time.Second, Longest: time.Minute},
	refusedSecret: {First: 10 * time.Second, Longest: 2 * time.Minute},
	missing:       {First: time.Minute, Longest: 5 * time.Minute},
}

// longestWhileWaiting is the longest pause after a failed pass in which something also waits for AWS.
const longestWhileWaiting = 13 * time.Second

type retryKey struct {
	stack stack.Key
	cause cause
}

// Retries counts, by stack and cause, the passes that another one must follow. It is also the rate limiter of the
// controller's queue: the queue forgets failures whenever a pass asks for a time, which alternates with failures;
// Retries does not.
type Retries struct {
	failures    *backoff.Failures[retryKey]
	Unavailable queue.UnavailableUnits[stack.Key]
}

// NewRetries makes counts without failures.
func NewRetries(now func() time.Time) *Retries {
	return &Retries{failures: backoff.NewFailures[retryKey](backoff.Policy{}, now, nil)}
}

// Len returns the number of stacks and causes with failures.
func (r *Retries) Len() int { return r.failures.Len() }

// failed counts a pass and returns the pause until the next one.
func (r *Retries) failed(key stack.Key, c cause) time.Duration {
	n, _ := r.failures.Failed(retryKey{key, c})
	return pauses[c].Pause(n)
}

// later queues another pass after a growing pause.
func (r *Retries) later(key stack.Key, c cause) reconcile.Result {
	return reconcile.Result{RequeueAfter: r.failed(key, c)}
}

// done ends the count of a cause.
func (r *Retries) done(key stack.Key, c cause) { r.failures.Forget(retryKey{key, c}) }

// forget ends all counts of a stack, because it no longer exists or its objects were edited.
func (r *Retries) forget(key stack.Key) {
	r.failures.ForgetFunc(func(k retryKey) bool { return k.stack == key })
}

// When implements workqueue.TypedRateLimiter.
func (r *Retries) When(key stack.Key) time.Duration {
	return r.Unavailable.Pause(key, r.failed(key, failing))
}

// Forget implements workqueue.TypedRateLimiter. The stack itself ends its count, when a pass asks for nothing more.
func (r *Retries) Forget(stack.Key) {}

// NumRequeues implements workqueue.TypedRateLimiter.
func (r *Retries) NumRequeues(key stack.Key) int {
	return r.failures.NumRequeues(retryKey{key, failing})
}

// edited reports whether since the last pass a member was edited, added or removed. Writes of controllers do not
// count: status, finalizers, and the annotation that shows the stack.
func (s *Reconciler) edited(key stack.Key, w front.Input) bool {
	now := editsOf(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	before := st.edits
	st.edits = now
	return before != "" && before != now
}

// editsOf identifies the parts of an input's members that users write.
func editsOf(w front.Input) string {
	h := sha256.New()
	for _, o := range slices.Concat(w.Members, w.Leaving) {
		writeEdits(h, o)
	}
	return string(h.Sum(nil))
}

// writeEdits writes the parts of an object that users write.
func writeEdits(h hash.Hash, o metav1.Object) {
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%t\x00", o.GetUID(), reporting.SpecOf(o), leaving(o))
	for _, k := range slices.Sorted(maps.Keys(o.GetAnnotations())) {
		if k != string(annotation.WrittenSecrets) && !showsPlan(k) {
			_, _ = fmt.Fprintf(h, "%s\x00%s\x00", k, o.GetAnnotations()[k])
		}
	}
}

func leaving(o metav1.Object) bool { return o.GetDeletionTimestamp() != nil }
