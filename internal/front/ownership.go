package front

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// ownership is what the controller may do with the load balancer of an object, as its class declares, or else itself. A
// load balancer of others that is not named is only observed.
func (w Input) ownership(of stack.Owner, o metav1.Object) string {
	v, ok := w.policy(o, annotation.ClassOwnership)
	if !ok {
		v, ok = w.policy(o, owner.Of(of).Ownership)
	}
	if !ok || v == "" {
		return annotation.ManagedIt
	}
	if v == annotation.SharedIt || v == annotation.AdoptedIt {
		if name, _ := w.policy(o, owner.Of(of).Existing); name == "" {
			return annotation.ObservedIt
		}
	}
	return v
}

// nameOf is the key of Input.ClassOwnership.
func nameOf(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

// owning are the objects that decide and say this of the load balancer, or whose class does.
func (w Input) owning(of stack.Owner, ownership string) (out []metav1.Object) {
	d := w.deciders()
	for _, o := range slices.Concat(w.Members, w.departing()) {
		_, ofClass := w.policy(o, annotation.ClassOwnership)
		if (d.Decides(o.GetNamespace()) || ofClass && w.ClassOfGroup[nameOf(o)]) && w.ownership(of, o) == ownership {
			out = append(out, o)
		}
	}
	return out
}

// Observes reports whether nothing is to be written to AWS for the load balancer: an object that decides says so.
func (w Input) Observes(of stack.Owner) bool { return len(w.owning(of, annotation.ObservedIt)) > 0 }

// observedByClass reports whether class parameters, which administrators write, say that nothing is to be written to
// AWS for the load balancer.
func (w Input) observedByClass(of stack.Owner) bool {
	return !w.OwnConfiguration && slices.ContainsFunc(w.owning(of, annotation.ObservedIt), func(o metav1.Object) bool {
		_, ofClass := w.policy(o, annotation.ClassOwnership)
		return ofClass
	})
}

// Adopts reports whether what is destructive of the plan for the load balancer waits for an approval: it is taken over,
// or an object that decides says that it is.
func (w Input) Adopts(desired *stack.Stack) bool {
	return desired.Adopts != "" || len(w.owning(desired.Key.Owner, annotation.AdoptedIt)) > 0
}

// beside are load balancers of others, by ARN or name, on which objects that leave may have listeners and rules, as far
// as they tell and as earlier compilations knew.
func (w Input) beside(of stack.Owner, before *compile.Memory) (out []string) {
	if before != nil {
		out = slices.Clone(before.Beside)
	}
	for _, o := range w.departing() {
		if name := o.GetAnnotations()[string(owner.Of(of).Existing)]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// shares are the load balancers of others, by ARN or name, that objects which leave say to share.
func (w Input) shares(of stack.Owner) (names []string) {
	for _, o := range w.deciding(w.departing()) {
		if w.ownership(of, o) == annotation.SharedIt {
			names = append(names, o.GetAnnotations()[string(owner.Of(of).Existing)])
		}
	}
	return names
}

// Observation refuses a whole plan, with what it would do, while the load balancer is only to be observed.
func Observation(w Input, of stack.Owner) plan.Policy {
	observing := w.owning(of, annotation.ObservedIt)
	if len(observing) == 0 {
		return policy.None
	}
	return func(p plan.Plan) plan.Plan {
		if p.Empty() {
			return p
		}
		return p.Under(policy.RefuseAll(plan.Guard{Code: diag.OnlyObserved,
			Text: fmt.Sprintf("%s says that the controller only observes the load balancer: nothing is written to AWS; "+
				"plan: %s", w.whoseOwnership(of, observing), p.Summary()),
			Remedy: fmt.Sprintf("lbc plan shows the steps; to execute them, set the annotation to %s, or remove it",
				annotation.ManagedIt)}))
	}
}

// whoseOwnership names the annotation that declares an ownership: that of a class before that of the first object.
func (w Input) whoseOwnership(of stack.Owner, objects []metav1.Object) string {
	for _, o := range objects {
		if _, ofClass := w.policy(o, annotation.ClassOwnership); ofClass {
			return fmt.Sprintf("annotation %s of the class of %s", annotation.ClassOwnership, owner.Object(o))
		}
	}
	return fmt.Sprintf("annotation %s of %s", owner.Of(of).Ownership, owner.Object(objects[0]))
}
