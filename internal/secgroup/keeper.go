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
	locks  map[string]*sync.Mutex                   // one group is written by one caller at a time
	swept  bool                                     // groups of former bindings were looked at
	// pending are groups that hold rules which could not be revoked yet, because not every binding had been seen.
	pending map[string]bool
}

// NewKeeper makes a keeper that knows no binding yet.
func NewKeeper(rules Rules, run Runner) *Keeper {
	return &Keeper{rules: rules, run: run, wanted: map[string]map[string][]stack.Permission{}, locks: map[string]*sync.Mutex{}, pending: map[string]bool{}}
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
	k.mu.Unlock()

	touched := slices.Sorted(maps.Keys(need))
	for g := range before {
		if _, still := need[g]; !still {
			touched = append(touched, g)
		}
	}
	all := complete()
	if all {
		extra, err := k.sweep(ctx)
		if err != nil {
			return err
		}
		touched = append(append(touched, extra...), k.takePending()...)
	}
	slices.Sort(touched)
	var errs []error
	for _, g := range slices.Compact(touched) {
		if err := k.sync(ctx, g, !all); err != nil {
			errs = append(errs, fmt.Errorf("security group %s: %w", g, err))
		}
	}
	return errors.Join(errs...)
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

func (k *Keeper) union(group string) []stack.Permission {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []stack.Permission
	for _, need := range k.wanted {
		out = append(out, need[group]...)
	}
	return out
}

// sync brings one group to the union of needs. If the account turns out to differ from what the inventory believes, it looks
// again and tries once more; if the group's rule quota is in the way, what is to be revoked goes first.
func (k *Keeper) sync(ctx context.Context, group string, grantOnly bool) error {
	l := k.lock(group)
	l.Lock()
	defer l.Unlock()
	revokeFirst := false
	for attempt := 0; ; attempt++ {
		current, err := k.rules.GroupRules(ctx, group)
		if err != nil {
			if cloud.Classify(err).Code == cloud.CodeGroupNotFound && len(k.union(group)) == 0 {
				return nil // a group that is gone needs no cleaning
			}
			return err
		}
		grant, revoke := Diff(current, Pack(k.union(group), current))
		if grantOnly && len(revoke) > 0 {
			k.postpone(group)
			revoke = nil
		}
		if len(grant)+len(revoke) == 0 {
			return nil
		}
		err = k.write(ctx, group, grant, revoke, revokeFirst)
		if err == nil {
			return nil
		}
		code := cloud.Classify(err).Code
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
