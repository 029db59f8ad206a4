package apply

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// writeApart sets attributes and tags one by one after AWS has refused to set them together, so that what one member of a group declares
// holds up no edit of another. It returns the first error. The next plan has only what AWS refuses.
func (r *run) writeApart(ctx context.Context, s plan.Step, refused error) error {
	parts := awsop.Apart(s.Op)
	if len(parts) == 0 || awsclient.Classify(refused).Class != diag.Invalid {
		return refused
	}
	var first error
	for _, op := range parts {
		_, err := r.send(ctx, op)
		if err != nil && awsclient.Classify(err).Class != diag.Invalid {
			return err // it is sent again
		}
		if first == nil {
			first = err
		}
	}
	return first
}
