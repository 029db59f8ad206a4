package apply

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/plan"
)

// writeApart sets attributes, tags and settings of a listener one by one, and opens ports source by source, if AWS
// refuses to do it together: what one member of a group declares holds up no edit of another. Those that AWS has
// refused before are not sent. The next plan has only what AWS refuses.
func (r *run) writeApart(ctx context.Context, s plan.Step, parts []plan.Operation) Outcome {
	whole := Outcome{State: Done}
	for _, op := range parts {
		part := s
		part.Op = op
		o, known := r.rejectedBefore(part)
		if !known {
			if _, err := r.send(ctx, op); err == nil {
				continue
			} else if o = r.interpretError(ctx, part, err); o.State != Failed || o.Until.IsZero() {
				return o // all are sent again
			}
		}
		if whole.State == Done {
			whole = o
		} else if o.Until.Before(whole.Until) {
			whole.Until = o.Until
		}
	}
	if whole.State == Done {
		r.d.Inventory.Converged(r.key, s.ID)
	}
	return whole
}
