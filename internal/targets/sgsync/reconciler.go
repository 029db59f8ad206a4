package sgsync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Rules reads the rules of security groups through the inventory.
type Rules interface {
	// Rules lists the inbound rules of a group, one source each.
	Rules(ctx context.Context, id string) ([]stack.Permission, error)
	// RulesAtHand returns the rules as they were last read, perhaps long ago. fresh reports whether Rules would return
	// the same.
	RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, fresh bool, err error)
	// ForgetRules makes the next Rules read the group again.
	ForgetRules(id string)
	// OfAnotherCluster reports whether a group is known to belong to another cluster.
	OfAnotherCluster(ctx context.Context, id string) bool
	// OfSeveralClusters reports whether the tags of a group name another cluster, with or without this one.
	OfSeveralClusters(ctx context.Context, id string) bool
	// OfBalancers reports whether the controller is known to have created a group for load balancers of this cluster.
	OfBalancers(id string) bool
}

// Reconciler updates the inbound rules of one security group at a time to what the table says that bindings need. It
// holds no lock while it calls AWS. Calls of Reconcile for the same group must not overlap.
type Reconciler struct {
	Cluster string
	Backend string // --backend-security-group; empty = the controller makes it
	Table   *Table
	Rules   Rules
	Limit   int // of rules in a group; 0 = AWS's default
	Write   apply.Writer
	// Refusals remembers the sources that EC2 refuses; nil = each Reconcile searches for them.
	Refusals *refusal.Memory
	Log      logr.Logger
	// Inherits reports whether an earlier process may have written rules to the ports of a binding with a refused
	// source; nil = it did not.
	Inherits func() bool
}

// Key is the stack under which rule changes run; it owns no resources.
var Key = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: "target-security-groups"}}

// Outcome is the result of reconciling a group.
type Outcome struct {
	// Err says why the rules of the group differ from what bindings need.
	Err error
	// Ungranted reports whether Err is the error of a grant. Revocations wait for the grant.
	Ungranted bool
	// Refused has the sources that EC2 refuses, such as a group that does not exist, with EC2's error. They fail only
	// the bindings that name them.
	Refused map[source]error
	// Full has the bindings whose rules do not fit into the group. No call was sent for them.
	Full map[string]error
	// Waits reports whether something is left to do once the needs of other bindings are known.
	Waits bool
	// Until is the time of the next attempt, if the group waits for AWS; otherwise zero.
	Until time.Time
}

// Of returns why a group does not have the permissions that a binding needs; nil = it has them.
func (o Outcome) Of(binding string, perms []stack.Permission) error {
	if len(perms) == 0 {
		return nil
	}
	if err := cmp.Or(o.Err, o.Full[binding]); err != nil {
		return err
	}
	for _, p := range perms {
		if err := o.Refused[sourceOf(normalise(p))]; err != nil {
			return err
		}
	}
	return nil
}

// outOfDate are the error codes of EC2 for rules that differ from the last read.
var outOfDate = []string{awsclient.CodeDuplicatePermission, awsclient.CodePermissionNotFound,
	awsclient.CodeTooManyPermissions}

// Reconcile updates one group to the union of needs. partial reports whether the needs of some bindings are unknown.
// If the account differs from the inventory, Reconcile reads the rules again and tries once more. EC2 refuses a whole
// call because of one source, such as a group that does not exist, is of another network, or is no id at all. Reconcile
// then writes the rules of all other sources.
//
// Reconcile grants missing rules by the last known state, without another read. It revokes rules only by a fresh
// read, because another cluster may need one of them meanwhile.
func (r *Reconciler) Reconcile(ctx context.Context, group string, partial func() bool) Outcome {
	known := refused{sources: map[source]error{}, count: map[string]int{}, proven: map[source]bool{},
		inherits: r.Inherits != nil && r.Inherits()}
	out := r.look(ctx, group, partial, &known)
	out.Refused = known.sources
	return out
}

// look is one attempt of Reconcile. known has the refused sources.
func (r *Reconciler) look(ctx context.Context, group string, partial func() bool, known *refused) (out Outcome) {
	for again, read, searches := false, false, 0; ; {
		current, fresh, err := r.current(ctx, group, read, known)
		if err != nil {
			out.Err = r.unread(group, err)
			return out
		}
		known.searching = searches == mostSearches
		fitted, all, seen := r.fit(ctx, group, current, partial, known)
		grant, revoke, limit := fitted.Grant, fitted.Revoke, fitted.Limit
		out.Full = known.full
		if len(revoke) > 0 && !fresh {
			if read = len(grant) == 0 || sgrules.Count(slices.Concat(current, grant)) > limit; read {
				continue
			}
			revoke = nil // until the next Reconcile: a grant does not wait for the read that a revocation needs
		}
		out.Waits = fitted.Waits
		if len(grant)+len(revoke) == 0 {
			r.Table.settle(group, seen, *known)
			return out
		}
		first, revoke := beforeGrant(current, grant, revoke, all, limit)
		var until time.Time
		var repeat bool
		ungranted := true
		if r.Table.guards(group, first) {
			if repeat, until, err = r.prove(ctx, group, known.unproven(current, grant), sgrules.Count(current) >= limit,
				known); repeat {
				continue
			}
		}
		if err == nil && until.IsZero() {
			until, ungranted, err = r.change(ctx, group, first, grant, revoke)
		}
		if err == nil {
			if out.Until = until; until.IsZero() {
				r.Table.settle(group, seen, *known)
			}
			return out
		}
		if ungranted && until.IsZero() {
			if repeat, err = r.isolate(ctx, group, grant, err, known); repeat {
				searches++
				continue
			}
		}
		switch code := awsclient.Classify(err).Code; {
		case !again && slices.Contains(outOfDate, code):
			again = true
			r.Rules.ForgetRules(group)
			continue
		case ungranted && code == awsclient.CodeDuplicatePermission && len(known.overlooked) == 0:
			if repeat, until, err = r.grantRest(ctx, group, grant, known); repeat {
				continue
			}
		}
		if out.Until = until; until.IsZero() {
			out.Err, out.Ungranted = err, ungranted
		}
		return out
	}
}

// beforeGrant splits revocations into those that make the room that a grant needs, and the others.
func beforeGrant(current, grant, revoke, all []stack.Permission, limit int) (first, rest []stack.Permission) {
	if sgrules.Count(slices.Concat(current, grant)) <= limit {
		return nil, revoke
	}
	return sgrules.Room(current, grant, revoke, sgrules.Of(all), limit)
}

// fit compares the rules of a group with all that bindings need of it, as of the edit seen.
func (r *Reconciler) fit(ctx context.Context, group string, current []stack.Permission, partial func() bool,
	known *refused) (fitted Fitted, all []stack.Permission, seen int) {
	m, as := marks{r.Cluster, r.Rules.OfSeveralClusters(ctx, group)}, descriptions(current)
	own := m.own(current)
	// the quota, or what the group has, which shows that the account has a higher one
	limit := max(cmp.Or(r.Limit, quota.RulesPerSecurityGroup), sgrules.Count(current))
	// before the needs: those of a binding that becomes known in between are in both, or in neither
	someUnknown := partial()
	known.at(own)
	if known.naming == nil {
		r.recall(group, known)
	}
	needs, unplaced, seen := r.Table.needsOf(group, *known)
	needs = r.exactly(needs)
	fitted = Fit(own, needs, r.state(ctx, m, as, unplaced), someUnknown, limit)
	fitted.Limit = limit
	if known.searching {
		fitted.Grant = nil // revocations do not wait for the end of the search
	}
	known.full = full(group, own, fitted.Refused, limit)
	m.sign(fitted.Grant)
	for n, p := range fitted.Revoke {
		fitted.Revoke[n].Description = as[identityOf(p)]
	}
	return fitted, needs.All, seen
}

// exactly marks the permissions whose sources may be a tenant's as Exact.
func (r *Reconciler) exactly(needs Needs) Needs {
	balancers := map[string]bool{"": true, r.Backend: true}
	mark := func(perms []stack.Permission) {
		for n, p := range perms {
			id := p.Group.Literal
			if _, asked := balancers[id]; !asked {
				balancers[id] = r.Rules.OfBalancers(id)
			}
			if !balancers[id] {
				perms[n].Description = Exact
			}
		}
	}
	mark(needs.All)
	each := needs.Each
	needs.Each = func() []Need {
		all := each()
		for n := range all {
			all[n].Former = slices.Clone(all[n].Former) // the table's
			mark(all[n].Permissions)
			mark(all[n].Former)
		}
		return all
	}
	return needs
}

// Standing returns what the cluster's own rules of a group admit, as last read.
func (r *Reconciler) Standing(ctx context.Context, group string) (sgrules.Traffic, error) {
	current, _, err := r.Rules.RulesAtHand(ctx, group)
	m, as := marks{r.Cluster, r.Rules.OfSeveralClusters(ctx, group)}, descriptions(current)
	state := r.state(ctx, m, as, nil)
	return sgrules.Of(slices.DeleteFunc(slices.Clone(m.own(current)), func(p stack.Permission) bool {
		return !HasLabel(p.Description) || state(p) == Foreign
	})), err
}

// unread returns why a group whose rules cannot be read is wrong; nil for a group that no longer exists and that no
// binding needs.
func (r *Reconciler) unread(group string, err error) error {
	nothing := func(stack.Permission) bool { return false }
	known := refused{stands: nothing, managed: nothing, stood: nothing}
	needs, _, seen := r.Table.needsOf(group, known)
	if awsclient.Classify(err).Code != awsclient.CodeGroupNotFound || len(needs.All) > 0 {
		return err
	}
	r.Table.settle(group, seen, known)
	return nil
}

// current returns the rules of a group: if read, as AWS returns them now, otherwise as last read. It adds existing
// rules that AWS's reads lack.
func (r *Reconciler) current(ctx context.Context, group string, read bool, known *refused) (rules []stack.Permission,
	fresh bool, err error) {
	if fresh = true; read {
		rules, err = r.Rules.Rules(ctx, group)
	} else {
		rules, fresh, err = r.Rules.RulesAtHand(ctx, group)
	}
	has := descriptions(rules)
	for _, p := range known.overlooked {
		if _, listed := has[identityOf(p)]; !listed {
			rules = append(slices.Clip(rules), p)
		}
	}
	return rules, fresh, err
}

// grantRest grants the missing rules of a grant that EC2 refuses because some rules exist, although a new read lacks
// them. EC2 refuses a whole call because of one such rule, so grantRest finds the missing ones by halves. found is
// false if the search has not ended: until and err are then as in change.
func (r *Reconciler) grantRest(ctx context.Context, group string, grant []stack.Permission, known *refused) (
	found bool, until time.Time, err error) {
	for parts := [][]stack.Permission{grant}; len(parts) > 0; parts = parts[1:] {
		part := parts[0]
		if len(part) == 1 {
			continue
		}
		for _, half := range [][]stack.Permission{part[:len(part)/2], part[len(part)/2:]} {
			out := r.authorize(ctx, group, half)
			switch {
			case out.State == apply.Waiting:
				return false, out.Until, out.Err
			case out.State != apply.Failed:
			case awsclient.Classify(out.Err).Code != awsclient.CodeDuplicatePermission:
				return false, time.Time{}, out.Err
			default:
				parts = append(parts, half)
			}
		}
	}
	known.overlooked = grant
	return true, time.Time{}, nil
}

// state returns the state of rules that no known binding needs. unplaced are the permissions of endpoints whose
// groups are unknown.
func (r *Reconciler) state(ctx context.Context, m marks, as map[identity]string,
	unplaced []stack.Permission) func(stack.Permission) RuleState {
	return func(rule stack.Permission) RuleState {
		switch {
		case m.undecided(rule, as):
			return Foreign
		// clusters that share nodes' groups share the label, too
		case rule.Group.Literal != "" && r.Rules.OfAnotherCluster(ctx, rule.Group.Literal):
			return Foreign
		case slices.ContainsFunc(unplaced, func(p stack.Permission) bool { return mayMatch(rule, p) }):
			return PossiblyNeeded
		}
		return Unneeded
	}
}

// change makes room for the grant by revoking first, grants, and then revokes the rest. If AWS says that the group
// is full, it revokes the rest before the grant. It logs grants and revocations before it sends them, like plans of
// stacks, because these groups also have rules of others. until is when to try again if AWS must be waited for, with
// or without an error. ungranted reports whether the grant failed.
func (r *Reconciler) change(ctx context.Context, group string, first, grant, revoke []stack.Permission) (
	until time.Time, ungranted bool, err error) {
	done := apply.Outcome{State: apply.Done}
	cleared, granted, revoked := r.revoke(ctx, group, first), done, done
	if cleared.State == apply.Done {
		granted = r.authorize(ctx, group, grant)
	}
	full := len(revoke) > 0 && granted.State == apply.Failed && awsclient.Classify(granted.Err).Full()
	if cleared.State == apply.Done && (full || granted.State == apply.Done) {
		revoked = r.revoke(ctx, group, revoke)
	}
	if full {
		granted = r.authorize(ctx, group, grant)
	}
	for n, o := range []apply.Outcome{cleared, granted, revoked} {
		switch o.State {
		case apply.Failed:
			return time.Time{}, n == 1, o.Err
		case apply.Waiting:
			return o.Until, n == 1, o.Err
		case apply.Done, apply.Blocked, apply.Prevented:
		}
	}
	return time.Time{}, false, nil
}

// authorize opens ports of a group.
func (r *Reconciler) authorize(ctx context.Context, group string, rules []stack.Permission) apply.Outcome {
	ref := stack.Literal(stack.KindSecurityGroup, group)
	return r.send(ctx, "opening ports", group, rules, awsop.AuthorizeSecurityGroupIngress{Group: ref, Permissions: rules})
}

// revoke closes ports of a group.
func (r *Reconciler) revoke(ctx context.Context, group string, rules []stack.Permission) apply.Outcome {
	ref := stack.Literal(stack.KindSecurityGroup, group)
	return r.send(ctx, "closing ports", group, rules, awsop.RevokeSecurityGroupIngress{Group: ref, Permissions: rules})
}

// send writes rules of a group, if there are any, and logs them before.
func (r *Reconciler) send(ctx context.Context, what, group string, rules []stack.Permission,
	op plan.Operation) apply.Outcome {
	if len(rules) == 0 {
		return apply.Outcome{State: apply.Done}
	}
	r.Log.Info(what, "group", group, "rules", texts(rules))
	return r.Write(ctx, Key, plan.StepID(plan.NameOf(op)+" "+group), op)
}

func texts(rules []stack.Permission) []string {
	out := make([]string, 0, len(rules))
	for _, r := range rules {
		out = append(out, fmt.Sprintf("%s %d-%d from %s", r.Protocol, r.FromPort, r.ToPort,
			cmp.Or(r.CIDR, r.IPv6CIDR, r.PrefixList, r.Group.Literal)))
	}
	return out
}
