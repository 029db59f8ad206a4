package inventory

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Config says whose resources are meant.
type Config struct {
	Cluster string
	VPC     string
	// Now is the clock of lifetimes; nil = time.Now.
	Now func() time.Time
}

// Inventory knows the AWS resources of one scope. It is safe for concurrent use.
type Inventory struct {
	cfg     Config
	clients cloud.Clients

	mu sync.Mutex
}

// New makes an empty inventory; the first question loads it, or Load does.
func New(clients cloud.Clients, cfg Config) *Inventory {
	return &Inventory{cfg: cfg, clients: clients}
}

// Load reads in bulk what the cluster owns, and the network facts that every stack asks for.
func (i *Inventory) Load(ctx context.Context) error { return nil }

// Observed is what AWS holds for a stack. Desired tells how deep to look: what it does not manage is not read. Bindings are
// not filled in.
func (i *Inventory) Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (plan.Observed, error) {
	return plan.Observed{Key: key}, nil
}

// Keys lists the stacks of which AWS holds something, sorted.
func (i *Inventory) Keys(ctx context.Context) ([]stack.Key, error) { return nil, nil }

// Answer answers needs in bulk. What cannot be answered is in Facts.Errors; the error is that of ctx.
func (i *Inventory) Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error) {
	return facts.Facts{}, nil
}

// Invalidate forgets what is known of a stack; the next Observed reads it again.
func (i *Inventory) Invalidate(key stack.Key) {}

// InvalidateFacts forgets answers, so that the next Answer reads them again.
func (i *Inventory) InvalidateFacts(needs ...facts.Need) {}

// Record writes a successful step through.
func (i *Inventory) Record(key stack.Key, op plan.Op, out plan.Output, resolve func(stack.Ref) string) {}
