package sgsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// watched has each call of a desk followed by a function, and counts the calls.
func (d *desk) watched(after func()) *int {
	calls, write := 0, d.k.Write
	d.k.Write = func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		calls++
		out := write(ctx, key, id, op)
		after()
		return out
	}
	return &calls
}

// TestEditInAFullGroupClosesNothingEarly edits a binding of a full group: two sources are replaced by two that EC2
// refuses.
func TestEditInAFullGroupClosesNothingEarly(t *testing.T) {
	t.Parallel()
	for others, ports := range map[int]int32{55: 8080, 56: 8090, 57: 8100} {
		d := refusing("InvalidGroupId.Malformed", "typo-1", "typo-2")
		d.rules["sg-node"] = byHand(apart(others, 22))
		web := []stack.Permission{tcp(ports, ports, "sg-c"), tcp(ports, ports, "sg-d")}
		d.Set("shop/web", on("sg-node", web...))
		d.k.Reconcile(t.Context(), "sg-node", never)
		d.watched(func() {
			for _, p := range web {
				if !sgrules.Of(d.rules["sg-node"]).Admits(p) {
					t.Errorf("%d others: closed: %v", others, p)
				}
			}
		})
		d.Set("shop/web", on("sg-node", tcp(ports, ports, "typo-1"), tcp(ports, ports, "typo-2"),
			tcp(ports, ports, "sg-e"), tcp(ports, ports, "sg-f")))
		for range 2 {
			d.k.Reconcile(t.Context(), "sg-node", never)
		}
	}
}

// TestMissingSourceClosesNothingInAFullGroup has a group without room for a further rule, and an edit to a source that
// does not exist.
func TestMissingSourceClosesNothingInAFullGroup(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"sg-gone", "sg-d"} {
		d := newDesk(&account{gone: []string{"sg-gone"}})
		d.rules["sg-node"] = append(byHand(apart(56, 22)), byHand([]stack.Permission{tcp(1, 1, "sg-x"), tcp(2, 2, "sg-y"),
			tcp(3, 3, "sg-z")})...)
		former := tcp(8080, 8080, "sg-c")
		d.Set("shop/web", on("sg-node", former))
		d.k.Reconcile(t.Context(), "sg-node", never)
		if n := sgrules.Count(d.rules["sg-node"]); n != 60 {
			t.Fatalf("%d rules", n)
		}
		closed := false
		d.watched(func() { closed = closed || !sgrules.Of(d.rules["sg-node"]).Admits(former) })
		d.Set("shop/web", on("sg-node", tcp(8080, 8080, next)))
		for range 2 {
			d.k.Reconcile(t.Context(), "sg-node", never)
		}
		opens := next != "sg-gone"
		if closed != opens || sgrules.Of(d.rules["sg-node"]).Admits(tcp(8080, 8080, next)) != opens {
			t.Errorf("%s: closed %v, writes %v", next, closed, d.writes)
		}
	}
}

// TestUnreadSourceClosesNothingInAFullGroup has AWS not answer whether the source of an edit exists.
func TestUnreadSourceClosesNothingInAFullGroup(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{unreadable: []string{"sg-d"}})
	d.rules["sg-node"] = append(byHand(apart(56, 22)), byHand([]stack.Permission{tcp(1, 1, "sg-x"), tcp(2, 2, "sg-y"),
		tcp(3, 3, "sg-z")})...)
	former, next := tcp(8080, 8080, "sg-c"), tcp(8080, 8080, "sg-d")
	d.Set("shop/web", on("sg-node", former))
	d.k.Reconcile(t.Context(), "sg-node", never)
	calls := d.watched(func() {})
	d.Set("shop/web", on("sg-node", next))
	for range 2 {
		if err := d.bring(t, "sg-node", "shop/web", never); !errors.Is(err, errDenied) {
			t.Errorf("the binding is told %v", err)
		}
	}
	if *calls > 0 {
		t.Errorf("%d calls: rules %v", *calls, d.rules["sg-node"])
	}
	d.unreadable = nil
	if err := d.bring(t, "sg-node", "shop/web", never); err != nil || !sgrules.Of(d.rules["sg-node"]).Admits(next) {
		t.Errorf("%v, rules %v", err, d.rules["sg-node"])
	}
}

// TestRefusedSourcesCostNoFurtherCalls has a tenant name sources that EC2 refuses, and looks again, also after changes
// of other bindings.
func TestRefusedSourcesCostNoFurtherCalls(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "typo-1", "typo-2", "typo-3")
	d.Set("mal/a", on("sg-node", tcp(1, 1, "typo-1"), tcp(2, 2, "typo-2"), tcp(3, 3, "typo-3"), tcp(4, 4, "sg-c")))
	d.k.Reconcile(t.Context(), "sg-node", never)
	calls := d.watched(func() {})
	for range 3 {
		if d.bring(t, "sg-node", "mal/a", never) == nil {
			t.Error("the binding is not told any more")
		}
	}
	if *calls > 0 {
		t.Errorf("%d calls", *calls)
	}
	for n := range int32(3) {
		d.Set("shop/web", on("sg-node", tcp(9000+n, 9000+n, "sg-b")))
		d.k.Reconcile(t.Context(), "sg-node", never)
	}
	if *calls != 5 || !slices.Contains(d.rules["sg-node"], tcp(9002, 9002, "sg-b")) {
		t.Errorf("%d calls for three edits of others, rules %v", *calls, d.rules["sg-node"])
	}
}

// TestSearchOfATenantHasALimit has a tenant name many sources that EC2 refuses, and one of others that sorts among them.
func TestSearchOfATenantHasALimit(t *testing.T) {
	t.Parallel()
	var none []string
	for i := range 400 {
		none = append(none, fmt.Sprint("none-", i))
	}
	d := refusing("InvalidGroupId.Malformed", none...)
	var perms []stack.Permission
	for _, s := range none {
		perms = append(perms, tcp(1, 1, s))
	}
	for i := range 10 {
		d.Set(fmt.Sprint("mal/", i), on("sg-node", perms[i*40:i*40+40]...))
	}
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "none-zz")))
	served := 0
	var calls *int
	calls = d.watched(func() {
		if served == 0 && len(d.rules["sg-node"]) > 0 {
			served = *calls
		}
	})
	for range 4 {
		d.k.Reconcile(t.Context(), "sg-node", never)
	}
	if served == 0 || served > 3 || *calls > 70 {
		t.Errorf("%d calls, and shop is served at call %d", *calls, served)
	}
}

// TestRefusedEditsAddUpToNoWideRange has a tenant admit one range after the other, each time beside a source that EC2
// refuses.
func TestRefusedEditsAddUpToNoWideRange(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "typo-1", "typo-2", "typo-3", "typo-4")
	for n := range 4 {
		d.Set("mal/a", on("sg-node", ranged(1, fmt.Sprintf("%d.0.0.0/8", 20+2*n), Label),
			tcp(1, 1, fmt.Sprint("typo-", n+1))))
		for range 2 {
			d.k.Reconcile(t.Context(), "sg-node", never)
		}
	}
	if len(d.rules["sg-node"]) > 1 {
		t.Errorf("rules %v", d.rules["sg-node"])
	}
	d.Set("mal/a", on("sg-node", tcp(1, 1, "typo-4")))
	d.k.Reconcile(t.Context(), "sg-node", never)
}

// TestEditThatDoesNotFitTakesNothing has a binding of a full group need more than fits.
func TestEditThatDoesNotFitTakesNothing(t *testing.T) {
	t.Parallel()
	for others := 54; others < 59; others++ {
		d := newDesk(&account{})
		d.rules["sg-node"] = byHand(apart(others, 22))
		web := []stack.Permission{ranged(8080, "192.0.2.0/24", Label)}
		d.Set("shop/web", on("sg-node", web...))
		d.k.Reconcile(t.Context(), "sg-node", never)
		stood := sgrules.Of(d.rules["sg-node"]).Admits(web[0])
		d.watched(func() {
			if stood && !sgrules.Of(d.rules["sg-node"]).Admits(web[0]) {
				t.Errorf("%d others: closed", others)
			}
		})
		d.Set("shop/web", on("sg-node", append(web, apart(6, 443)...)...))
		for range 2 {
			d.k.Reconcile(t.Context(), "sg-node", never)
		}
	}
}

// TestRefusedSourceIsTriedAgain has EC2 refuse a source for three hours.
func TestRefusedSourceIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := refusing("InvalidGroupId.Malformed", "typo")
	d.Set("shop/web", on("sg-node", tcp(1, 1, "typo")))
	calls, tries := d.watched(func() {}), []time.Duration(nil)
	begun := d.now
	for d.now.Sub(begun) < 3*time.Hour {
		before := *calls
		d.k.Reconcile(t.Context(), "sg-node", never)
		if *calls > before {
			tries = append(tries, d.now.Sub(begun))
		}
		d.now = d.now.Add(time.Minute)
	}
	if want := []time.Duration{0, 2 * time.Minute, 10 * time.Minute, 40 * time.Minute, 100 * time.Minute,
		160 * time.Minute}; !slices.Equal(tries, want) {
		t.Errorf("tries at %v, want %v", tries, want)
	}
}

func notAllowed(port int32, cidr string) stack.Permission { return ranged(port, cidr, NotAllowed) }

// TestUnreadableGroupKeepsWhatWasEdited has a range that is not allowed in an edit of a group whose rules cannot be read.
func TestUnreadableGroupKeepsWhatWasEdited(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	d.Set("mal/a", on("sg-node", tcp(1, 1, "sg-a")))
	d.k.Reconcile(t.Context(), "sg-node", never)
	d.Set("mal/a", on("sg-node", tcp(1, 1, "sg-b"), notAllowed(1, "0.0.0.0/0")))
	d.k.Reconcile(t.Context(), "sg-node", never)
	before := slices.Clone(d.rules["sg-node"])
	d.unreadable = []string{"sg-node"}
	d.k.Rules.ForgetRules("sg-node")
	if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err == nil || !slices.Equal(d.rules["sg-node"], before) {
		t.Errorf("%v: %v", out.Err, d.rules["sg-node"])
	}
}

// TestFullGroupSwapsASource has one namespace fill a group with rules, and another one name another source.
func TestFullGroupSwapsASource(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-c")))
	d.k.Reconcile(t.Context(), "sg-node", never)
	for n := range 70 {
		d.Set(fmt.Sprint("mal/", n), on("sg-node", tcp(1, 1, fmt.Sprint("sg-mal", n))))
		d.k.Reconcile(t.Context(), "sg-node", never)
	}
	d.Set("shop/web", on("sg-node", tcp(8080, 8080, "sg-d")))
	for range 4 {
		d.k.Reconcile(t.Context(), "sg-node", never)
	}
	if rules := d.rules["sg-node"]; !slices.Contains(rules, tcp(8080, 8080, "sg-d")) ||
		slices.Contains(rules, tcp(8080, 8080, "sg-c")) {
		t.Errorf("%d rules: %v", len(rules), rules)
	}
}

// TestWideRuleEndsWithWhoNeedsIt has a binding whose ranges a wide rule of another one admits, and that names ranges for
// which there is no room.
func TestWideRuleEndsWithWhoNeedsIt(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	d.rules["sg-node"] = byHand(apart(53, 22))
	d.Set("mal/nlb", on("sg-node", stack.Permission{Protocol: "tcp", FromPort: 1, ToPort: 100, CIDR: "0.0.0.0/0",
		Description: Label}))
	d.k.Reconcile(t.Context(), "sg-node", never)
	d.Set("mal/a", on("sg-node", ranged(1, "192.0.2.0/24", Label), notAllowed(1, "0.0.0.0/0")))
	d.k.Reconcile(t.Context(), "sg-node", never)
	d.Set("mal/a", on("sg-node", apart(20, 1)...))
	d.k.Reconcile(t.Context(), "sg-node", never)
	d.Set("mal/nlb", nil)
	for range 4 {
		d.k.Reconcile(t.Context(), "sg-node", never)
	}
	if sgrules.Of(d.rules["sg-node"]).Admits(ranged(1, "0.0.0.0/0", Label)) {
		t.Errorf("0.0.0.0/0 is open: %v", d.writes)
	}
}

// TestExtendedNeedsAddUpToNoWideRange alternates edits while groups of endpoints are unknown with edits that may not be
// served.
func TestExtendedNeedsAddUpToNoWideRange(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{})
	bring := func() {
		for range 2 {
			d.k.Reconcile(t.Context(), "sg-node", never)
		}
	}
	d.Set("mal/a", on("sg-node", ranged(1, "20.0.0.0/8", Label)))
	bring()
	for n := range 6 {
		d.Extend("mal/a", on("sg-node", ranged(1, fmt.Sprintf("%d.0.0.0/8", 22+4*n), Label)), nil)
		bring()
		d.Set("mal/a", on("sg-node", ranged(1, fmt.Sprintf("%d.0.0.0/8", 24+4*n), Label),
			notAllowed(1, fmt.Sprintf("%d.0.0.0/7", 80+4*n))))
		bring()
	}
	if n := len(d.rules["sg-node"]); n > 2 {
		t.Errorf("%d ranges of length 8 are open: %v", n, d.rules["sg-node"])
	}
}

// TestRefusalTriedAgainCountsOnce has the refusals of a namespace repeat beside a source that EC2 accepts.
func TestRefusalTriedAgainCountsOnce(t *testing.T) {
	t.Parallel()
	var none []string
	var perms []stack.Permission
	for i := range 12 {
		none = append(none, fmt.Sprintf("none-%02d", i))
		perms = append(perms, tcp(1, 1, none[i]))
	}
	d := refusing("InvalidGroupId.Malformed", none...)
	d.Set("mal/a", on("sg-node", perms...))
	d.k.Reconcile(t.Context(), "sg-node", never)
	d.now = d.now.Add(3 * time.Minute)
	d.Set("mal/a", on("sg-node", append(perms, tcp(1, 1, "sg-zz"))...))
	out := d.k.Reconcile(t.Context(), "sg-node", never)
	if !slices.Contains(d.rules["sg-node"], tcp(1, 1, "sg-zz")) {
		t.Errorf("rules: %v, refused: %v", d.rules["sg-node"], out.Refused)
	}
}
