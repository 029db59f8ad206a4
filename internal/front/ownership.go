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

// Observes reports whether nothing is to be written to AWS for the load balancer: one of its objects says so, or says what is no ownership.
func (w Input) Observes(of stack.Owner) bool {
	kind := owner.Of(of)
	return slices.ContainsFunc(slices.Concat(w.Members, w.Leaving), func(o metav1.Object) bool {
		v, ok := o.GetAnnotations()[string(kind.Ownership)]
		shares := v == annotation.SharedIt && o.GetAnnotations()[string(kind.Existing)] != ""
		return ok && v != annotation.ManagedIt && !shares
	})
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
		return p.Under(policy.HoldAll(plan.Guard{Code: diag.OnlyObserved,
			Text:   fmt.Sprintf("the load balancer is only observed, as annotation %s says: nothing is written to AWS; carrying the plan out means %s", by, p.Summary()),
			Remedy: fmt.Sprintf("see lbc plan for the steps; set the annotation to %s, or remove it, to have them carried out", annotation.ManagedIt)}))
	}
}
