package lab

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
)

// Beside is what runs beside the passes of a process that has just started: checkpoints that could not be opened are
// tried again.
func (l *Lab) Beside() []Loop {
	return []Loop{
		{15 * time.Second, func(ctx context.Context) { l.Bound.Drains.Look(ctx) }},
		{checkpoint.WriteInterval, func(ctx context.Context) {
			if l.Checkpointer != nil {
				_, _ = l.Checkpointer.Write(ctx)
			}
		}},
	}
}
