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

// longest is the longest single wait for AWS to know everywhere what was just created; when it takes longer, that is a failure.
const longest = 8 * time.Second

// judge decides what an error means for a step.
func (r *run) judge(s plan.Step, err error) Outcome {
	if errors.Is(err, ErrBindingExists) {
		return r.wait(s, "the former TargetGroupBinding of the same name to go", err)
	}
	e := cloud.Classify(err)
	failed := Outcome{State: Failed, Err: err, Problem: cloud.Problem(s.Op.Name(), err)}
	if lb, on, ok := plan.Changes(s.Op); ok {
		return r.judgeAddOn(s, e, failed, r.resolve(lb), on)
	}
	switch missing := e.Missing(); {
	case e.Protected() && deletesBalancer(s.Op):
		g := plan.Protected(nameOf(r.resolve(plan.Refs(s.Op)[0])))
		d := diag.New(diag.Object{}, "", g.Code, g.Text, g.Remedy)
		d.RequestID = e.RequestID
		return Outcome{State: Refused, Problem: d, Err: err}
	case e.InUse() && lettingGo(s.Op) != "":
		if o := r.wait(s, lettingGo(s.Op), err); !usedElsewhere(s.Op, o.Until.Sub(r.d.Now())) {
			return o
		}
		failed.Problem.Remedy = "detach the certificate from whatever uses it, as its description in ACM tells; then it is deleted"
	case e.Class == diag.Throttled:
		return r.wait(s, "AWS to accept calls again", err)
	case missing != "" && r.young(s.Op, missing), e.Code == cloud.CodeInvalidTarget && registersBalancer(s.Op):
		// AWS answers from replicas: what was created a moment ago may not be known everywhere.
		if o := r.wait(s, "what was just created to be known everywhere in AWS", err); o.Until.Sub(r.d.Now()) <= longest {
			return o
		}
	case e.Disagrees(), missing != "" && ours(s.Op, missing):
		// The account differs from what we believe: look again and plan anew, once at once, then with the usual pauses.
		r.d.Inventory.Invalidate(r.key)
		if r.d.Inventory.PutOff(r.key, s.ID) == 1 {
			return Outcome{State: Waiting, Until: r.d.Now().Add(100 * time.Millisecond), On: "another look at the account", Err: err}
		}
	case e.Class == diag.Transient:
		// Whether it had an effect is unknown; only a fresh look tells.
		r.d.Inventory.Doubt(r.key)
	}
	r.d.Inventory.Settled(r.key, s.ID)
	r.d.Inventory.Refuted(e)
	return failed
}

// registersBalancer reports whether an operation relies on a load balancer and its listener, which may be new.
func registersBalancer(op plan.Op) bool {
	_, ok := op.(plan.RegisterLoadBalancer)
	return ok
}

func deletesBalancer(op plan.Op) bool {
	_, ok := op.(plan.DeleteLoadBalancer)
	return ok
}

// lettingGo says what must let go before a deletion succeeds; empty for those that do not get done by waiting.
func lettingGo(op plan.Op) string {
	switch op.(type) {
	case plan.DeleteSecurityGroup:
		return "the network interfaces and rules that use the security group to go"
	case plan.DeleteLoadBalancer, plan.DeleteListener:
		return "AWS to notice that the load balancer is nobody's target any more"
	case plan.DeleteTargetGroup:
		return "AWS to notice that nothing forwards to the target group any more"
	case plan.DeleteCertificate:
		return "the listeners to let go of the certificate"
	}
	return ""
}

// usedElsewhere reports whether so long a wait for a certificate means that not our listeners hold it, but somebody else's
// resource: users may attach our certificates where they like.
func usedElsewhere(op plan.Op, wait time.Duration) bool {
	_, ok := op.(plan.DeleteCertificate)
	return ok && wait > longest
}

// ours reports whether a missing resource is one that we manage. What users name (target groups, security groups) may not
// exist because they say so: that is their error, and no fresh look helps.
func ours(op plan.Op, missing stack.Kind) bool {
	if missing != stack.KindTargetGroup && missing != stack.KindSecurityGroup {
		return true
	}
	for _, ref := range plan.Refs(op) {
		if ref.Kind == missing && ref.ID != "" {
			return true
		}
	}
	return false
}

// full reports whether a quota was met that the plan's own removals may relieve.
func full(err error) bool { return err != nil && cloud.Classify(err).Full() }

// nameOf is the name inside a load balancer's ARN.
func nameOf(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) >= 3 {
		return parts[len(parts)-2]
	}
	return arn
}
