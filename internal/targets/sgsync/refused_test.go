package sgsync

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// refusing is a desk at which EC2 refuses each grant that names one of the sources.
func refusing(code string, sources ...string) *desk {
	d := newDesk(&account{})
	d.k.Write = func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		if op, ok := op.(awsop.AuthorizeSecurityGroupIngress); ok && slices.ContainsFunc(op.Permissions,
			func(p stack.Permission) bool { return slices.Contains(sources, p.Group.Literal) }) {
			return apply.Outcome{State: apply.Failed, Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
		}
		return d.write(ctx, key, id, op)
	}
	return d
}

// TestRefusedSourceHarmsOnlyItsBinding has a tenant name sources that EC2 refuses, with the whole call: no ids of
// groups, and groups of another network.
func TestRefusedSourceHarmsOnlyItsBinding(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidGroupId.Malformed", "InvalidGroup.NotFound", "InvalidParameterValue"} {
		d := refusing(code, "nodes", "sg-elsewhere")
		d.Set("mal/a", on("sg-node", tcp(1, 1, "nodes"), tcp(2, 2, "sg-elsewhere"), tcp(3, 3, "sg-b")))
		d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-b"), tcp(8080, 8080, "sg-c")))
		if err := d.bring(t, "sg-node", "shop/web", never); err != nil || len(d.rules["sg-node"]) != 3 {
			t.Errorf("%s: %v, rules %v", code, err, d.rules["sg-node"])
		}
		if err := d.bring(t, "sg-node", "mal/a", never); err == nil {
			t.Errorf("%s: the binding that names the sources is not told", code)
		}
		d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-b")))
		if err := d.bring(t, "sg-node", "shop/web", never); err != nil || len(d.rules["sg-node"]) != 2 {
			t.Errorf("%s: after an edit: %v, rules %v", code, err, d.rules["sg-node"])
		}
	}
}

// TestManyRefusedSourcesLeaveRoom has a tenant name more sources that EC2 refuses than fit into a group.
func TestManyRefusedSourcesLeaveRoom(t *testing.T) {
	t.Parallel()
	var none []string
	for i := range 400 {
		none = append(none, fmt.Sprint("none-", i))
	}
	d := refusing("InvalidGroupId.Malformed", none...)
	for i := range 10 {
		var perms []stack.Permission
		for _, s := range none[i*40 : i*40+40] {
			perms = append(perms, tcp(1, 1, s))
		}
		d.Set(fmt.Sprint("mal/", i), on("sg-node", perms...))
	}
	old := tcp(7070, 7070, "sg-b") // of a binding that needs it no more
	old.Description = Label
	d.rules["sg-node"] = []stack.Permission{old}
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-b")))
	if err := d.bring(t, "sg-node", "shop/web", never); err != nil || len(d.rules["sg-node"]) != 1 ||
		d.rules["sg-node"][0].FromPort != 8080 {
		t.Errorf("%v, rules %v", err, d.rules["sg-node"])
	}
}

// TestEditToARefusedSourceTakesNothing has a binding name another source, which EC2 refuses.
func TestEditToARefusedSourceTakesNothing(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "nodes", "pods")
	bring := func(want int, perms ...stack.Permission) {
		t.Helper()
		d.Set("shop/web", on("sg-node", perms...))
		d.Set("shop/api", on("sg-node", tcp(int32(9000+want), int32(9000+want), "sg-b")))
		for range 2 {
			_ = d.k.Reconcile(t.Context(), "sg-node", never)
		}
		if got := d.rules["sg-node"]; len(got) != want {
			t.Errorf("%d rules, want %d: %v", len(got), want, got)
		}
	}
	bring(2, tcp(8080, 8080, "sg-c"))
	bring(2, tcp(8080, 8080, "nodes"))
	bring(2, tcp(8080, 8080, "pods"))
	bring(2, tcp(8080, 8080, "sg-d"))
	if got := d.rules["sg-node"]; !slices.Contains(got, tcp(8080, 8080, "sg-d")) {
		t.Errorf("rules %v", got)
	}
}

// TestNamespacesGetRoomInTurn has one namespace need more rules than fit, and another a few.
func TestNamespacesGetRoomInTurn(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	for i := range 100 {
		d.Set(fmt.Sprint("mal/", i), on("sg-node", ranged(1, fmt.Sprintf("10.%d.0.0/24", i), Label)))
	}
	d.Set("shop/web", on("sg-node", ranged(8080, "192.0.2.0/24", Label), ranged(8080, "198.51.100.0/24", Label)))
	if err := d.bring(t, "sg-node", "shop/web", never); err != nil {
		t.Error(err)
	}
}

// TestRefusedEditKeepsOnlyWhatServed edits a binding that names a source that EC2 refuses: what stays of the former
// rules, and for how long.
func TestRefusedEditKeepsOnlyWhatServed(t *testing.T) {
	t.Parallel()
	web := func(sources ...string) (perms []stack.Permission) {
		for _, s := range sources {
			perms = append(perms, tcp(8080, 8080, s))
		}
		return perms
	}
	tests := map[string]struct {
		edits [][]stack.Permission // with a look at the group after each
		want  []stack.Permission
	}{
		"a source is replaced by a refused one": {[][]stack.Permission{web("sg-b"), web("typo")}, web("sg-b")},
		"a source is taken away beside a refused one": {
			[][]stack.Permission{web("sg-b", "sg-c"), web("sg-b", "sg-c", "typo"), web("sg-c", "typo")}, web("sg-c")},
		"the port changes beside a refused source": {
			[][]stack.Permission{web("sg-b", "typo"), {tcp(9090, 9090, "sg-b"), tcp(9090, 9090, "typo")}},
			[]stack.Permission{tcp(9090, 9090, "sg-b")}},
		"a second mistake": {[][]stack.Permission{web("sg-b"), web("sg-c", "typo"), web("typo", "nodes")},
			web("sg-b", "sg-c")},
		"corrected": {[][]stack.Permission{web("sg-b"), web("typo"), web("sg-c")}, web("sg-c")},
	}
	for name, tt := range tests {
		d := refusing("InvalidGroupId.Malformed", "typo", "nodes")
		for _, perms := range tt.edits {
			d.Set("shop/web", on("sg-node", perms...))
			for range 2 {
				_ = d.k.Reconcile(t.Context(), "sg-node", never)
			}
		}
		if got := d.rules["sg-node"]; len(got) != len(tt.want) || slices.ContainsFunc(tt.want, func(p stack.Permission) bool {
			return !slices.Contains(got, p)
		}) {
			t.Errorf("%s: rules %v, want %v", name, got, tt.want)
		}
	}
}

// TestRefusedEditOpensNothing corrects a source before anybody has looked at the group.
func TestRefusedEditOpensNothing(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "typo")
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-b")))
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "typo")))
	_ = d.k.Reconcile(t.Context(), "sg-node", never)
	d.expect(t, "never declared for long", "sg-node")
}

// TestRefusedEditDuringALookKeepsWhatServed edits a binding while EC2 is called for it.
func TestRefusedEditDuringALookKeepsWhatServed(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "typo")
	write, edited := d.k.Write, false
	d.k.Write = func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		if !edited {
			edited = true
			d.Set("shop/web", on("sg-node", tcp(8080, 8080, "typo")))
		}
		return write(ctx, key, id, op)
	}
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-b")))
	for range 3 {
		_ = d.k.Reconcile(t.Context(), "sg-node", never)
	}
	d.expect(t, "edited during a look", "sg-node", tcp(8080, 8080, "sg-b"))
}

// TestRefusedSourceKeepsRulesOfAnEarlierProcess has a process begin with a binding whose source EC2 refuses.
func TestRefusedSourceKeepsRulesOfAnEarlierProcess(t *testing.T) {
	t.Parallel()
	former, other := tcp(8080, 8080, "sg-b"), tcp(9090, 9090, "sg-b")
	former.Description, other.Description = Label, Label
	d := refusing("InvalidGroupId.Malformed", "typo")
	d.rules["sg-node"] = []stack.Permission{former, other}
	inherits := true
	d.k.Inherits = func() bool { return inherits }
	d.Extend("shop/web", nil, []stack.Permission{tcp(8080, 8080, "typo")})
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "typo")))
	for range 2 {
		_ = d.k.Reconcile(t.Context(), "sg-node", never)
	}
	d.expect(t, "begun", "sg-node", former)
	inherits = false
	_ = d.k.Reconcile(t.Context(), "sg-node", never)
	d.expect(t, "an hour later", "sg-node")
}
