package sgrules

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func tcp(from, to int32, cidr string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: from, ToPort: to, CIDR: cidr}
}

func TestRulesAreJoinedAsFarAsThatLosesNothing(t *testing.T) {
	t.Parallel()
	var adjacent []stack.Permission
	for port := range int32(51) {
		adjacent = append(adjacent, tcp(8000+port, 8000+port, "0.0.0.0/0"))
	}
	v6 := func(port int32, cidr string) stack.Permission {
		return stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, IPv6CIDR: cidr}
	}
	icmp := stack.Permission{Protocol: "icmp", FromPort: 3, ToPort: 4, CIDR: "10.0.0.0/8"}
	list := stack.Permission{Protocol: "tcp", FromPort: 80, ToPort: 80, PrefixList: "pl-1"}
	for name, c := range map[string]struct{ in, want []stack.Permission }{
		"51 adjacent ports": {adjacent, []stack.Permission{tcp(8000, 8050, "0.0.0.0/0")}},
		"halves of a range": {[]stack.Permission{tcp(80, 80, "10.0.0.0/25"), tcp(80, 80, "10.0.0.128/25")},
			[]stack.Permission{tcp(80, 80, "10.0.0.0/24")}},
		"neighbours, not halves": {[]stack.Permission{tcp(80, 80, "10.0.1.0/24"), tcp(80, 80, "10.0.2.0/24")},
			[]stack.Permission{tcp(80, 80, "10.0.1.0/24"), tcp(80, 80, "10.0.2.0/24")}},
		"a range within another": {[]stack.Permission{tcp(80, 80, "10.0.1.0/24"), tcp(80, 80, "10.0.0.0/8")},
			[]stack.Permission{tcp(80, 80, "10.0.0.0/8")}},
		"halves with adjacent ports": {[]stack.Permission{tcp(80, 80, "10.0.0.0/25"), tcp(81, 81, "10.0.0.0/25"),
			tcp(80, 81, "10.0.0.128/25")}, []stack.Permission{tcp(80, 81, "10.0.0.0/24")}},
		"host bits": {[]stack.Permission{tcp(80, 80, "10.0.0.5/24")}, []stack.Permission{
			tcp(80, 80, "10.0.0.0/24")}},
		"families": {[]stack.Permission{v6(80, "::/0"), tcp(80, 80, "0.0.0.0/0")}, []stack.Permission{
			tcp(80, 80, "0.0.0.0/0"), v6(80, "::/0")}},
		"IPv6 halves": {[]stack.Permission{v6(80, "2001:db8::/33"), v6(80, "2001:db8:8000::/33")},
			[]stack.Permission{v6(80, "2001:db8::/32")}},
		"ICMP has no ports": {[]stack.Permission{icmp, icmp}, []stack.Permission{icmp}},
		"prefix lists":      {[]stack.Permission{list, list}, []stack.Permission{list}},
		"a port among many of one source beside two of another": {
			[]stack.Permission{tcp(80, 8080, "10.0.0.0/25"), tcp(443, 443, "10.0.0.128/25")},
			[]stack.Permission{tcp(80, 8080, "10.0.0.0/25"), tcp(443, 443, "10.0.0.128/25")},
		},
	} {
		if d := cmp.Diff(c.want, Pack(c.in)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// world are the points at which the tests look: the addresses of a /28 and beyond, and few ports.
func world(visit func(protocol string, addr netip.Addr, port int32)) {
	for _, protocol := range []string{"tcp", "udp"} {
		for addr := netip.MustParseAddr("10.0.0.0"); addr.Less(netip.MustParseAddr("10.0.0.20")); addr = addr.Next() {
			for port := range int32(12) {
				visit(protocol, addr, port)
			}
		}
	}
}

func admitted(rules []stack.Permission) map[string]bool {
	out := map[string]bool{}
	world(func(protocol string, addr netip.Addr, port int32) {
		for _, p := range rules {
			if p.Protocol == protocol && p.FromPort <= port && port <= p.ToPort && netip.MustParsePrefix(p.CIDR).Contains(addr) {
				out[fmt.Sprint(protocol, addr, port)] = true
			}
		}
	})
	return out
}

func anyRule(t *rapid.T) stack.Permission {
	from := rapid.Int32Range(0, 9).Draw(t, "from") // the world ends at 11
	bits := rapid.IntRange(27, 32).Draw(t, "bits")
	p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 15).Draw(t, "host"))}), bits).Masked()
	return stack.Permission{Protocol: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), FromPort: from,
		ToPort: from + rapid.Int32Range(0, 2).Draw(t, "length"), CIDR: p.String()}
}

func anyRules(t *rapid.T, name string, most int) []stack.Permission {
	return rapid.SliceOfN(rapid.Custom(anyRule), 0, most).Draw(t, name)
}

func TestJoinedRulesAdmitEachAddressToEachPortThatTheyDidBefore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := anyRules(t, "rules", 14)
		for name, joined := range map[string][]stack.Permission{"packed": Pack(rules), "of the traffic": Of(rules).Rules()} {
			if d := cmp.Diff(admitted(rules), admitted(joined)); d != "" {
				t.Fatalf("%s: %v became %v: %s", name, rules, joined, d)
			}
			if !Of(rules).Equal(Of(joined)) {
				t.Fatalf("%s: %v and %v are not taken for the same traffic", name, rules, joined)
			}
		}
		if packed := Pack(rules); len(packed) > len(rules) {
			t.Fatalf("%d rules became %d", len(rules), len(packed))
		}
	})
}

func TestTheRestOfTrafficIsWhatTheOtherLacks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRules(t, "a", 8), anyRules(t, "b", 8)
		want := admitted(a)
		for point := range admitted(b) {
			delete(want, point)
		}
		if d := cmp.Diff(want, admitted(Of(a).Without(Of(b)).Rules())); d != "" {
			t.Fatal(d)
		}
		for _, p := range a {
			inside := true
			for point := range admitted([]stack.Permission{p}) {
				inside = inside && admitted(b)[point]
			}
			beyond := netip.MustParsePrefix(p.CIDR).Contains(netip.MustParseAddr("10.0.0.31")) // the world ends within it
			if got := Of(b).Admits(p); got != inside && !beyond {
				t.Fatalf("%v admits %v: %t, want %t", b, p, got, inside)
			}
		}
	})
}

func TestArrangedRulesFitAndAreStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wanted := anyRules(t, "wanted", 12)
		groups := rapid.IntRange(1, 3).Draw(t, "groups")
		limit := (len(Pack(wanted)) + groups) / groups
		have := make([][]stack.Permission, groups)
		for i := range have {
			have[i] = anyRules(t, "have", limit)
		}
		rules, ok := Lists(nil).Arrange(wanted, have, limit)
		if !ok {
			t.Fatalf("%d rules do not fit into %d groups of %d", len(Pack(wanted)), groups, limit)
		}
		for i := range rules {
			if n := Count(rules[i]); n > max(limit, Count(have[i])) {
				t.Fatalf("group %d gets %d rules of %d", i, n, limit)
			}
		}
		if d := cmp.Diff(admitted(wanted), admitted(slices.Concat(rules...))); d != "" {
			t.Fatal(d)
		}
		again, ok := Lists(nil).Arrange(wanted, rules, limit)
		if d := cmp.Diff(rules, again, cmpopts.EquateEmpty()); d != "" || !ok {
			t.Fatalf("a second time: %t %s", ok, d)
		}
	})
}

func ranges(n int, port int32) (out []stack.Permission) {
	for i := range n {
		// apart, so that none can be joined
		out = append(out, tcp(port, port, fmt.Sprintf("10.%d.%d.0/24", i/100, 2*(i%100))))
	}
	return out
}

func TestWhatStandsStaysAndOnlyTheRestGetsRules(t *testing.T) {
	t.Parallel()
	single := []stack.Permission{tcp(80, 80, "0.0.0.0/0"), tcp(81, 81, "0.0.0.0/0")}
	sixty := ranges(60, 80)
	var ports []stack.Permission
	for port := range int32(60) {
		ports = append(ports, tcp(80+port, 80+port, "10.0.0.0/8"))
	}
	for name, c := range map[string]struct {
		wanted []stack.Permission
		have   [][]stack.Permission
		want   [][]stack.Permission
	}{
		"one rule for each port, as the existing controller writes them": {single, [][]stack.Permission{single},
			[][]stack.Permission{single}},
		"a port more": {append(slices.Clone(single), tcp(82, 82, "0.0.0.0/0")), [][]stack.Permission{
			single}, [][]stack.Permission{append(slices.Clone(single), tcp(82, 82, "0.0.0.0/0"))}},
		"a port less": {single[:1], [][]stack.Permission{{tcp(80, 81, "0.0.0.0/0")}},
			[][]stack.Permission{single[:1]}},
		"a rule that another one makes idle": {single[:1], [][]stack.Permission{{single[0], tcp(80, 80, "10.0.0.0/8")}},
			[][]stack.Permission{single[:1]}},
		"a rule that is wanted although another one makes it idle": {
			[]stack.Permission{single[0], tcp(80, 80, "10.0.0.0/8")}, [][]stack.Permission{
				{single[0], tcp(80, 80, "10.0.0.0/8")}}, [][]stack.Permission{{single[0], tcp(80, 80, "10.0.0.0/8")}}},
		"a wider range takes the place of the one within": {single[:1], [][]stack.Permission{{tcp(80, 80, "10.0.0.0/8")}},
			[][]stack.Permission{single[:1]}},
		"more than fits is joined": {append(slices.Clone(ports), tcp(140, 140, "10.0.0.0/8")),
			[][]stack.Permission{ports}, [][]stack.Permission{{tcp(80, 140, "10.0.0.0/8")}}},
		"a second group takes what the first has no room for": {
			slices.Concat(sixty, ranges(1, 443)), [][]stack.Permission{sixty, nil}, [][]stack.Permission{sixty, ranges(1, 443)}},
		"a group that holds more than the limit, as AWS allows this account": {ranges(80, 80), [][]stack.Permission{
			ranges(80, 80)}, [][]stack.Permission{ranges(80, 80)}},
	} {
		got, ok := Lists(nil).Arrange(c.wanted, c.have, 60)
		if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); d != "" || !ok {
			t.Errorf("%s: %t %s", name, ok, d)
		}
	}
	if _, ok := Lists(nil).Arrange(ranges(61, 80), make([][]stack.Permission, 1), 60); ok {
		t.Error("61 ranges apart fit into one group of 60")
	}
	if _, ok := Lists(nil).Arrange(slices.Concat(ranges(40, 80), ranges(40, 443)), make([][]stack.Permission, 2),
		60); !ok {
		t.Error("40 ranges to two ports do not fit into two groups of 60")
	}
}

func TestUnwantedRulesAreRevokedFirst(t *testing.T) {
	t.Parallel()
	have, grant := ranges(4, 80), ranges(2, 443)
	first, rest := Room(have, grant, []stack.Permission{have[0], have[1], have[2]}, Of(have[:2]), 5)
	if d := cmp.Diff([][]stack.Permission{{have[2]}, {have[0], have[1]}}, [][]stack.Permission{first, rest}); d != "" {
		t.Error(d)
	}
	if first, _ := Room(have, grant, have[:1], Of(nil), 6); len(first) > 0 {
		t.Errorf("%v is revoked first although all fits", first)
	}
}

func TestEC2CountsTheFamiliesByThemselvesAndSecurityGroupsInBoth(t *testing.T) {
	t.Parallel()
	v6 := stack.Permission{Protocol: "tcp", IPv6CIDR: "::/0"}
	group := stack.Permission{Protocol: "tcp", Group: stack.Literal(stack.KindSecurityGroup, "sg-1")}
	for want, rules := range map[int][]stack.Permission{1: {v6, tcp(1, 1, "0.0.0.0/0")},
		2: {v6, v6, tcp(1, 1, "0.0.0.0/0")}, 3: {v6, v6, group}} {
		if got := Count(rules); got != want {
			t.Errorf("%v counts as %d, want %d", rules, got, want)
		}
	}
}

func fromList(id string, port int32) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, PrefixList: id}
}

func TestPrefixListCountsAsItsMaximumOfEntries(t *testing.T) {
	t.Parallel()
	lists := Lists{"pl-40": {MaxEntries: 40}, "pl-50": {MaxEntries: 50}, "pl-six": {MaxEntries: 45, IPv6: true}}
	for want, rules := range map[int][]stack.Permission{
		1:  {fromList("pl-unknown", 80)},
		41: {fromList("pl-40", 80), tcp(1, 1, "0.0.0.0/0")},
		80: {fromList("pl-40", 80), fromList("pl-40", 443)},
		50: {fromList("pl-50", 80), fromList("pl-six", 80)},
		46: {fromList("pl-six", 80), {Protocol: "tcp", IPv6CIDR: "::/0"}, fromList("pl-40", 80)},
	} {
		if got := lists.Count(rules); got != want {
			t.Errorf("%v counts as %d, want %d", rules, got, want)
		}
	}
	wanted := append(ranges(20, 80), fromList("pl-40", 80), fromList("pl-50", 80))
	groups, ok := lists.Arrange(wanted, make([][]stack.Permission, 2), 60)
	if !ok || lists.Count(groups[0]) != 60 || lists.Count(groups[1]) != 50 {
		t.Errorf("arranged %v, %v", groups, ok)
	}
	if again, ok := lists.Arrange(wanted, groups, 60); !ok || len(again[0]) != len(groups[0]) ||
		len(again[1]) != len(groups[1]) {
		t.Errorf("arranged again %v, %v", again, ok)
	}
	if first, rest := lists.Room([]stack.Permission{fromList("pl-40", 80)}, []stack.Permission{fromList("pl-50", 80)},
		[]stack.Permission{fromList("pl-40", 80)}, Of(nil), 60); len(first) != 1 || len(rest) != 0 {
		t.Errorf("a list that has no room beside another one: first %v, then %v is revoked", first, rest)
	}
}
