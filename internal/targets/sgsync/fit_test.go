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

func TestJoinedRangesCoverExactlyTheWanted(t *testing.T) {
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

func TestRulesThatDoNotFitMakeNoCall(t *testing.T) {
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

func TestFittingBindingKeepsItsRules(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": apart(50, 443)}})
	d.Set("z", on("sg-node", apart(50, 443)...))
	d.Set("a", on("sg-node", apart(20, 80)...))
	out := d.k.Reconcile(t.Context(), "sg-node", never)
	if out.Of("a", d.Of("a", "sg-node")) == nil || out.Of("z", d.Of("z", "sg-node")) != nil || len(d.writes) > 0 {
		t.Errorf("a: %v, z: %v, sent: %v", out.Of("a", d.Of("a", "sg-node")), out.Of("z", d.Of("z", "sg-node")), d.writes)
	}
}

// TestRangesOfATenantLeaveRulesForOthers has a tenant's bindings admit ranges until no more fit. Targets of others that
// listen on ever new ports are reached nevertheless, and those that are reached stay so.
func TestRangesOfATenantLeaveRulesForOthers(t *testing.T) {
	t.Parallel()
	for name, from := range map[string][]stack.Permission{"a new group": nil,
		"one from the lowest to the highest port": {tcp(8080, 8090, "sg-b")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": from}})
			d.Set("a/web", on("sg-node", tcp(8080, 8080, "sg-b"), tcp(8090, 8090, "sg-b")))
			for i := range 100 {
				d.Set(fmt.Sprintf("mal/%02d", i), on("sg-node", apart(100, 443)[i]))
			}
			d.k.Reconcile(t.Context(), "sg-node", never)
			if n := sgrules.Count(d.rules["sg-node"]); n < 50 || n > 58 {
				t.Errorf("the group has %d rules at first", n)
			}
			for port := int32(9000); port < 9200; port += 10 {
				binding := fmt.Sprint("shop/", port)
				d.Set(binding, on("sg-node", tcp(port, port, "sg-b")))
				if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Of(binding, d.Of(binding, "sg-node")) != nil {
					t.Fatalf("port %d: %v", port, out.Of(binding, d.Of(binding, "sg-node")))
				}
				if n := sgrules.Count(d.rules["sg-node"]); n > 60 {
					t.Fatalf("the group has %d rules", n)
				}
				for _, p := range []int32{8080, 8090, port} {
					if !sgrules.Of(d.rules["sg-node"]).Admits(tcp(p, p, "sg-b")) {
						t.Fatalf("once port %d is open, %d is not: %v", port, p, d.rules["sg-node"])
					}
				}
			}
		})
	}
}

// TestAFullGroupKeepsTheRangeOfPortsThatStandsForSeveral has a group that the existing controller filled: of its load
// balancers, one rule admits all ports. Another tenant's targets listen on a further port.
func TestAFullGroupKeepsTheRangeOfPortsThatStandsForSeveral(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": append(byHand(apart(59, 22)),
		tcp(8080, 9090, "sg-b"))}})
	d.Set("shop/a", on("sg-node", tcp(8080, 8080, "sg-b")))
	d.Set("shop/b", on("sg-node", tcp(9090, 9090, "sg-b")))
	d.Set("mal/c", on("sg-node", tcp(10000, 10000, "sg-b")))
	for range 3 {
		d.k.Reconcile(t.Context(), "sg-node", never)
		for _, port := range []int32{8080, 9090} {
			if !sgrules.Of(d.rules["sg-node"]).Admits(tcp(port, port, "sg-b")) {
				t.Fatalf("port %d is closed: %v", port, d.writes)
			}
		}
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
