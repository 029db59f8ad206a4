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
				fmt.Sprintf("target group %s is no longer needed here and has %d targets of other clusters: the controller keeps "+
					"it, removes the tags of this cluster and no longer manages it", step.Resource.Literal, n),
				"delete it in AWS once no cluster needs it"), w)...)
		}
	}
	return found
}
