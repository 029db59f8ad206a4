package secgroup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Rules is what the inventory knows of the rules of security groups.
type Rules interface {
	// GroupRules lists the inbound rules of a group, one source each.
	GroupRules(ctx context.Context, id string) ([]stack.Permission, error)
	// InvalidateGroup forgets them.
	InvalidateGroup(id string)
	// ClusterGroups lists the groups that carry the cluster's tag.
	ClusterGroups(ctx context.Context) ([]string, error)
	// OfAnotherCluster tells that a group is not this cluster's but another's, as far as can be told.
	OfAnotherCluster(ctx context.Context, id string) bool
}

// Runner executes a plan; apply.Run with its dependencies bound.
type Runner func(ctx context.Context, p plan.Plan) apply.Result

// Keeper keeps the inbound rules of pods and nodes at the union of what bindings ask for. A group that cannot be brought there
// fails only the bindings that need it. It is safe for concurrent use.
type Keeper struct {
	rules Rules
	run   Runner

	mu     sync.Mutex
	wanted map[string]map[string][]stack.Permission // binding → group → permissions
	// unplaced are permissions of bindings some of whose endpoints' groups nobody could tell: wherever such rules are, they stay.
	unplaced map[string][]stack.Permission
	locks    map[string]*sync.Mutex // one group is written by one caller at a time
	swept    bool                   // groups of former bindings were looked at
	// pending are groups that hold rules which could not be revoked yet, because not every binding had been seen.
	pending map[string]bool
}

// NewKeeper makes a keeper that knows no binding yet.
func NewKeeper(rules Rules, run Runner) *Keeper {
	return &Keeper{rules: rules, run: run, wanted: map[string]map[string][]stack.Permission{}, unplaced: map[string][]stack.Permission{}, locks: map[string]*sync.Mutex{}, pending: map[string]bool{}}
}

// Key is the stack under which rule changes run; it owns no resources.
var Key = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: "target-security-groups"}}

// Set records what a binding needs, group by group, and brings the groups that it needs or needed there. complete tells whether
// every binding with networking has been seen since the start; until then nothing is revoked.
func (k *Keeper) Set(ctx context.Context, binding string, need map[string][]stack.Permission, complete func() bool) error {
	k.mu.Lock()
	before := k.wanted[binding]
	if need == nil {
		delete(k.wanted, binding)
	} else {
		k.wanted[binding] = need
	}
	delete(k.unplaced, binding)
	k.mu.Unlock()

	touched := slices.Collect(maps.Keys(need))
	for g := range before {
		if _, still := need[g]; !still {
			touched = append(touched, g)
		}
	}
	return k.bring(ctx, binding, touched, complete)
}

// Linger takes over what a binding needs under another name, until a Set of that name, so that what its endpoints still do is not
// cut off. A life that begins meanwhile knows nothing of the name and sweeps its rules away; in groups that it would not find,
// nothing lingers.
func (k *Keeper) Linger(ctx context.Context, binding, name string, complete func() bool) error {
	groups, err := k.rules.ClusterGroups(ctx)
	if err != nil {
		groups = nil
	}
	k.mu.Lock()
	lingering, rest := maps.Clone(k.wanted[name]), map[string][]stack.Permission{}
	if lingering == nil {
		lingering = map[string][]stack.Permission{}
	}
	for g, perms := range k.wanted[binding] {
		if slices.Contains(groups, g) {
			lingering[g] = slices.Concat(lingering[g], perms)
		} else {
			rest[g] = perms
		}
	}
	k.wanted[name], k.wanted[binding] = lingering, rest
	k.mu.Unlock()
	return k.Set(ctx, binding, nil, complete)
}

// Extend records what is known of a binding's needs while the groups of some of its endpoints are not: they may be any, also
// those of before, and of a former process. So what was needed stays needed, and nowhere is a rule revoked that lets the same
// sources to a port among unplaced, until a Set tells all. A permission without a source is one of which nobody knows it.
func (k *Keeper) Extend(ctx context.Context, binding string, need map[string][]stack.Permission, unplaced []stack.Permission, complete func() bool) error {
	k.mu.Lock()
	all := maps.Clone(k.wanted[binding])
	if all == nil {
		all = map[string][]stack.Permission{}
	}
	maps.Copy(all, need)
	k.wanted[binding], k.unplaced[binding] = all, unplaced
	k.mu.Unlock()
	return k.bring(ctx, binding, slices.Collect(maps.Keys(need)), complete)
}

// bring has the groups that a change of a binding touches, and those that wait, hold what is wanted.
func (k *Keeper) bring(ctx context.Context, binding string, touched []string, complete func() bool) error {
	own := slices.Clone(touched)
	all := complete()
	var errs []error
	if all {
		extra, err := k.sweep(ctx)
		if err != nil { // access is not to wait for what others left
			errs = append(errs, fmt.Errorf("looking for rules that nobody needs: %w", err))
		}
		touched = append(append(touched, extra...), k.takePending()...)
	}
	slices.Sort(touched)
	for _, g := range slices.Compact(touched) {
		err := k.sync(ctx, g, binding, !all)
		switch {
		case err == nil:
		case slices.Contains(own, g):
			k.retain(binding, g)
			errs = append(errs, fmt.Errorf("security group %s: %w", g, err))
		default: // what is left there is others'
			k.postpone(g)
		}
	}
	return errors.Join(errs...)
}

// retain has the next Set of a binding look at a group again that could not be brought there, also if nothing of it is needed
// any more.
func (k *Keeper) retain(binding, group string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.wanted[binding][group]; !there {
		need := maps.Clone(k.wanted[binding])
		if need == nil {
			need = map[string][]stack.Permission{}
		}
		need[group] = nil
		k.wanted[binding] = need
	}
}

// Knows reports whether a binding's needs were recorded since the start.
func (k *Keeper) Knows(binding string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.wanted[binding]
	return ok
}

// sweep returns, once, the groups of the cluster that may hold rules of bindings that went while nobody looked.
func (k *Keeper) sweep(ctx context.Context) ([]string, error) {
	k.mu.Lock()
	swept := k.swept
	k.mu.Unlock()
	if swept {
		return nil, nil
	}
	groups, err := k.rules.ClusterGroups(ctx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.swept = true
	return groups, nil
}

func (k *Keeper) takePending() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := slices.Collect(maps.Keys(k.pending))
	clear(k.pending)
	return out
}

func (k *Keeper) postpone(group string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending[group] = true
}

func (k *Keeper) lock(group string) *sync.Mutex {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.locks[group] == nil {
		k.locks[group] = &sync.Mutex{}
	}
	return k.locks[group]
}

// union is what all bindings need of a group, but from sources that do not exist.
func (k *Keeper) union(group string, missing map[string]bool) []stack.Permission {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []stack.Permission
	for _, need := range k.wanted {
		for _, p := range need[group] {
			if !missing[p.Group.Literal] {
				out = append(out, p)
			}
		}
	}
	return out
}

// revocable are those of the rules that no endpoint of an unknown group can need.
func (k *Keeper) revocable(rules []stack.Permission) []stack.Permission {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(rules), func(rule stack.Permission) bool {
		for _, perms := range k.unplaced {
			if slices.ContainsFunc(perms, func(p stack.Permission) bool { return mayBe(rule, p) }) {
				return true
			}
		}
		return false
	})
}

// needs reports whether a binding needs anything of a group, and whether from one of the sources.
func (k *Keeper) needs(binding, group string, sources map[string]bool) (anything, fromThem bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	perms := k.wanted[binding][group]
	return len(perms) > 0, slices.ContainsFunc(perms, func(p stack.Permission) bool { return sources[p.Group.Literal] })
}

// absent are the groups among the sources of permissions that do not exist.
func (k *Keeper) absent(ctx context.Context, perms []stack.Permission) map[string]bool {
	out := map[string]bool{}
	for _, p := range perms {
		id := p.Group.Literal
		if _, asked := out[id]; id == "" || asked {
			continue
		}
		k.rules.InvalidateGroup(id)
		_, err := k.rules.GroupRules(ctx, id)
		out[id] = err != nil && cloud.Classify(err).Code == cloud.CodeGroupNotFound
	}
	maps.DeleteFunc(out, func(_ string, gone bool) bool { return !gone })
	return out
}

// sync brings one group to the union of needs, for a binding. If the account turns out to differ from what the inventory
// believes, it looks again and tries once more; if the group's rule quota is in the way, what is to be revoked goes first. A
// source that does not exist makes EC2 refuse everything; then all but what it is named for is done, and only the bindings that
// name it fail. A binding that needs nothing any more is not held up by what others lack.
func (k *Keeper) sync(ctx context.Context, group, binding string, grantOnly bool) error {
	l := k.lock(group)
	l.Lock()
	defer l.Unlock()
	var refused error
	missing := map[string]bool{}
	revokeFirst := false
	for attempt := 0; ; attempt++ {
		current, err := k.rules.GroupRules(ctx, group)
		if err != nil {
			if cloud.Classify(err).Code == cloud.CodeGroupNotFound && len(k.union(group, nil)) == 0 {
				return nil // a group that is gone needs no cleaning
			}
			return err
		}
		grant, surplus := Diff(current, Pack(k.union(group, missing), current))
		surplus = slices.DeleteFunc(surplus, func(p stack.Permission) bool { // clusters that share nodes' groups share the label, too
			return p.Group.Literal != "" && k.rules.OfAnotherCluster(ctx, p.Group.Literal)
		})
		var revoke []stack.Permission
		if !grantOnly {
			revoke = k.revocable(surplus)
		}
		if len(revoke) < len(surplus) {
			k.postpone(group)
		}
		needs, fromMissing := k.needs(binding, group, missing)
		if len(grant)+len(revoke) > 0 && (needs || len(revoke) > 0) {
			err = k.write(ctx, group, grant, revoke, revokeFirst)
		}
		if err == nil {
			if fromMissing {
				return refused
			}
			return nil
		}
		code := cloud.Classify(err).Code
		if code == cloud.CodeGroupNotFound && refused == nil {
			if missing = k.absent(ctx, grant); len(missing) > 0 {
				refused = err
				attempt--
				continue
			}
		}
		disagrees := code == cloud.CodeDuplicatePermission || code == cloud.CodePermissionNotFound || code == cloud.CodeTooManyPermissions
		if !disagrees || attempt > 0 {
			return err
		}
		revokeFirst = code == cloud.CodeTooManyPermissions
		k.rules.InvalidateGroup(group)
	}
}

func (k *Keeper) write(ctx context.Context, group string, grant, revoke []stack.Permission, revokeFirst bool) error {
	ref := stack.Literal(stack.KindSecurityGroup, group)
	step := func(id plan.StepID, op plan.Op) plan.Step {
		return plan.Step{ID: id, Action: plan.Update, Resource: ref, Op: op, Lane: plan.Vital, Why: []string{"targets need it"}}
	}
	var steps []plan.Step
	if len(grant) > 0 {
		steps = append(steps, step("AuthorizeIngress", plan.AuthorizeIngress{Group: ref, Permissions: grant}))
	}
	if len(revoke) > 0 {
		steps = append(steps, step("RevokeIngress", plan.RevokeIngress{Group: ref, Permissions: revoke}))
	}
	if revokeFirst {
		slices.Reverse(steps)
	}
	if len(steps) == 2 {
		steps[1].Needs = []plan.StepID{steps[0].ID}
	}
	r := k.run(ctx, plan.Plan{Key: Key, Steps: steps})
	for _, s := range steps {
		if o := r.Outcomes[s.ID]; o.State == apply.Failed {
			return o.Err
		}
	}
	return nil
}
