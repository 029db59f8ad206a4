package ingresses

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// answer is where the load balancer of an Ingress sends a request for a host and path: the tag of the target group that
// names its backend, and the targets that are registered there. It is "" and nil if there is no such load balancer, or
// if it does not forward.
func answer(r simclient.Resources, i *networkingv1.Ingress, host, path string) (backend string,
	targets map[string]bool) {
	if len(i.Status.LoadBalancer.Ingress) == 0 {
		return "", nil
	}
	for _, lb := range r.LoadBalancers {
		if lb.DNSName != i.Status.LoadBalancer.Ingress[0].Hostname {
			continue
		}
		for _, li := range lb.Listeners {
			if li.Port != 80 {
				continue
			}
			var rules []stack.Rule
			var defaults []stack.Action
			for n, rule := range li.Rules {
				if rule.Priority == "default" {
					defaults = rule.Actions
					continue
				}
				rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions,
					Transforms: rule.Transforms})
			}
			d := traffic.Match(rules, defaults, traffic.Request{Scheme: "http", Host: host, Port: 80, Method: "GET", Path: path,
				SourceIP: netip.MustParseAddr("198.51.100.7")})
			action, _ := d.Routing()
			for _, tg := range r.TargetGroups {
				if action.Forward != nil && len(action.Forward.TargetGroups) == 1 &&
					action.Forward.TargetGroups[0].TargetGroup.Literal == tg.ARN {
					return tg.Tags["ingress.k8s.aws/resource"], lab.RegisteredIn(tg)
				}
			}
		}
	}
	return "", nil
}
