package facts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// MinimumFreeAddresses is how many free addresses ELB wants in each subnet of a new load balancer.
const MinimumFreeAddresses = 8

const (
	roleELB         = "kubernetes.io/role/elb"
	roleInternalELB = "kubernetes.io/role/internal-elb"
	clusterTag      = "kubernetes.io/cluster"
)

// SubnetQuery asks for the subnets of a load balancer. With IDsOrNames or Tags it is a user's choice, else discovery.
type SubnetQuery struct {
	Type          stack.LoadBalancerType
	Scheme        string
	IPAddressType string
	Cluster       string
	VPC           string
	IDsOrNames    []string            // ids ("subnet-…") or values of the Name tag, in the user's order
	Tags          map[string][]string // every key with one of its values

	CheckClusterTag bool // discovery and Tags: drop subnets that are tagged for other clusters only
	ByReachability  bool // discovery: without any role tag, decide by the route tables
	SingleSubnet    bool // an ALB may have a single subnet
}

// Verdict is the outcome for one subnet.
type Verdict string

// The verdicts.
const (
	Chosen  Verdict = "chosen"
	Dropped Verdict = "dropped"
)

// Decision tells what became of one candidate and why.
type Decision struct {
	Subnet  string
	Zone    string
	Verdict Verdict
	Why     string
}

// SubnetChoice is the answer to a SubnetQuery: subnets, or needs, or a problem.
type SubnetChoice struct {
	Subnets   []Subnet // a user's list in its order; else by id
	Decisions []Decision
	Needs     []Need
	Problem   *Problem
}

// ChooseSubnets answers q from f. A user's choice is validated, never replaced; discovery picks one subnet per zone.
func ChooseSubnets(f Facts, q SubnetQuery) SubnetChoice {
	if need := (Need{Kind: NeedSubnets}); f.Subnets == nil {
		if p := f.Unanswered(need); p != nil {
			return SubnetChoice{Problem: p}
		}
		return SubnetChoice{Needs: []Need{need}}
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

// named resolves ids and names in the user's order: the n-th mention of a name is the n-th subnet of that name by id.
func named(f Facts, q SubnetQuery) SubnetChoice {
	var c SubnetChoice
	byName := map[string][]Subnet{}
	for _, id := range slices.Sorted(maps.Keys(f.Subnets)) {
		name := f.Subnets[id].Tags["Name"]
		byName[name] = append(byName[name], f.Subnets[id])
	}
	used := map[string]int{}
	seen := map[string]bool{}
	var missing, foreign []string
	for _, want := range q.IDsOrNames {
		if !strings.HasPrefix(want, "subnet-") {
			n := used[want]
			used[want]++
			switch {
			case n < len(byName[want]):
				c.Subnets = append(c.Subnets, byName[want][n])
			case n == 0:
				missing = append(missing, fmt.Sprintf("no subnet of VPC %s has the Name tag %q", q.VPC, want))
			default:
				missing = append(missing, fmt.Sprintf("Name tag %q is listed %d times but only %d subnets have it", want, n+1, len(byName[want])))
			}
			continue
		}
		if seen[want] {
			missing = append(missing, want+" is listed twice")
			continue
		}
		seen[want] = true
		if s, ok := f.Subnets[want]; ok {
			c.Subnets = append(c.Subnets, s)
			continue
		}
		if !hexadecimal(strings.TrimPrefix(want, "subnet-")) {
			missing = append(missing, fmt.Sprintf("%s is not a subnet id (InvalidSubnetID.Malformed)", want))
			continue
		}
		s, asked := f.ForeignSubnets[want]
		need := Need{Kind: NeedForeignSubnet, Key: want}
		switch p := f.Unanswered(need); {
		case asked && s != nil && s.VPC == q.VPC: // made since the others were loaded
			c.Subnets = append(c.Subnets, *s)
		case asked && s != nil:
			foreign = append(foreign, fmt.Sprintf("%s belongs to %s", want, s.VPC))
		case asked:
			missing = append(missing, want+" does not exist (InvalidSubnetID.NotFound)")
		case p != nil:
			return SubnetChoice{Problem: p}
		default:
			c.Needs = append(c.Needs, need)
		}
	}
	if len(c.Needs) > 0 {
		return SubnetChoice{Needs: c.Needs}
	}
	for _, s := range c.Subnets {
		c.Decisions = append(c.Decisions, Decision{s.ID, s.Zone, Chosen, "named"})
	}
	switch {
	case len(missing) > 0:
		c.Problem = &Problem{Code: diag.InvalidSubnets, Text: "couldn't find all subnets: " + strings.Join(missing, ", "),
			Remedy: "name existing subnets of the cluster's VPC by id or Name tag, or none to have them discovered"}
	case len(foreign) > 0:
		c.Problem = &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("subnets outside the cluster's VPC %s: %s", q.VPC, strings.Join(foreign, ", ")),
			Remedy: "name subnets of the cluster's VPC"}
	default:
		c.Problem = validate(c.Subnets, q)
	}
	if c.Problem != nil {
		c.Subnets = nil
	}
	return c
}

// validate checks a user's subnets: one per zone, one locale, enough of them, IPv6 where wanted.
func validate(subnets []Subnet, q SubnetQuery) *Problem {
	zones := map[string][]string{}
	for _, s := range subnets {
		zones[s.Zone] = append(zones[s.Zone], s.ID)
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if len(zones[zone]) > 1 {
			return &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("multiple subnets in same Availability Zone %s: %v", zone, zones[zone]),
				Remedy: "name one subnet per zone"}
		}
	}
	if p := oneLocale(subnets); p != nil {
		return p
	}
	if p := enough(subnets, q, diag.InvalidSubnets, ""); p != nil {
		return p
	}
	if !IPv6Capable(q.IPAddressType) {
		return nil
	}
	var without []string
	for _, s := range subnets {
		if len(s.IPv6CIDRs) == 0 {
			without = append(without, s.ID)
		}
	}
	if len(without) > 0 {
		return &Problem{Code: diag.InvalidSubnets,
			Text:   fmt.Sprintf("subnets %v do not have an associated IPv6 CIDR block, which is required for %s load balancers", without, q.IPAddressType),
			Remedy: "associate IPv6 CIDR blocks, or choose IP address type ipv4"}
	}
	return nil
}

// IPv6Capable reports whether a load balancer of this IP address type has IPv6 addresses.
func IPv6Capable(ipAddressType string) bool {
	return ipAddressType == stack.Dualstack || ipAddressType == stack.DualstackWithoutIPv4
}

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
	remedy := fmt.Sprintf("tag one subnet per zone with %s=1, free addresses in them, or name subnets explicitly", roleInternalELB)
	if q.Scheme == stack.InternetFacing {
		remedy = fmt.Sprintf("tag one public subnet per zone with %s=1, free addresses in them, or name subnets explicitly", roleELB)
	}
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

func locale(s Subnet) Locale {
	if s.Locale == "" {
		return AvailabilityZone
	}
	return s.Locale
}

func oneLocale(subnets []Subnet) *Problem {
	in := map[Locale]bool{}
	for _, s := range subnets {
		in[locale(s)] = true
	}
	if len(in) < 2 {
		return nil
	}
	return &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("subnets in multiple locales: %v", slices.Sorted(maps.Keys(in))),
		Remedy: "use subnets of availability zones only, or of one local zone, wavelength zone or outpost only"}
}

// enough checks the minimum: ELB wants ALBs in two availability zones.
func enough(subnets []Subnet, q SubnetQuery, code diag.Code, table string) *Problem {
	least := 1
	if q.Type == stack.Application && !q.SingleSubnet && len(subnets) > 0 && locale(subnets[0]) == AvailabilityZone {
		least = 2
	}
	if len(subnets) >= least {
		return nil
	}
	text := fmt.Sprintf("subnets count less than minimal required count: %d < %d", len(subnets), least)
	if table != "" {
		text += ". Evaluated: " + table
	}
	return &Problem{Code: code, Text: text, Remedy: "give the load balancer subnets in at least two availability zones"}
}

// Render writes decisions compactly for a diagnostic; events hold 1 kB, so at most a dozen are told.
func Render(decisions []Decision) string {
	const most = 12
	if len(decisions) == 0 {
		return "the VPC has none"
	}
	var b strings.Builder
	for i, d := range decisions {
		if i == most {
			fmt.Fprintf(&b, ", and %d more", len(decisions)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s) %s: %s", d.Subnet, d.Zone, d.Verdict, d.Why)
	}
	return b.String()
}

func hexadecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
