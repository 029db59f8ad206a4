package lab

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
)

// WriteObjects makes the writes to objects that are due.
func (l *Lab) WriteObjects() {
	WriteDue(l.Context(), l.Bound.Writes.Queue)
}

// WriteDue makes the writes of a queue that are due.
func WriteDue(ctx context.Context, q *queue.Keyed) {
	for key, _, ok := q.Next(); ok; key, _, ok = q.Next() {
		q.Run(ctx, key)
	}
}
