package secgroup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// account is a fake of the rules that EC2 holds and of the executor that writes them.
type account struct {
	mu      sync.Mutex
	rules   map[string][]stack.Permission
	fail    map[string]error // by group
	cluster []string
	writes  []string
}

func (a *account) GroupRules(_ context.Context, id string) ([]stack.Permission, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.rules[id]), nil
}

func (*account) InvalidateGroup(string) {}

func (a *account) ClusterGroups(context.Context) ([]string, error) { return a.cluster, nil }

func (a *account) run(_ context.Context, p plan.Plan) apply.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
	for _, s := range p.Steps {
		group := s.Resource.Literal
		if err := a.fail[group]; err != nil {
			r.Outcomes[s.ID] = apply.Outcome{State: apply.Failed, Err: err}
			continue
		}
		a.writes = append(a.writes, s.Op.Name()+" "+group)
		switch op := s.Op.(type) {
		case plan.AuthorizeIngress:
			a.rules[group] = append(a.rules[group], op.Permissions...)
		case plan.RevokeIngress:
			a.rules[group] = slices.DeleteFunc(a.rules[group], func(have stack.Permission) bool { return slices.Contains(op.Permissions, have) })
		}
		r.Outcomes[s.ID] = apply.Outcome{State: apply.Done}
	}
	return r
}

func always() bool { return true }
func never() bool  { return false }

func TestRulesFollowTheUnionOfWhatBindingsNeed(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}}
	k := NewKeeper(a, a.run)
	ctx := context.Background()
	set := func(binding string, complete func() bool, perms ...stack.Permission) {
		t.Helper()
		need := map[string][]stack.Permission{"sg-node": perms}
		if len(perms) == 0 {
			need = nil
		}
		if err := k.Set(ctx, binding, need, complete); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(step string, writes ...string) {
		t.Helper()
		if diff := cmp.Diff(writes, a.writes); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
		a.writes = nil
	}
	set("a", always, tcp(8080, 8080, "sg-b"))
	expect("first binding", "AuthorizeSecurityGroupIngress sg-node")
	set("b", always, tcp(8080, 8080, "sg-b"))
	expect("the same port for another binding")
	set("b", always, tcp(9090, 9090, "sg-b"))
	expect("another port", "AuthorizeSecurityGroupIngress sg-node")
	set("a", never)
	expect("a binding goes while others are unknown")
	set("a", always)
	expect("all are known", "RevokeSecurityGroupIngress sg-node")
	set("b", always)
	expect("the last one goes", "RevokeSecurityGroupIngress sg-node")
	if len(a.rules["sg-node"]) != 0 {
		t.Errorf("left over: %v", a.rules["sg-node"])
	}
}

func TestAGroupThatFailsHarmsOnlyBindingsThatNeedIt(t *testing.T) {
	t.Parallel()
	broken := errors.New("no more rules")
	a := &account{rules: map[string][]stack.Permission{}, fail: map[string]error{"sg-full": broken}}
	k := NewKeeper(a, a.run)
	ctx := context.Background()
	if err := k.Set(ctx, "a", map[string][]stack.Permission{"sg-full": {tcp(1, 1, "sg-b")}}, always); !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	if err := k.Set(ctx, "b", map[string][]stack.Permission{"sg-node": {tcp(2, 2, "sg-b")}}, always); err != nil {
		t.Errorf("a binding that does not need the group fails: %v", err)
	}
}

func TestRulesOfBindingsThatWentUnseenAreSweptOnce(t *testing.T) {
	t.Parallel()
	stale := tcp(7000, 7000, "sg-b")
	foreign := tcp(7001, 7001, "sg-b")
	foreign.Description = "by hand"
	a := &account{rules: map[string][]stack.Permission{"sg-old": {stale, foreign}}, cluster: []string{"sg-old"}}
	k := NewKeeper(a, a.run)
	if err := k.Set(context.Background(), "a", map[string][]stack.Permission{}, always); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]stack.Permission{foreign}, a.rules["sg-old"]); diff != "" {
		t.Error(diff)
	}
}
