package facts

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// minimumFreeAddresses is how many free addresses ELB requires in each subnet of a new load balancer.
const minimumFreeAddresses = 8

const (
	roleELB         = "kubernetes.io/role/elb"
	roleInternalELB = "kubernetes.io/role/internal-elb"
	clusterTag      = "kubernetes.io/cluster"
)

// SubnetQuery selects the subnets of a load balancer: those of IDsOrNames or Tags, else by discovery.
type SubnetQuery struct {
	Type          stack.LoadBalancerType
	Scheme        string
	IPAddressType string
	Cluster       string
	VPC           string
	IDsOrNames    []string            // ids ("subnet-…") or values of the Name tag, in the user's order
	Tags          map[string][]string // every key with one of its values

	CheckClusterTag bool // discovery and Tags: drop subnets that are tagged for other clusters only
	ByReachability  bool // discovery: if no subnet has a role tag, select by the route tables
	SingleSubnet    bool // an ALB may have a single subnet
}

// decision is whether a candidate was chosen, and why.
type decision struct {
	subnet Subnet
	chosen bool
	why    string
}

// SubnetChoice is the answer to a SubnetQuery: subnets, or needs, or a problem.
type SubnetChoice struct {
	Subnets   []Subnet // a user's list in its order; else by id
	decisions []decision
	Needs     []Need
	Problem   *Problem
}

// ChooseSubnets answers q from f. A user's choice is validated, never replaced; discovery picks one subnet per zone.
func ChooseSubnets(f Facts, q SubnetQuery) SubnetChoice {
	if f.Subnets == nil {
		needs, problem := f.Request(Need{Kind: NeedSubnets})
		return SubnetChoice{Needs: needs, Problem: problem}
	}
	switch {
	case q.IDsOrNames != nil:
		return named(f, q)
	case q.Tags != nil:
		return tagged(f, q)
	default:
		return discovered(f, q)
	}
}

// validate checks a user's subnets: one per zone, one locale, enough of them, IPv6 where it is required.
func validate(subnets []Subnet, q SubnetQuery) *Problem {
	zones := map[string][]string{}
	for _, s := range subnets {
		zones[s.Zone] = append(zones[s.Zone], s.ID)
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if len(zones[zone]) > 1 {
			return &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("multiple subnets in same Availability Zone %s: %s",
				zone, diag.Some(zones[zone])),
				Remedy: "name one subnet per zone"}
		}
	}
	if p := oneLocale(subnets); p != nil {
		return p
	}
	if p := enough(subnets, q, diag.InvalidSubnets, ""); p != nil {
		return p
	}
	if native := slices.IndexFunc(subnets, func(s Subnet) bool { return s.IPv6Native }); native >= 0 {
		return &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("subnet %s has no IPv4 CIDR block, which each load "+
			"balancer needs", subnets[native].ID), Remedy: "name a subnet of the zone with an IPv4 CIDR block; targets can " +
			"be in subnets without one"}
	}
	return RequireIPv6(subnets, q.IPAddressType)
}

// RequireIPv6 returns the problem of subnets without IPv6 addresses, if load balancers of an IP address type need them;
// nil = there is none.
func RequireIPv6(subnets []Subnet, ipAddressType string) *Problem {
	if !IPv6Capable(ipAddressType) {
		return nil
	}
	var without []string
	for _, s := range subnets {
		if len(s.IPv6CIDRs) == 0 {
			without = append(without, s.ID)
		}
	}
	if len(without) > 0 {
		return &Problem{Code: diag.InvalidSubnets, Class: diag.NotFound,
			Text: fmt.Sprintf("subnets %s do not have an associated IPv6 CIDR block, which is required for %s load balancers",
				diag.Some(without), ipAddressType),
			Remedy: "associate IPv6 CIDR blocks, or choose IP address type ipv4"}
	}
	return nil
}

// IPv6Capable reports whether a load balancer of this IP address type has IPv6 addresses.
func IPv6Capable(ipAddressType string) bool {
	return ipAddressType == stack.Dualstack || ipAddressType == stack.DualstackWithoutIPv4
}

func locale(s Subnet) Locale { return cmp.Or(s.Locale, AvailabilityZone) }

func oneLocale(subnets []Subnet) *Problem {
	in := map[string]bool{}
	for _, s := range subnets {
		in[string(locale(s))] = true
	}
	if len(in) < 2 {
		return nil
	}
	return &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("subnets in multiple locales: %s",
		diag.Some(slices.Sorted(maps.Keys(in)))),
		Remedy: "use subnets of availability zones only, or of one local zone, wavelength zone or outpost only"}
}

// enough checks the number of subnets: ELB requires two availability zones for an ALB.
func enough(subnets []Subnet, q SubnetQuery, code diag.Code, table string) *Problem {
	least, needed := 1, "a subnet"
	if q.Type == stack.Application && !q.SingleSubnet && len(subnets) > 0 && locale(subnets[0]) == AvailabilityZone {
		least, needed = 2, "subnets in two availability zones"
	}
	if len(subnets) >= least {
		return nil
	}
	text := fmt.Sprintf("the load balancer needs %s, and only %d of its subnets can be used", needed, len(subnets))
	if table != "" {
		text += ". Evaluated: " + table
	}
	return &Problem{Code: code, Text: text, Remedy: "give the load balancer subnets in at least two availability zones"}
}

// render lists decisions for a diagnostic, a dozen at most, because an event holds 1 kB.
func render(decisions []decision) string {
	const most = 12
	if len(decisions) == 0 {
		return "the VPC has none"
	}
	texts := make([]string, 0, len(decisions))
	for _, d := range decisions {
		outcome := "dropped"
		if d.chosen {
			outcome = "chosen"
		}
		texts = append(texts, fmt.Sprintf("%s (%s) %s: %s", d.subnet.ID, d.subnet.Zone, outcome, d.why))
	}
	return diag.First(texts, most, "; ")
}

func hexadecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// IPv4Of returns the one of addresses that is in the subnet, in canonical text; ok is false if there is none, or more
// than one.
func (s Subnet) IPv4Of(addresses []string) (address string, ok bool) {
	return within(addresses, []string{s.CIDR})
}

// IPv6Of returns the one of addresses that is in the subnet, as IPv4Of does.
func (s Subnet) IPv6Of(addresses []string) (address string, ok bool) {
	return within(addresses, s.IPv6CIDRs)
}

// PrefixOf returns the one of IPv6 prefixes of 80 bits that is in the subnet, as IPv4Of does.
func (s Subnet) PrefixOf(prefixes []string) (prefix string, ok bool) {
	bare := make([]string, len(prefixes))
	for i, p := range prefixes {
		bare[i], _, _ = strings.Cut(p, "/")
	}
	a, ok := within(bare, s.IPv6CIDRs)
	if !ok {
		return "", false
	}
	return a + "/80", true
}

// within finds the one address inside any of the blocks.
func within(addresses, blocks []string) (string, bool) {
	found := ""
	for _, text := range addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return "", false
		}
		for _, block := range blocks {
			if p, err := netip.ParsePrefix(block); err == nil && p.Contains(a) {
				if found != "" {
					return "", false
				}
				found = a.String()
			}
		}
	}
	return found, found != ""
}
