package elbv2

import (
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// checkTargetQuotas counts what the registrations would make.
func (s *Service) checkTargetQuotas(tg *account.TargetGroup, wanted []*account.Target) error {
	most := s.limit(quotaTargetsPerGroup)
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
		if o := s.account.TargetGroups[arn]; o != tg {
			groups[o] = targetsOf(o)
		}
	}
	return s.checkBalancedTargets(tg.LoadBalancer, groups)
}

// checkAssociatedTargets counts the targets that lb would have with the target groups of those ARNs besides its own.
func (s *Service) checkAssociatedTargets(lb *account.LoadBalancer, arns []string) error {
	have := lb.TargetGroups()
	groups, added := map[*account.TargetGroup]map[targetID]string{}, false
	for _, arn := range arns {
		if tg := s.account.TargetGroups[arn]; !have[arn] && len(tg.Targets) > 0 {
			added = true
			groups[tg] = targetsOf(tg)
		}
	}
	if !added {
		return nil
	}
	for arn := range have {
		groups[s.account.TargetGroups[arn]] = targetsOf(s.account.TargetGroups[arn])
	}
	return s.checkBalancedTargets(lb, groups)
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

// checkBalancedTargets holds the quotas of a load balancer over the targets of its groups. A target counts once for each
// target group that it is in.
func (s *Service) checkBalancedTargets(lb *account.LoadBalancer, groups map[*account.TargetGroup]map[targetID]string) error {
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
	case application:
		if most := s.limit(quotaTargetsPerALB); total > most {
			return tooManyTargets("load balancer", most)
		}
		return s.checkRegistrations(same)
	case network:
		most := s.limit(quotaTargetsPerZone)
		switch {
		case total > s.limit(quotaTargetsPerNLB):
			return tooManyTargets("load balancer", s.limit(quotaTargetsPerNLB))
		case lb.Attributes[targetCrossZone] == "true" && instances > most:
			return tooManyTargets("load balancer with cross-zone load balancing and targets of type 'instance'", most)
		}
		return checkZonal(zones, most)
	}
	return checkZonal(zones, s.limit(quotaTargetsPerGWZone))
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

func (s *Service) checkRegistrations(same map[string]int) error {
	most := s.limit(quotaRegistrations)
	for id, n := range same {
		if n > most {
			return apierr.New("TooManyRegistrationsForTargetId", "The maximum number of registrations of the target '%s', '%d', would be exceeded", id, most)
		}
	}
	return nil
}

func tooManyTargets(of string, most int) error {
	return apierr.New("TooManyTargets", "The maximum number of targets per %s, '%d', would be exceeded", of, most)
}
