package front

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// Approval refuses a whole plan of a stack while deciding objects have the annotation for an approval and none of
// them approves the stack. An approval covers the desired state, not the steps, because steps become fewer during
// execution.
//
// A load balancer that no object declares is not concerned: its deletion was requested, or the brake stops it. For
// an adopted load balancer, destructive steps are refused without the annotation, and with the approval of another
// state. The adopting objects can approve only if the consent names their namespace.
func Approval(w Input, desired *stack.Stack, o awsop.Observed, allowed consent.Balancers) (plan.Policy, error) {
	of := desired.Key.Owner
	taken := w.takes(desired, &o, allowed)
	adopts := taken != nil || w.Adopts(desired)
	var approved []string
	asking := w.asking(of)
	for _, m := range asking {
		v, _ := w.policy(m, owner.Of(of).ApprovedPlan)
		for digest := range strings.SplitSeq(v, ",") {
			if !adopts || digest == annotation.NoPlan || entrusted(allowed, desired.Cluster, m, taken) {
				approved = append(approved, digest)
			}
		}
	}
	if adopts {
		approved = append(approved, w.ClassApprovals...)
	}
	if len(asking) == 0 && !adopts || desired.Removal != stack.NotRemoved {
		return policy.None, nil
	}
	digest, err := planjson.Digest(desired)
	if err != nil {
		return nil, err
	}
	if slices.Contains(approved, digest) {
		return policy.None, nil
	}
	if adopts && !slices.Contains(approved, annotation.NoPlan) {
		return takeover(w.howToApprove(desired, taken, allowed, digest), o), nil
	}
	by, asks := owner.Of(of).ApprovedPlan, "the class"
	if len(asking) > 0 {
		asks = owner.Object(asking[0]).String()
	}
	text := fmt.Sprintf("%s asks for an approval of each plan, and this plan has none; until it is approved, the "+
		"controller does not change the load balancer", asks)
	if approved[0] != annotation.NoPlan {
		text = fmt.Sprintf("%s: annotation %s approves another plan; until this plan is approved, the controller does not "+
			"change the load balancer", asks, by)
	}
	return policy.RefuseAll(plan.Guard{Code: diag.PlanNotApproved, Text: text,
		Remedy: fmt.Sprintf("to approve the plan that lbc plan shows, set annotation %s: %s on one of the objects that ask "+
			"for an approval, such as %s; to apply plans without approval, remove this annotation from all "+
			"objects of the load balancer", by, digest, asks)}), nil
}

// asking are the members that decide and ask for approvals.
func (w Input) asking(of stack.Owner) (out []metav1.Object) {
	for _, o := range w.deciding(w.Members) {
		if _, asks := w.policy(o, owner.Of(of).ApprovedPlan); asks {
			out = append(out, o)
		}
	}
	return out
}

// ToApprovers returns the finding that a plan is not approved, for the objects that may approve it: objects that ask
// for approvals, otherwise objects that decide. For all other objects, the finding names these objects and omits the
// digest.
func (w Input) ToApprovers(of stack.Owner, d diag.Diagnostic, objects []diag.Object) (out diag.List) {
	approvers := w.asking(of)
	if len(approvers) == 0 {
		approvers = w.deciding(w.Members)
	}
	var names []string
	may := map[diag.Object]bool{}
	for _, o := range approvers {
		d.Object = owner.Object(o)
		may[d.Object] = true
		names, out = append(names, d.Object.String()), append(out, d)
	}
	for _, o := range objects {
		if may[o] {
			continue
		}
		d.Object, d.Path = o, ""
		d.Remedy = fmt.Sprintf("wait until somebody approves the plan on one of these objects: %s; their events show the "+
			"plan and its digest", strings.Join(names, ", "))
		out = append(out, d)
	}
	return out
}

// takes is the load balancer that a stack takes over, or has taken over without being entrusted with it; nil = there is
// none. One that is marked as taken over is like any other if the consent names the namespace of one of the objects.
func (w Input) takes(desired *stack.Stack, o *awsop.Observed, allowed consent.Balancers) *awsop.LoadBalancer {
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		named := func(m metav1.Object) bool { return entrusted(allowed, desired.Cluster, m, lb) }
		if !lb.Foreign && (lb.ARN == desired.Adopts || lb.Adopted() && !slices.ContainsFunc(w.Members, named)) {
			return lb
		}
	}
	return nil
}

// entrusted reports whether the consent to a takeover names the namespace of an object, so that the object may approve
// of it.
func entrusted(allowed consent.Balancers, cluster string, o metav1.Object, lb *awsop.LoadBalancer) bool {
	return lb != nil && allowed.Of(cluster, o.GetNamespace(), consent.Balancer{ARN: lb.ARN, Name: lb.Name,
		SharedWith: lb.Tags[naming.SharedWithTag]}) == consent.Namespace
}

// howToApprove is the remedy for the steps of a takeover that wait.
func (w Input) howToApprove(desired *stack.Stack, taken *awsop.LoadBalancer, allowed consent.Balancers,
	digest string) string {
	by := owner.Of(desired.Key.Owner).ApprovedPlan
	for _, m := range w.Members {
		if taken != nil && !entrusted(allowed, desired.Cluster, m, taken) {
			ns := m.GetNamespace()
			return fmt.Sprintf("annotation %s: %s on the class parameters approves the plan that lbc plan shows; to let "+
				"objects of namespace %s approve, the administrator of the controller can set "+
				"--existing-load-balancers=%s=%s, or the owner of the load balancer can set tag %s: %s/%s on it",
				annotation.ClassApprovedPlan, digest, ns, ns, taken.Name, naming.SharedWithTag, desired.Cluster, ns)
		}
	}
	return fmt.Sprintf("to approve the plan that lbc plan shows, set annotation %s: %s on one of the objects "+
		"of the load balancer", by, digest)
}

// shownSteps is how many of the steps that wait a message names.
const shownSteps = 10

// takeover refuses the destructive steps of the plan for a load balancer that is taken over, and names them.
func takeover(remedy string, o awsop.Observed) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		return p.Under(policy.RefuseDestructive(o, func(refused []plan.Step) plan.Guard {
			var names []string
			for _, s := range refused {
				name := plan.NameOf(s.Op)
				if len(s.Why) > 0 {
					name += " (" + s.Why[0] + ")"
				}
				names = append(names, name)
			}
			return plan.Guard{Code: diag.TakeoverNotApproved,
				Text: fmt.Sprintf("these steps of the plan wait for an approval, because they change or delete existing parts of "+
					"the adopted load balancer: %s; the controller executes the other steps. The whole plan: %s",
					diag.First(names, shownSteps, ", "), p.Summary()),
				Remedy: remedy}
		}))
	}
}
