package stacks

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// keptGroups are the notes, on all objects, that target groups with targets of other clusters are kept.
func keptGroups(p *plan.Plan, foreign map[string]int, w front.Input) (found diag.List) {
	for _, step := range p.Steps {
		if n := foreign[step.Resource.Literal]; n > 0 {
			found = append(found, toAll(diag.New(diag.Object{}, "", diag.TargetGroupKept,
				fmt.Sprintf("this cluster no longer needs target group %s, which has targets of other clusters (%d): the "+
					"controller keeps the target group, and removes this cluster's tags", step.Resource.Literal, n),
				"delete the target group in AWS once no cluster needs it"), w)...)
		}
	}
	return found
}
