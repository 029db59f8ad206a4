package awsop

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan"
)

// Apart returns an operation for each attribute or tag of an operation that sets several of them by one call. AWS
// refuses such a call as a whole if it refuses one value, and several members of a group may have declared the values.
// Nil = the operation sets one, or something else.
func Apart(op plan.Operation) []plan.Operation {
	switch op := op.(type) {
	case ModifyLoadBalancerAttributes:
		return each(op.Attributes, func(one map[string]string) plan.Operation { op.Attributes = one; return op })
	case ModifyListenerAttributes:
		return each(op.Attributes, func(one map[string]string) plan.Operation { op.Attributes = one; return op })
	case ModifyTargetGroupAttributes:
		return each(op.Attributes, func(one map[string]string) plan.Operation { op.Attributes = one; return op })
	case AddTags:
		return each(op.Tags, func(one map[string]string) plan.Operation { op.Tags = one; return op })
	case CreateTags:
		return each(op.Tags, func(one map[string]string) plan.Operation { op.Tags = one; return op })
	}
	return nil
}

func each(all map[string]string, with func(one map[string]string) plan.Operation) (out []plan.Operation) {
	if len(all) < 2 {
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, with(map[string]string{k: all[k]}))
	}
	return out
}
