package diff

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// endpoints plans the endpoints of a group: new ones are added before surplus ones are removed. Changed settings of an
// endpoint, or a group that has no room for both, take one call that replaces the list.
func (b *builder) endpoints(listener string, ref stack.Ref, arn string, g accelerator.Group) []plan.StepID {
	_, now := b.now.Group(arn)
	var kept, added, changed []accelerator.Endpoint
	var surplus []string
	var why []string
	for _, o := range now.Endpoints {
		at := find(g.Endpoints, o.ID)
		switch {
		case at >= 0:
			if reason := endpointChange(o, g.Endpoints[at]); reason != "" {
				changed = append(changed, g.Endpoints[at])
				why = append(why, o.ID+": "+reason)
			}
		// it may be the endpoint that is not known
		case slices.Contains(g.Kept, o.ID), g.Waiting && !slices.Contains(g.Gone, o.ID):
			kept = append(kept, o)
		default:
			surplus = append(surplus, o.ID)
		}
	}
	for _, e := range g.Endpoints {
		if find(now.Endpoints, e.ID) < 0 {
			added = append(added, e)
		}
	}
	var ids []plan.StepID
	add := func(op plan.Operation, needs []plan.StepID, why ...string) {
		s := plan.Step{Action: plan.Update, Resource: ref, Op: op, Why: why}
		s.Need(needs...)
		s.Need(b.made[arn])
		ids = append(ids, b.add(s, listener))
	}
	addedText, surplusText := "new: "+names(added), "not declared any more: "+strings.Join(surplus, ", ")
	if len(changed) > 0 || len(surplus) > 0 && len(added) > 0 && len(now.Endpoints)+len(added) > accelerator.MaxEndpoints {
		if len(added) > 0 {
			why = append(why, addedText)
		}
		if len(surplus) > 0 {
			why = append(why, surplusText)
		}
		all := slices.Concat(preserving(now.Endpoints, g.Endpoints), kept)
		add(operation.UpdateEndpointGroup{Group: ref, Endpoints: all}, nil, why...)
		return ids
	}
	if len(added) > 0 {
		add(operation.AddEndpoints{Group: ref, Endpoints: added}, nil, addedText)
	}
	if len(surplus) > 0 {
		add(operation.RemoveEndpoints{Group: ref, IDs: slices.Sorted(slices.Values(surplus))}, ids, surplusText)
	}
	return ids
}

// preserving returns the declared endpoints for a call that replaces all endpoints of a group. An endpoint that
// declares nothing about client IP preservation keeps it: without a value, AWS would reset it.
func preserving(observed, declared []accelerator.Endpoint) []accelerator.Endpoint {
	out := slices.Clone(declared)
	for i, d := range out {
		at := find(observed, d.ID)
		if d.PreserveClientIP == nil && at >= 0 && ptr.Deref(observed[at].PreserveClientIP, false) {
			out[i].PreserveClientIP = observed[at].PreserveClientIP
		}
	}
	return out
}

// endpointChange is what differs between an endpoint and its declaration; "" = nothing. AWS returns nothing about
// client IP preservation of endpoints that cannot have it, and what was not asked for is not managed.
func endpointChange(o, d accelerator.Endpoint) string {
	var parts []string
	if o.Weight != d.Weight {
		parts = append(parts, fmt.Sprintf("weight %d → %d", o.Weight, d.Weight))
	}
	if a, b := o.PreserveClientIP, d.PreserveClientIP; a != nil && b != nil && *a != *b {
		parts = append(parts, fmt.Sprintf("client IP preservation %t → %t", *a, *b))
	}
	return strings.Join(parts, ", ")
}

func find(list []accelerator.Endpoint, id string) int {
	return slices.IndexFunc(list, func(e accelerator.Endpoint) bool { return e.ID == id })
}

func names(list []accelerator.Endpoint) string {
	var out []string
	for _, e := range list {
		out = append(out, e.ID)
	}
	return strings.Join(out, ", ")
}

// Withdrawal returns what takes endpoints out of an accelerator that its object may not have any longer, whatever else
// it declares.
func Withdrawal(key stack.Key, o accelerator.Observed, withdrawn []string) plan.Plan {
	b := newBuilder(accelerator.Declared{Key: key}, o)
	for _, l := range o.Listeners {
		for _, g := range l.Groups {
			var ids []string
			for _, e := range g.Endpoints {
				if slices.Contains(withdrawn, e.ID) {
					ids = append(ids, e.ID)
				}
			}
			if slices.Sort(ids); len(ids) > 0 {
				ref := stack.Literal(accelerator.KindEndpointGroup, g.ARN)
				b.add(plan.Step{Action: plan.Update, Resource: ref, Op: operation.RemoveEndpoints{Group: ref, IDs: ids},
					Why: []string{"may not be named any more: " + strings.Join(ids, ", ")}}, l.ARN)
			}
		}
	}
	return b.plan
}

// empty takes the endpoints out of all groups.
func (b *builder) empty() {
	for _, l := range accelerator.CloneListeners(b.now.Listeners) {
		for _, g := range l.Groups {
			b.endpoints(l.ARN, stack.Literal(accelerator.KindEndpointGroup, g.ARN), g.ARN, accelerator.Group{})
		}
	}
}
