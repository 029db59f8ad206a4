package upkeep

import (
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestOccupiedWritesKeepTheirBudget has AWS refuse writes because of other resources of the account, for three hours.
func TestOccupiedWritesKeepTheirBudget(t *testing.T) {
	t.Parallel()
	refused := func(action, code string) func(*lab.Lab) {
		return func(l *lab.Lab) { l.Fault(gate.Fault{Action: action, Code: code, Message: "no", Status: 400}) }
	}
	budget := []int{4, 1, 1} // of the same write, in each hour
	const propagates = 14    // attempts while AWS may still delete parts of the stack
	for name, c := range map[string]struct {
		trouble func(*lab.Lab)
		action  string
	}{
		"a name": {func(l *lab.Lab) {
			l.Foreign("taken")
			l.Annotate("web", "load-balancer-name", "taken")
		}, "CreateLoadBalancer"},
		"a priority":     {refused("CreateRule", "PriorityInUse"), "CreateRule"},
		"load balancers": {refused("CreateLoadBalancer", "TooManyLoadBalancers"), "CreateLoadBalancer"},
		"target groups":  {refused("CreateTargetGroup", "TooManyTargetGroups"), "CreateTargetGroup"},
		"rules":          {refused("CreateRule", "TooManyRules"), "CreateRule"},
		"ranges": {refused("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded"),
			"AuthorizeSecurityGroupIngress"},
		"a deletion":           {deletionRefused("DeleteLoadBalancer", "ValidationError"), "DeleteLoadBalancer"},
		"a forbidden deletion": {deletionRefused("DeleteLoadBalancer", "OperationNotPermitted"), "DeleteLoadBalancer"},
		"a deletion in use":    {deletionRefused("DeleteTargetGroup", "ResourceInUse"), "DeleteTargetGroup"},
		"a validation record":  {validationRefused, "ChangeResourceRecordSets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{CertificateIssue: 24 * time.Hour}, lab.Class(), lab.Service("web"),
				lab.Ingress("web", nil, "web"))
			c.trouble(l)
			for hour, most := range budget {
				if hour == 0 && name == "a deletion in use" {
					most += propagates
				}
				mark := l.Mark()
				l.Pass(time.Hour, nil, lab.Key("web"))
				_, by := l.Counts(mark)
				t.Logf("hour %d: %v", hour+1, by)
				if n := by[c.action]; n > most || hour == 0 && n == 0 {
					t.Errorf("hour %d: %d times %s, want %d at most", hour+1, n, c.action, most)
				}
			}
		})
	}
}

// TestRoomIsFoundByALook has somebody else free a name and raise a quota an hour after the refusal, and the controller
// delete another load balancer.
func TestRoomIsFoundByALook(t *testing.T) {
	t.Parallel()
	quota := func(l *lab.Lab, n int) { l.Must(l.Sim.Account.SetQuota("application-load-balancers", n)) }
	full := func(l *lab.Lab) {
		quota(l, 1)
		l.Create(lab.Ingress("other", nil, "web"))
		l.Settle(lab.Key("other"))
	}
	foreign := ""
	for name, c := range map[string]struct{ trouble, end func(*lab.Lab) }{
		"a name": {func(l *lab.Lab) {
			foreign = l.Foreign("taken")
			l.Annotate("web", "load-balancer-name", "taken")
		}, func(l *lab.Lab) {
			_, err := l.Sim.Balancing.DeleteLoadBalancer(l.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &foreign})
			l.Must(err)
		}},
		"a quota": {full, func(l *lab.Lab) { quota(l, 2) }},
		"a deletion": {full, func(l *lab.Lab) {
			l.Must(l.Client.Delete(l.Context(), lab.Ingress("other", nil, "web")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
			c.trouble(l)
			keys := []stack.Key{lab.Key("web"), lab.Key("other")}
			l.Pass(time.Hour, nil, keys...)
			mark := l.Mark()
			c.end(l)
			l.Pass(10*time.Minute, nil, keys...) // a read of five minutes' age, and five minutes until the next look
			if _, by := l.Counts(mark); by["CreateLoadBalancer"] != 1 {
				t.Errorf("calls: %v", by)
			}
			if refused := l.RefusedCalls(mark); len(refused) > 0 {
				t.Errorf("AWS refuses %v", refused)
			}
		})
	}
}

// deletionRefused has AWS refuse a deletion for an Ingress that is deleted.
func deletionRefused(action, code string) func(l *lab.Lab) {
	return func(l *lab.Lab) {
		l.Settle(lab.Key("web"))
		l.Fault(gate.Fault{Action: action, Code: code, Message: "no", Status: 400})
		l.Must(l.Client.Delete(l.Context(), lab.Ingress("web", nil, "web")))
	}
}

// validationRefused has Route 53 refuse the record of a certificate, which is requested again while it is not issued.
func validationRefused(l *lab.Lab) {
	l.Flags("--feature-gates=EnableCertificateManagement=true")
	l.Fault(gate.Fault{Service: "route53", Action: "ChangeResourceRecordSets", Code: "InvalidChangeBatch", Message: "no",
		Status: 400})
	tlsOf(l, "create-acm-cert", "")
}
