package account

import "fmt"

// Check lists what must never be true of the account, whatever calls were made: the faults of load balancing and of
// networks, and counts beyond their quotas. It needs the account's lock, and is for tests. A quota that was lowered below
// what there is shows as a fault; tests that do that call BalancingFaults and NetworkFaults.
func (a *Account) Check() []string {
	return append(append(a.BalancingFaults(), a.NetworkFaults()...), a.QuotaFaults()...)
}

// QuotaFaults lists what there is more of than its quota allows. It needs the account's lock, and is for tests.
func (a *Account) QuotaFaults() []string {
	var faults []string
	within := func(what, quota string, n int) {
		if most := a.Quota(quota); n > most {
			faults = append(faults, fmt.Sprintf("%s: %d, but the quota %s is %d", what, n, quota, most))
		}
	}
	within("target groups", "target-groups", len(a.TargetGroups))
	for _, tg := range a.TargetGroups {
		n := 0
		for _, t := range tg.Targets {
			if t.GoneAt.IsZero() {
				n++
			}
		}
		within("targets of "+tg.ARN, "targets-per-target-group", n)
	}
	ofType := map[string]int{}
	for arn, lb := range a.LoadBalancers {
		ofType[lb.Type]++
		if lb.Type == "gateway" {
			continue
		}
		rules, certificates, targets := 0, 0, 0
		for _, l := range lb.Listeners {
			rules += len(l.Rules) - 1
			certificates += len(l.Certificates)
		}
		groups := lb.TargetGroups()
		for tg := range groups {
			for _, t := range a.TargetGroups[tg].Targets {
				if t.GoneAt.IsZero() {
					targets++
				}
			}
		}
		per := "-per-" + lb.Type + "-load-balancer"
		within("listeners of "+arn, "listeners"+per, len(lb.Listeners))
		within("certificates of "+arn, "certificates"+per, certificates)
		within("targets of "+arn, "targets"+per, targets)
		if lb.Type == "application" {
			within("rules of "+arn, "rules"+per, rules)
			within("target groups of "+arn, "target-groups"+per, len(groups))
		}
	}
	for typ, n := range ofType {
		within("load balancers", typ+"-load-balancers", n)
	}
	return faults
}
