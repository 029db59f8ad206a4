package front

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ownership is what the controller may do with the load balancer of an object, as its class declares, or else itself. What is none means observed, as does a
// load balancer of others that is not named.
func (w Input) ownership(of stack.Owner, o metav1.Object) string {
	v, ok := w.ClassOwnership[nameOf(o)]
	if !ok {
		v, ok = o.GetAnnotations()[string(owner.Of(of).Ownership)]
	}
	switch {
	case !ok, v == annotation.ManagedIt:
		return annotation.ManagedIt
	case (v == annotation.SharedIt || v == annotation.AdoptedIt) && o.GetAnnotations()[string(owner.Of(of).Existing)] != "":
		return v
	}
	return annotation.ObservedIt
}

// nameOf is the key of Input.ClassOwnership.
func nameOf(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

func (w Input) anyOwns(of stack.Owner, ownership string) bool {
	return slices.ContainsFunc(slices.Concat(w.Members, w.Leaving), func(o metav1.Object) bool { return w.ownership(of, o) == ownership })
}

// Observes reports whether nothing is to be written to AWS for the load balancer: one of its objects says so, or says what is no ownership.
func (w Input) Observes(of stack.Owner) bool { return w.anyOwns(of, annotation.ObservedIt) }

// Adopts reports whether what is destructive of the plan for the load balancer waits for an approval: it is taken over, or one of its objects says that it is.
func (w Input) Adopts(desired *stack.Stack) bool {
	return desired.Adopts != "" || w.anyOwns(desired.Key.Owner, annotation.AdoptedIt)
}

// beside are load balancers of others, by ARN or name, on which objects that leave may have listeners and rules, as far as they tell and as earlier
// compilations knew.
func (w Input) beside(of stack.Owner, before *compile.Memory) (out []string) {
	if before != nil {
		out = slices.Clone(before.Beside)
	}
	for _, o := range w.Leaving {
		if name := o.GetAnnotations()[string(owner.Of(of).Existing)]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// shares are the load balancers of others, by ARN or name, that objects which leave say to share.
func (w Input) shares(of stack.Owner) (names []string) {
	for _, o := range w.Leaving {
		if w.ownership(of, o) == annotation.SharedIt {
			names = append(names, o.GetAnnotations()[string(owner.Of(of).Existing)])
		}
	}
	return names
}

// Observation refuses a whole plan, with what it would do, while the load balancer is only to be observed.
func Observation(w Input, of stack.Owner) plan.Policy {
	if !w.Observes(of) {
		return policy.None
	}
	return func(p plan.Plan) plan.Plan {
		if p.Empty() {
			return p
		}
		by := owner.Of(of).Ownership
		if w.classObserves(of) {
			by = annotation.ClassOwnership
		}
		return p.Under(policy.HoldAll(plan.Guard{Code: diag.OnlyObserved,
			Text:   fmt.Sprintf("the load balancer is only observed, as annotation %s says: nothing is written to AWS; carrying the plan out means %s", by, p.Summary()),
			Remedy: fmt.Sprintf("see lbc plan for the steps; set the annotation to %s, or remove it, to have them carried out", annotation.ManagedIt)}))
	}
}

// classObserves reports whether the class of an object has its load balancer observed.
func (w Input) classObserves(of stack.Owner) bool {
	return slices.ContainsFunc(slices.Concat(w.Members, w.Leaving), func(o metav1.Object) bool {
		_, ofClass := w.ClassOwnership[nameOf(o)]
		return ofClass && w.ownership(of, o) == annotation.ObservedIt
	})
}
