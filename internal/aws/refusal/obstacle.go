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

// nameInARN is the name of a load balancer or target group by its ARN: "loadbalancer/app/NAME/ID",
// "targetgroup/NAME/ID".
func nameInARN(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
