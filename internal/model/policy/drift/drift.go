// Package drift holds the policies for changes by hand in AWS: the groups of fields, what happens to a
// change, and the text by which flags and annotations declare policies. Package plan/policy has the effect of a
// policy on a plan. The package is pure.
package drift

import (
	"fmt"
	"slices"
	"strings"
)

// Group is a group of fields that people change together in AWS.
type Group string

// The groups.
const (
	// Rules are the rules of a listener, with their order, conditions, actions and weights.
	Rules Group = "rules"
	// Listeners are protocol, default action, security policy, certificates, client certificates and attributes of a
	// listener, also of one that was added or deleted.
	Listeners Group = "listeners"
	// LoadBalancer is attributes, subnets, security groups and address type of the load balancer.
	LoadBalancer Group = "load-balancer"
	// Tags are the tags of all resources, but for those by which the controller finds them.
	Tags Group = "tags"
	// SecurityGroupRules are the inbound rules of the security groups that the controller manages for the load balancer.
	SecurityGroupRules Group = "security-group-rules"
	// TargetGroups are health checks and attributes of target groups.
	TargetGroups Group = "target-groups"
)

// Groups are all groups.
var Groups = []Group{Rules, Listeners, LoadBalancer, Tags, SecurityGroupRules, TargetGroups}

// Policy says what the controller does with a change in AWS.
type Policy string

// The policies. Where the members of a group disagree the first one of these comes first: it lets the edits of all
// members take effect.
const (
	Correct Policy = "correct" // it is undone
	// it is reported, and stays until an edit in Kubernetes asks for another value than was applied last
	Report Policy = "report"
	Ignore Policy = "ignore" // fields are not changed after their creation
)

// Known are the policies.
var Known = []Policy{Correct, Report, Ignore}

// Policies are the policies by group. A group that is missing has Correct.
type Policies map[Group]Policy

// Of returns the policy of a group.
func (p Policies) Of(g Group) Policy {
	if policy, ok := p[g]; ok {
		return policy
	}
	return Correct
}

// Corrects reports whether every group has Correct.
func (p Policies) Corrects() bool {
	for _, policy := range p {
		if policy != Correct {
			return false
		}
	}
	return true
}

// Over returns the policies with those of others where there are none.
func (p Policies) Over(others Policies) Policies {
	out := Policies{}
	for _, g := range Groups {
		if policy, ok := p[g]; ok {
			out[g] = policy
		} else if policy, ok := others[g]; ok {
			out[g] = policy
		}
	}
	return out
}

// Parse reads policies: a list, separated by commas, of GROUP=POLICY, and of at most one POLICY for the groups that the
// list does not name. The error is of the first item that is wrong.
func Parse(text string) (Policies, error) {
	out := Policies{}
	var rest Policy
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		group, policy, grouped := strings.Cut(item, "=")
		g, p := Group(strings.TrimSpace(group)), Policy(strings.TrimSpace(policy))
		if !grouped {
			g, p = "", Policy(item)
		}
		item = short(item)
		switch {
		case !slices.Contains(Known, p):
			return nil, fmt.Errorf("%q: %q is not a drift policy (%s)", item, short(string(p)), words(Known))
		case !grouped && rest != "":
			return nil, fmt.Errorf("%q: %q already sets the policy of all groups of fields", item, rest)
		case !grouped:
			rest = p
		case !slices.Contains(Groups, g):
			return nil, fmt.Errorf("%q: %q is not a group of fields (%s)", item, short(string(g)), words(Groups))
		case out[g] != "":
			return nil, fmt.Errorf("%q: group of fields %s already has policy %s", item, g, out[g])
		default:
			out[g] = p
		}
	}
	for _, g := range Groups {
		if rest != "" && out[g] == "" {
			out[g] = rest
		}
	}
	return out, nil
}

// short is a text as messages quote it.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func words[S ~string](all []S) string {
	var out []string
	for _, s := range all {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// Remedy returns how policies are written, for messages.
func Remedy() string {
	return "write one of " + words(Known) + " for all groups of fields, or GROUP=POLICY for one of " + words(Groups) +
		", separated by commas"
}
