// Package servicepods reads the pods of Services whose health checks follow readiness probes. It reads them from the
// API server, because the cache contains pods only if something else needs them, and never their probes or labels. A
// result is valid until the endpoints of the Service change. The package knows nothing of health checks.
package servicepods

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const (
	// validity limits how long a result counts, in case an event is lost.
	validity = 10 * time.Minute
	// page is how many pods one read of the API server returns.
	page = 500
)

// Reader reads pods behind Services. It is safe for concurrent use.
type Reader struct {
	services client.Reader
	live     client.Reader
	now      func() time.Time

	mu   sync.Mutex
	read map[types.NamespacedName]*known
}

type known struct {
	selector string
	pod      *corev1.Pod // nil = there is none
	at       time.Time   // when the pod was read; zero = the read is in progress
}

// New makes a Reader. It reads Services from a cache, and pods from live, the API server.
func New(services, live client.Reader, now func() time.Time) *Reader {
	return &Reader{services: services, live: live, now: now, read: map[types.NamespacedName]*known{}}
}

// Pod returns the pod that represents those behind a Service (objects.Representative); nil without an error means that
// there is none. The caller must not modify it.
func (r *Reader) Pod(ctx context.Context, namespace, service string) (*corev1.Pod, error) {
	name := types.NamespacedName{Namespace: namespace, Name: service}
	svc := &corev1.Service{}
	if err := r.services.Get(ctx, name, svc); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if len(svc.Spec.Selector) == 0 {
		return nil, nil
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector).String()
	r.mu.Lock()
	if k := r.read[name]; k != nil && k.selector == selector && !k.at.IsZero() && r.now().Sub(k.at) < validity {
		r.mu.Unlock()
		return k.pod, nil
	}
	mine := &known{selector: selector} // Changed removes it if the endpoints change during the read
	r.read[name] = mine
	r.mu.Unlock()
	pod, err := Read(ctx, r.live, svc)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read[name] == mine {
		mine.pod, mine.at = pod, r.now()
	}
	return pod, nil
}

// Read reads the pod that represents those behind a Service now; nil without an error means that there is none.
func Read(ctx context.Context, live client.Reader, svc *corev1.Service) (pod *corev1.Pod, err error) {
	if len(svc.Spec.Selector) == 0 {
		return nil, nil
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	for token := ""; ; {
		var list corev1.PodList
		if err := live.List(ctx, &list, client.InNamespace(svc.Namespace), client.MatchingLabelsSelector{Selector: selector},
			client.Limit(page), client.Continue(token)); err != nil {
			return nil, err
		}
		var pods []*corev1.Pod
		if pod != nil {
			pods = append(pods, pod)
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
		pod = objects.Representative(svc, pods)
		if token = list.Continue; token == "" {
			return pod, nil
		}
	}
}

// Changed forgets the pod of a Service whose endpoints changed, and returns the change for the index of reads.
func (r *Reader) Changed(service types.NamespacedName) objects.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.read, service)
	return objects.Change{Kind: objects.PodOfService, Namespace: service.Namespace, Name: service.Name}
}

// PodsChanged reports whether an update of an EndpointSlice adds or removes pods, or shows that a pod terminates. nil
// is a slice that does not exist.
func PodsChanged(before, after *discoveryv1.EndpointSlice) bool {
	return !slices.Equal(podsOf(before), podsOf(after))
}

// podsOf returns the pods of a slice that do not terminate, sorted.
func podsOf(s *discoveryv1.EndpointSlice) (out []string) {
	if s == nil {
		return nil
	}
	for _, e := range s.Endpoints {
		if e.TargetRef != nil && (e.Conditions.Terminating == nil || !*e.Conditions.Terminating) {
			out = append(out, string(e.TargetRef.UID)+"/"+e.TargetRef.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
