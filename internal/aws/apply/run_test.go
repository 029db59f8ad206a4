package apply

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAtAQuotaOnlyTheSameLoadBalancerMakesRoom(t *testing.T) {
	t.Parallel()
	const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:"
	balancer := stack.Literal(stack.KindLoadBalancer, prefix+"loadbalancer/app/web/1")
	listener := func(of string) stack.Ref { return stack.Literal(stack.KindListener, prefix+"listener/"+of+"/a") }
	rule := func(of string) stack.Ref { return stack.Literal(stack.KindRule, prefix+"listener-rule/"+of+"/a/b") }
	group := func(id string) stack.Ref { return stack.Literal(stack.KindSecurityGroup, id) }
	for name, tc := range map[string]struct{ comes, other, same plan.Operation }{
		"listener": {awsop.CreateListener{Listener: stack.Listener{LoadBalancer: balancer}},
			awsop.DeleteListener{Listener: listener("net/front/2")}, awsop.DeleteListener{Listener: listener("app/web/1")}},
		"rule": {awsop.CreateRule{Rule: stack.Rule{Listener: listener("app/web/1")}},
			awsop.DeleteRule{Rule: rule("app/old/2")}, awsop.DeleteRule{Rule: rule("app/web/1")}},
		"certificate": {awsop.AddListenerCertificates{Listener: listener("app/web/1")},
			awsop.RemoveListenerCertificates{Listener: listener("app/old/2")}, awsop.RemoveListenerCertificates{
				Listener: listener("app/web/1")}},
		"security group rule": {awsop.AuthorizeSecurityGroupIngress{Group: group("sg-1")}, awsop.RevokeSecurityGroupIngress{
			Group: group("sg-2")}, awsop.RevokeSecurityGroupIngress{Group: group("sg-1")}},
	} {
		p := plan.Plan{Steps: []plan.Step{{ID: "comes", Op: tc.comes}, {ID: "other", Op: tc.other},
			{ID: "same", Op: tc.same}}}
		r := newRun(p, Deps{})
		r.started["comes"] = true
		if !r.postpone("comes") || !r.yielded["same"] || r.yielded["other"] {
			t.Errorf("%s: made room: %v", name, r.yielded)
		}
		if r.started["comes"] = true; r.postpone("comes") {
			t.Errorf("%s: another load balancer's or group's was let go first: %v", name, r.yielded)
		}
	}
}
