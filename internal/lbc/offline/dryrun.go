package offline

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// collector takes operations in the place of AWS, each with success.
type collector struct {
	mu  sync.Mutex
	ops []plan.Operation
}

// write is an apply.Writer.
func (c *collector) write(_ context.Context, _ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops = append(c.ops, op)
	return apply.Outcome{State: apply.Done}
}

// stopped is a clock at which nothing becomes due: what the controller does after a pause is not planned, and a read is
// waited for however long it takes. It implements awsclient.Clock.
type stopped struct{ at time.Time }

// Now implements awsclient.Clock.
func (s stopped) Now() time.Time { return s.at }

// AfterFunc implements awsclient.Clock.
func (stopped) AfterFunc(time.Duration, func()) (stop func() bool) {
	return func() bool { return true }
}

// record is what a cluster has recorded of the targets of a binding; nothing is saved. It implements
// registrar.RegisteredTargets.
type record func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)

// Load implements registrar.RegisteredTargets.
func (r record) Load(ctx context.Context, binding stack.ID) (keys []string, known bool, err error) {
	if r == nil {
		return nil, false, nil
	}
	return r(ctx, binding)
}

// Save implements registrar.RegisteredTargets.
func (record) Save(context.Context, stack.ID, []string) error { return nil }
