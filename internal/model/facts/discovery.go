package facts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// tagged selects among the subnets that have all the tags; an empty list of values matches any value.
func tagged(f Facts, q SubnetQuery) SubnetChoice {
	var candidates []Subnet
	for _, s := range f.Subnets {
		ok := true
		for key, values := range q.Tags {
			v, has := s.Tags[key]
			ok = ok && has && (len(values) == 0 || slices.Contains(values, v))
		}
		if ok {
			candidates = append(candidates, s)
		}
	}
	return choose(candidates, nil, q)
}

// discovered selects among the subnets with the role tag of the scheme; if none has it, by the route tables.
func discovered(f Facts, q SubnetQuery) SubnetChoice {
	role := roleInternalELB
	if q.Scheme == stack.InternetFacing {
		role = roleELB
	}
	var candidates []Subnet
	var decisions []decision
	for _, s := range f.Subnets {
		if v, ok := s.Tags[role]; ok && (v == "" || v == "1") {
			candidates = append(candidates, s)
		} else {
			decisions = append(decisions, decision{s, false, "no tag " + role})
		}
	}
	if len(candidates) > 0 || !q.ByReachability {
		return choose(candidates, decisions, q)
	}
	if !f.Routes {
		needs, problem := f.Request(Need{Kind: NeedRoutes})
		return SubnetChoice{Needs: needs, Problem: problem}
	}
	decisions = nil
	for _, s := range f.Subnets {
		switch {
		case s.Public == (q.Scheme == stack.InternetFacing):
			candidates = append(candidates, s)
		case s.Public:
			decisions = append(decisions, decision{s, false, "no tag " + role + ", public"})
		default:
			decisions = append(decisions, decision{s, false, "no tag " + role + ", no route to an internet gateway"})
		}
	}
	return choose(candidates, decisions, q)
}

// choose picks one subnet per zone among the eligible ones: this cluster's first, then the lowest id.
func choose(candidates []Subnet, decisions []decision, q SubnetQuery) SubnetChoice {
	own := clusterTag + "/" + q.Cluster
	zones := map[string][]Subnet{}
	for _, s := range candidates {
		var why string
		switch {
		case q.CheckClusterTag && forOthers(s, own):
			why = "tagged for other clusters"
		case s.IPv6Native:
			why = "no IPv4 CIDR block, which each load balancer needs"
		case s.AvailableIPs < minimumFreeAddresses:
			why = fmt.Sprintf("%d free addresses, fewer than %d", s.AvailableIPs, minimumFreeAddresses)
		case IPv6Capable(q.IPAddressType) && len(s.IPv6CIDRs) == 0:
			why = "no associated IPv6 CIDR block, required for " + q.IPAddressType
		default:
			zones[s.Zone] = append(zones[s.Zone], s)
			continue
		}
		decisions = append(decisions, decision{s, false, why})
	}
	var c SubnetChoice
	c.Subnets, decisions = preferRegional(zones, decisions, q)
	for _, s := range c.Subnets {
		decisions = append(decisions, decision{s, true, "eligible"})
	}
	slices.SortFunc(decisions, func(a, b decision) int { return cmp.Compare(a.subnet.ID, b.subnet.ID) })
	c.decisions = decisions
	remedy := subnetRemedy(q)
	if len(c.Subnets) == 0 {
		c.Problem = &Problem{Code: diag.NoSubnets, Remedy: remedy,
			Text: fmt.Sprintf("unable to resolve at least one subnet for the %s load balancer. Evaluated %d subnets: %s",
				q.Scheme, len(decisions), render(decisions))}
		return c
	}
	if c.Problem = oneLocale(c.Subnets); c.Problem == nil {
		c.Problem = enough(c.Subnets, q, diag.NoSubnets, render(decisions))
	}
	if c.Problem != nil {
		c.Problem.Remedy = remedy
		c.Subnets = nil
	}
	return c
}

// subnetRemedy is the remedy of a failed discovery: the subnets that it needs.
func subnetRemedy(q SubnetQuery) string {
	zones, kind, tags := "each of at least two availability zones", "a subnet", "tag "+roleInternalELB+"=1"
	if q.Type != stack.Application || q.SingleSubnet {
		zones = "at least one availability zone"
	}
	if q.Scheme == stack.InternetFacing {
		kind, tags = "a public subnet", "tag "+roleELB+"=1"
	}
	if q.Tags != nil {
		kind, tags = "a subnet", "the declared tags"
	}
	if q.CheckClusterTag {
		tags += fmt.Sprintf(" (and %s/%s, if it is tagged for other clusters)", clusterTag, q.Cluster)
	}
	return fmt.Sprintf("in %s, provide %s with %s and at least %d free addresses, or name subnets explicitly", zones,
		kind, tags, minimumFreeAddresses)
}

// onePerZone picks among the subnets of each zone: this cluster's first, then the lowest id. The chosen are sorted by
// id.
func onePerZone(zones map[string][]Subnet, own string) (chosen []Subnet, served []decision) {
	rank := func(s Subnet) int {
		if _, ok := s.Tags[own]; ok {
			return 0
		}
		return 1
	}
	for _, in := range zones {
		slices.SortFunc(in, func(a, b Subnet) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID)) })
		chosen = append(chosen, in[0])
		for _, s := range in[1:] {
			served = append(served, decision{s, false, "zone already served by " + in[0].ID})
		}
	}
	slices.SortFunc(chosen, func(a, b Subnet) int { return cmp.Compare(a.ID, b.ID) })
	return chosen, served
}

// preferRegional picks one subnet per zone. If that mixes locales, which a load balancer cannot span, it picks among
// the subnets of availability zones only, if they suffice: local zones, wavelength zones and outposts have to be named.
// An outpost has the name of its zone, so that its subnet must not displace a regional one.
func preferRegional(zones map[string][]Subnet, decisions []decision, q SubnetQuery) ([]Subnet, []decision) {
	own := clusterTag + "/" + q.Cluster
	chosen, served := onePerZone(zones, own)
	if oneLocale(chosen) == nil {
		return chosen, append(decisions, served...)
	}
	regional := map[string][]Subnet{}
	var edge []decision
	for zone, in := range zones {
		for _, s := range in {
			if l := locale(s); l == AvailabilityZone {
				regional[zone] = append(regional[zone], s)
			} else {
				edge = append(edge, decision{s, false, "of locale " + string(l) + ", unlike the others"})
			}
		}
	}
	of, rest := onePerZone(regional, own)
	if len(of) == 0 || enough(of, q, diag.NoSubnets, "") != nil {
		return chosen, append(decisions, served...)
	}
	return of, slices.Concat(decisions, rest, edge)
}

// forOthers reports whether a subnet is tagged for clusters, but not for this one.
func forOthers(s Subnet, own string) bool {
	if _, ok := s.Tags[own]; ok {
		return false
	}
	for key := range s.Tags {
		if strings.HasPrefix(key, clusterTag) {
			return true
		}
	}
	return false
}
