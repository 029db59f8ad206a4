package facts

import (
	"fmt"
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
	u := unresolved{
		prefix: "sg-", one: "a security group", all: "security groups", need: NeedForeignGroup,
		badID: "InvalidGroupId.Malformed", noID: "InvalidGroup.NotFound",
		absent: Problem{Code: diag.SecurityGroupNotFound,
			Remedy: "name existing groups by id (sg-…) or by the value of their Name tag"},
	}
	var ids []string
	for _, w := range want {
		found := []string{w}
		if !strings.HasPrefix(w, u.prefix) {
			if found = groupsNamed(f, w); len(found) == 0 {
				u.missing = append(u.missing, fmt.Sprintf("no group of VPC %s has the Name tag %q", vpc, w))
			}
		} else if _, ok := f.SecurityGroups[w]; !ok && resolveUnlisted(f, &u, w, f.ForeignGroups) == nil {
			continue
		}
		for _, id := range found {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if needs, problem := u.outcome(); len(needs) > 0 || problem != nil {
		return GroupChoice{Needs: needs, Problem: problem}
	}
	return GroupChoice{IDs: ids}
}

// groupsNamed are the ids of the groups of the VPC with a Name tag, sorted, but those that a controller made.
func groupsNamed(f Facts, name string) (ids []string) {
	for id, g := range f.SecurityGroups {
		if _, managed := g.Tags[managedTag]; !managed && name != "" && g.Tags["Name"] == name {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
