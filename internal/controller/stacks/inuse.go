package stacks

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// inUse are the resources of a stack that AWS did not delete because others use them, by ARN or id, with the time of
// the refusal.
type inUse map[string]time.Time

// inUseFor is how long passes leave out the deletion of such a resource.
const inUseFor = time.Minute

// at returns the resources whose deletion is left out at a time.
func (u inUse) at(now time.Time) map[string]bool {
	out := map[string]bool{}
	for id, since := range u {
		if now.Sub(since) < inUseFor {
			out[id] = true
		}
	}
	return out
}

// noteInUse records the resources that AWS refused to delete because others use them, so that the next attempt
// continues without these deletions: a deleted object must not wait for others. found are the findings about them;
// again is true if there are any.
func (s *Reconciler) noteInUse(ctx context.Context, key stack.Key, w front.Input, p *plan.Plan, r apply.Result) (
	found diag.List, again bool) {
	for _, step := range p.Steps {
		outcome := r.Outcomes[step.ID]
		if outcome.State != apply.Failed || step.Action != plan.Delete || outcome.Err == nil ||
			!awsclient.Classify(outcome.Err).InUse() {
			continue // or it waits for what the stack itself releases
		}
		u, err := s.userOf(ctx, key, step.Op, w.Leaving)
		if err != nil || u.user == "" { // AWS may need a moment after the deletion of our own resources
			continue
		}
		s.mu.Lock()
		st := s.state(key)
		if st.inUse == nil {
			st.inUse = inUse{}
		}
		st.inUse[u.id] = s.Now()
		s.mu.Unlock()
		again = true
		for _, m := range w.Leaving {
			found = append(found, diag.New(owner.Object(m), "", u.code, u.text, u.remedy))
		}
	}
	return found, again
}
