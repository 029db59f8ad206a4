package sgsync

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func tcp(from, to int32, group string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: from, ToPort: to, Group: stack.Literal(stack.KindSecurityGroup,
		group), Description: Label}
}

func TestPackingJoinsWhatTouchesAndKeepsWhatDoesNot(t *testing.T) {
	t.Parallel()
	many := func(n int32) (in []stack.Permission) {
		for i := range n {
			in = append(in, tcp(1000+i*10, 1000+i*10, "sg-b"))
		}
		return in
	}
	for _, tc := range []struct {
		name            string
		wanted, current []stack.Permission
		want            []stack.Permission
	}{
		{"equal ports of two bindings", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(8080, 8080, "sg-b")}, nil,
			[]stack.Permission{tcp(8080, 8080, "sg-b")}},
		{"ports apart stay apart", []stack.Permission{tcp(9443, 9443, "sg-b"), tcp(8080, 8080, "sg-b")}, nil,
			[]stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}},
		{"neighbours join", []stack.Permission{tcp(8081, 8081, "sg-b"), tcp(8080, 8080, "sg-b")}, nil, []stack.Permission{
			tcp(8080, 8081, "sg-b")}},
		{"the range of the existing controller is kept", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")},
			[]stack.Permission{tcp(8080, 9443, "sg-b")}, []stack.Permission{tcp(8080, 9443, "sg-b")}},
		{"such a range of somebody else is not", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")},
			[]stack.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 9443, Group: stack.Literal(stack.KindSecurityGroup,
				"sg-b")}}, []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}},
		{"sources are told apart", []stack.Permission{tcp(80, 80, "sg-b"), tcp(80, 80, "sg-a")}, nil, []stack.Permission{
			tcp(80, 80, "sg-a"), tcp(80, 80, "sg-b")}},
		{"CIDRs are normalised", []stack.Permission{{Protocol: "tcp", FromPort: 1, ToPort: 1, CIDR: "10.0.0.5/24"}}, nil,
			[]stack.Permission{{Protocol: "tcp", FromPort: 1, ToPort: 1, CIDR: "10.0.0.0/24", Description: Label}}},
		{"twenty apart fit", many(20), nil, many(20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Pack(tc.wanted, tc.current)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := Pack(many(50), nil); len(got) != maxRulesPerSource {
		t.Errorf("fifty ports take %d rules, want %d", len(got), maxRulesPerSource)
	}
}

func TestWhereARuleMustAdmitMoreItIsTheFewestPorts(t *testing.T) {
	t.Parallel()
	var wanted, want []stack.Permission
	for i := range int32(maxRulesPerSource + 1) {
		port := 1000 + 10*i
		if i == 7 {
			port = 1064 // after 1060, nearer than any other two
		}
		wanted = append(wanted, tcp(port, port, "sg-b"))
		if i == 7 {
			want[6].ToPort = port
		} else {
			want = append(want, tcp(port, port, "sg-b"))
		}
	}
	if diff := cmp.Diff(want, Pack(wanted, nil)); diff != "" {
		t.Error(diff)
	}
}

func TestSharedSourceAndPortMayNeedRule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to int32
		want     bool
	}{{70, 79, false}, {70, 80, true}, {85, 86, true}, {90, 99, true}, {91, 99, false}, {1, 999, true}} {
		if got := mayMatch(tcp(c.from, c.to, "sg-b"), tcp(80, 90, "sg-b")); got != c.want {
			t.Errorf("80-90 and %d-%d: %t", c.from, c.to, got)
		}
	}
	if mayMatch(tcp(80, 90, "sg-b"), tcp(80, 90, "sg-a")) {
		t.Error("other sources share nothing")
	}
}

func TestAPeerIsAGroupOrACIDRInTheFormThatEC2Stores(t *testing.T) {
	t.Parallel()
	group := stack.Literal(stack.KindSecurityGroup, "sg-b")
	for name, c := range map[string]struct {
		peer Peer
		want stack.Permission
		fail bool
	}{
		"group":          {Peer{Group: "sg-b"}, stack.Permission{Group: group}, false},
		"group and CIDR": {Peer{Group: "sg-b", CIDR: "10.0.0.0/8"}, stack.Permission{Group: group}, false},
		"IPv4":           {Peer{CIDR: "10.0.0.7/8"}, stack.Permission{CIDR: "10.0.0.0/8"}, false},
		"IPv6":           {Peer{CIDR: "2001:DB8::7/32"}, stack.Permission{IPv6CIDR: "2001:db8::/32"}, false},
		"no CIDR":        {Peer{CIDR: "10.0.0.7"}, stack.Permission{}, true},
		"nothing":        {Peer{}, stack.Permission{}, true},
	} {
		got, err := Permissions(c.peer, "udp", []Ports{{From: 1, To: 2}, {From: 5, To: 5}})
		var want []stack.Permission
		if !c.fail {
			first, second := c.want, c.want
			first.Protocol, first.FromPort, first.ToPort, first.Description = "udp", 1, 2, Label
			second.Protocol, second.FromPort, second.ToPort, second.Description = "udp", 5, 5, Label
			want = []stack.Permission{first, second}
		}
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != c.fail {
			t.Errorf("%s: %v; %s", name, err, diff)
		}
	}
}

func TestPackingAdmitsPreciselyTheWantedTraffic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stack.Permission {
			from := rapid.Int32Range(0, 40).Draw(t, "from")
			return tcp(from, from+rapid.Int32Range(0, 3).Draw(t, "length"), rapid.SampledFrom([]string{"sg-a", "sg-b"}).Draw(
				t, "group"))
		}), 0, 12).Draw(t, "wanted")
		covers := func(perms []stack.Permission) map[string]bool {
			out := map[string]bool{}
			for _, p := range perms {
				for port := p.FromPort; port <= p.ToPort; port++ {
					out[fmt.Sprint(p.Group.Literal, port)] = true
				}
			}
			return out
		}
		packed := Pack(wanted, nil)
		if diff := cmp.Diff(covers(wanted), covers(packed)); diff != "" {
			t.Fatal(diff)
		}
		if grant, revoke := Diff(packed, Pack(wanted, packed)); len(grant)+len(revoke) != 0 {
			t.Fatalf("packing is not stable: grant %v, revoke %v", grant, revoke)
		}
	})
}

func TestRulesWithoutOurLabelAreNeverTouched(t *testing.T) {
	t.Parallel()
	foreign := tcp(8080, 8080, "sg-b")
	foreign.Description = "opened by hand"
	grant, revoke := Diff([]stack.Permission{foreign, tcp(9000, 9000, "sg-b")}, []stack.Permission{
		tcp(8080, 8080, "sg-b")})
	if len(grant) != 0 || len(revoke) != 1 || revoke[0].FromPort != 9000 {
		t.Errorf("grant %v, revoke %v: want only our own unused rule revoked", grant, revoke)
	}
}

func TestRulesThatTogetherAdmitPreciselyWhatIsWantedStayAsTheyAre(t *testing.T) {
	t.Parallel()
	cidr := func(from, to int32) stack.Permission {
		return stack.Permission{Protocol: "tcp", FromPort: from, ToPort: to, CIDR: "10.0.0.0/16", Description: Label}
	}
	wanted := []stack.Permission{cidr(30001, 30001), cidr(30002, 30002)}
	for name, c := range map[string]struct{ current, want []stack.Permission }{
		"one rule for each port, as the existing controller writes them for CIDRs": {wanted, wanted},
		"what is left of an interrupted change": {
			[]stack.Permission{cidr(30001, 30002), cidr(30001, 30001)}, []stack.Permission{cidr(30001, 30002)}},
		"too little": {[]stack.Permission{cidr(30001, 30001)},
			[]stack.Permission{cidr(30001, 30002)}},
		"too much": {
			[]stack.Permission{cidr(30000, 30001), cidr(30002, 30002)}, []stack.Permission{cidr(30001, 30002)}},
	} {
		if diff := cmp.Diff(c.want, Pack(wanted, c.current)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestARuleThatStaysIsEnoughForWhatItAdmits(t *testing.T) {
	t.Parallel()
	wide, byHand := tcp(8080, 31213, "sg-b"), tcp(9000, 9100, "sg-b")
	byHand.Description = "opened by hand"
	all := func(f RuleState) func(stack.Permission) RuleState {
		return func(stack.Permission) RuleState { return f }
	}
	for name, c := range map[string]struct {
		current, wanted []stack.Permission
		fate            RuleState
		partial         bool
		grant, revoke   []stack.Permission
		waits           bool
	}{
		"a range, while needs are unknown": {[]stack.Permission{wide}, []stack.Permission{tcp(8080, 8080, "sg-b")},
			Unneeded, true, nil, nil, true},
		"others' rule, while needs are unknown": {[]stack.Permission{byHand}, []stack.Permission{
			tcp(9050, 9050, "sg-b")}, Unneeded, true, nil, nil, true},
		"others' rule, when all needs are known": {[]stack.Permission{byHand}, []stack.Permission{
			tcp(9050, 9050, "sg-b")}, Unneeded, false, []stack.Permission{tcp(9050, 9050, "sg-b")}, nil, false},
		"a range that is held": {[]stack.Permission{wide}, []stack.Permission{tcp(8080, 8080, "sg-b")},
			PossiblyNeeded, false, nil, nil, true},
		"a range that nothing holds": {[]stack.Permission{wide}, []stack.Permission{tcp(8080, 8080, "sg-b")},
			Unneeded, false, []stack.Permission{tcp(8080, 8080, "sg-b")}, []stack.Permission{wide}, false},
		"another cluster's range": {[]stack.Permission{wide}, []stack.Permission{tcp(8080, 8080, "sg-b")},
			Foreign, false, []stack.Permission{tcp(8080, 8080, "sg-b")}, nil, false},
		"a port outside, while needs are unknown": {[]stack.Permission{wide}, []stack.Permission{tcp(80, 80, "sg-b")},
			Unneeded, true, []stack.Permission{tcp(80, 80, "sg-b")}, nil, true},
		"another source, while needs are unknown": {[]stack.Permission{wide}, []stack.Permission{tcp(8080, 8080, "sg-a")},
			Unneeded, true, []stack.Permission{tcp(8080, 8080, "sg-a")}, nil, true},
		"the existing controller's leftover narrower": {[]stack.Permission{wide, tcp(8080, 8080, "sg-b")}, []stack.Permission{
			tcp(8080, 8080, "sg-b"), tcp(31213, 31213, "sg-b")}, Unneeded, false, nil, []stack.Permission{
			tcp(8080, 8080, "sg-b")}, false},
	} {
		grant, revoke, waits := Changes(c.current, c.wanted, all(c.fate), c.partial)
		if d := cmp.Diff([][]stack.Permission{c.grant, c.revoke}, [][]stack.Permission{grant, revoke},
			cmpopts.EquateEmpty()); d != "" || waits != c.waits {
			t.Errorf("%s: waits %t; %s", name, waits, d)
		}
	}
}

// TestBindingsInAnyOrderWriteNothing starts over an account that holds what all bindings
// need, in the shapes of this controller or the existing one.
func TestBindingsInAnyOrderWriteNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		needs := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(anyPermission), 1, 4), 1, 8).Draw(t, "needs")
		wanted := slices.Concat(needs...)
		standing := Pack(wanted, nil)
		if rapid.Bool().Draw(t, "existing controller") {
			standing = asTheExistingController(wanted)
		}
		var known []stack.Permission
		for _, i := range rapid.Permutation(indices(needs)).Draw(t, "order") {
			known = append(known, needs[i]...)
			grant, revoke, _ := Changes(standing, known, func(stack.Permission) RuleState { return Unneeded }, true)
			if len(grant)+len(revoke) > 0 {
				t.Fatalf("%v known: grant %v, revoke %v\nstanding %v", known, grant, revoke, standing)
			}
		}
		grant, revoke, _ := Changes(standing, wanted, func(stack.Permission) RuleState { return Unneeded }, false)
		if len(grant)+len(revoke) > 0 {
			t.Fatalf("all known: grant %v, revoke %v\nstanding %v", grant, revoke, standing)
		}
	})
}

func indices[T any](s []T) []int {
	out := make([]int, len(s))
	for i := range s {
		out[i] = i
	}
	return out
}

func anyPermission(t *rapid.T) stack.Permission {
	port := rapid.Int32Range(0, 30).Draw(t, "port")
	p := stack.Permission{Protocol: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), FromPort: port,
		ToPort: port, Description: Label}
	switch rapid.IntRange(0, 3).Draw(t, "source") {
	case 0:
		p.Group = stack.Literal(stack.KindSecurityGroup, "sg-a")
	case 1:
		p.Group = stack.Literal(stack.KindSecurityGroup, "sg-b")
	case 2:
		p.CIDR = "10.0.0.0/16"
	default:
		p.IPv6CIDR = "2001:db8::/32"
	}
	return p
}

// asTheExistingController writes one range for each protocol and source group, and each permission from a CIDR by
// itself.
func asTheExistingController(wanted []stack.Permission) []stack.Permission {
	var out []stack.Permission
	for s, spans := range spansBySource(wanted) {
		all := sgrules.JoinPorts(spans)
		if s.group != "" {
			out = append(out, s.permission(Ports{From: all[0].From, To: all[len(all)-1].To}))
			continue
		}
		seen := map[Ports]bool{}
		for _, r := range spans {
			if !seen[r] {
				out = append(out, s.permission(r))
			}
			seen[r] = true
		}
	}
	return out
}
