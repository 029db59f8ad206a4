package inventory

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// QuotaUse is how much of a limit the load balancer, target group or security group uses that uses most.
type QuotaUse struct {
	Quota          string // as DescribeAccountLimits and Service Quotas name it
	Used, Standard int    // Standard is AWS's default
}

// standardQuotas are AWS's defaults of what is counted here. An account may have higher ones, and none has lower ones.
var standardQuotas = map[string]int{
	"rules-per-application-load-balancer":         100,
	"listeners-per-application-load-balancer":     50,
	"listeners-per-network-load-balancer":         50,
	"certificates-per-application-load-balancer":  25,
	"certificates-per-network-load-balancer":      25,
	"target-groups-per-application-load-balancer": 100,
}

// QuotaUse compares the stacks' load balancers with AWS's limits, by what is known of them.
func (i *Inventory) QuotaUse() []QuotaUse {
	most := map[string]int{}
	i.mu.Lock()
	for _, e := range i.stacks {
		for n := range e.obs.LoadBalancers {
			lb := &e.obs.LoadBalancers[n]
			kind := map[stack.LoadBalancerType]string{stack.Application: "application-load-balancer", stack.Network: "network-load-balancer"}[lb.Type]
			if kind == "" {
				continue
			}
			listeners, rules, certificates := 0, 0, 0
			for k := range e.obs.Listeners {
				l := &e.obs.Listeners[k]
				if l.LoadBalancer.Literal != lb.ARN {
					continue
				}
				listeners++
				certificates += len(l.SNI)
				for r := range e.obs.Rules {
					if e.obs.Rules[r].Listener.Literal == l.ARN {
						rules++
					}
				}
			}
			for what, used := range map[string]int{"listeners-per-": listeners, "rules-per-": rules, "certificates-per-": certificates, "target-groups-per-": len(e.obs.TargetGroups)} {
				if _, counted := standardQuotas[what+kind]; counted {
					most[what+kind] = max(most[what+kind], used)
				}
			}
		}
	}
	i.mu.Unlock()
	var out []QuotaUse
	for quota, standard := range standardQuotas {
		out = append(out, QuotaUse{quota, most[quota], standard})
	}
	slices.SortFunc(out, func(a, b QuotaUse) int { return cmp.Compare(a.Quota, b.Quota) })
	return out
}
