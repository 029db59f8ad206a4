package intent

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// MaxMemberRules limits the rules of a member on a port. No load balancer has nearly as many. One route can need a
// hundred rules, so without the limit an object of a megabyte could exhaust the memory of the controller.
const MaxMemberRules = 5_000

// TooManyRules returns the finding about a member with more rules than MaxMemberRules.
func TooManyRules(o diag.Object, place string, port int32) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the object has more than %d rules on port %d",
		MaxMemberRules, port),
		"declare fewer hosts, paths and condition values")
}

// MaxGroupRules limits the rules of all members of a load balancer together, on all ports, if they are of several
// namespaces: each edit of a member takes a pass over the rules of all. It is a hundred times AWS's default quota.
const MaxGroupRules = 2 * MaxMemberRules

// MaxMemberNames limits the target groups and load balancers that a member names by ARN or name: the controller looks
// up each of them in AWS. AWS's default quota is 100 target groups for a load balancer.
const MaxMemberNames = 500

// TooManyNames returns the finding about a member that names more than MaxMemberNames.
func TooManyNames(o diag.Object, place string, n int) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the object names %d target groups by ARN or name, and the "+
		"controller looks up at most %d", n, MaxMemberNames),
		"name fewer target groups; AWS allows 100 for a load balancer by default")
}

// MaxGroupNames limits the same of all members of a load balancer together.
const MaxGroupNames = 2 * MaxMemberNames

// Load is how many rules a member declares, and how many target groups and load balancers it names.
type Load struct {
	Object  diag.Object
	Created int64
	Rules   int
	Names   int
}

// Excess reports which members have no share in MaxGroupRules. The namespaces with the fewest rules have room for all
// of theirs, and those with the most have equal shares; in a namespace, the youngest members go without. A namespace on
// its own has no limit.
func Excess(loads []Load) []bool {
	if !slices.ContainsFunc(loads, func(l Load) bool { return l.Object.Namespace != loads[0].Object.Namespace }) {
		return make([]bool, len(loads))
	}
	return excess(loads, MaxGroupRules, func(l *Load) int { return l.Rules })
}

// ExcessNames reports which members have no share in MaxGroupNames, as Excess does. The limit is also that of a
// namespace on its own.
func ExcessNames(loads []Load) []bool {
	return excess(loads, MaxGroupNames, func(l *Load) int { return l.Names })
}

func excess(loads []Load, most int, size func(*Load) int) []bool {
	out := make([]bool, len(loads))
	of := map[string]int{}
	for i := range loads {
		of[loads[i].Object.Namespace] += size(&loads[i])
	}
	share := shareOf(slices.Collect(maps.Values(of)), most)
	order := make([]int, len(loads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := &loads[i], &loads[j]
		return cmp.Or(cmp.Compare(x.Created, y.Created), cmp.Compare(x.Object.Name, y.Object.Name))
	})
	clear(of)
	for _, i := range order {
		l := &loads[i]
		if of[l.Object.Namespace]+size(l) > share {
			out[i] = true
			continue
		}
		of[l.Object.Namespace] += size(l)
	}
	return out
}

// shareOf is how much each may have at most, so that all together have no more than there is.
func shareOf(wanted []int, most int) int {
	slices.Sort(wanted)
	for i, n := range wanted {
		if n*(len(wanted)-i) > most {
			return most / (len(wanted) - i)
		}
		most -= n
	}
	return math.MaxInt
}

// TooManyOfGroup returns the finding about a member that has no share in MaxGroupRules.
func TooManyOfGroup(o diag.Object, place string) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the members of the load balancer have more than %d rules, "+
		"and namespace %s has more than its share", MaxGroupRules, o.Namespace),
		"declare fewer hosts, paths and condition values, or use another load balancer").In(diag.Route)
}

// TooManyNamesOfGroup returns the finding about a member that has no share in MaxGroupNames.
func TooManyNamesOfGroup(o diag.Object, place string) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the objects of the load balancer name more than %d target "+
		"groups by ARN or name, and namespace %s has more than its share", MaxGroupNames, o.Namespace),
		"name fewer target groups, or use another load balancer").In(diag.Route)
}
