package stacks

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// markAwaited is the pause before another pass over a Gateway whose deletion mark did not arrive. The mark itself
// causes a pass.
const markAwaited = 10 * time.Second

// gatewayDeletionUnseen reports whether a Gateway that lost routes is being deleted, and its cache does not show that
// yet. If objects are deleted together, each kind reaches its own cache separately: without this check, rules would
// be deleted one by one before their load balancer.
func (s *Reconciler) gatewayDeletionUnseen(ctx context.Context, key stack.Key, w front.Input) (bool, error) {
	if w.Decisions == nil || !w.Declared || s.Live == nil || len(w.Members) == 0 ||
		len(lostMembers(s.MemoryOf(key), w.LoadBalancer.Members)) == 0 {
		return false, nil
	}
	shown, live := w.Members[0], &gatewayv1.Gateway{}
	switch err := s.Live.Get(ctx, client.ObjectKey{Namespace: shown.GetNamespace(), Name: shown.GetName()}, live); {
	case absence.NotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading %s, which lost routes: %w", owner.Object(shown), err)
	}
	return live.DeletionTimestamp != nil || live.UID != shown.GetUID(), nil
}
