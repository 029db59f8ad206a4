package plan

import "github.com/k8s-lbc/lbc/internal/stack"

// Diff plans the way from what is observed to what is desired. The resources of keep (and what hangs on them) are neither
// changed nor deleted, whatever is desired. It needs no valid wish: an empty stack plans the deletion of all that is observed.
func Diff(desired *stack.Stack, keep []stack.Ref, obs Observed, pol Policy) Plan {
	return Plan{Key: obs.Key}
}
