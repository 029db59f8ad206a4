package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// named resolves ids and names in the user's order. The n-th mention of a name is the n-th subnet of that name by id.
func named(f Facts, q SubnetQuery) SubnetChoice {
	var c SubnetChoice
	byName := map[string][]Subnet{}
	for _, id := range slices.Sorted(maps.Keys(f.Subnets)) {
		name := f.Subnets[id].Tags["Name"]
		byName[name] = append(byName[name], f.Subnets[id])
	}
	used := map[string]int{}
	seen := map[string]bool{}
	var missing, malformed, foreign []string
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
				missing = append(missing, fmt.Sprintf("Name tag %q is listed %d times but only %d subnets have it", want, n+1,
					len(byName[want])))
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
			malformed = append(malformed, fmt.Sprintf("%s is not a subnet id (InvalidSubnetID.Malformed)", want))
			continue
		}
		s, asked := f.ForeignSubnets[want]
		need := Need{Kind: NeedForeignSubnet, Key: want}
		switch p := f.Failed(need); {
		case asked && s != nil && s.VPC == q.VPC: // created since the others were read
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
	const remedy = "name existing subnets of the cluster's VPC by id or Name tag, or none to have them discovered"
	if len(malformed) > 0 { // whatever AWS holds
		return SubnetChoice{Problem: &Problem{Code: diag.InvalidAnnotation, Text: "couldn't find all subnets: " +
			strings.Join(malformed, ", "), Remedy: remedy}}
	}
	if len(c.Needs) > 0 {
		return SubnetChoice{Needs: c.Needs}
	}
	for _, s := range c.Subnets {
		c.decisions = append(c.decisions, decision{s, true, "named"})
	}
	switch {
	case len(missing) > 0:
		c.Problem = &Problem{Code: diag.InvalidSubnets, Class: diag.NotFound, Text: "couldn't find all subnets: " +
			strings.Join(missing, ", "),
			Remedy: remedy}
	case len(foreign) > 0:
		c.Problem = &Problem{Code: diag.InvalidSubnets, Text: fmt.Sprintf("subnets outside the cluster's VPC %s: %s", q.VPC,
			strings.Join(foreign, ", ")),
			Remedy: "name subnets of the cluster's VPC"}
	default:
		c.Problem = validate(c.Subnets, q)
	}
	if c.Problem != nil {
		c.Subnets = nil
	}
	return c
}
