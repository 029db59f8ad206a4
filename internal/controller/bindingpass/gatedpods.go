package bindingpass

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// mostReads is how many pods a pass reads from the API server to learn whether they have gates. Where more are not
// ready at once, the pods of the namespace are watched.
const mostReads = 16

// TargetsPods reports whether the targets of a binding are pods, as far as its spec shows.
func TargetsPods(o *v1beta1.TargetGroupBinding) bool {
	return o.Spec.TargetType == nil || *o.Spec.TargetType == v1beta1.TargetTypeIP
}

// Pods has pods watched by namespace.
type Pods struct {
	// Await waits until the cache has the pods of a namespace.
	Await func(ctx context.Context, namespace string) error
	// Watches reports whether the cache has them, or is about to.
	Watches func(namespace string) bool

	mu      sync.Mutex
	ungated map[types.NamespacedName]map[types.UID]bool // pods that are not ready and have no gate, by binding
}

// require has the pods of a namespace in the cache for a pass over a binding: where its targets are pods, and where one
// behind its Service waits for a gate. Nil = the cache has all pods.
func (p *Pods) require(ctx context.Context, o *v1beta1.TargetGroupBinding, cached, live client.Reader) error {
	if p == nil || p.Watches(o.Namespace) && !TargetsPods(o) {
		return nil
	}
	if !TargetsPods(o) {
		gated, err := p.gated(ctx, o, cached, live)
		if err != nil || !gated {
			return err
		}
	}
	if err := p.Await(ctx, o.Namespace); err != nil {
		return fmt.Errorf("reading the pods of namespace %s: %w", o.Namespace, err)
	}
	return nil
}

// gated reports whether a pod behind the Service of a binding of type instance has a gate. A pod whose gate is closed
// is not ready, which its EndpointSlice shows; only such pods are read, each once, from the API server.
func (p *Pods) gated(ctx context.Context, o *v1beta1.TargetGroupBinding, cached, live client.Reader) (bool, error) {
	var list discoveryv1.EndpointSliceList
	if err := cached.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingFields{
		SlicesByService: o.Spec.ServiceRef.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("reading the EndpointSlices of Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	key := client.ObjectKeyFromObject(o)
	p.mu.Lock()
	known := p.ungated[key]
	p.mu.Unlock()
	ungated, read := map[types.UID]bool{}, 0
	for i := range list.Items {
		for _, e := range list.Items[i].Endpoints {
			if !awaitsGate(e) || ungated[e.TargetRef.UID] {
				continue
			}
			if !known[e.TargetRef.UID] {
				if read++; read > mostReads {
					return true, nil
				}
				pod := &corev1.Pod{}
				if err := live.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: e.TargetRef.Name},
					pod); client.IgnoreNotFound(err) != nil {
					return false, fmt.Errorf("reading pod %s/%s: %w", o.Namespace, e.TargetRef.Name, err)
				}
				if len(readiness.Bindings(pod)) > 0 {
					return true, nil
				}
			}
			ungated[e.TargetRef.UID] = true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.ungated, key); len(ungated) > 0 {
		if p.ungated == nil {
			p.ungated = map[types.NamespacedName]map[types.UID]bool{}
		}
		p.ungated[key] = ungated
	}
	return false, nil
}

// awaitsGate reports whether an endpoint is a pod that is not ready, and that does not end.
func awaitsGate(e discoveryv1.Endpoint) bool {
	// of Services that publish pods that are not ready, these are ready without serving
	ready := cmp.Or(e.Conditions.Serving, e.Conditions.Ready)
	return e.TargetRef != nil && e.TargetRef.Kind == "Pod" && !ptr.Deref(ready, true) &&
		!ptr.Deref(e.Conditions.Terminating, false)
}

// forget drops what is kept of a binding that is gone.
func (p *Pods) forget(key types.NamespacedName) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ungated, key)
}
