package account

import "strings"

// TargetsHealthy is what Route 53 makes of the load balancer where it evaluates the health of an alias's target: every
// target group that has targets has a healthy one, and at least one group has targets (Route 53 developer guide, "Evaluate
// target health").
func (a *Account) TargetsHealthy(lb *LoadBalancer) bool {
	some := false
	for arn := range lb.TargetGroups() {
		tg := a.TargetGroups[arn]
		if tg == nil || len(tg.Targets) == 0 {
			continue
		}
		some = true
		healthy := false
		for _, t := range tg.Targets {
			state := a.TargetHealth(tg, t).State
			healthy = healthy || state == Healthy || state == "unavailable"
		}
		if !healthy {
			return false
		}
	}
	return some
}

// LoadBalancerAt finds the load balancer that a canonical name belongs to, active or not. Of a network load balancer's names
// for one zone, zone is that zone; "dualstack." stands before the name of an application load balancer only.
func (a *Account) LoadBalancerAt(name string) (found *LoadBalancer, zone string) {
	for _, lb := range a.LoadBalancers {
		own := strings.ToLower(lb.DNSName) + "."
		if own == name && lb.DNSName != "" {
			return lb, ""
		}
		label, ok := strings.CutSuffix(name, "."+own)
		switch {
		case !ok || lb.DNSName == "":
		case lb.Type == "application" && label == "dualstack":
			return lb, ""
		case lb.Type == "network" && lb.HasZone(label):
			return lb, label
		}
	}
	return nil, ""
}
