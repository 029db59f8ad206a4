package lab

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
)

// Identities are the ARNs of load balancers and target groups by name.
func (l *Lab) Identities() map[string]string {
	out := map[string]string{}
	r := l.Sim.Resources()
	for _, lb := range r.LoadBalancers {
		out["load balancer "+lb.Name] = lb.ARN
	}
	for _, tg := range r.TargetGroups {
		out["target group "+tg.Name] = tg.ARN
	}
	return out
}

// Besides is a policy with another one attached besides.
func Besides(d, other iampolicy.Document) iampolicy.Document {
	return iampolicy.Document{Version: d.Version, Statement: slices.Concat(d.Statement, other.Statement)}
}
