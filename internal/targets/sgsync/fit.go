package sgsync

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Need is what one binding needs of a group.
type Need struct {
	Binding     string
	Permissions []stack.Permission
}

// Fitted are the changes of a group that leave it with no more rules than it may have.
type Fitted struct {
	Grant, Revoke []stack.Permission
	Waits         bool
	// Refused are the bindings whose rules do not fit, each with how many rules the group would have with them.
	Refused map[string]int
}

// Fit is Changes within the limit of rules of a group. Where the rules do not fit in the shapes that stand, all of them
// are joined. Where that is not enough, bindings whose rules stand come first, then each that still fits; the others
// get nothing, and nothing is taken from them.
func Fit(current []stack.Permission, needs []Need, state func(stack.Permission) RuleState, partial bool,
	limit int) Fitted {
	var wanted []stack.Permission
	for _, n := range needs {
		wanted = append(wanted, n.Permissions...)
	}
	var f Fitted
	f.Grant, f.Revoke, f.Waits = Changes(current, wanted, state, partial)
	if count(current, f.Grant, f.Revoke) <= limit || len(f.Grant) == 0 {
		return f
	}
	grant, revoke, waits := changesTo(current, Pack(wanted, nil), state, partial)
	if count(current, grant, revoke) <= limit {
		return Fitted{Grant: grant, Revoke: revoke, Waits: waits}
	}
	f.Grant, f.Refused = nil, map[string]int{}
	standing := sgrules.Of(current)
	var accepted []stack.Permission
	var open []Need
	for _, n := range needs {
		if slices.ContainsFunc(n.Permissions, func(p stack.Permission) bool { return !standing.Admits(p) }) {
			open = append(open, n)
		} else {
			accepted = append(accepted, n.Permissions...)
		}
	}
	for _, n := range open {
		with := slices.Concat(accepted, n.Permissions)
		grant, _, _ := changesTo(current, Pack(with, current), state, true)
		if total := count(current, grant, f.Revoke); total > limit {
			f.Refused[n.Binding] = total
			continue
		}
		accepted, f.Grant = with, grant
	}
	return f
}

// count is how many rules EC2 counts in a group after changes.
func count(current, grant, revoke []stack.Permission) int {
	gone := map[identity]bool{}
	for _, p := range revoke {
		gone[identityOf(p)] = true
	}
	left := slices.DeleteFunc(slices.Clone(current), func(p stack.Permission) bool { return gone[identityOf(p)] })
	return sgrules.Count(append(left, grant...))
}

// FullError says that the rules of a binding do not fit into a group.
type FullError struct {
	Group                      string
	Needed, Limit, Have, Other int // Other: of those that it has, without Label
}

func (e *FullError) Error() string {
	return fmt.Sprintf("it would need %d inbound rules, and AWS allows %d in a security group; it has %d, %d of them "+
		"not of load balancers, and the rules of this binding are not among them",
		e.Needed, e.Limit, e.Have, e.Other)
}

// Remedy says what to do about it.
func (e *FullError) Remedy() string {
	return fmt.Sprintf("remove rules from %s, name wider ranges or fewer ports, or have the quota %q raised in Service "+
		"Quotas and set --max-rules-per-security-group to it",
		e.Group, quota.RulesPerSecurityGroupName)
}

// full makes the errors of the bindings that were refused.
func full(group string, current []stack.Permission, refused map[string]int, limit int) map[string]error {
	out := map[string]error{}
	others := slices.DeleteFunc(slices.Clone(current), func(p stack.Permission) bool { return HasLabel(p.Description) })
	for binding, n := range refused {
		out[binding] = &FullError{Group: group, Needed: n, Limit: limit, Have: sgrules.Count(current),
			Other: sgrules.Count(others)}
	}
	return out
}

// limitOf is how many rules a group may have: the quota, or what it has, which shows that the account has a higher one.
func limitOf(configured int, current []stack.Permission) int {
	return max(cmp.Or(configured, quota.RulesPerSecurityGroup), sgrules.Count(current))
}
