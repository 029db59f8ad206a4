package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// GroupChoice is the answer of ResolveSecurityGroups: ids, or needs, or a problem.
type GroupChoice struct {
	IDs     []string
	Needs   []Need
	Problem *Problem
}

// managedTag is the key of the tag of what a controller of load balancers made.
const managedTag = "elbv2.k8s.aws/cluster"

// ResolveSecurityGroups turns ids ("sg-…") and Name tags into ids, in the user's order and each once. A name that
// several groups of the VPC have stands for all of them, by id. Ids may be of another VPC, which only AWS checks. A
// group that a controller of load balancers made has the tags that users chose for it, so that its Name says nothing:
// others would take it for a group of theirs.
func ResolveSecurityGroups(f Facts, vpc string, want []string) GroupChoice {
	if f.SecurityGroups == nil {
		needs, problem := f.Request(Need{Kind: NeedSecurityGroups})
		return GroupChoice{Needs: needs, Problem: problem}
	}
	byName := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(f.SecurityGroups)) {
		tags := f.SecurityGroups[id].Tags
		if _, managed := tags[managedTag]; managed {
			continue
		}
		if name := tags["Name"]; name != "" {
			byName[name] = append(byName[name], id)
		}
	}
	var c GroupChoice
	var missing, malformed []string
	add := func(ids ...string) {
		for _, id := range ids {
			if !slices.Contains(c.IDs, id) {
				c.IDs = append(c.IDs, id)
			}
		}
	}
	for _, w := range want {
		if !strings.HasPrefix(w, "sg-") {
			if len(byName[w]) == 0 {
				missing = append(missing, fmt.Sprintf("no group of VPC %s has the Name tag %q", vpc, w))
			}
			add(byName[w]...)
			continue
		}
		if _, ok := f.SecurityGroups[w]; ok {
			add(w)
			continue
		}
		if !hexadecimal(strings.TrimPrefix(w, "sg-")) {
			malformed = append(malformed, w+" is not a security group id (InvalidGroupId.Malformed)")
			continue
		}
		g, asked := f.ForeignGroups[w]
		need := Need{Kind: NeedForeignGroup, Key: w}
		switch p := f.Failed(need); {
		case asked && g != nil:
			add(w)
		case asked:
			missing = append(missing, w+" does not exist (InvalidGroup.NotFound)")
		case p != nil:
			return GroupChoice{Problem: p}
		default:
			c.Needs = append(c.Needs, need)
		}
	}
	const remedy = "name existing groups by id (sg-…) or by the value of their Name tag"
	if len(malformed) > 0 { // whatever AWS holds
		return GroupChoice{Problem: &Problem{Code: diag.InvalidAnnotation, Text: "couldn't find all security groups: " +
			strings.Join(malformed, ", "), Remedy: remedy}}
	}
	if len(c.Needs) > 0 {
		return GroupChoice{Needs: c.Needs}
	}
	if len(missing) > 0 {
		return GroupChoice{Problem: &Problem{Code: diag.SecurityGroupNotFound,
			Text:   "couldn't find all security groups: " + strings.Join(missing, ", "),
			Remedy: remedy}}
	}
	return c
}
