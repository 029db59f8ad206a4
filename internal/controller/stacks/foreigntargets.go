package stacks

import (
	"context"
	"fmt"
	"maps"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// foreignTargets adds to foreign the targets of other clusters in the target groups that a plan deletes. news reports that it found some.
func (s *Reconciler) foreignTargets(ctx context.Context, key stack.Key, w front.Input, p *plan.Plan, o awsop.Observed, foreign map[string]int) (news bool, err error) {
	found, err := front.ForeignTargets(ctx, front.RegisteredTargets{InAWS: s.Inventory.Registered, Recorded: s.Recorded}, key, w, p, o)
	maps.Copy(foreign, found)
	return len(found) > 0, err
}

// keptGroups are the notes, on all objects, that target groups with targets of other clusters are kept.
func keptGroups(p *plan.Plan, foreign map[string]int, w front.Input) (found diag.List) {
	for _, step := range p.Steps {
		if n := foreign[step.Resource.Literal]; n > 0 {
			found = append(found, toAll(diag.New(diag.Object{}, "", diag.TargetGroupKept,
				fmt.Sprintf("target group %s is not needed here any more and has %d targets of other clusters: it stays with them, loses the tags of this cluster, and is no longer managed", step.Resource.Literal, n),
				"delete it in AWS once no cluster needs it"), w)...)
		}
	}
	return found
}
