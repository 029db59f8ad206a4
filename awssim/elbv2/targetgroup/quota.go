package targetgroup

import (
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// checkTargetQuotas counts what the registrations would make.
func checkTargetQuotas(a *account.Account, tg *account.TargetGroup, wanted []*account.Target) error {
	most := a.Quota(request.QuotaTargetsPerGroup)
	if tg.TargetType == "lambda" || tg.TargetType == "alb" {
		most = 1
	}
	after := targetsOf(tg)
	before := len(after)
	for _, t := range wanted {
		id := targetID{t.ID, t.Port}
		if _, have := after[id]; !have {
			after[id] = t.Zone
		}
	}
	switch {
	case len(after) > most:
		return tooManyTargets("target group", most)
	case tg.LoadBalancer == nil || len(after) == before:
		return nil
	}
	groups := map[*account.TargetGroup]map[targetID]string{tg: after}
	for arn := range tg.LoadBalancer.TargetGroups() {
		if o := a.TargetGroups[arn]; o != tg {
			groups[o] = targetsOf(o)
		}
	}
	return checkBalancedTargets(a, tg.LoadBalancer, groups)
}

// CheckAssociatedTargets counts the targets that lb would have with the target groups of those ARNs besides its own.
func CheckAssociatedTargets(a *account.Account, lb *account.LoadBalancer, arns []string) error {
	have := lb.TargetGroups()
	groups, added := map[*account.TargetGroup]map[targetID]string{}, false
	for _, arn := range arns {
		if tg := a.TargetGroups[arn]; !have[arn] && len(tg.Targets) > 0 {
			added = true
			groups[tg] = targetsOf(tg)
		}
	}
	if !added {
		return nil
	}
	for arn := range have {
		groups[a.TargetGroups[arn]] = targetsOf(a.TargetGroups[arn])
	}
	return checkBalancedTargets(a, lb, groups)
}

// targetsOf is the registered targets of a target group with their zones; those that drain do not count.
func targetsOf(tg *account.TargetGroup) map[targetID]string {
	out := map[targetID]string{}
	for _, t := range tg.Targets {
		if t.GoneAt.IsZero() {
			out[targetID{t.ID, t.Port}] = t.Zone
		}
	}
	return out
}

// checkBalancedTargets holds the quotas of a load balancer over the targets of its groups. A target counts once for
// each target group that it is in.
func checkBalancedTargets(a *account.Account, lb *account.LoadBalancer,
	groups map[*account.TargetGroup]map[targetID]string) error {
	total, instances, zones, same := 0, 0, map[string]int{}, map[string]int{}
	for tg, targets := range groups {
		total += len(targets)
		if tg.TargetType == "instance" {
			instances += len(targets)
		}
		for id, zone := range targets {
			zones[zone]++
			same[id.id]++
		}
	}
	switch lb.Type {
	case request.Application:
		if most := a.Quota(request.QuotaTargetsPerALB); total > most {
			return tooManyTargets("load balancer", most)
		}
		return checkRegistrations(a, same)
	case request.Network:
		most := a.Quota(request.QuotaTargetsPerZone)
		switch {
		case total > a.Quota(request.QuotaTargetsPerNLB):
			return tooManyTargets("load balancer", a.Quota(request.QuotaTargetsPerNLB))
		case lb.Attributes[targetCrossZone] == "true" && instances > most:
			return tooManyTargets("load balancer with cross-zone load balancing and targets of type 'instance'", most)
		}
		return checkZonal(zones, most)
	}
	return checkZonal(zones, a.Quota(request.QuotaTargetsPerGWZone))
}

// checkZonal counts the targets of each zone; those of no one zone do not count.
func checkZonal(zones map[string]int, most int) error {
	for zone, n := range zones {
		if zone != "" && zone != everyZone && n > most {
			return tooManyTargets("Availability Zone and load balancer", most)
		}
	}
	return nil
}

func checkRegistrations(a *account.Account, same map[string]int) error {
	most := a.Quota(request.QuotaRegistrations)
	for id, n := range same {
		if n > most {
			return apierr.New("TooManyRegistrationsForTargetId",
				"The maximum number of registrations of the target '%s', '%d', would be exceeded", id, most)
		}
	}
	return nil
}

func tooManyTargets(of string, most int) error {
	return apierr.New("TooManyTargets", "The maximum number of targets per %s, '%d', would be exceeded", of, most)
}
