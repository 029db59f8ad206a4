package stacks

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// delays decides which unfinished steps delay the release of objects that leave. If the whole stack is removed, every
// step does. Otherwise only deletions of resources do that are not known to belong to others: an object that leaves a
// group waits neither for the health of others' targets nor for AWS's refusals of others' settings.
type delays struct {
	input    front.Input
	origins  map[stack.Ref]compile.Origin
	observed *awsop.Observed
}

// by reports whether an unfinished step delays the release.
func (h delays) by(step *plan.Step) bool {
	if !h.input.Declared {
		return true
	}
	r := step.Resource
	wanted := len(h.origins[stack.Ref{Kind: r.Kind, ID: r.ID}].Objects) > 0 && r.ID != ""
	switch {
	case step.Action == plan.Create, step.Action == plan.Await:
		return false
	case step.Action != plan.Delete:
		return !wanted && (r.Kind == stack.KindTargetGroup || r.Kind == stack.KindBinding) && h.leavers(r.ID)
	}
	if op, is := step.Op.(awsop.DeleteBinding); is { // a binding of a stack may lack the identity of its target group
		return slices.ContainsFunc(h.input.Leaving, func(o metav1.Object) bool { return o.GetNamespace() == op.Namespace })
	}
	ids := h.madeFor(r)
	return len(ids) == 0 || slices.ContainsFunc(ids, h.leavers)
}

// leavers reports whether a target group may belong to a namespace of an object that leaves, by the identity of the
// group.
func (h delays) leavers(id string) bool {
	ns := naming.NamespaceOfTargetGroup(id)
	for _, o := range h.input.Leaving {
		if ns == "" || naming.BindsIn(id, o.GetNamespace()) || ns == o.GetNamespace() {
			return true
		}
	}
	return false
}

// madeFor returns the identities of the target groups that a resource is, binds or forwards to; none = the resource
// does not show whose it is.
func (h delays) madeFor(r stack.Ref) (ids []string) {
	var actions []stack.Action
	switch r.Kind {
	case stack.KindTargetGroup:
		return []string{r.ID}
	case stack.KindRule:
		for i := range h.observed.Rules {
			if h.observed.Rules[i].ARN == r.Literal {
				actions = h.observed.Rules[i].Actions
			}
		}
	case stack.KindListener:
		for i := range h.observed.Listeners {
			if h.observed.Listeners[i].ARN == r.Literal || h.observed.Listeners[i].ID == r.ID {
				actions = h.observed.Listeners[i].DefaultActions
			}
		}
		for i := range h.observed.Rules { // the rules are deleted with the listener
			if h.observed.Rules[i].Listener.Literal == r.Literal {
				actions = append(slices.Clip(actions), h.observed.Rules[i].Actions...)
			}
		}
	default:
		return nil
	}
	for _, ref := range awsop.TargetGroupsOf(actions) {
		tg := h.observed.TargetGroup(ref.Literal)
		if tg == nil {
			return nil
		}
		ids = append(ids, tg.ID)
	}
	return ids
}
