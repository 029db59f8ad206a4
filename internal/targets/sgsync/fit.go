package sgsync

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Need is what one binding needs in a group.
type Need struct {
	Binding     string
	Permissions []stack.Permission
	Former      []stack.Permission // what it needed before an edit: what stands of it stays if the edit does not fit
}

// Fitted are the changes of a group after which it has at most the allowed number of rules.
type Fitted struct {
	Grant, Revoke []stack.Permission
	Waits         bool
	// Refused has the bindings whose rules do not fit, with the number of rules that the group would have with them.
	Refused map[string]int
	Limit   int // of the rules of the group; fit sets it
}

// groupRules is how many rules of a group are reserved for security groups as sources. All load balancers of a
// cluster reach the targets in the group by a few such rules, so a tenant with many address ranges must leave room
// for them.
const groupRules = 4

// Needs are what bindings need in a group, together and each. Each is called only if the group has no room for all.
type Needs struct {
	All  []stack.Permission
	Each func() []Need
}

// Fit is Changes within the limit of rules of a group. If the rules do not fit in their existing shapes, Fit joins
// all of them. If that is not enough, existing rules come first, and then each binding that still fits, if necessary
// with the ports of a load balancer's security group joined by hulls. The other bindings get nothing new, and lose
// nothing.
func Fit(current []stack.Permission, needs Needs, state func(stack.Permission) RuleState, partial bool,
	limit int) Fitted {
	var f Fitted
	f.Grant, f.Revoke, f.Waits = Changes(current, needs.All, state, partial)
	most := max(limit-1, sgrules.Count(current)) // the last rule is for one that takes the place of others
	if fits(current, f.Grant, f.Revoke, most) || len(f.Grant) == 0 {
		return f
	}
	grant, revoke, waits := changesTo(current, Pack(needs.All, nil), state, partial)
	if fits(current, grant, revoke, most) {
		return Fitted{Grant: grant, Revoke: revoke, Waits: waits}
	}
	f.Grant, f.Refused = nil, map[string]int{}
	standing := sgrules.Of(slices.DeleteFunc(slices.Clone(current), func(rule stack.Permission) bool {
		return outlived(rule, needs.All)
	}))
	stand := func(perms []stack.Permission) []stack.Permission {
		return slices.DeleteFunc(slices.Clone(perms), func(p stack.Permission) bool { return !standing.Admits(p) })
	}
	each := needs.Each()
	held := make([][]stack.Permission, len(each)) // by binding
	var open []int
	for i, n := range each {
		if held[i] = stand(n.Permissions); len(held[i]) < len(n.Permissions) {
			held[i], open = append(held[i], stand(n.Former)...), append(open, i)
		}
	}
	// what stands stays, in narrower rules if there is room for them
	keep := func() (grant, revoke []stack.Permission) {
		accepted := slices.Concat(held...)
		if grant, revoke, _ = Changes(current, accepted, state, partial); fits(current, grant, revoke, most) {
			return grant, revoke
		}
		return nil, dispensable(current, accepted, revoke)
	}
	first, revoke := keep()
	f.Grant, f.Revoke = first, revoke
	for _, i := range open {
		before, was, gone := held[i], first, revoke
		if held[i] = each[i].Permissions; len(each[i].Former) > 0 {
			first, revoke = keep()
		}
		with, rest := slices.Concat(held...), changed(current, first, revoke)
		more, _, _ := changesTo(rest, Pack(with, rest), state, true)
		total := sgrules.Count(rest) + sgrules.Count(more)
		if !fits(rest, more, nil, most) {
			more, _, _ = changesTo(rest, Pack(hulls(with), rest), state, true)
		}
		if !fits(current, slices.Concat(first, more), revoke, limit) {
			held[i], first, revoke, f.Refused[each[i].Binding] = before, was, gone, total
			continue
		}
		f.Grant, f.Revoke = slices.Concat(first, more), revoke
	}
	return f
}

// outlived reports whether a rule of the controller admits a wide range of the internet that no binding needs any
// longer. Such a rule does not stay for bindings that need a part of it.
func outlived(rule stack.Permission, needed []stack.Permission) bool {
	from := sourceOf(normalise(rule))
	return HasLabel(rule.Description) && len(Wide(rangesOf([]stack.Permission{rule}))) > 0 &&
		!slices.ContainsFunc(needed, func(p stack.Permission) bool { return sourceOf(normalise(p)) == from })
}

// dispensable returns the rules to revoke that no needed permission depends on.
func dispensable(current, admitted, revoke []stack.Permission) []stack.Permission {
	lost := slices.DeleteFunc(slices.Clone(admitted), sgrules.Of(changed(current, nil, revoke)).Admits)
	return slices.DeleteFunc(revoke, func(rule stack.Permission) bool {
		return slices.ContainsFunc(lost, func(p stack.Permission) bool { return mayMatch(rule, p) })
	})
}

// hulls joins the ports of each security group of load balancers: one rule from the lowest to the highest port,
// split at ports of nodes.
func hulls(perms []stack.Permission) (out []stack.Permission) {
	exact := exactSources(perms)
	spans := spansBySource(slices.DeleteFunc(slices.Clone(perms), func(p stack.Permission) bool {
		return p.Group.Literal == "" || exact[sourceOf(normalise(p))]
	}))
	for s, ports := range spans {
		ports = sgrules.JoinPorts(ports)
		for joined := true; joined; {
			ports, joined = joinNearest(ports)
		}
		out = append(out, s.permissions(ports)...)
	}
	for _, p := range perms {
		if spans[sourceOf(normalise(p))] == nil {
			out = append(out, p)
		}
	}
	return out
}

// fits reports whether a group has room for changes: for all its rules, and for the rules that do not have a
// security group as their source.
func fits(current, grant, revoke []stack.Permission, limit int) bool {
	others := func(rules []stack.Permission) int {
		return sgrules.Count(slices.DeleteFunc(slices.Clone(rules), func(p stack.Permission) bool {
			return p.Group.Literal != "" && HasLabel(p.Description)
		}))
	}
	after := changed(current, grant, revoke)
	return sgrules.Count(after) <= limit && others(after) <= max(limit-groupRules, others(current))
}

// changed returns the rules of a group after changes.
func changed(current, grant, revoke []stack.Permission) []stack.Permission {
	gone := map[identity]bool{}
	for _, p := range revoke {
		gone[identityOf(p)] = true
	}
	left := slices.DeleteFunc(slices.Clone(current), func(p stack.Permission) bool { return gone[identityOf(p)] })
	return append(left, grant...)
}

// FullError says that the rules of a binding do not fit into a group.
type FullError struct {
	Group                      string
	Needed, Limit, Have, Other int // Other: of those that it has, without Label
}

func (e *FullError) Error() string {
	return fmt.Sprintf("it would need %d inbound rules, and AWS allows %d in a security group, of which %d are kept for "+
		"security groups as sources; it has %d, %d of them not of load balancers, and the rules of this binding are not "+
		"among them", e.Needed, e.Limit, groupRules, e.Have, e.Other)
}

// Remedy says what to do about it.
func (e *FullError) Remedy() string {
	return fmt.Sprintf("remove rules from %s, name wider ranges or fewer ports, or have the quota %q raised in Service "+
		"Quotas and set --max-rules-per-security-group to it",
		e.Group, quota.RulesPerSecurityGroupName)
}

// full returns the errors of the bindings that do not fit.
func full(group string, current []stack.Permission, refused map[string]int, limit int) map[string]error {
	out := map[string]error{}
	others := slices.DeleteFunc(slices.Clone(current), func(p stack.Permission) bool { return HasLabel(p.Description) })
	for binding, n := range refused {
		out[binding] = &FullError{Group: group, Needed: n, Limit: limit, Have: sgrules.Count(current),
			Other: sgrules.Count(others)}
	}
	return out
}
