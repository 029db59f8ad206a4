package secgroup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// account is a fake of the rules that EC2 holds and of the executor that writes them.
type account struct {
	mu    sync.Mutex
	rules map[string][]stack.Permission
	fail  map[string]error // by group
	// once are errors of the next call, by action and group.
	once      map[string]error
	forgotten []string // groups of which the inventory was told that it is wrong
	cluster   []string
	writes    []string
	gone      []string // groups that do not exist
	unlisted  error    // of the list of the cluster's groups
	// unreadable are groups whose rules nobody may read.
	unreadable []string
}

func (a *account) GroupRules(_ context.Context, id string) ([]stack.Permission, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.gone, id) {
		return nil, errGone
	}
	if slices.Contains(a.unreadable, id) {
		return nil, errDenied
	}
	return slices.Clone(a.rules[id]), nil
}

var errGone = &smithy.GenericAPIError{Code: "InvalidGroup.NotFound", Message: "The security group does not exist"}

var errDenied = &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation"}

func (a *account) InvalidateGroup(id string) { a.forgotten = append(a.forgotten, id) }

func (a *account) ClusterGroups(context.Context) ([]string, error) { return a.cluster, a.unlisted }

func (a *account) run(_ context.Context, p plan.Plan) apply.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
	for _, s := range p.Steps {
		group := s.Resource.Literal
		if slices.ContainsFunc(s.Needs, func(id plan.StepID) bool { return r.Outcomes[id].State != apply.Done }) {
			r.Outcomes[s.ID] = apply.Outcome{State: apply.Blocked}
			continue
		}
		call := s.Op.Name() + " " + group
		err := a.fail[group]
		if a.once[call] != nil {
			err = a.once[call]
		}
		delete(a.once, call)
		if op, ok := s.Op.(plan.AuthorizeIngress); ok && slices.ContainsFunc(op.Permissions, func(p stack.Permission) bool { return slices.Contains(a.gone, p.Group.Literal) }) {
			err = errGone
		}
		if err != nil {
			r.Outcomes[s.ID] = apply.Outcome{State: apply.Failed, Err: err}
			continue
		}
		a.writes = append(a.writes, call)
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

func (a *account) OfAnotherCluster(_ context.Context, id string) bool {
	return id == "sg-of-another-cluster"
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

func TestAccessIsGrantedBeforeOtherAccessIsRevokedUnlessThereIsNoRoom(t *testing.T) {
	t.Parallel()
	const grant, revoke = "AuthorizeSecurityGroupIngress sg-node", "RevokeSecurityGroupIngress sg-node"
	refuse := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }
	for name, c := range map[string]struct {
		errors    map[string]error
		writes    []string
		forgotten int
		fails     bool
	}{
		"as usual":                              {nil, []string{grant, revoke}, 0, false},
		"a refused grant blocks the revocation": {map[string]error{grant: refuse("UnauthorizedOperation")}, nil, 0, true},
		"what is there is looked up once":       {map[string]error{grant: refuse("InvalidPermission.Duplicate")}, []string{grant, revoke}, 1, false},
		"what is gone is looked up once":        {map[string]error{revoke: refuse("InvalidPermission.NotFound")}, []string{grant, revoke}, 1, false},
		"without room revoking goes first":      {map[string]error{grant: refuse("RulesPerSecurityGroupLimitExceeded")}, []string{revoke, grant}, 1, false},
	} {
		a := &account{rules: map[string][]stack.Permission{}}
		k := NewKeeper(a, a.run)
		if err := k.Set(t.Context(), "a", map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}, always); err != nil {
			t.Fatal(err)
		}
		a.writes, a.once = nil, c.errors
		err := k.Set(t.Context(), "a", map[string][]stack.Permission{"sg-node": {tcp(9090, 9090, "sg-b")}}, always)
		if diff := cmp.Diff(c.writes, a.writes); diff != "" || len(a.forgotten) != c.forgotten || (err != nil) != c.fails {
			t.Errorf("%s: %s; looked up %v; %v", name, diff, a.forgotten, err)
		}
		if err == nil && len(a.rules["sg-node"]) != 1 {
			t.Errorf("%s: rules %v", name, a.rules["sg-node"])
		}
	}
}

func TestAnAccountThatGoesOnDisagreeingIsAnError(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}, fail: map[string]error{"sg-node": &smithy.GenericAPIError{Code: "RulesPerSecurityGroupLimitExceeded"}}}
	err := NewKeeper(a, a.run).Set(t.Context(), "a", map[string][]stack.Permission{"sg-node": {tcp(1, 1, "sg-b")}}, always)
	if err == nil || len(a.forgotten) != 1 {
		t.Errorf("%v; looked up %v", err, a.forgotten)
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

func TestAccessIsGrantedAlthoughNobodyCanTellWhatFormerBindingsLeft(t *testing.T) {
	t.Parallel()
	denied := errors.New("DescribeSecurityGroups: denied")
	stale := tcp(7000, 7000, "sg-b")
	a := &account{rules: map[string][]stack.Permission{"sg-old": {stale}}, cluster: []string{"sg-old"}, unlisted: denied}
	k := NewKeeper(a, a.run)
	need := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := k.Set(t.Context(), "a", need, always); !errors.Is(err, denied) {
		t.Errorf("%v: nobody tries again", err)
	}
	if diff := cmp.Diff(need["sg-node"], a.rules["sg-node"]); diff != "" {
		t.Error(diff)
	}
	a.unlisted = nil
	if err := k.Set(t.Context(), "a", need, always); err != nil || len(a.rules["sg-old"]) > 0 {
		t.Errorf("%v: left %v", err, a.rules["sg-old"])
	}
}

func TestASourceThatDoesNotExistHarmsOnlyTheBindingThatNamesIt(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}, gone: []string{"sg-gone"}}
	k := NewKeeper(a, a.run)
	node := func(p ...stack.Permission) map[string][]stack.Permission {
		return map[string][]stack.Permission{"sg-node": p}
	}
	if err := k.Set(t.Context(), "bad", node(tcp(1, 1, "sg-gone"), tcp(2, 2, "sg-b")), always); !errors.Is(err, errGone) {
		t.Errorf("the binding that names it: %v", err)
	}
	if err := k.Set(t.Context(), "good", node(tcp(8080, 8080, "sg-b")), always); err != nil {
		t.Errorf("another binding: %v", err)
	}
	if got := a.rules["sg-node"]; len(got) != 2 {
		t.Errorf("rules %v", got)
	}
	if err := k.Set(t.Context(), "good", nil, always); err != nil {
		t.Errorf("another binding that goes: %v", err)
	}
	if err := k.Set(t.Context(), "bad", nil, always); err != nil || len(a.rules["sg-node"]) > 0 {
		t.Errorf("the binding that names it goes: %v, rules %v", err, a.rules["sg-node"])
	}
}

func TestABindingThatGoesIsNotHeldUpByWhatOthersLackAndLeavesNoRuleBehind(t *testing.T) {
	t.Parallel()
	broken := errors.New("denied")
	a := &account{rules: map[string][]stack.Permission{}, fail: map[string]error{}}
	k := NewKeeper(a, a.run)
	need := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := errors.Join(k.Set(t.Context(), "stays", need, always), k.Set(t.Context(), "goes", need, always)); err != nil {
		t.Fatal(err)
	}
	a.fail["sg-node"] = broken
	if err := k.Set(t.Context(), "lacks", map[string][]stack.Permission{"sg-node": {tcp(9, 9, "sg-b")}}, always); !errors.Is(err, broken) {
		t.Fatalf("error = %v", err)
	}
	if err := k.Set(t.Context(), "goes", nil, always); err != nil {
		t.Errorf("held up by another: %v", err)
	}
	if err := k.Set(t.Context(), "stays", nil, always); !errors.Is(err, broken) {
		t.Errorf("error = %v: a rule that cannot be revoked is forgotten", err)
	}
	a.fail = nil
	if err := errors.Join(k.Set(t.Context(), "lacks", nil, always), k.Set(t.Context(), "stays", nil, always)); err != nil || len(a.rules["sg-node"]) > 0 {
		t.Errorf("%v, left over: %v", err, a.rules["sg-node"])
	}
	if k.Knows("stays") {
		t.Error("a binding that is gone is still known")
	}
}

func TestARuleStaysWhereverAnEndpointMayBeThatNobodyCanPlace(t *testing.T) {
	t.Parallel()
	a := &account{cluster: []string{"sg-former"}, rules: map[string][]stack.Permission{
		"sg-former": {tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-b"), tcp(8080, 8080, "sg-other"), tcp(7070, 7070, "sg-b"), tcp(9090, 9090, "sg-b")},
	}}
	k := NewKeeper(a, a.run)
	node := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := k.Set(t.Context(), "a", node, never); err != nil {
		t.Fatal(err)
	}
	expect := func(step, group string, want ...stack.Permission) {
		t.Helper()
		if diff := cmp.Diff(want, a.rules[group], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s: %s", step, group, diff)
		}
	}
	if err := k.Extend(t.Context(), "a", nil, []stack.Permission{tcp(8080, 8080, "sg-b")}, always); err != nil {
		t.Fatal(err)
	}
	expect("no endpoint is known", "sg-node", tcp(8080, 8080, "sg-b"))
	expect("no endpoint is known", "sg-former", tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-b"))
	if err := k.Set(t.Context(), "a", node, always); err != nil {
		t.Fatal(err)
	}
	expect("all are", "sg-node", tcp(8080, 8080, "sg-b"))
	expect("all are", "sg-former")
}

func TestRulesOfASourceThatNobodyKnowsAreThoseToItsPorts(t *testing.T) {
	t.Parallel()
	udp := tcp(8080, 8080, "sg-b")
	udp.Protocol = "udp"
	a := &account{cluster: []string{"sg-former"}, rules: map[string][]stack.Permission{
		"sg-former": {tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-other"), tcp(7070, 7070, "sg-b"), udp},
	}}
	if err := NewKeeper(a, a.run).Extend(t.Context(), "a", nil, []stack.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 8080}}, always); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]stack.Permission{tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-other")}, a.rules["sg-former"]); diff != "" {
		t.Error(diff)
	}
}

func TestRulesForTheLoadBalancersOfAnotherClusterStay(t *testing.T) {
	t.Parallel()
	theirs := tcp(8080, 8080, "sg-of-another-cluster")
	a := &account{cluster: []string{"sg-node"}, rules: map[string][]stack.Permission{"sg-node": {theirs, tcp(7070, 7070, "sg-b")}}}
	k := NewKeeper(a, a.run)
	for _, need := range []map[string][]stack.Permission{{"sg-node": {tcp(9090, 9090, "sg-b")}}, nil} {
		if err := k.Set(t.Context(), "a", need, always); err != nil {
			t.Fatal(err)
		}
		want := append([]stack.Permission{theirs}, need["sg-node"]...)
		if diff := cmp.Diff(want, a.rules["sg-node"]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhatIsKnownIsGrantedThoughSomeEndpointsCannotBePlaced(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}}
	k := NewKeeper(a, a.run)
	ctx := t.Context()
	need := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := k.Extend(ctx, "a", need, []stack.Permission{tcp(8080, 8080, "sg-b")}, always); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(need, a.rules); diff != "" {
		t.Error(diff)
	}
}

func TestAGroupThatIsGoneNeedsNoCleaningButWhoNeedsItIsTold(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}}
	k := NewKeeper(a, a.run)
	need := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := errors.Join(k.Set(t.Context(), "goes", need, always), k.Set(t.Context(), "stays", need, always)); err != nil {
		t.Fatal(err)
	}
	a.gone = []string{"sg-node"}
	if err := k.Set(t.Context(), "stays", need, always); !errors.Is(err, errGone) {
		t.Errorf("a binding that needs the group: %v", err)
	}
	if err := k.Set(t.Context(), "stays", nil, never); !errors.Is(err, errGone) {
		t.Errorf("while another needs the group: %v", err)
	}
	if err := k.Set(t.Context(), "goes", nil, always); err != nil {
		t.Errorf("the last binding that needed it: %v", err)
	}
	a.gone, a.unreadable = nil, []string{"sg-node"}
	if err := k.Set(t.Context(), "other", map[string][]stack.Permission{"sg-node": nil}, always); !errors.Is(err, errDenied) {
		t.Errorf("a group whose rules cannot be read is not gone: %v", err)
	}
}

func TestASourceThatCannotBeReadIsNotTakenForMissing(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}, gone: []string{"sg-gone"}, unreadable: []string{"sg-b"}}
	k := NewKeeper(a, a.run)
	office := stack.Permission{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "192.0.2.0/24", Description: Label}
	need := map[string][]stack.Permission{"sg-node": {tcp(1, 1, "sg-gone"), tcp(8080, 8080, "sg-b"), office}}
	if err := k.Set(t.Context(), "a", need, always); !errors.Is(err, errGone) {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff([]stack.Permission{office, tcp(8080, 8080, "sg-b")}, a.rules["sg-node"]); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(a.forgotten, "") {
		t.Error("a CIDR is looked up as a group")
	}
}

func TestWhatABindingNeededLingersUnderAnotherNameWhereALaterLifeWouldFindIt(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}, cluster: []string{"sg-tagged"}}
	k := NewKeeper(a, a.run)
	check := func(step string, err error, tagged, other int) {
		t.Helper()
		if err != nil || len(a.rules["sg-tagged"]) != tagged || len(a.rules["sg-other"]) != other {
			t.Errorf("%s: %v, rules %v", step, err, a.rules)
		}
	}
	ctx := t.Context()
	need := func(port int32) map[string][]stack.Permission {
		return map[string][]stack.Permission{"sg-tagged": {tcp(port, port, "sg-lb")}, "sg-other": {tcp(port, port, "sg-lb")}}
	}
	check("it serves", k.Set(ctx, "shop/web", need(8080), always), 1, 1)
	check("it ends", k.Linger(ctx, "shop/web", "its end", always), 1, 0)
	if k.Knows("shop/web") {
		t.Error("it is still known")
	}
	check("it comes back", k.Set(ctx, "shop/web", need(9090), always), 2, 1)
	check("it ends again", k.Linger(ctx, "shop/web", "its end", always), 2, 0)
	check("another one", k.Set(ctx, "shop/api", map[string][]stack.Permission{"sg-tagged": {tcp(7070, 7070, "sg-lb")}}, always), 3, 0)
	check("all is done", k.Set(ctx, "its end", nil, always), 1, 0)

	check("it serves again", k.Set(ctx, "shop/web", need(9090), always), 2, 1)
	a.unlisted = errDenied
	check("nobody can tell what a later life would find", k.Linger(ctx, "shop/web", "its end", always), 1, 0)
}

func TestARuleThatCouldNotBeRevokedIsRevokedByTheNextAttempt(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{}, fail: map[string]error{}}
	k := NewKeeper(a, a.run)
	if err := k.Set(t.Context(), "a", map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}, always); err != nil {
		t.Fatal(err)
	}
	a.fail["sg-node"] = errDenied
	for range 2 {
		if err := k.Set(t.Context(), "a", nil, always); !errors.Is(err, errDenied) {
			t.Errorf("%v: nobody tries again", err)
		}
	}
	delete(a.fail, "sg-node")
	if err := k.Set(t.Context(), "a", nil, always); err != nil || len(a.rules["sg-node"]) > 0 || k.Knows("a") {
		t.Errorf("%v: left %v", err, a.rules["sg-node"])
	}
}

func TestWhatFormerBindingsLeftIsTriedAgainWithTheNextOne(t *testing.T) {
	t.Parallel()
	a := &account{rules: map[string][]stack.Permission{"sg-old": {tcp(7000, 7000, "sg-b")}}, cluster: []string{"sg-old"}, fail: map[string]error{"sg-old": errDenied}}
	k := NewKeeper(a, a.run)
	need := map[string][]stack.Permission{"sg-node": {tcp(8080, 8080, "sg-b")}}
	if err := k.Set(t.Context(), "a", need, always); err != nil {
		t.Errorf("others' rules are its problem: %v", err)
	}
	delete(a.fail, "sg-old")
	if err := k.Set(t.Context(), "a", need, always); err != nil || len(a.rules["sg-old"]) > 0 {
		t.Errorf("%v: left %v", err, a.rules["sg-old"])
	}
}
