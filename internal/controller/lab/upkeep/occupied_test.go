package upkeep

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestOccupiedWritesKeepTheirBudget has AWS refuse writes because of other resources of the account, for three hours. A
// quota is asked for every five minutes: an operator who raises it waits for the load balancer.
func TestOccupiedWritesKeepTheirBudget(t *testing.T) {
	t.Parallel()
	refused := func(action, code string) func(*lab.Lab) {
		return func(l *lab.Lab) { l.Fault(gate.Fault{Action: action, Code: code, Message: "no", Status: 400}) }
	}
	quota, place := []int{18, 12, 12}, []int{7, 1, 1}
	for name, c := range map[string]struct {
		trouble func(*lab.Lab)
		action  string
		budget  []int // by hour
	}{
		"a name": {func(l *lab.Lab) {
			l.Foreign("taken")
			l.Annotate("web", "load-balancer-name", "taken")
		}, "CreateLoadBalancer", place},
		"a priority":     {refused("CreateRule", "PriorityInUse"), "CreateRule", place},
		"load balancers": {refused("CreateLoadBalancer", "TooManyLoadBalancers"), "CreateLoadBalancer", quota},
		"target groups":  {refused("CreateTargetGroup", "TooManyTargetGroups"), "CreateTargetGroup", quota},
		"rules":          {refused("CreateRule", "TooManyRules"), "CreateRule", quota},
		"ranges": {refused("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded"),
			"AuthorizeSecurityGroupIngress", quota},
		"a validation record": {validationRefused, "ChangeResourceRecordSets", []int{4, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{CertificateIssue: 24 * time.Hour}, lab.Class(), lab.Service("web"),
				lab.Ingress("web", nil, "web"))
			c.trouble(l)
			for hour, most := range c.budget {
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

// validationRefused has Route 53 refuse the record of a certificate, which is requested again while it is not issued.
func validationRefused(l *lab.Lab) {
	l.Flags("--feature-gates=EnableCertificateManagement=true")
	l.Fault(gate.Fault{Service: "route53", Action: "ChangeResourceRecordSets", Code: "InvalidChangeBatch", Message: "no",
		Status: 400})
	tlsOf(l, "create-acm-cert", "")
}
