package account

import "fmt"

// Check lists what must never be true of the account, whatever calls were made: the faults of load balancing and of
// networks, and counts beyond their quotas. It needs the account's lock, and is for tests. A quota that was lowered
// below what there is shows as a fault; tests that do that call BalancingFaults and NetworkFaults.
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

// BalancingFaults lists what must never be true of load balancers, listeners, rules and target groups: references that
// dangle, priorities, ports or names that are taken twice, target groups of two load balancers. It needs the account's
// lock, and is for tests.
func (a *Account) BalancingFaults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	a.loadBalancerFaults(fault)
	for arn, l := range a.Listeners {
		if arn != l.ARN || a.LoadBalancers[l.LoadBalancer.ARN] != l.LoadBalancer {
			fault("listener %s belongs to a load balancer that does not exist", l.ARN)
		}
		if m := l.MutualTLS; (m.Mode == "verify") != (m.TrustStore != "") || m.TrustStore != "" &&
			a.TrustStores[m.TrustStore] == nil {
			fault("listener %s verifies clients with trust store %q, which does not exist", l.ARN, m.TrustStore)
		}
		a.ruleFaults(l, fault)
	}
	a.targetGroupFaults(a.usesOfTargetGroups(fault), fault)
	return faults
}

func (a *Account) loadBalancerFaults(fault func(format string, args ...any)) {
	names := map[string]bool{}
	for arn, lb := range a.LoadBalancers {
		if arn != lb.ARN || a.LoadBalancerNamed(lb.Name) != lb {
			fault("load balancer %s is not filed under its ARN and name", lb.ARN)
		}
		if names[lb.Name] {
			fault("two load balancers are named %s", lb.Name)
		}
		names[lb.Name] = true
		ports := map[int32]bool{}
		for _, l := range lb.Listeners {
			if l.LoadBalancer != lb || a.Listeners[l.ARN] != l {
				fault("listener %s of %s is not filed", l.ARN, lb.ARN)
			}
			if ports[l.Port] {
				fault("port %d of %s has two listeners", l.Port, lb.ARN)
			}
			ports[l.Port] = true
		}
		for _, g := range lb.SecurityGroups {
			if sg := a.SecurityGroups[g]; sg == nil {
				fault("load balancer %s has security group %s, which does not exist", lb.ARN, g)
			}
		}
		a.zoneFaults(lb, fault)
	}
}

// zoneFaults lists what is wrong with the zones of a load balancer.
func (a *Account) zoneFaults(lb *LoadBalancer, fault func(format string, args ...any)) {
	zones := map[string]bool{}
	for _, z := range lb.Zones {
		if zones[z.Name] {
			fault("load balancer %s is twice in zone %s", lb.ARN, z.Name)
		}
		zones[z.Name] = true
		if e := a.Addresses[z.AllocationID]; z.AllocationID != "" && (e == nil || e.Interface != z.Interface) {
			fault("load balancer %s has address %s, which is not that of its interface", lb.ARN, z.AllocationID)
		}
		if _, ok := a.Subnet(z.Subnet); !ok {
			fault("load balancer %s is in subnet %s, which does not exist", lb.ARN, z.Subnet)
		}
		if _, ok := a.Interface(z.Interface); !ok {
			fault("load balancer %s has interface %s, which does not exist", lb.ARN, z.Interface)
		}
	}
}

// usesOfTargetGroups are the rules that forward to each target group.
func (a *Account) usesOfTargetGroups(fault func(format string, args ...any)) map[string]map[string]bool {
	uses := map[string]map[string]bool{}
	for arn, r := range a.Rules {
		if arn != r.ARN || a.Listeners[r.Listener.ARN] != r.Listener {
			fault("rule %s belongs to a listener that does not exist", r.ARN)
		}
		for _, tg := range r.TargetGroups() {
			if a.TargetGroups[tg] == nil {
				fault("rule %s forwards to %s, which does not exist", r.ARN, tg)
				continue
			}
			if uses[tg] == nil {
				uses[tg] = map[string]bool{}
			}
			uses[tg][r.ARN] = true
			if a.TargetGroups[tg].LoadBalancer != r.Listener.LoadBalancer {
				fault("target group %s is used by %s, but not said to belong to its load balancer", tg, r.ARN)
			}
		}
	}
	return uses
}

func (a *Account) ruleFaults(l *Listener, fault func(string, ...any)) {
	if len(l.Rules) == 0 || !l.Default().Default {
		fault("listener %s has no default rule at its end", l.ARN)
		return
	}
	last := int32(0)
	for _, r := range l.Rules {
		if r.Listener != l || a.Rules[r.ARN] != r {
			fault("rule %s of %s is not filed", r.ARN, l.ARN)
		}
		if r.position() <= last {
			fault("rule %s of %s is out of order or shares its priority", r.ARN, l.ARN)
		}
		last = r.position()
	}
}

func (a *Account) targetGroupFaults(uses map[string]map[string]bool, fault func(string, ...any)) {
	names := map[string]bool{}
	for arn, t := range a.TrustStores {
		if arn != t.ARN || names[t.Name] {
			fault("trust store %s is not filed, or shares its name", t.ARN)
		}
		names[t.Name] = true
	}
	names = map[string]bool{}
	for arn, tg := range a.TargetGroups {
		if arn != tg.ARN || a.TargetGroupNamed(tg.Name) != tg {
			fault("target group %s is not filed under its ARN and name", tg.ARN)
		}
		if names[tg.Name] {
			fault("two target groups are named %s", tg.Name)
		}
		names[tg.Name] = true
		if len(tg.rules) != len(uses[arn]) {
			fault("target group %s counts %d uses, but has %d", tg.ARN, len(tg.rules), len(uses[arn]))
		}
		if (tg.LoadBalancer != nil) != tg.Used() {
			fault("target group %s belongs to a load balancer exactly when it is used, but is not", tg.ARN)
		}
		if len(tg.byTarget) != len(tg.Targets) {
			fault("target group %s has %d targets, %d of them filed", tg.ARN, len(tg.Targets), len(tg.byTarget))
		}
		for _, t := range tg.Targets {
			if tg.Target(t.ID, t.Port) != t {
				fault("target %s:%d of %s is not filed", t.ID, t.Port, tg.ARN)
			}
		}
	}
}
