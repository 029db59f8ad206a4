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
	byName := map[string][]Subnet{}
	for _, id := range slices.Sorted(maps.Keys(f.Subnets)) {
		name := f.Subnets[id].Tags["Name"]
		byName[name] = append(byName[name], f.Subnets[id])
	}
	u := unresolved{
		prefix: "subnet-", one: "a subnet", all: "subnets", need: NeedForeignSubnet,
		badID: "InvalidSubnetID.Malformed", noID: "InvalidSubnetID.NotFound",
		absent: Problem{Code: diag.InvalidSubnets, Class: diag.NotFound,
			Remedy: "name existing subnets of the cluster's VPC by id or Name tag, or remove the names to have the controller " +
				"discover subnets"},
	}
	var found []Subnet
	var foreign []string
	used := map[string]int{}
	for _, want := range q.IDsOrNames {
		n := used[want]
		used[want]++
		if !strings.HasPrefix(want, u.prefix) {
			switch {
			case n < len(byName[want]):
				found = append(found, byName[want][n])
			case n == 0:
				u.missing = append(u.missing, fmt.Sprintf("no subnet of VPC %s has the Name tag %q", q.VPC, want))
			default:
				u.missing = append(u.missing, fmt.Sprintf("Name tag %q is listed %d times but only %d subnets have it", want,
					n+1, len(byName[want])))
			}
			continue
		}
		if n > 0 {
			u.missing = append(u.missing, want+" is listed twice")
			continue
		}
		if s, ok := f.Subnets[want]; ok {
			found = append(found, s)
			continue
		}
		switch s := resolveUnlisted(f, &u, want, f.ForeignSubnets); {
		case s != nil && s.VPC == q.VPC: // created since the others were read
			found = append(found, *s)
		case s != nil:
			foreign = append(foreign, fmt.Sprintf("%s belongs to %s", want, s.VPC))
		}
	}
	if needs, problem := u.outcome(); len(needs) > 0 || problem != nil {
		return SubnetChoice{Needs: needs, Problem: problem}
	}
	if len(foreign) > 0 {
		return SubnetChoice{Problem: &Problem{Code: diag.InvalidSubnets, Remedy: "name subnets of the cluster's VPC",
			Text: fmt.Sprintf("subnets outside the cluster's VPC %s: %s", q.VPC, strings.Join(foreign, ", "))}}
	}
	if p := validate(found, q); p != nil {
		return SubnetChoice{Problem: p}
	}
	return SubnetChoice{Subnets: found}
}
