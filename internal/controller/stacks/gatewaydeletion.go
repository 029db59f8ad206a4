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

// markAwaited is when a pass is made again over a Gateway whose mark of deletion did not come. The mark makes one by
// itself.
const markAwaited = 10 * time.Second

// gatewayDeletionUnseen reports whether a Gateway that lost routes is being deleted, which its cache does not show yet.
// Of objects that are deleted together those of each kind reach their cache by themselves: rules would be deleted one
// by one before their load balancer.
func (s *Reconciler) gatewayDeletionUnseen(ctx context.Context, key stack.Key, w front.Input) (bool, error) {
	if w.Decisions == nil || !w.Wanted || s.Live == nil || len(w.Members) == 0 ||
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
