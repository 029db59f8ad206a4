package sgsync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// account is a fake of the rules that EC2 holds and of the executor that writes them.
type account struct {
	mu    sync.Mutex
	rules map[string][]stack.Permission
	old   map[string][]stack.Permission // what is at hand of a group, if that is another thing
	fail  map[string]error              // by group
	// once are errors of the next call, by action and group.
	once      map[string]error
	forgotten []string // groups of which the inventory was told that it is wrong
	writes    []string
	gone      []string // groups that do not exist
	// unreadable are groups whose rules nobody may read.
	unreadable []string
	// judged, if not nil, is called while a rule that no binding needs is judged.
	judged func()
	now    time.Time
	hidden []stack.Permission // rules that reads lack, though EC2 has them
}

func (a *account) Rules(_ context.Context, id string) ([]stack.Permission, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.gone, id) {
		return nil, errGone
	}
	if slices.Contains(a.unreadable, id) {
		return nil, errDenied
	}
	return slices.DeleteFunc(slices.Clone(a.rules[id]), func(p stack.Permission) bool {
		return slices.Contains(a.hidden, p)
	}), nil
}

// RulesAtHand gives what is old of a group, if anything is.
func (a *account) RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, young bool, err error) {
	a.mu.Lock()
	old, is := a.old[id]
	a.mu.Unlock()
	if is {
		return slices.Clone(old), false, nil
	}
	rules, err = a.Rules(ctx, id)
	return rules, true, err
}

var errGone = &smithy.GenericAPIError{Code: "InvalidGroup.NotFound", Message: "The security group does not exist"}

var errDenied = &smithy.GenericAPIError{Code: "UnauthorizedOperation",
	Message: "You are not authorized to perform this operation"}

func (a *account) ForgetRules(id string) { a.forgotten = append(a.forgotten, id) }

func (a *account) write(_ context.Context, _ stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := string(id)
	_, group, _ := strings.Cut(call, " ")
	err := a.fail[group]
	if a.once[call] != nil {
		err = a.once[call]
	}
	delete(a.once, call)
	if op, ok := op.(awsop.AuthorizeSecurityGroupIngress); ok && slices.ContainsFunc(op.Permissions,
		func(p stack.Permission) bool { return slices.Contains(a.gone, p.Group.Literal) }) {
		err = errGone
	}
	if op, ok := op.(awsop.AuthorizeSecurityGroupIngress); ok && slices.ContainsFunc(op.Permissions,
		func(p stack.Permission) bool {
			return slices.Contains(a.hidden, p) && slices.Contains(a.rules[group], p)
		}) {
		err = &smithy.GenericAPIError{Code: "InvalidPermission.Duplicate", Message: "the specified rule already exists"}
	}
	if err != nil {
		return apply.Outcome{State: apply.Failed, Err: err}
	}
	a.writes = append(a.writes, call)
	switch op := op.(type) {
	case awsop.AuthorizeSecurityGroupIngress:
		a.rules[group] = append(a.rules[group], op.Permissions...)
	case awsop.RevokeSecurityGroupIngress:
		a.rules[group] = slices.DeleteFunc(a.rules[group], func(have stack.Permission) bool {
			return slices.Contains(op.Permissions, have)
		})
	}
	return apply.Outcome{State: apply.Done}
}

func (a *account) OfAnotherCluster(_ context.Context, id string) bool {
	if a.judged != nil {
		a.judged()
	}
	return id == "sg-of-another-cluster"
}

func (a *account) OfSeveralClusters(_ context.Context, id string) bool { return id == "sg-shared" }

func (a *account) OfBalancers(id string) bool { return id != "sg-tenant" }

func always() bool { return true }
func never() bool  { return false }

// desk has a table and a Reconciler over a fake account.
type desk struct {
	*Table
	*account
	k *Reconciler
}

func newDesk(a *account) *desk {
	if a.rules == nil {
		a.rules = map[string][]stack.Permission{}
	}
	t := NewTable()
	return &desk{t, a, &Reconciler{Cluster: "ours", Table: t, Rules: a, Write: a.write,
		Refusals: refusal.New(func() time.Time { return a.now }, "")}}
}

func on(group string, perms ...stack.Permission) map[string][]stack.Permission {
	return map[string][]stack.Permission{group: perms}
}

// bring reconciles a group and tells how it ended for a binding.
func (d *desk) bring(t *testing.T, group, binding string, partial func() bool) error {
	t.Helper()
	out := d.k.Reconcile(t.Context(), group, partial)
	if out.Err != nil && len(d.Of(binding, group)) == 0 {
		return out.Err
	}
	return out.Of(binding, d.Of(binding, group))
}

func (d *desk) expect(t *testing.T, step, group string, want ...stack.Permission) {
	t.Helper()
	if diff := cmp.Diff(want, d.rules[group], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: %s: %s", step, group, diff)
	}
}

func TestRulesFollowTheUnionOfWhatBindingsNeed(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	set := func(binding string, partial func() bool, perms ...stack.Permission) {
		t.Helper()
		if len(perms) == 0 {
			d.Set(binding, nil)
		} else {
			d.Set(binding, on("sg-node", perms...))
		}
		if err := d.bring(t, "sg-node", binding, partial); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(step string, writes ...string) {
		t.Helper()
		if diff := cmp.Diff(writes, d.writes); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
		d.writes = nil
	}
	set("a", never, tcp(8080, 8080, "sg-b"))
	expect("first binding", "AuthorizeSecurityGroupIngress sg-node")
	set("b", never, tcp(8080, 8080, "sg-b"))
	expect("the same port for another binding")
	set("b", never, tcp(9090, 9090, "sg-b"))
	expect("another port", "AuthorizeSecurityGroupIngress sg-node")
	set("a", always)
	expect("a binding goes while others are unknown")
	set("a", never)
	expect("all are known", "RevokeSecurityGroupIngress sg-node")
	set("b", never)
	expect("the last one goes", "RevokeSecurityGroupIngress sg-node")
	d.expect(t, "in the end", "sg-node")
}

// TestTheRulesOfABindingThatBecomesKnownMeanwhileStay has the endpoints of a binding found while a group is reconciled,
// as after a start: the rules were written by an earlier process.
func TestTheRulesOfABindingThatBecomesKnownMeanwhileStay(t *testing.T) {
	t.Parallel()
	rule := tcp(32628, 32628, "sg-b")
	for name, meanwhile := range map[string]func(d *desk, found func()) func() bool{
		"while it is asked whether all are known": func(_ *desk, found func()) func() bool {
			return func() bool { found(); return false }
		},
		"while the rule is judged": func(d *desk, found func()) func() bool {
			d.judged = found
			return never
		},
	} {
		d := newDesk(&account{rules: on("sg-node", rule)})
		d.Extend("a", nil, []stack.Permission{rule})
		if err := d.bring(t, "sg-node", "a", meanwhile(d, func() { d.Set("a", on("sg-node", rule)) })); err != nil {
			t.Fatal(err)
		}
		if len(d.writes) > 0 {
			t.Errorf("%s: %v", name, d.writes)
		}
		d.expect(t, name, "sg-node", rule)
	}
}

func TestAccessIsGrantedBeforeOtherAccessIsRevoked(t *testing.T) {
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
		"what is there is looked up once": {map[string]error{grant: refuse("InvalidPermission.Duplicate")},
			[]string{grant, revoke}, 1, false},
		"what is gone is looked up once": {map[string]error{revoke: refuse("InvalidPermission.NotFound")},
			[]string{grant, revoke}, 1, false},
		"at a quota the revocation goes first": {map[string]error{grant: refuse("RulesPerSecurityGroupLimitExceeded")},
			[]string{revoke, grant}, 0, false},
	} {
		d := newDesk(&account{})
		d.Set("a", on("sg-node", tcp(8080, 8080, "sg-b")))
		if err := d.bring(t, "sg-node", "a", never); err != nil {
			t.Fatal(err)
		}
		d.writes, d.once = nil, c.errors
		d.Set("a", on("sg-node", tcp(9090, 9090, "sg-b")))
		err := d.bring(t, "sg-node", "a", never)
		if diff := cmp.Diff(c.writes, d.writes); diff != "" || len(d.forgotten) != c.forgotten || (err != nil) != c.fails {
			t.Errorf("%s: %s; looked up %v; %v", name, diff, d.forgotten, err)
		}
		if err == nil && len(d.rules["sg-node"]) != 1 {
			t.Errorf("%s: rules %v", name, d.rules["sg-node"])
		}
	}
}

// TestReadWithoutSomeRulesOpensAndClosesWhatItMust has reads of a group lack rules that EC2 has: an empty or partial
// answer, which says that it is complete.
func TestReadWithoutSomeRulesOpensAndClosesWhatItMust(t *testing.T) {
	t.Parallel()
	var standing []stack.Permission
	for port := range int32(9) {
		standing = append(standing, tcp(10*port+10, 10*port+10, "sg-b"))
	}
	stale := tcp(999, 999, "sg-b")
	for name, hidden := range map[string][]stack.Permission{"some": standing[3:5], "one": standing[8:], "all": standing} {
		d := newDesk(&account{rules: on("sg-node", append(slices.Clone(standing), stale)...), hidden: hidden})
		more := tcp(500, 500, "sg-b")
		d.Set("a", on("sg-node", append(slices.Clone(standing), more)...))
		if err := d.bring(t, "sg-node", "a", never); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.expect(t, name, "sg-node", append(slices.Clone(standing), more)...)
		if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err != nil {
			t.Errorf("%s, again: %v", name, out.Err)
		}
	}
}

func TestAnAccountThatGoesOnDisagreeingIsAnError(t *testing.T) {
	t.Parallel()
	d := newDesk(
		&account{fail: map[string]error{"sg-node": &smithy.GenericAPIError{Code: "RulesPerSecurityGroupLimitExceeded"}}})
	d.Set("a", on("sg-node", tcp(1, 1, "sg-b")))
	if err := d.bring(t, "sg-node", "a", never); err == nil || len(d.forgotten) != 1 {
		t.Errorf("%v; looked up %v", err, d.forgotten)
	}
}

func TestACallThatWaitsForAWSIsTriedAgainThenAndIsNoError(t *testing.T) {
	t.Parallel()
	later := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDesk(&account{})
	d.k.Write = func(context.Context, stack.Key, plan.StepID, plan.Operation) apply.Outcome {
		return apply.Outcome{State: apply.Waiting, Until: later, Err: errors.New("slow down")}
	}
	d.Set("a", on("sg-node", tcp(1, 1, "sg-b")))
	if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err != nil || !out.Until.Equal(later) {
		t.Errorf("%+v", out)
	}
}

func TestASourceThatDoesNotExistHarmsOnlyTheBindingThatNamesIt(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{gone: []string{"sg-gone"}})
	d.Set("bad", on("sg-node", tcp(1, 1, "sg-gone"), tcp(2, 2, "sg-b")))
	d.Set("good", on("sg-node", tcp(8080, 8080, "sg-b")))
	if err := d.bring(t, "sg-node", "bad", never); !errors.Is(err, errGone) {
		t.Errorf("the binding that names it: %v", err)
	}
	if err := d.bring(t, "sg-node", "good", never); err != nil {
		t.Errorf("another binding: %v", err)
	}
	if got := d.rules["sg-node"]; len(got) != 2 {
		t.Errorf("rules %v", got)
	}
	d.Set("good", nil)
	d.Set("bad", nil)
	if err := d.bring(t, "sg-node", "bad", never); err != nil || len(d.rules["sg-node"]) > 0 {
		t.Errorf("both go: %v, rules %v", err, d.rules["sg-node"])
	}
}

func TestASourceThatCannotBeReadIsNotTakenForMissing(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{gone: []string{"sg-gone"}, unreadable: []string{"sg-b"}})
	office := stack.Permission{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "192.0.2.0/24", Description: Label}
	d.Set("a", on("sg-node", tcp(1, 1, "sg-gone"), tcp(8080, 8080, "sg-b"), office))
	if err := d.bring(t, "sg-node", "a", never); !errors.Is(err, errGone) {
		t.Errorf("error = %v", err)
	}
	d.expect(t, "a missing source", "sg-node", office, tcp(8080, 8080, "sg-b"))
	if slices.Contains(d.forgotten, "") {
		t.Error("a CIDR is looked up as a group")
	}
}

func TestARuleStaysWhereverAnEndpointMayBeWhoseGroupIsUnknown(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{
		"sg-former": {tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-b"), tcp(8080, 8080, "sg-other"), tcp(7070, 7070, "sg-b"),
			tcp(9090, 9090, "sg-b")},
	}})
	both := func() {
		for _, g := range []string{"sg-node", "sg-former"} {
			if err := d.bring(t, g, "a", never); err != nil {
				t.Fatal(err)
			}
		}
	}
	node := on("sg-node", tcp(8080, 8080, "sg-b"))
	d.Set("a", node)
	d.Extend("a", nil, []stack.Permission{tcp(8080, 8080, "sg-b")})
	both()
	d.expect(t, "no endpoint is known", "sg-node", tcp(8080, 8080, "sg-b"))
	d.expect(t, "no endpoint is known", "sg-former", tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-b"))
	d.Set("a", node)
	both()
	d.expect(t, "all are", "sg-node", tcp(8080, 8080, "sg-b"))
	d.expect(t, "all are", "sg-former")
}

func TestRulesOfAnUnknownSourceAreThoseToItsPorts(t *testing.T) {
	t.Parallel()
	udp := tcp(8080, 8080, "sg-b")
	udp.Protocol = "udp"
	d := newDesk(&account{rules: map[string][]stack.Permission{
		"sg-former": {tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-other"), tcp(7070, 7070, "sg-b"), udp},
	}})
	d.Extend("a", nil, []stack.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 8080}})
	if err := d.bring(t, "sg-former", "a", never); err != nil {
		t.Fatal(err)
	}
	d.expect(t, "of an unknown source", "sg-former", tcp(8080, 8080, "sg-b"), tcp(8000, 8090, "sg-other"))
}

// TestAGrantRestsOnOldRulesAndARevocationOnNewOnes has the rules at hand be older than what EC2 holds.
func TestAGrantRestsOnOldRulesAndARevocationOnNewOnes(t *testing.T) {
	t.Parallel()
	const group = "sg-node"
	ours, wanted := tcp(9090, 9090, "sg-other"), tcp(8080, 8080, "sg-b")
	theirs := ours
	theirs.Description = "of somebody else by now"
	d := newDesk(&account{rules: on(group, theirs), old: on(group, ours)})
	d.Set("a", on(group, wanted))
	bring := func(step string, writes ...string) {
		t.Helper()
		d.writes = nil
		if err := d.bring(t, group, "a", never); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(writes, d.writes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
	}
	d.unreadable = []string{group} // it would be an error to ask
	bring("a source is missing", "AuthorizeSecurityGroupIngress "+group)
	d.unreadable = nil
	d.old = on(group, ours, wanted)
	bring("what was ours is somebody else's")
	d.rules = on(group, ours, wanted)
	bring("what was ours still is", "RevokeSecurityGroupIngress "+group)
	d.expect(t, "in the end", group, wanted)
}

func TestRulesForTheLoadBalancersOfAnotherClusterStay(t *testing.T) {
	t.Parallel()
	theirs := tcp(8080, 8080, "sg-of-another-cluster")
	d := newDesk(&account{rules: on("sg-node", theirs, tcp(7070, 7070, "sg-b"))})
	for _, need := range []map[string][]stack.Permission{on("sg-node", tcp(9090, 9090, "sg-b")), nil} {
		d.Set("a", need)
		if err := d.bring(t, "sg-node", "a", never); err != nil {
			t.Fatal(err)
		}
		d.expect(t, "beside another cluster's", "sg-node", append([]stack.Permission{theirs}, need["sg-node"]...)...)
	}
}

func TestBindingsReportMissingGroup(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{gone: []string{"sg-node"}})
	d.Set("stays", on("sg-node", tcp(8080, 8080, "sg-b")))
	if err := d.bring(t, "sg-node", "stays", never); !errors.Is(err, errGone) {
		t.Errorf("a binding that needs the group: %v", err)
	}
	d.Set("stays", nil)
	if err := d.bring(t, "sg-node", "stays", never); err != nil {
		t.Errorf("once nothing needs it: %v", err)
	}
	d.gone, d.unreadable = nil, []string{"sg-node"}
	if err := d.bring(t, "sg-node", "stays", never); !errors.Is(err, errDenied) {
		t.Errorf("a group whose rules cannot be read is not gone: %v", err)
	}
}

func TestWhatABindingNeededIsNeededUnderAnotherNameAfterATransfer(t *testing.T) {
	t.Parallel()
	table := NewTable()
	need := func(port int32) map[string][]stack.Permission {
		return map[string][]stack.Permission{"sg-tagged": {tcp(port, port, "sg-lb")}, "sg-other": {tcp(port, port, "sg-lb")}}
	}
	table.Set("shop/web", need(8080))
	table.Transfer("shop/web", "its end")
	if table.Knows("shop/web") || len(table.Of("its end", "sg-tagged")) != 1 {
		t.Error("nothing is transferred")
	}
	table.Set("shop/web", need(9090))
	table.Transfer("shop/web", "its end")
	if got := table.Of("its end", "sg-tagged"); len(got) != 2 {
		t.Errorf("after another life: %v", got)
	}
	if touched := table.Restrict("its end", []string{"sg-tagged"}); !slices.Equal(touched.Changed, []string{"sg-other"}) {
		t.Errorf("touched %+v", touched)
	}
	if len(table.Of("its end", "sg-other")) != 0 || len(table.Of("its end", "sg-tagged")) != 2 {
		t.Error("it is not restricted to the groups")
	}
}

func TestTheTableReturnsWhichGroupsAChangeConcerns(t *testing.T) {
	t.Parallel()
	table := NewTable()
	a, b := tcp(1, 1, "sg-b"), tcp(2, 2, "sg-b")
	table.Set("x", map[string][]stack.Permission{"same": {a}, "other": {a}, "gone": {a}})
	want := Touched{Changed: []string{"gone", "new", "other"}, Same: []string{"same"}}
	if diff := cmp.Diff(want, table.Set("x", map[string][]stack.Permission{"same": {a}, "other": {b},
		"new": {b}})); diff != "" {
		t.Error(diff)
	}
}
