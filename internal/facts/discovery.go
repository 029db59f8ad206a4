package facts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// tagged selects among the subnets that carry all the tags; an empty list of values admits any value.
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
	var decisions []Decision
	for _, s := range f.Subnets {
		if v, ok := s.Tags[role]; ok && (v == "" || v == "1") {
			candidates = append(candidates, s)
		} else {
			decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, "no tag " + role})
		}
	}
	if len(candidates) > 0 || !q.ByReachability {
		return choose(candidates, decisions, q)
	}
	if need := (Need{Kind: NeedRoutes}); !f.Routes {
		if p := f.Unanswered(need); p != nil {
			return SubnetChoice{Problem: p}
		}
		return SubnetChoice{Needs: []Need{need}}
	}
	decisions = nil
	for _, s := range f.Subnets {
		switch {
		case s.Public == (q.Scheme == stack.InternetFacing):
			candidates = append(candidates, s)
		case s.Public:
			decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, "no tag " + role + ", public"})
		default:
			decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, "no tag " + role + ", no route to an internet gateway"})
		}
	}
	return choose(candidates, decisions, q)
}

// choose picks one subnet per zone among the eligible ones: this cluster's first, then the lowest id.
func choose(candidates []Subnet, decisions []Decision, q SubnetQuery) SubnetChoice {
	own := clusterTag + "/" + q.Cluster
	zones := map[string][]Subnet{}
	for _, s := range candidates {
		var why string
		switch {
		case q.CheckClusterTag && forOthers(s, own):
			why = "tagged for other clusters"
		case s.AvailableIPs < MinimumFreeAddresses:
			why = fmt.Sprintf("%d free addresses, fewer than %d", s.AvailableIPs, MinimumFreeAddresses)
		case IPv6Capable(q.IPAddressType) && len(s.IPv6CIDRs) == 0:
			why = "no associated IPv6 CIDR block, required for " + q.IPAddressType
		default:
			zones[s.Zone] = append(zones[s.Zone], s)
			continue
		}
		decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, why})
	}
	var c SubnetChoice
	for _, in := range zones {
		slices.SortFunc(in, func(a, b Subnet) int {
			_, aOwn := a.Tags[own]
			_, bOwn := b.Tags[own]
			if aOwn != bOwn {
				if aOwn {
					return -1
				}
				return 1
			}
			return cmp.Compare(a.ID, b.ID)
		})
		c.Subnets = append(c.Subnets, in[0])
		for _, s := range in[1:] {
			decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, "zone already served by " + in[0].ID})
		}
	}
	slices.SortFunc(c.Subnets, func(a, b Subnet) int { return cmp.Compare(a.ID, b.ID) })
	c.Subnets, decisions = preferRegional(c.Subnets, decisions, q)
	for _, s := range c.Subnets {
		decisions = append(decisions, Decision{s.ID, s.Zone, Chosen, "eligible"})
	}
	slices.SortFunc(decisions, func(a, b Decision) int { return cmp.Compare(a.Subnet, b.Subnet) })
	c.Decisions = decisions
	remedy := subnetRemedy(q)
	if len(c.Subnets) == 0 {
		c.Problem = &Problem{Code: diag.NoSubnets, Remedy: remedy,
			Text: fmt.Sprintf("unable to resolve at least one subnet for the %s load balancer. Evaluated %d subnets: %s", q.Scheme, len(decisions), Render(decisions))}
		return c
	}
	if c.Problem = oneLocale(c.Subnets); c.Problem == nil {
		c.Problem = enough(c.Subnets, q, diag.NoSubnets, Render(decisions))
	}
	if c.Problem != nil {
		c.Problem.Remedy = remedy
		c.Subnets = nil
	}
	return c
}

// subnetRemedy says what subnets a load balancer needs that finds them by itself.
func subnetRemedy(q SubnetQuery) string {
	zones, kind, tags := "at least two availability zones", "a subnet", roleInternalELB+"=1"
	if q.Type != stack.Application || q.SingleSubnet {
		zones = "at least one availability zone"
	}
	if q.Scheme == stack.InternetFacing {
		kind, tags = "a public subnet", roleELB+"=1"
	}
	if q.Tags != nil {
		kind, tags = "a subnet", "as asked for"
	}
	if q.CheckClusterTag {
		tags += fmt.Sprintf(" (and %s/%s, if it is tagged for other clusters)", clusterTag, q.Cluster)
	}
	return fmt.Sprintf("provide in %s %s tagged %s, with at least %d free addresses, or name subnets explicitly", zones, kind, tags, MinimumFreeAddresses)
}

// preferRegional leaves out local zones, wavelength zones and outposts when the region's own zones suffice: a load balancer
// cannot span locales, and one in an edge location is a thing to ask for.
func preferRegional(subnets []Subnet, decisions []Decision, q SubnetQuery) ([]Subnet, []Decision) {
	var regional []Subnet
	for _, s := range subnets {
		if locale(s) == AvailabilityZone {
			regional = append(regional, s)
		}
	}
	if len(regional) == len(subnets) || len(regional) == 0 || enough(regional, q, diag.NoSubnets, "") != nil {
		return subnets, decisions
	}
	for _, s := range subnets {
		if l := locale(s); l != AvailabilityZone {
			decisions = append(decisions, Decision{s.ID, s.Zone, Dropped, "in a " + string(l) + ", the others are not"})
		}
	}
	return regional, decisions
}

// forOthers: tagged for some cluster, but not for this one.
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
