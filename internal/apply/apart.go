package apply

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// writeApart sets attributes and tags one by one after AWS has refused to set them together, so that what one member of a group declares
// holds up no edit of another. It returns the first error. The next plan has only what AWS refuses.
func (r *run) writeApart(ctx context.Context, s plan.Step, refused error) error {
	parts := elb.Apart(s.Op)
	if len(parts) == 0 || cloud.Classify(refused).Class != diag.Invalid {
		return refused
	}
	var first error
	for _, op := range parts {
		_, err := r.send(ctx, op)
		if err != nil && cloud.Classify(err).Class != diag.Invalid {
			return err // it is sent again
		}
		if first == nil {
			first = err
		}
	}
	return first
}
