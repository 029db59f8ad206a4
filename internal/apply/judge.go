package apply

import (
	"errors"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// judge decides what an error means for a step.
func (r *run) judge(s plan.Step, err error) Outcome {
	if errors.Is(err, ErrBindingExists) {
		return r.wait(s, "the former TargetGroupBinding of the same name to go", err)
	}
	e := cloud.Classify(err)
	switch {
	case protected(s.Op, e):
		g := plan.Protected(nameOf(r.resolve(plan.Refs(s.Op)[0])))
		d := diag.New(diag.Object{}, "", g.Code, g.Text, g.Remedy)
		d.RequestID = e.RequestID
		return Outcome{State: Refused, Problem: d, Err: err}
	case inUse(s.Op, e) != "":
		return r.wait(s, inUse(s.Op, e), err)
	case e.Class == diag.Throttled:
		return r.wait(s, "AWS to accept calls again", err)
	case full(err):
		// The end of a run decides whether room can be made.
	case e.Class == diag.NotFound && r.young(s.Op):
		// AWS answers reads and writes from replicas: what was created a moment ago may not be seen everywhere.
		return r.wait(s, "what was just created to be known everywhere in AWS", err)
	case disagrees(s.Op, e):
		// The account differs from what we believe: look again and plan anew, once at once, then with the usual pauses.
		r.d.Inventory.Invalidate(r.key)
		if n := r.d.Inventory.PutOff(r.key, s.ID); n == 1 {
			return Outcome{State: Waiting, Until: r.d.Now().Add(100 * time.Millisecond), On: "another look at the account", Err: err}
		}
		r.d.Inventory.Settled(r.key, s.ID)
	case e.Class == diag.Transient:
		// Whether it had an effect is unknown; only a fresh look tells.
		r.d.Inventory.Invalidate(r.key)
	}
	return Outcome{State: Failed, Err: err, Problem: cloud.Problem(s.Op.Name(), err)}
}

// protected reports whether AWS refused a deletion because of deletion protection.
func protected(op plan.Op, e cloud.Error) bool {
	_, deletion := op.(plan.DeleteLoadBalancer)
	return deletion && e.Code == cloud.CodeNotPermitted && strings.Contains(strings.ToLower(e.Message), "deletion protection")
}

// inUse says what must let go before a deletion, or an attachment, succeeds; empty if that is not the trouble.
func inUse(op plan.Op, e cloud.Error) string {
	switch op.(type) {
	case plan.DeleteSecurityGroup:
		if e.Code == cloud.CodeDependencyViolation {
			return "the network interfaces and rules that use the security group to go"
		}
	case plan.DeleteTargetGroup:
		if e.Code == cloud.CodeResourceInUse {
			return "AWS to notice that nothing forwards to the target group any more"
		}
	}
	return ""
}

// full reports whether a quota was met that the plan's own removals may relieve.
func full(err error) bool {
	if err == nil {
		return false
	}
	switch cloud.Classify(err).Code {
	case cloud.CodeTooManyRules, cloud.CodeTooManyPermissions, "TooManyListeners", "TooManyCertificates", "TooManyUniqueTargetGroupsPerLoadBalancer":
		return true
	}
	return false
}

// disagreements are the codes by which AWS says that the account is not as we believe.
var disagreements = map[string]bool{
	cloud.CodeDuplicatePermission: true, cloud.CodePermissionNotFound: true,
	"DuplicateListener": true, "DuplicateLoadBalancerName": true, "DuplicateTargetGroupName": true, "InvalidGroup.Duplicate": true,
	"PriorityInUse": true, "TargetGroupAssociationLimit": true,
	"LoadBalancerNotFound": true, "ListenerNotFound": true, "RuleNotFound": true,
}

// disagrees reports whether a fresh look may help. What users name (target groups, security groups) may not exist because
// they say so; only what is ours counts.
func disagrees(op plan.Op, e cloud.Error) bool {
	if disagreements[e.Code] {
		return true
	}
	ours := func(kind stack.Kind) bool {
		for _, ref := range plan.Refs(op) {
			if ref.Kind == kind && ref.ID != "" {
				return true
			}
		}
		return false
	}
	switch e.Code {
	case "TargetGroupNotFound":
		return ours(stack.KindTargetGroup)
	case cloud.CodeGroupNotFound, "InvalidSecurityGroup":
		return ours(stack.KindSecurityGroup)
	case "InvalidConfigurationRequest":
		return ours(stack.KindSecurityGroup) && strings.Contains(e.Message, "security groups are invalid")
	}
	return false
}

// nameOf is the name inside a load balancer's ARN.
func nameOf(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) >= 3 {
		return parts[len(parts)-2]
	}
	return arn
}
