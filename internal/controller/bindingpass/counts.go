package bindingpass

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// countsGather is how long changed counts of a binding are gathered before they are written: targets change one by one.
const countsGather = 10 * time.Second

// Counts shows in the status of bindings how many targets their target groups have and how many of these are healthy.
// It takes over what others read of target groups for other reasons, and calls AWS for nothing.
type Counts struct {
	client client.Reader
	Writes *objectwriter.Writer
}

// NewCounts makes Counts of bindings that c reads and writes.
func NewCounts(c client.Client, now func() time.Time, log logr.Logger) *Counts {
	w := objectwriter.New(c, now, log)
	w.Queue.Delay = countsGather
	return &Counts{client: c, Writes: w}
}

// Start runs until ctx ends; it implements manager.Runnable.
func (c *Counts) Start(ctx context.Context) error { return c.Writes.Start(ctx) }

// Seen takes over the health of all targets of a target group.
func (c *Counts) Seen(ctx context.Context, arn string, health []registrar.Health) {
	var is v1beta1.BoundTargets
	for _, h := range health {
		if h.Draining() {
			continue
		}
		is.Registered++
		if h.State == "healthy" {
			is.Healthy++
		}
	}
	var list v1beta1.TargetGroupBindingList
	if err := c.client.List(ctx, &list, client.MatchingFields{ByTargetGroup: arn}, client.UnsafeDisableDeepCopy); err !=
		nil {
		return // the next read of the group is as good
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.DeletionTimestamp != nil {
			continue
		}
		_, _ = c.Writes.Enqueue(objectwriter.Write{ // a write that fails is repeated
			Object: o.DeepCopy(), Part: objectwriter.Counts, Minor: func(client.Object, client.Object) bool { return true },
			Change: func(x client.Object) bool {
				t, ok := x.(*v1beta1.TargetGroupBinding)
				if !ok || t.Status.Targets != nil && *t.Status.Targets == is {
					return false
				}
				t.Status.Targets = &is
				return true
			},
		}, is)
	}
}

// Forget drops what is to be written of a binding that is gone.
func (c *Counts) Forget(binding client.ObjectKey) {
	if c != nil {
		c.Writes.Forget(binding)
	}
}
