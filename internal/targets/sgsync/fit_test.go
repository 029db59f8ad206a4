package sgsync

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func fromRange(port int32, cidr string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, CIDR: cidr, Description: Label}
}

// apart are rules for ranges of which no two can be joined.
func apart(n int, port int32) (out []stack.Permission) {
	for i := range n {
		out = append(out, fromRange(port, fmt.Sprintf("10.%d.%d.0/24", i/100, 2*(i%100))))
	}
	return out
}

func byHand(rules []stack.Permission) []stack.Permission {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Description = "opened by hand"
	}
	return rules
}

func TestManyRangesOfAddressesAreJoinedToPreciselyThoseThatAreWanted(t *testing.T) {
	t.Parallel()
	unneeded := func(stack.Permission) RuleState { return Unneeded }
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stack.Permission {
			return fromRange(rapid.Int32Range(80, 83).Draw(t, "port"),
				fmt.Sprintf("10.0.%d.0/%d", rapid.IntRange(0, 15).Draw(t, "range"), rapid.IntRange(21, 24).Draw(t, "bits")))
		}), 0, 40).Draw(t, "wanted")
		packed := Pack(wanted, nil)
		if !sgrules.Of(packed).Equal(sgrules.Of(wanted)) {
			t.Fatalf("%v became %v", wanted, packed)
		}
		if grant, revoke, _ := Changes(packed, wanted, unneeded, false); len(grant)+len(revoke) > 0 {
			t.Fatalf("packing is not stable: %v grant %v, revoke %v", packed, grant, revoke)
		}
		known := wanted[:len(wanted)/2]
		if grant, revoke, _ := Changes(packed, known, unneeded, true); len(grant)+len(revoke) > 0 {
			t.Fatalf("half of the bindings known: grant %v, revoke %v", grant, revoke)
		}
	})
	// Of what is wanted from the range that stands for port 82, another larger range admits port 80.
	var nested []stack.Permission
	for _, bits := range []int{21, 22, 23, 24} {
		for i := 0; i < 16; i += 1 << (24 - bits) {
			nested = append(nested, fromRange(80, fmt.Sprintf("10.0.%d.0/%d", i, bits)))
			if i < 8 && bits < 24 {
				nested = append(nested, fromRange(82, fmt.Sprintf("10.0.%d.0/%d", i, bits)))
			}
		}
	}
	packed := Pack(nested, nil)
	if want := []stack.Permission{fromRange(80, "10.0.0.0/20"), fromRange(82, "10.0.0.0/21")}; !slices.Equal(
		packed, want) {
		t.Errorf("ranges within others take %v", packed)
	}
	if grant, revoke, _ := Changes(packed, nested, unneeded, false); len(grant)+len(revoke) > 0 {
		t.Errorf("ranges within others: grant %v, revoke %v", grant, revoke)
	}
	var touching []stack.Permission
	for i := range 64 {
		touching = append(touching, fromRange(80, fmt.Sprintf("10.0.%d.0/24", i)))
	}
	if packed := Pack(touching, nil); len(packed) != 1 || packed[0].CIDR != "10.0.0.0/18" {
		t.Errorf("64 ranges that touch take %v", packed)
	}
}

func TestABindingWhoseRulesDoNotFitGetsTheNumbersAndNoCallIsMadeForIt(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": byHand(apart(30, 22))}})
	d.Set("a", on("sg-node", apart(10, 80)...))
	d.Set("b", on("sg-node", apart(50, 443)...))
	d.Set("c", on("sg-node", tcp(9000, 9000, "sg-b")))
	out := d.k.Reconcile(t.Context(), "sg-node", never)
	var full *FullError
	if err := out.Of("b", d.Of("b", "sg-node")); !errors.As(err, &full) ||
		*full != (FullError{Group: "sg-node", Needed: 90, Limit: 60, Have: 30, Other: 30}) {
		t.Errorf("the binding that does not fit: %v", err)
	}
	for _, fits := range []string{"a", "c"} {
		if err := out.Of(fits, d.Of(fits, "sg-node")); err != nil {
			t.Errorf("%s: %v", fits, err)
		}
	}
	if got := sgrules.Count(d.rules["sg-node"]); got != 41 || len(d.writes) != 1 {
		t.Errorf("%d rules by %v, want those by hand, of a and of c by one call", got, d.writes)
	}
	d.writes = nil
	d.k.Reconcile(t.Context(), "sg-node", never)
	if len(d.writes) > 0 {
		t.Errorf("the second time %v is sent", d.writes)
	}
}

func TestABindingThatHasItsRulesKeepsThemWhereAnotherOneDoesNotFit(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": apart(50, 443)}})
	d.Set("z", on("sg-node", apart(50, 443)...))
	d.Set("a", on("sg-node", apart(20, 80)...))
	out := d.k.Reconcile(t.Context(), "sg-node", never)
	if out.Of("a", d.Of("a", "sg-node")) == nil || out.Of("z", d.Of("z", "sg-node")) != nil || len(d.writes) > 0 {
		t.Errorf("a: %v, z: %v, sent: %v", out.Of("a", d.Of("a", "sg-node")), out.Of("z", d.Of("z", "sg-node")), d.writes)
	}
}

func TestAFullGroupGivesUpWhatNoBindingNeedsBeforeItTakesMore(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": apart(60, 443)}})
	d.Set("a", on("sg-node", append(apart(59, 443), apart(1, 80)...)...))
	if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err != nil || len(out.Full) > 0 {
		t.Fatal(out)
	}
	if want := []string{"RevokeSecurityGroupIngress sg-node", "AuthorizeSecurityGroupIngress sg-node"}; !slices.Equal(
		d.writes, want) {
		t.Errorf("sent %v, want %v", d.writes, want)
	}
}

func TestRulesThatStandOneByOneAreJoinedOnlyWhereTheyWouldNotFit(t *testing.T) {
	t.Parallel()
	var standing []stack.Permission
	for i := range 60 {
		standing = append(standing, fromRange(80, fmt.Sprintf("10.0.%d.0/24", i)))
	}
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": slices.Clone(standing)}})
	d.Set("a", on("sg-node", standing...))
	if d.k.Reconcile(t.Context(), "sg-node", never); len(d.writes) > 0 {
		t.Errorf("rules that fit are rewritten: %v", d.writes)
	}
	d.Set("a", on("sg-node", append(slices.Clone(standing), fromRange(443, "192.0.2.0/24"))...))
	if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err != nil || len(out.Full) > 0 {
		t.Fatal(out)
	}
	if n := len(d.rules["sg-node"]); n > 10 {
		t.Errorf("%d rules, want the ranges joined", n)
	}
}
