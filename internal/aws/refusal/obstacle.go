package refusal

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// freedBy reports whether a successful write of the resource with an ARN or group id, by the same stack or another one,
// may have removed what is in the way of the refused one.
func (r *Refusal) freedBy(w plan.Effect, id string, sameStack bool) bool {
	switch {
	case w.Forwards && w.Verb != plan.Creates:
		return r.Effect.Forwards && r.Effect.Verb != plan.Deletes && (sameStack || r.Group != "")
	case w.Verb != plan.Deletes:
		return false
	case r.answer.Class == diag.Quota: // of one load balancer, most often; what others free, others wait for, too
		return sameStack
	case w.Kind == stack.KindLoadBalancer && r.Group != "":
		return true
	}
	return r.Effect.Kind == w.Kind && r.Effect.Name != "" && (w.Kind == stack.KindSecurityGroup ||
		r.Effect.Name == nameInARN(id))
}

// awaited are what writes of other stacks that may free the refused write free, in the words of frees.
func (r *Refusal) awaited() (out []string) {
	if r.Cause != Obstacle {
		return nil
	}
	if r.Group != "" {
		out = append(out, "forward")
	}
	switch {
	case r.Effect.Name == "" || r.answer.Class == diag.Quota:
	case r.Effect.Kind == stack.KindSecurityGroup:
		out = append(out, string(stack.KindSecurityGroup))
	default:
		out = append(out, string(r.Effect.Kind)+" "+r.Effect.Name)
	}
	return out
}

// frees are what a write of the resource with an ARN or group id may free for other stacks: what forwards to a target
// group, or a name.
func frees(w plan.Effect, id string) []string {
	switch {
	case w.Forwards && w.Verb != plan.Creates:
		return []string{"forward"}
	case w.Verb != plan.Deletes:
		return nil
	case w.Kind == stack.KindSecurityGroup:
		return []string{string(stack.KindSecurityGroup)}
	case w.Kind == stack.KindLoadBalancer:
		return []string{"forward", string(w.Kind) + " " + nameInARN(id)}
	}
	return []string{string(w.Kind) + " " + nameInARN(id)}
}

// nameInARN is the name of a load balancer or target group by its ARN: "loadbalancer/app/NAME/ID",
// "targetgroup/NAME/ID".
func nameInARN(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
