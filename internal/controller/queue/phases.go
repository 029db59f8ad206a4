package queue

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Exit says how a pass leaves a phase. The zero value enters the next phase.
type Exit struct {
	Done   bool // the pass ends with Result and Err
	Again  bool // the pass runs some of its phases again
	Result reconcile.Result
	Err    error
	Cause  error // what failed, for traces
}

// Ended ends a pass.
func Ended(result reconcile.Result, err error) Exit {
	return Exit{Done: true, Result: result, Err: err}
}

// InOrder runs phases of a pass until one ends it or has phases run again.
func InOrder(ctx context.Context, phases ...func(context.Context) Exit) Exit {
	for _, enter := range phases {
		if left := enter(ctx); left.Done || left.Again {
			return left
		}
	}
	return Exit{}
}
