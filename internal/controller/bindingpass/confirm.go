package bindingpass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// The pauses between reads of the API server for the pods of a namespace: whoever may write EndpointSlices decides how
// many are asked for.
const (
	pauseAfterReads = time.Second
	pauseAfterList  = 5 * time.Second
	// refutedFor is how long an address is not asked for again that a pod does not have.
	refutedFor = 10 * time.Second
)

// errUnconfirmed is the cause of errors of passes that would ask the API server for pods too soon.
var errUnconfirmed = errors.New("the API server was asked for pods of the namespace a moment ago")

// evidence is what is kept of what EndpointSlices say. The zero value is usable.
type evidence struct {
	claims      claims
	missingPods waits      // that do not have the address of an endpoint
	withoutPod  bindingSet // that have endpoints without Pod
	mistaken    waits      // of type instance, whose nodes stay registered because of a mistake
}

func (e *evidence) forget(binding types.NamespacedName) {
	e.missingPods.note(binding, nil)
	e.withoutPod.set(binding, false)
	e.mistaken.note(binding, nil)
}

// claim is a pod at an address, as an EndpointSlice says.
type claim struct {
	pod     types.NamespacedName
	address string
}

// claims keeps what the API server said about claims. The zero value is usable.
type claims struct {
	mu      sync.Mutex
	next    map[string]time.Time // by namespace: not asked before
	refuted map[claim]time.Time
}

// recall reports whether a claim was refuted lately, and whether the API server may be asked for pods of its namespace.
func (c *claims) recall(x claim, now time.Time) (refuted, may bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, known := c.refuted[x]
	return known && now.Sub(at) < refutedFor, !now.Before(c.next[x.pod.Namespace])
}

// note notes what a pass has asked, and until when passes over the namespace are to wait.
func (c *claims) note(namespace string, refuted []claim, now, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next, c.refuted = map[string]time.Time{}, map[claim]time.Time{}
	}
	for x, at := range c.refuted {
		if now.Sub(at) >= refutedFor {
			delete(c.refuted, x)
		}
	}
	for name, at := range c.next {
		if now.After(at) {
			delete(c.next, name)
		}
	}
	for _, x := range refuted {
		c.refuted[x] = now
	}
	c.next[namespace] = next
}

// confirmingReader answers one endpoint resolution from the caches, and notes which nodes they do not have. Pods that
// the cache does not show at an address are read from the API server: mostReads of them each by itself, and more by a
// list of their namespace.
type confirmingReader struct {
	missingNodesReader
	live   client.Reader // nil = caches are believed
	claims *claims
	now    time.Time

	asked   map[types.NamespacedName]*corev1.Pod // what the API server said; nil = there is no such pod
	listed  bool
	refuted []claim
	missing []string // the pods that do not have an address that was claimed
	err     error    // the first read that showed neither a pod nor its absence
}

// Pod implements registrar.Cluster.
func (c *confirmingReader) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool) {
	if p, found, answers := c.Shared.Pod(namespace, name); answers {
		return p, found
	}
	p := &corev1.Pod{}
	err := c.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p, client.UnsafeDisableDeepCopy)
	if err != nil && !apierrors.IsNotFound(err) && c.live == nil {
		c.fail(fmt.Errorf("reading pod %s/%s: %w", namespace, name, err))
	}
	return p, err == nil
}

// ConfirmedPod implements registrar.Confirmer.
func (c *confirmingReader) ConfirmedPod(ctx context.Context, namespace, name, address string) (*corev1.Pod, bool) {
	x := claim{types.NamespacedName{Namespace: namespace, Name: name}, address}
	refuted, may := c.claims.recall(x, c.now)
	var pod *corev1.Pod
	switch {
	case c.live == nil || refuted:
		if p, ok := c.Pod(ctx, namespace, name); ok {
			pod = p
		}
	case c.err != nil:
		return nil, false
	case !may:
		c.fail(fmt.Errorf("pod %s/%s is not in the cache with address %s: %w", namespace, name, address, errUnconfirmed))
		return nil, false
	default:
		if pod = c.read(ctx, x.pod); c.err != nil {
			return nil, false
		}
		if pod == nil || !registrar.KeepsAddress(pod, address) {
			c.refuted = append(c.refuted, x)
		}
	}
	if pod == nil || !registrar.KeepsAddress(pod, address) {
		c.missing = append(c.missing, name)
	}
	return pod, pod != nil
}

// read asks the API server for a pod, once in a resolution. Nil = it does not exist, or that is not known.
func (c *confirmingReader) read(ctx context.Context, key types.NamespacedName) *corev1.Pod {
	if p, known := c.asked[key]; known || c.listed {
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	if c.asked == nil {
		c.asked = map[types.NamespacedName]*corev1.Pod{}
	}
	if len(c.asked) >= mostReads {
		var list corev1.PodList
		if err := c.live.List(ctx, &list, client.InNamespace(key.Namespace)); err != nil {
			c.fail(fmt.Errorf("listing the pods of namespace %s, of which the cache lacks some: %w", key.Namespace, err))
			return nil
		}
		c.listed = true
		for i := range list.Items {
			c.asked[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
		}
		return c.asked[key]
	}
	p := &corev1.Pod{}
	switch err := c.live.Get(ctx, key, p); {
	case absence.NotFound(err):
		c.asked[key] = nil
	case err != nil:
		c.fail(fmt.Errorf("reading pod %s, which the cache does not have as an EndpointSlice does: %w", key, err))
	default:
		c.asked[key] = p
	}
	return c.asked[key]
}

func (c *confirmingReader) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// end notes what the resolution for a binding has asked. The error is that of a read that showed neither a pod nor its
// absence, so that nothing is known of what the binding wants.
func (c *confirmingReader) end(b *Reconciler, binding types.NamespacedName) error {
	b.missingNodes.note(binding, c.names)
	b.evidence.missingPods.note(binding, c.missing)
	switch {
	case c.listed:
		c.claims.note(binding.Namespace, c.refuted, c.now, c.now.Add(pauseAfterList))
	case len(c.asked) > 0:
		c.claims.note(binding.Namespace, c.refuted, c.now, c.now.Add(pauseAfterReads))
	}
	return c.err
}

// newConfirmingReader makes the reader of a resolution for a binding.
func (b *Reconciler) newConfirmingReader(binding types.NamespacedName) *confirmingReader {
	return &confirmingReader{missingNodesReader: missingNodesReader{
		notingCluster: b.nodesRead.begin(binding, b.cluster())}, live: b.APIReader, claims: &b.evidence.claims, now: b.Now()}
}

// wakeClaiming wakes the bindings with an endpoint at an address that its pod got or lost: nobody edits EndpointSlices
// that were written by hand when a pod ends, and its address may be another pod's soon.
func (b *Reconciler) wakeClaiming(was, is *corev1.Pod, q queue.Of[reconcile.Request]) {
	if is != nil && (was == nil || !sameAddresses(was, is)) {
		b.concern(q, "Pod", is, b.evidence.missingPods.missing(is.Namespace, is.Name)...)
	}
	if was == nil || registrar.Ended(was) || is != nil && !registrar.Ended(is) && sameAddresses(was, is) {
		return
	}
	b.concern(q, "Pod", was, b.resolved.end(client.ObjectKeyFromObject(was))...)
}

// sameAddresses reports whether an update of a pod leaves it its addresses.
func sameAddresses(was, is *corev1.Pod) bool {
	return was.Status.PodIP == is.Status.PodIP && was.UID == is.UID && slices.Equal(was.Status.PodIPs, is.Status.PodIPs) &&
		was.Status.HostIP == is.Status.HostIP && slices.Equal(was.Status.HostIPs, is.Status.HostIPs)
}
